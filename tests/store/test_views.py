"""What BI tools rely on: names, types, order, windows and their borders, and an empty store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pipeline.core.position import Position
from pipeline.store import sealing
from pipeline.store.client import Store
from pipeline.store.writing import mark_touched, write_progress

KEYS = {
    "total": [],
    "by_service": ["service", "famille", "domaine"],
    "by_famille": ["famille"],
    "by_domaine": ["domaine"],
    "by_region": ["region"],
    "by_academie": ["academie"],
    "by_departement": ["departement", "departement_name", "academie"],
    "by_projet": ["projet"],
    "by_plateforme": ["plateforme"],
    "by_exploitant": ["exploitant"],
    "by_profil": ["profil"],
}
MEASURES = [("hits", "UInt64"), ("visits", "UInt64"), ("visitors", "UInt64")]
WINDOW = "(at='2026-09-01 06:30:00', minutes=15)"


def write(worker: Store, at: datetime, ids: list[int], **dimensions: str) -> None:
    """One flush of one cell; each id is a hit, a visit and a visitor."""
    row = {"departement": "75", "service": "PAGE_ENT", "profil": "ELEVE", **dimensions}
    second = int(at.timestamp())
    columns = f"bucket, {', '.join(row)}, hits, visits, visitors"
    worker.execute(f"INSERT INTO ent.cells ({columns}) VALUES", [(second // 10 * 10, *row.values(), ids, ids, ids)])
    mark_touched(worker, [second])


def total(reader: Store, at: datetime, minutes: int) -> tuple[int, ...]:
    (row,) = reader.execute(f"SELECT * FROM bi.instant_t_total(at='{at:%Y-%m-%d %H:%M:%S}', minutes={minutes})")
    return row


def minute(hours_ago: float) -> datetime:
    """The start of a minute."""
    return (datetime.now(UTC) - timedelta(hours=hours_ago)).replace(second=0, microsecond=0)


@pytest.mark.parametrize("view", KEYS)
def test_each_view_has_its_columns_in_order_in_both_forms(reader: Store, view: str) -> None:
    for source in (f"bi.instant_t_{view}{WINDOW}", f"bi.now_{view}"):
        columns = reader.execute(f"DESCRIBE (SELECT * FROM {source})")
        assert [column[0] for column in columns[:-3]] == KEYS[view]
        assert {column[1] for column in columns[:-3]} <= {"String", "LowCardinality(String)"}
        assert [column[:2] for column in columns[-3:]] == MEASURES


def test_traffic_minute_has_its_columns_in_order(reader: Store) -> None:
    columns = reader.execute("DESCRIBE TABLE bi.traffic_minute")
    assert columns[0][:2] == ("minute", "DateTime('UTC')")
    assert [column[0] for column in columns[1:-3]] == [
        "service", "famille", "domaine", "region", "academie", "departement", "projet", "plateforme", "exploitant",
        "profil",
    ]  # fmt: skip
    assert [column[:2] for column in columns[-3:]] == MEASURES


def test_an_empty_store_shows_zeros_and_no_rows(reader: Store) -> None:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    for source in (f"bi.instant_t_total{WINDOW}", "bi.now_total"):
        assert reader.execute(f"SELECT * FROM {source}") == [(0, 0, 0)]
    for source in (f"bi.instant_t_by_service{WINDOW}", "bi.now_by_departement", "bi.traffic_minute"):
        assert reader.execute(f"SELECT * FROM {source}") == []
    assert reader.execute("SELECT * FROM bi.freshness") == [(epoch, epoch, 0.0, 0)]


def test_a_window_holds_its_first_ten_seconds_and_not_its_end(worker: Store, reader: Store) -> None:
    # since            till
    #   |  1 . . . . . . |  2
    start = minute(hours_ago=3)
    write(worker, start, [1])
    write(worker, start + timedelta(minutes=5), [2])
    assert total(reader, start + timedelta(minutes=5), 5) == (1, 1, 1)
    assert total(reader, start + timedelta(minutes=5, seconds=9), 5) == (1, 1, 1)
    assert total(reader, start + timedelta(minutes=5, seconds=10), 5) == (1, 1, 1)
    assert total(reader, start + timedelta(minutes=5, seconds=10), 6) == (2, 2, 2)


def test_t_is_floored_to_ten_seconds_in_the_last_46_hours_and_to_the_minute_before(
    worker: Store, reader: Store
) -> None:
    for start, seen in ((minute(hours_ago=45), 1), (minute(hours_ago=47), 0)):
        write(worker, start + timedelta(seconds=20), [1])
        at = start + timedelta(seconds=39)
        assert total(reader, at, 1) == (seen, seen, seen)
        assert total(reader, at + timedelta(seconds=21), 1) == (1, 1, 1)


def test_a_late_event_shows_at_once_in_a_sealed_minute(worker: Store, reader: Store) -> None:
    start = minute(hours_ago=5)
    write(worker, start, [1, 2])
    while sealing.seal(worker, datetime.now(UTC) + timedelta(seconds=70)).is_behind:
        pass
    assert worker.execute("SELECT hits FROM ent.keys_minute WHERE kind = 'total'") == [(2,)]
    write(worker, start + timedelta(seconds=50), [2, 3], service="ACTUALITES")
    assert total(reader, start + timedelta(hours=1), 60) == (4, 3, 3)
    rows = reader.execute("SELECT service, famille, hits FROM bi.traffic_minute ORDER BY service")
    assert rows == [("ACTUALITES", "communication", 2), ("PAGE_ENT", "accueil", 2)]


def test_the_same_event_in_two_unmerged_parts_counts_once(worker: Store, reader: Store) -> None:
    start = minute(hours_ago=1)
    for _ in range(3):
        write(worker, start, [7, 8])
    assert total(reader, start + timedelta(minutes=1), 1) == (2, 2, 2)


def test_visits_are_exact_up_to_4000_and_within_one_percent_above(worker: Store, reader: Store) -> None:
    start = minute(hours_ago=1)
    spread = 0x9E3779B97F4A7C15
    write(worker, start, [n * spread % 2**64 for n in range(1, 4001)])
    assert total(reader, start + timedelta(minutes=1), 1) == (4000, 4000, 4000)
    write(worker, start, [n * spread % 2**64 for n in range(4001, 60_001)])
    hits, visits, visitors = total(reader, start + timedelta(minutes=1), 1)
    assert hits == 60_000
    assert visits == visitors
    assert abs(visits - 60_000) <= 600


def test_now_is_the_last_fifteen_minutes(worker: Store, reader: Store) -> None:
    now = datetime.now(UTC)
    write(worker, now - timedelta(minutes=14, seconds=40), [1])
    write(worker, now - timedelta(minutes=15, seconds=30), [2])
    assert reader.execute("SELECT * FROM bi.now_total") == [(1, 1, 1)]
    assert reader.execute("SELECT * FROM bi.now_by_departement") == [("75", "Paris", "Paris", 1, 1, 1)]


def test_overseas_and_corse_have_their_region_and_academie(worker: Store, reader: Store) -> None:
    start = minute(hours_ago=2)
    write(worker, start, [1], departement="975")
    write(worker, start, [2], departement="2A")
    window = f"(at='{start + timedelta(minutes=1):%Y-%m-%d %H:%M:%S}', minutes=1)"
    assert reader.execute(f"SELECT * FROM bi.instant_t_by_region{window} ORDER BY region") == [
        ("Corse", 1, 1, 1),
        ("Saint-Pierre-et-Miquelon", 1, 1, 1),
    ]
    assert reader.execute(f"SELECT * FROM bi.instant_t_by_departement{window} ORDER BY departement") == [
        ("2A", "Corse-du-Sud", "Corse", 1, 1, 1),
        ("975", "Saint-Pierre-et-Miquelon", "Saint-Pierre-et-Miquelon", 1, 1, 1),
    ]


def test_freshness_sums_the_lag_and_keeps_the_newest_times(worker: Store, reader: Store) -> None:
    now = datetime.now(UTC)
    us, ms = int(now.timestamp() * 1e6), int(now.timestamp() * 1e3)
    write_progress(worker, [Position("v", 0, 10, us, ms, 5), Position("v", 1, 7, 0, 0, 2)], now)
    write_progress(worker, [Position("v", 0, 12, us - 10**7, ms - 10_000, -1)], now + timedelta(seconds=1))
    ((event_time, arrival, age, lag),) = reader.execute("SELECT * FROM bi.freshness")
    assert abs(event_time - now) < timedelta(milliseconds=2)
    assert abs(arrival - now) < timedelta(milliseconds=2)
    assert 0 <= age < 60
    assert lag == 2


def test_an_arrival_after_now_is_no_negative_age(worker: Store, reader: Store) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    write_progress(worker, [Position("v", 0, 1, 1, int(later.timestamp() * 1e3), 0)], datetime.now(UTC))
    assert reader.execute("SELECT data_age_seconds FROM bi.freshness") == [(0.0,)]
