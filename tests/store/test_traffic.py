"""bi.traffic_hour and bi.traffic_day: their form, their borders, and what a query of one closed day reads."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta

from pipeline.store import sealing
from pipeline.store.client import Store
from pipeline.store.writing import mark_touched

MEASURES = [("hits", "UInt64"), ("visits", "UInt64"), ("visitors", "UInt64")]
TODAY = datetime.now(UTC).date()


def write(worker: Store, at: datetime, ids: list[int], **dimensions: str) -> None:
    """One flush of one cell; each id is a hit, a visit and a visitor."""
    row = {"departement": "75", "service": "PAGE_ENT", "profil": "ELEVE", **dimensions}
    second = int(at.timestamp())
    columns = f"bucket, {', '.join(row)}, hits, visits, visitors"
    worker.execute(f"INSERT INTO ent.cells ({columns}) VALUES", [(second // 10 * 10, *row.values(), ids, ids, ids)])
    mark_touched(worker, [second])


def instant(days_ago: int, hour: int = 0, minute: int = 0, second: int = 0) -> datetime:
    return datetime.combine(TODAY - timedelta(days=days_ago), time(hour, minute, second), UTC)


def seal_all(worker: Store) -> None:
    later = datetime.now(UTC) + timedelta(seconds=70)
    while sealing.seal(worker, later) != sealing.SealReport(0, 0, 0):
        pass
    while sealing.seal_days(worker, later):
        pass


def rows(reader: Store, view: str, where: str) -> list[tuple[object, ...]]:
    return reader.execute(f"SELECT * FROM bi.{view} WHERE {where} ORDER BY 1, kind, key")


def test_the_views_have_their_columns_in_order_and_no_rows_in_an_empty_store(reader: Store) -> None:
    for view, first in (("traffic_hour", ("hour", "DateTime('UTC')")), ("traffic_day", ("day", "Date"))):
        columns = [column[:2] for column in reader.execute(f"DESCRIBE TABLE bi.{view}")]
        text = "LowCardinality(String)"
        assert columns == [first, ("kind", text), ("key", text), *MEASURES]
        assert reader.execute(f"SELECT * FROM bi.{view}") == []


def test_each_kind_has_its_rows_the_same_from_the_cells_and_from_integers(worker: Store, reader: Store) -> None:
    write(worker, instant(1, 8, 30), [1, 2], projet="P1", exploitant="E", plateforme="X")
    expected = [
        ("academie", "Paris"), ("departement", "75"), ("domaine", "accueil"), ("exploitant", "E"),
        ("famille", "accueil"), ("plateforme", "X"), ("profil", "ELEVE"), ("projet", "P1"),
        ("region", "Île-de-France"), ("service", "PAGE_ENT"), ("total", ""),
    ]  # fmt: skip
    for _ in range(2):
        assert rows(reader, "traffic_hour", "1") == [(instant(1, 8), *of, 2, 2, 2) for of in expected]
        assert rows(reader, "traffic_day", "1") == [(TODAY - timedelta(days=1), *of, 2, 2, 2) for of in expected]
        seal_all(worker)
    assert worker.execute("SELECT count() FROM ent.counts_day") == [(11,)]


def test_a_visit_is_cut_at_midnight_utc_and_counts_once_in_its_day(worker: Store, reader: Store) -> None:
    #       yesterday                 today
    #  22:10      23:59:59 | 00:00:00
    #   visit 1    visit 1 | visit 1
    for at in (instant(1, 22, 10), instant(1, 23, 59, 59), instant(0)):
        write(worker, at, [1])
    for _ in range(2):
        assert rows(reader, "traffic_day", "kind = 'total'") == [
            (TODAY - timedelta(days=1), "total", "", 2, 1, 1),
            (TODAY, "total", "", 1, 1, 1),
        ]
        hours = [(instant(1, 22), 1), (instant(1, 23), 1), (instant(0), 1)]
        assert reader.execute("SELECT hour, visits FROM bi.traffic_hour WHERE kind = 'total' ORDER BY hour") == hours
        seal_all(worker)


def test_a_late_event_shows_at_once_in_a_sealed_hour_and_day(worker: Store, reader: Store) -> None:
    write(worker, instant(1, 9, 5), [1])
    write(worker, instant(1, 11), [1])
    seal_all(worker)
    write(worker, instant(1, 9, 40), [1, 2])
    assert rows(reader, "traffic_hour", "kind = 'total'") == [
        (instant(1, 9), "total", "", 3, 2, 2),
        (instant(1, 11), "total", "", 1, 1, 1),
    ]
    assert rows(reader, "traffic_day", "kind = 'service'") == [
        (TODAY - timedelta(days=1), "service", "PAGE_ENT", 4, 2, 2)
    ]


def test_a_closed_day_is_final_and_outlives_its_minutes(worker: Store, reader: Store) -> None:
    write(worker, instant(3, 10), [1, 2])
    sealing.close_days(worker, datetime.now(UTC) + timedelta(days=1))
    write(worker, instant(3, 10), [3])
    for table in ("marks", "keys_hour", "keys_ten", "keys_minute", "minutes"):
        worker.execute(f"ALTER TABLE ent.{table} DROP PARTITION %(day)s", {"day": instant(3).date()})
    assert rows(reader, "traffic_hour", "kind = 'total'") == [(instant(3, 10), "total", "", 2, 2, 2)]
    assert rows(reader, "traffic_day", "kind = 'total'") == [(instant(3).date(), "total", "", 2, 2, 2)]


def granules_read(store: Store, query: str) -> dict[str, int]:
    """Table -> granules that a query would read, where it reads any; from the engine's own plan."""
    found: dict[str, int] = {}
    table = ""
    for (line,) in store.execute(f"EXPLAIN indexes = 1 {query}"):
        if match := re.search(r"ReadFromMergeTree \(([\w.]+)\)", line):
            table = match[1]
        elif (match := re.search(r"Granules: (\d+)(?:/\d+)?$", line)) and table:
            found[table] = int(match[1])  # the last index has the last word
    return {table: granules for table, granules in found.items() if granules}


def test_a_query_of_one_closed_day_reads_no_cells_no_sketches_and_no_other_day(worker: Store, admin: Store) -> None:
    closed = date(2026, 9, 1)
    for after in range(40):
        worker.execute(
            "INSERT INTO ent.counts_hour (kind, start, hits) VALUES",
            [("total", datetime(2026, 8, 1, 9, tzinfo=UTC) + timedelta(days=after), 1)],
        )
    for day in (date(2026, 8, 1), closed):
        worker.execute("INSERT INTO ent.counts_day (kind, day, hits) VALUES", [("total", day, 1)])
    for days_ago in (0, 1):
        write(worker, instant(days_ago), [1])
    sealing.seal(worker, datetime.now(UTC) + timedelta(seconds=70))
    write(worker, instant(1), [2])
    hours = granules_read(
        admin,
        "SELECT * FROM bi.traffic_hour WHERE kind = 'total' AND hour >= '2026-09-01' AND hour < '2026-09-02'",
    )
    assert hours == {"ent.counts_hour": 1}
    days = granules_read(admin, f"SELECT * FROM bi.traffic_day WHERE kind = 'total' AND day = '{closed}'")
    assert days == {"ent.counts_day": 1}
    dirty = granules_read(admin, "SELECT * FROM bi.traffic_day WHERE kind = 'total' AND day = yesterday()")
    assert dirty["ent.cells"] > 0
