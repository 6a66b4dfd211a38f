from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from clickhouse_driver import Client

from deploy.embedded.logins import LoginName
from tests.support.gateway import GatewayHandle, running_gateway

SCHEMA = (
    "CREATE DATABASE IF NOT EXISTS ent",
    "CREATE DATABASE IF NOT EXISTS bi",
    "CREATE TABLE ent.hits (day Date, cell UInt64, name String, ids Array(UInt64)) ENGINE = MergeTree"
    " PARTITION BY day ORDER BY cell",
    "CREATE VIEW bi.by_name AS SELECT name, sum(length(ids)) AS hits FROM ent.hits GROUP BY name",
    "CREATE VIEW bi.above AS SELECT name, hits FROM bi.by_name WHERE hits > {least:UInt64}",
    "INSERT INTO ent.hits VALUES ('2026-09-01', 1, 'COURRIER', [11, 12, 13]), ('2026-09-01', 2, 'VISIO', [14])",
)


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayHandle]:
    """One gateway for all tests that end nothing, with a table of `ent` and two views of `bi`."""
    with running_gateway(tmp_path_factory.mktemp("store")) as handle:
        with closing(connect(handle, "admin")) as admin:
            for statement in SCHEMA:
                admin.execute(statement)
        yield handle


def connect(handle: GatewayHandle, login: LoginName, **options: Any) -> _Client:
    """A clickhouse-driver client; close it."""
    password = handle.logins.password(login) or ""
    options.setdefault("database", "default")
    return _Client("127.0.0.1", port=handle.native_port, user=login, password=password, **options)


class _Client(Client):  # type: ignore[misc]  # the driver has no types
    def close(self) -> None:
        self.disconnect()


@pytest.fixture
def admin(gateway: GatewayHandle) -> Iterator[Client]:
    with closing(connect(gateway, "admin")) as client:
        yield client


@pytest.fixture
def writer(gateway: GatewayHandle) -> Iterator[Client]:
    with closing(connect(gateway, "writer", database="ent")) as client:
        yield client


@pytest.fixture
def reader(gateway: GatewayHandle) -> Iterator[Client]:
    with closing(connect(gateway, "default", database="bi")) as client:
        yield client
