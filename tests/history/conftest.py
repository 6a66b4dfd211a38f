"""One real gateway for all the tests of this folder; each test finds it migrated and without counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner

from pipeline.commands.replay import replay
from pipeline.store.client import Store
from tests.support.gateway import GatewayHandle
from tests.support.stores import migrated_gateway


class Server(NamedTuple):
    """A running gateway and its state folder."""

    handle: GatewayHandle
    state: Path


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    state = tmp_path_factory.mktemp("history")
    with migrated_gateway(state) as handle:
        yield Server(handle, state)


@pytest.fixture
def connect(server: Server, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Store]:
    """Gives connections of the admin's; commands of the test use the same store."""
    monkeypatch.setenv("INSTANT_T_STATE", str(server.state))
    monkeypatch.setenv("INSTANT_T_CLICKHOUSE_PORT", str(server.handle.native_port))
    monkeypatch.delenv("INSTANT_T_CLICKHOUSE", raising=False)
    monkeypatch.delenv("INSTANT_T_CLICKHOUSE_ADMIN", raising=False)
    return lambda: Store(server.handle.url("admin"))


@pytest.fixture
def admin(connect: Callable[[], Store]) -> Iterator[Store]:
    """The admin's connection to a store without counts."""
    reference = ("services", "profils", "territories", "calendar", "migrations")
    with closing(connect()) as store:
        for database, table in store.execute(
            "SELECT database, name FROM system.tables WHERE database IN ('ent', 'ent_staging') "
            "AND engine LIKE '%%MergeTree'"
        ):
            if table.startswith("load_lock_"):
                store.execute(f"DROP TABLE {database}.{table} SYNC")
            elif table not in reference:
                store.execute(f"TRUNCATE TABLE {database}.{table} SYNC")
        yield store


@pytest.fixture
def load(admin: Store) -> Callable[..., str]:
    """Runs `instant-t replay --history ARGUMENTS` and gives what it prints; a UserError comes through."""

    def run(*arguments: str | Path, stdin: bytes = b"") -> str:
        words = ["--history", *map(str, arguments)]
        done = CliRunner().invoke(replay, words, input=stdin, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    return run
