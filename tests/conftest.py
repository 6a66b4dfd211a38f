"""What holds for every test: Hypothesis profiles, the order of the files, and the store that is migrated once for all.

Modest by default, `HYPOTHESIS_PROFILE=thorough` for a long search.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from tests.support.stores import ORIGINALS

settings.register_profile("default", max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", max_examples=2000, deadline=None, suppress_health_check=list(HealthCheck))
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

TESTS = Path(__file__).parent
TOGETHER = ("wall",)
"""Folders whose files share what takes long to start."""
FIRST = (
    "store/test_history.py", "chaos/test_campaign.py", "commands/test_up.py", "hostile/test_worker.py",
    "acceptance/test_outages.py", "wall", "acceptance/test_awkward_traffic.py", "acceptance/test_alerts.py",
    "worker/test_slow_death.py",
)  # fmt: skip
"""What takes longest, which several processes begin with: whichever came last would be waited for alone."""


def pytest_configure(config: pytest.Config) -> None:
    """The processes of one run share a folder."""
    if ORIGINALS not in os.environ:
        os.environ[ORIGINALS] = tempfile.mkdtemp(prefix="instant-t-stores-")
        config.add_cleanup(lambda: shutil.rmtree(os.environ.pop(ORIGINALS)))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, the others in their order."""
    places = {name: place for place, name in enumerate(FIRST)}
    scopes = {item: _scope(item.nodeid) for item in items}
    items.sort(key=lambda item: places.get(scopes[item], len(places)))


class _ByFile(LoadFileScheduling):  # type: ignore[misc]  # xdist has no types
    """One process runs a whole file, or a folder of `TOGETHER`: what a file starts, it starts once.

    (xdist's groups by mark do nothing under pytest 9.2, and nothing says so: pytest-dev/pytest-xdist#1386.)
    """

    def _split_scope(self, nodeid: str) -> str:
        return _scope(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> _ByFile:
    """Whatever `--dist` says."""
    return _ByFile(config, log)


def _scope(nodeid: str) -> str:
    """Which file of the tests, or folder of `TOGETHER`, a test belongs to."""
    file = nodeid.partition("::")[0].removeprefix(f"{TESTS.name}/")
    folder = file.partition("/")[0]
    return folder if folder in TOGETHER else file
