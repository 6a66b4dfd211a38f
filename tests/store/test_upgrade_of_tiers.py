"""A store that was filled before the tiers were cut finer, and the views that read them without FINAL."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.store import migrate, sealing
from pipeline.store.client import Store
from tests.store.test_views import minute, total, write
from tests.support.gateway import GatewayHandle

BEFORE = 8
"""The last migration before the tiers were cut finer."""


@pytest.fixture
def old_store(gateway: GatewayHandle, empty: Callable[[], Store], monkeypatch: pytest.MonkeyPatch) -> Store:
    """The admin's connection to a store of the release before, with one sealed minute in it."""
    monkeypatch.setattr(sealing, "MINUTE", sealing.MINUTE._replace(inserts=("seal_keys", "seal_minutes")))
    admin = empty()
    migrate.apply(admin, migrations=migrate.shipped()[:BEFORE])
    worker = Store(gateway.url("writer"))
    start = minute(hours_ago=5)
    write(worker, start, [1, 2, 3])
    seal(worker)
    worker.close()
    return admin


def seal(worker: Store) -> None:
    while sealing.seal(worker, datetime.now(UTC) + timedelta(seconds=70)).is_behind:
        pass


def granules(admin: Store) -> list[tuple[str, ...]]:
    return admin.execute(
        "SELECT name, extract(engine_full, 'index_granularity_bytes = (\\\\d+)') FROM system.tables"
        " WHERE database = 'ent' AND name LIKE 'keys%' ORDER BY name"
    )


FINER = [("keys_hour", "524288"), ("keys_minute", "524288"), ("keys_ten", "524288")]
SPANS = "SELECT tier, max(touched) >= max(sealed) AS dirty FROM ent.marks WHERE tier = 'minute' GROUP BY tier, start"
ROWS = "SELECT key, hits FROM ent.keys_minute FINAL WHERE kind IN ('total', 'service') ORDER BY kind"


def test_the_upgrade_keeps_every_row_and_asks_for_a_new_seal_of_what_is_open(
    gateway: GatewayHandle, old_store: Store
) -> None:
    at = minute(hours_ago=4)
    assert old_store.execute(SPANS) == [("minute", 0)]
    migrate.apply(old_store)
    assert granules(old_store) == FINER
    assert old_store.execute(ROWS) == [("PAGE_ENT", 3), ("", 3)]
    assert old_store.execute(SPANS) == [("minute", 1)]
    reader, worker = Store(gateway.url("default")), Store(gateway.url("writer"))
    assert total(reader, at, 120) == (3, 3, 3)
    seal(worker)
    assert old_store.execute(SPANS) == [("minute", 0)]
    assert total(reader, at, 120) == (3, 3, 3)
    reader.close()
    worker.close()


def test_an_upgrade_that_stopped_after_any_statement_is_finished_by_the_next(old_store: Store) -> None:
    finer = migrate.shipped()[BEFORE]
    for stop in range(1, len(finer.statements) + 1):
        for statement in finer.statements[:stop]:
            old_store.execute(statement)
    for statement in finer.statements:
        old_store.execute(statement)
    assert granules(old_store) == FINER
    assert old_store.execute(ROWS) == [("PAGE_ENT", 3), ("", 3)]


def test_of_two_rows_of_a_span_that_are_not_merged_the_fuller_counts(worker: Store, reader: Store) -> None:
    start = minute(hours_ago=5)
    write(worker, start, [1, 2, 3])
    seal(worker)
    worker.execute(
        "INSERT INTO ent.keys_minute SELECT 'total', toDateTime(%(start)s, 'UTC'), '', 2,"
        " uniqCombined64State(17)(toUInt64(arrayJoin([1, 2]))), uniqCombined64State(17)(toUInt64(arrayJoin([1, 2])))",
        {"start": int(start.timestamp())},
    )
    assert total(reader, start + timedelta(minutes=1), 1) == (3, 3, 3)
