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

from tests.support.stores import ORIGINALS

settings.register_profile("default", max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", max_examples=2000, deadline=None, suppress_health_check=list(HealthCheck))
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

TESTS = Path(__file__).parent
TOGETHER = ("wall",)
"""Folders whose files share what takes long to start."""
FIRST = (
    "chaos/test_campaign.py", "commands/test_up.py", "hostile/test_worker.py", "acceptance/test_outages.py",
    "wall", "acceptance/test_awkward_traffic.py", "acceptance/test_alerts.py", "worker/test_slow_death.py",
)  # fmt: skip
"""What takes longest, which several processes begin with: whichever came last would be waited for alone."""


def pytest_configure(config: pytest.Config) -> None:
    """The processes of one run share a folder."""
    if ORIGINALS not in os.environ:
        os.environ[ORIGINALS] = tempfile.mkdtemp(prefix="instant-t-stores-")
        config.add_cleanup(lambda: shutil.rmtree(os.environ.pop(ORIGINALS)))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The longest files first, the others in their order; one process runs a whole file, or a folder of `TOGETHER`."""
    places = {name: place for place, name in enumerate(FIRST)}
    files = {item: item.path.relative_to(TESTS).as_posix() for item in items}
    folders = {item: file.partition("/")[0] for item, file in files.items()}
    items.sort(key=lambda item: places.get(files[item], places.get(folders[item], len(places))))
    if config.pluginmanager.hasplugin("xdist"):
        for item in items:
            item.add_marker(pytest.mark.xdist_group(folders[item] if folders[item] in TOGETHER else files[item]))
