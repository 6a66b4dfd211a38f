"""One real gateway for all the tests of this folder; each test that asks for `admin` or `worker` finds it migrated."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pytest

from pipeline.errors import UserError
from pipeline.store import migrate
from pipeline.store.client import Store
from tests.support.gateway import GatewayHandle, running_gateway

COUNTS = (
    "cells", "marks", "keys_minute", "keys_ten", "keys_hour", "minutes", "closed", "counts_hour", "counts_day",
    "history", "progress",
)  # fmt: skip
SCHOOLS = ("school_events", "school_hours", "school_days", "school_visitors", "school_marks")


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayHandle]:
    with running_gateway(tmp_path_factory.mktemp("state")) as handle:
        yield handle


@pytest.fixture(scope="session")
def empty(gateway: GatewayHandle) -> Iterator[Callable[[], Store]]:
    """Gives the admin's connection to a server without our databases."""
    store = Store(gateway.url("admin"))

    def drop_everything() -> Store:
        store.execute("DROP DATABASE IF EXISTS bi SYNC")
        store.execute("DROP DATABASE IF EXISTS ent SYNC")
        store.execute("DROP DATABASE IF EXISTS ent_staging SYNC")
        return store

    yield drop_everything
    store.close()


@pytest.fixture(scope="session")
def migrated(empty: Callable[[], Store]) -> Callable[[Sequence[migrate.Migration] | None], Store]:
    """Gives the admin's connection to a server with the schema, this release's or another, and no counts."""

    def migrate_afresh(migrations: Sequence[migrate.Migration] | None = None) -> Store:
        store = empty()
        migrate.apply(store, migrations=migrations)
        return store

    return migrate_afresh


@pytest.fixture
def admin(gateway: GatewayHandle, migrated: Callable[[], Store]) -> Iterator[Store]:
    """The admin's connection to this release's schema without counts; cheaper than to migrate afresh."""
    store = Store(gateway.url("admin"))
    try:
        if not migrate.plan(store).is_empty:
            migrated()
    except UserError:  # the schema of another test's making
        migrated()
    for table in COUNTS + SCHOOLS:
        store.execute(f"TRUNCATE TABLE ent.{table} SYNC")
    yield store
    store.close()


@pytest.fixture
def worker(gateway: GatewayHandle, admin: Store) -> Iterator[Store]:
    """A worker's connection to a migrated, empty store."""
    store = Store(gateway.url("writer"))
    yield store
    store.close()


@pytest.fixture
def reader(gateway: GatewayHandle, admin: Store) -> Iterator[Store]:
    """A BI tool's connection to a migrated, empty store."""
    store = Store(gateway.url("default"))
    yield store
    store.close()
