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
    "history", "progress", "levels", "references", "reference_days", "alerts", "detector", "deliveries", "closures",
    "broken_parts",
)  # fmt: skip
SCHOOLS = ("school_events", "school_hours", "school_days", "school_visitors", "school_marks")


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayHandle]:
    with running_gateway(tmp_path_factory.mktemp("state")) as handle:
        yield handle


@pytest.fixture(scope="session")
def admin_connection(gateway: GatewayHandle) -> Iterator[Store]:
    """One for all that prepare a store."""
    store = Store(gateway.url("admin"))
    yield store
    store.close()


@pytest.fixture(scope="session")
def empty(admin_connection: Store) -> Callable[[], Store]:
    """Gives the admin's connection to a server without our databases."""

    def drop_everything() -> Store:
        for database in ("bi", "ent", "ent_staging"):
            admin_connection.execute(f"DROP DATABASE IF EXISTS {database} SYNC")
        return admin_connection

    return drop_everything


@pytest.fixture(scope="session")
def migrated(
    admin_connection: Store, empty: Callable[[], Store]
) -> Callable[[Sequence[migrate.Migration] | None], Store]:
    """Gives the admin's connection to a server with the schema, this release's or another, and no counts."""

    def is_migrated(migrations: Sequence[migrate.Migration] | None) -> bool:
        try:
            return migrate.plan(admin_connection, migrations).is_empty
        except UserError:  # the schema of another test's making
            return False

    def migrate_where_needed(migrations: Sequence[migrate.Migration] | None = None) -> Store:
        if not is_migrated(migrations):
            migrate.apply(empty(), migrations=migrations)
        for table in COUNTS + SCHOOLS:  # cheaper than to migrate afresh
            admin_connection.execute(f"TRUNCATE TABLE ent.{table} SYNC")
        return admin_connection

    return migrate_where_needed


@pytest.fixture
def admin(migrated: Callable[[], Store]) -> Store:
    """The admin's connection to this release's schema without counts."""
    return migrated()


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
