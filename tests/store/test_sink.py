"""A flush: events of schools and cells, then the mark that covers both; a retry writes the same again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing

import pytest

from pipeline.core.columns import Columns, Words
from pipeline.errors import StoreUnavailable
from pipeline.store import sink as sinks
from pipeline.store.client import Store
from pipeline.store.sink import ClickHouseSink
from tests.core.traffic import NOW_MS, value
from tests.support.gateway import GatewayHandle


class FailingStore(Store):
    """A real store; the answer to one insert, the n-th, is lost after it was done."""

    def __init__(self, url: str, lost: int) -> None:
        super().__init__(url)
        self.lost = lost
        self.tables: list[str] = []

    def insert_block(self, table: str, columns: Sequence[str], body: Callable[[int], bytes]) -> None:
        self.tables.append(table)
        super().insert_block(table, columns, body)
        if len(self.tables) == self.lost:
            raise StoreUnavailable("the connection broke")


class Meter:
    """Counts what the sink tells."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.failures = 0

    def inserted(self, rows: int, seconds: float) -> None:
        assert seconds > 0
        self.rows.append(rows)

    def insert_failed(self) -> None:
        self.failures += 1


@pytest.fixture
def flush() -> Columns:
    """Three events of two schools in one cell, one of them twice."""
    columns = Columns(Words(), 46 * 3600 * 1_000_000)
    raws = [value(event_id=id_, uai=uai) for id_, uai in (("a", "0750001U"), ("b", "0750001U"), ("a", "0750001U"))]
    raws.append(value(event_id="c", uai="0750002V"))
    assert columns.add(raws, [NOW_MS] * 4, NOW_MS) == []
    return columns


FLUSH = ["ent.school_events", "ent.cells", "ent.marks"]


@pytest.mark.parametrize("lost", [0, 1, 2, 3])
def test_rows_of_both_tables_are_in_before_the_mark_and_stay_what_they_are_when_sent_again(
    gateway: GatewayHandle, admin: Store, flush: Columns, monkeypatch: pytest.MonkeyPatch, lost: int
) -> None:
    monkeypatch.setattr(sinks, "FIRST_PAUSE", 0.01)
    meter = Meter()
    with closing(FailingStore(gateway.url("writer"), lost)) as store:
        ClickHouseSink(store, meter, clock=lambda: NOW_MS / 1000).write(flush, ())
        assert store.tables == FLUSH[:lost] + FLUSH
    assert meter.failures == (lost > 0)
    assert meter.rows[-2:] == [4, 1]
    rows = admin.execute("SELECT uai, step, count() FROM ent.school_events FINAL GROUP BY uai, step ORDER BY uai")
    assert rows == [("0750001U", 180, 2), ("0750002V", 180, 1)]
    assert admin.execute("SELECT length(hits) FROM ent.cells FINAL") == [(3,)]
    assert admin.execute("SELECT uniqExact(start) FROM ent.marks") == [(1,)]
