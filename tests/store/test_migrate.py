"""An empty server, the same one again, two at once, and what is refused."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Callable
from datetime import date
from importlib.resources import files
from threading import Thread

import pytest

from pipeline.errors import StoreRefused, UserError
from pipeline.store import migrate
from pipeline.store.client import Store
from pipeline.store.school_calendar import calendar_days
from pipeline.store.sql import queries
from tests.support.gateway import GatewayHandle

TABLES = {
    "alerts", "broken_parts", "calendar", "cells", "closed", "closures", "counts_day", "counts_hour", "deliveries",
    "detector", "history", "keys_hour", "keys_minute", "keys_ten", "levels", "marks", "migrations", "minutes",
    "profils", "progress", "reference_days", "references", "school_days", "school_events", "school_hours",
    "school_marks", "school_visitors", "services", "territories",
}  # fmt: skip
OF_THE_LIVE_DATABASE = {
    "alerts", "broken_parts", "calendar", "closures", "deliveries", "detector", "history", "migrations", "profils",
    "progress", "reference_days", "references", "school_marks", "services", "territories",
}  # fmt: skip
"""What a day from files does not need of its own while it is counted."""


def tables(store: Store, database: str = "ent") -> set[str]:
    rows = store.execute("SELECT name FROM system.tables WHERE database = %(of)s", {"of": database})
    return {name for (name,) in rows}


def test_an_empty_server_gets_the_schema_and_the_reference_rows(empty: Callable[[], Store]) -> None:
    store = empty()
    assert migrate.apply(store, dry_run=True).dimensions == ("services", "profils", "territories", "calendar")
    assert store.execute("SELECT count() FROM system.databases WHERE name IN ('ent', 'bi')") == [(0,)]
    done = migrate.apply(store)
    assert [m.number for m in done.migrations] == list(range(1, len(done.migrations) + 1))
    assert tables(store) == TABLES
    assert store.execute("SELECT famille FROM bi.services WHERE service = 'PAGE_ENT'") == [("accueil",)]
    assert store.execute("SELECT count() FROM bi.territories WHERE departement_code IN ('2A', '975', '01')") == [(3,)]


def test_days_from_files_have_the_same_tables_of_counts(admin: Store) -> None:
    assert tables(admin, "ent_staging") == TABLES - OF_THE_LIVE_DATABASE
    columns = "SELECT table, name, type, default_expression, is_in_partition_key, is_in_sorting_key FROM system.columns"
    of = columns + " WHERE database = %(of)s AND table IN %(tables)s ORDER BY table, position"
    counts = tuple(TABLES - OF_THE_LIVE_DATABASE)
    live, staging = (admin.execute(of, {"of": name, "tables": counts}) for name in ("ent", "ent_staging"))
    assert live == staging
    assert len(live) > 80


def test_migrating_twice_changes_nothing(admin: Store) -> None:
    ledger = admin.execute("SELECT * FROM ent.migrations ORDER BY number")
    assert migrate.plan(admin).is_empty
    assert migrate.apply(admin).is_empty
    assert admin.execute("SELECT * FROM ent.migrations ORDER BY number") == ledger


def test_two_migrations_at_once_end_in_one_schema(gateway: GatewayHandle, empty: Callable[[], Store]) -> None:
    admin = empty()
    failures = []

    def run() -> None:
        store = Store(gateway.url("admin"))
        try:
            migrate.apply(store)
        except Exception as failure:
            failures.append(failure)
        finally:
            store.close()

    threads = [Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert migrate.plan(admin).is_empty
    assert tables(admin) == TABLES
    days = len(list(calendar_days()))
    assert admin.execute("SELECT count(), uniqExact(day, zone) FROM ent.calendar") == [(days, days)]


def test_a_migration_that_was_changed_after_it_was_applied_is_refused(admin: Store) -> None:
    first, *others = migrate.shipped()
    changed = [dataclasses.replace(first, statements=(*first.statements, "SELECT 1")), *others]
    with pytest.raises(UserError, match="0001_create_databases has changed since it was applied"):
        migrate.apply(admin, migrations=changed)


def test_a_store_of_a_newer_release_is_refused(admin: Store) -> None:
    with pytest.raises(UserError, match="newer"):
        migrate.plan(admin, migrations=migrate.shipped()[:-1])


def test_reference_rows_of_another_release_are_replaced(admin: Store) -> None:
    admin.execute("INSERT INTO ent.services VALUES", [("OLD", "a", "b", "c", "d", "e", "f", "g")])
    assert migrate.apply(admin).dimensions == ("services",)
    assert admin.execute("SELECT count() FROM ent.services WHERE service = 'OLD'") == [(0,)]
    assert tables(admin) == TABLES


def test_a_worker_may_not_migrate(gateway: GatewayHandle, worker: Store) -> None:
    with pytest.raises(StoreRefused):
        worker.execute("DROP TABLE ent.cells")


@pytest.mark.parametrize(("view", "file"), [("services", "services.csv"), ("territories", "departements.csv")])
def test_dimension_views_have_the_columns_of_the_reference_files(reader: Store, view: str, file: str) -> None:
    header = next(csv.reader(files("schemas").joinpath("reference", file).read_text(encoding="utf-8").splitlines()))
    assert [row[0] for row in reader.execute(f"DESCRIBE TABLE bi.{view}")] == header


def test_the_calendar_says_what_each_day_is(reader: Store) -> None:
    days = {
        date(2020, 9, 1): (2, "ecole", "", 1, 1),
        date(2026, 8, 31): (1, "vacances", "Vacances d'été", 0, 0),
        date(2026, 9, 1): (2, "ecole", "", 1, 1),
        date(2026, 9, 2): (3, "mercredi", "", 1, 0),
        date(2026, 9, 5): (6, "samedi", "", 0, 0),
        date(2026, 9, 6): (7, "dimanche", "", 0, 0),
        date(2026, 11, 11): (3, "ferie", "11 novembre", 0, 0),
    }
    rows = reader.execute(
        "SELECT day, weekday, kind, holiday, is_school_day, rentree FROM bi.calendar"
        " WHERE zone = 'A' AND day IN %(days)s",
        {"days": tuple(days)},
    )
    assert {row[0]: row[1:] for row in rows} == days
    assert reader.execute("SELECT min(day), max(day) >= '2027-08-31', uniqExact(zone) FROM bi.calendar") == [
        (date(2019, 1, 1), 1, 3)
    ]


def test_every_query_file_holds_statements() -> None:
    names = [entry.name.removesuffix(".sql") for entry in files("pipeline.store").joinpath("queries").iterdir()]
    assert len(names) > 15
    assert [name for name in names if not queries(name)] == []
