"""A store that has the schema: migrated once in a test run, then copied. A copy costs a tenth of a migration."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from pipeline.store import migrate
from pipeline.store.client import Store
from tests.support.gateway import GatewayHandle, running_gateway

ORIGINALS = "STORES_OF_THIS_TEST_RUN"
"""The environment variable with the folder that all processes of a test run share (`tests/conftest.py`)."""


@contextmanager
def migrated_gateway(state: Path) -> Iterator[GatewayHandle]:
    """A gateway on free ports, with this release's schema and no counts; it keeps its data in `state`."""
    shared = os.environ.get(ORIGINALS)
    if shared is None:  # no test run: a campaign or a bench
        with running_gateway(state) as handle:
            _migrate(handle)
            yield handle
        return
    shutil.copytree(_original(Path(shared)), state, symlinks=True, dirs_exist_ok=True)
    with running_gateway(state) as handle:
        yield handle


def _original(shared: Path) -> Path:
    """The state folder to be copied, of a gateway that has ended; made by whoever needs it first."""
    original = shared / "migrated"
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not original.exists():
            draft = shared / "draft"
            shutil.rmtree(draft, ignore_errors=True)
            with running_gateway(draft) as handle:
                _migrate(handle)
            draft.rename(original)
    return original


def _migrate(handle: GatewayHandle) -> None:
    with closing(Store(handle.url("admin"))) as admin:
        migrate.apply(admin)
