"""Schools: exact by hour and by week whatever is sent again, sealed or closed; nothing under 5 visitors, no ids."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple

import pytest

from pipeline.errors import StoreRefused
from pipeline.store import schools, sealing
from pipeline.store.client import Store
from pipeline.store.writing import mark_touched
from tests.store.history import CrashError, InterruptedStore
from tests.store.oracle import DOMAINE, FAMILLE
from tests.support.gateway import GatewayHandle

HOUR, DAY = 3600, 86_400
COLUMNS = "hour, uai, service, profil, projet, exploitant, plateforme, step, event, visit, visitor"


class Row(NamedTuple):
    """One event of a school; `second` is its event time, epoch seconds."""

    second: int
    uai: str
    service: str
    profil: str
    projet: str
    exploitant: str
    plateforme: str
    event: int
    visit: int
    visitor: int

    @property
    def stored(self) -> tuple[Any, ...]:
        """As a row of ent.school_events."""
        return (self.second // HOUR * HOUR, *self[1:7], self.second % HOUR // 10, *self[7:])

    @property
    def cell(self) -> tuple[Any, ...]:
        """Ten seconds and dimensions: an event counts once in each."""
        return (self.second // 10, *self[1:7])


def insert(store: Store, rows: Iterable[Row]) -> None:
    """What stands in the table before the mark; a crash may come next."""
    store.execute(f"INSERT INTO ent.school_events ({COLUMNS}) VALUES", [row.stored for row in rows])


def write(store: Store, rows: Sequence[Row]) -> None:
    """One flush."""
    insert(store, rows)
    mark_touched(store, [row.second for row in rows])


def count(rows: Iterable[Row], key: Callable[[Row], tuple[Any, ...]]) -> dict[tuple[Any, ...], tuple[int, int, int]]:
    """Key -> hits, visits, visitors, counted one by one."""
    sets: dict[tuple[Any, ...], tuple[set[Any], set[int], set[int]]] = defaultdict(lambda: (set(), set(), set()))
    for row in rows:
        hits, visits, visitors = sets[key(row)]
        hits.add((row.event, row.cell))
        visits.add(row.visit)
        visitors.add(row.visitor)
    return {k: (len(h), len(v), len(p)) for k, (h, v, p) in sets.items()}


def by_hour(rows: Iterable[Row]) -> dict[tuple[Any, ...], tuple[int, int, int]]:
    """What bi.school_hour has to show."""
    counted = count(rows, lambda r: (datetime.fromtimestamp(r.second // HOUR * HOUR, UTC), r.uai, r.service, r.profil))
    return {key: figures for key, figures in counted.items() if figures[2] >= 5}


def by_week(rows: Sequence[Row], monday: date) -> dict[tuple[Any, ...], tuple[int, int]]:
    """What bi.school_week has to show."""
    begin = midnight(monday)
    week = [row for row in rows if begin <= row.second < begin + 7 * DAY]
    keys: list[Callable[[Row], tuple[Any, ...]]] = [
        lambda r: (r.uai, "total", ""),
        lambda r: (r.uai, "service", r.service),
        lambda r: (r.uai, "profil", r.profil),
    ]
    shown = {}
    for key in keys:
        days = count(week, lambda r, key=key: (r.second // DAY, *key(r)))  # type: ignore[misc]
        for of_week, (_, _, visitors) in count(week, key).items():
            if visitors >= 5:
                shown[of_week] = sum(figures[1] for day, figures in days.items() if day[1:] == of_week), visitors
    return shown


def midnight(day: date) -> int:
    return int(datetime.combine(day, time(), UTC).timestamp())


def read_hours(store: Store, where: str = "1") -> dict[tuple[Any, ...], tuple[int, int, int]]:
    rows = store.execute(f"SELECT * FROM bi.school_hour WHERE {where}")
    assert len({row[:4] for row in rows}) == len(rows)
    return {row[:4]: row[4:] for row in rows}


def read_week(store: Store, monday: date) -> dict[tuple[Any, ...], tuple[int, int | None]]:
    rows = store.execute("SELECT * FROM bi.school_week(monday=%(monday)s)", {"monday": monday})
    assert len({row[:3] for row in rows}) == len(rows)
    return {row[:3]: row[3:] for row in rows}


def events(seed: int, how_many: int, begin: int, seconds: int) -> list[Row]:
    """Traffic of three schools; ids recur over hours, days and services."""
    r = random.Random(seed)
    return [
        Row(
            begin + r.randrange(seconds),
            r.choice(("0750001U", "0750001U", "0590123N", "9870026P")),
            r.choice(("NOTES", "ABSENCES", "PAGE_ENT")),
            r.choice(("ELEVE", "PARENT")),
            r.choice(("P1", "")),
            "X",
            r.choice(("A", "É")),
            r.getrandbits(64),
            r.randrange(60),
            r.randrange(18),
        )
        for _ in range(how_many)
    ]


LATER = timedelta(hours=2)
"""After the end of an hour: it is due."""


@pytest.fixture
def interrupted(gateway: GatewayHandle, admin: Store) -> Iterator[InterruptedStore]:
    """A sealer's connection, in whose way things may come."""
    store = InterruptedStore(gateway.url("writer"))
    yield store
    store.close()


@pytest.fixture
def other(gateway: GatewayHandle, admin: Store) -> Iterator[Store]:
    """A second worker's connection."""
    store = Store(gateway.url("writer"))
    yield store
    store.close()


def test_whatever_is_sent_again_late_sealed_or_closed_the_views_show_each_event_once(
    worker: Store, other: Store, interrupted: InterruptedStore, reader: Store
) -> None:
    today = datetime.now(UTC).date()
    old = today - timedelta(days=3)
    begin = midnight(old) + 22 * HOUR  # two hours of a day that will be closed, four of the next
    sent = events(1, 900, begin, 6 * HOUR)
    monday = old - timedelta(days=old.weekday())
    next_monday = monday + timedelta(days=7)

    def check() -> None:
        assert read_hours(reader) == by_hour(sent)
        assert read_week(reader, monday) == by_week(sent, monday)
        assert read_week(reader, next_monday) == by_week(sent, next_monday)

    # A first try dies between its rows and its mark; the replay has other borders, and two workers share it.
    insert(worker, sent[100:400])
    write(other, sent[:500])
    write(worker, sent[300:])
    check()
    now = datetime.fromtimestamp(begin + 6 * HOUR, UTC) + LATER
    for hours_left in range(6, 0, -1):
        assert schools.seal_schools(worker, now) == 1, hours_left
    assert schools.seal_schools(worker, now) == 0
    check()
    # Late events, in hours that are sealed; then a seal that meets an insert, one that dies, and one that repeats.
    late = events(2, 150, begin, 6 * HOUR)
    write(other, late + sent[::3])
    sent += late
    check()
    again = datetime.now(UTC) + schools.AGAIN_AFTER + timedelta(minutes=1)
    more = events(3, 50, begin, 6 * HOUR)

    def meets(sql: str) -> None:
        if "INSERT INTO ent.school_marks (hour, sealed)" in sql:
            interrupted.before_statement = lambda sql: None
            write(other, more)

    interrupted.before_statement = meets
    assert schools.seal_schools(interrupted, again) == 1
    sent += more
    check()

    def dies(sql: str) -> None:
        if "INSERT INTO ent.school_hours" in sql:
            raise CrashError

    interrupted.before_statement = dies
    with pytest.raises(CrashError):
        schools.seal_schools(interrupted, again)
    while schools.seal_schools(worker, again + schools.BEGUN_FOR + timedelta(minutes=1)):
        pass
    check()
    # The day is closed, its events dropped, and some of them sent again.
    write(other, sent[:200])
    schools.seal_school_day(worker, old)
    schools.seal_school_day(other, old)
    worker.execute("INSERT INTO ent.closed (day) VALUES", [(old,)])
    check()
    worker.execute("ALTER TABLE ent.school_events DROP PARTITION %(day)s", {"day": old})
    check()
    write(other, [row for row in sent if row.second < midnight(old) + DAY][::2])
    check()
    # A sealer that comes too late, and sees no more than those.
    for hour in (22, 23):
        schools._seal_hour(other, midnight(old) + hour * HOUR, "ent")
    schools.seal_school_day(other, old)
    check()


def test_every_kind_of_a_school_is_kept_by_day(worker: Store) -> None:
    day = datetime.now(UTC).date() - timedelta(days=1)
    sent = events(4, 400, midnight(day), DAY)
    write(worker, sent)
    write(worker, sent[::2])
    schools.seal_school_day(worker, day)
    keys: dict[str, Callable[[Row], str]] = {
        "total": lambda r: "", "service": lambda r: r.service, "famille": lambda r: FAMILLE[r.service],
        "domaine": lambda r: DOMAINE[r.service], "profil": lambda r: r.profil, "projet": lambda r: r.projet,
        "exploitant": lambda r: r.exploitant, "plateforme": lambda r: r.plateforme,
    }  # fmt: skip
    expected: dict[tuple[Any, ...], tuple[int, int, int]] = {}
    for kind, key in keys.items():
        expected |= count(sent, lambda r, kind=kind, key=key: (day, kind, r.uai, key(r)))  # type: ignore[misc]
    rows = worker.execute("SELECT * FROM ent.school_days FINAL")
    assert {row[:4]: row[4:] for row in rows} == expected
    sketches = worker.execute(
        "SELECT kind, uai, key, any(hits), uniqCombined64Merge(17)(visitors)"
        " FROM ent.school_visitors FINAL GROUP BY kind, uai, key"
    )
    assert {(day, *row[:3]): row[3:] for row in sketches} == {
        key: (figures[0], figures[2]) for key, figures in expected.items() if key[1] in ("total", "service", "profil")
    }


def test_an_event_sent_twice_under_two_visits_is_one_hit(worker: Store, reader: Store) -> None:
    start = midnight(datetime.now(UTC).date() - timedelta(days=1))
    sent = [Row(start, "0750001U", "NOTES", "ELEVE", "", "", "", 1, visit, visit) for visit in range(5)]
    sent.append(sent[0]._replace(second=start + 10))  # the next ten seconds are another cell
    write(worker, sent)
    hour = datetime.fromtimestamp(start, UTC)
    for _ in range(2):
        assert read_hours(reader) == {(hour, "0750001U", "NOTES", "ELEVE"): (2, 5, 5)}
        assert schools.seal_schools(worker, datetime.now(UTC)) <= 1


def test_cells_under_5_visitors_are_not_shown_hot_or_sealed_by_hour_or_by_week(worker: Store, reader: Store) -> None:
    day = datetime.now(UTC).date() - timedelta(days=2)
    monday = day - timedelta(days=day.weekday())

    def visited(uai: str, visitors: int) -> list[Row]:
        return [Row(midnight(day), uai, "NOTES", "ELEVE", "", "", "", n, n, n) for n in range(visitors)]

    write(worker, visited("0750001U", 4) + visited("0590123N", 5))

    def shown() -> tuple[set[str], set[str]]:
        return {key[1] for key in read_hours(reader)}, {key[0] for key in read_week(reader, monday)}

    assert shown() == ({"0590123N"}, {"0590123N"})
    schools.seal_school_day(worker, day)
    worker.execute("INSERT INTO ent.closed (day) VALUES", [(day,)])
    assert shown() == ({"0590123N"}, {"0590123N"})


def test_a_week_whose_sketches_are_gone_shows_visits_and_no_visitors(
    admin: Store, worker: Store, reader: Store
) -> None:
    monday = date(2026, 8, 31)
    rows = []
    for day in (0, 1):
        for n in range(6 - 2 * day):  # six visitors on Monday, four of them again on Tuesday
            rows.append(Row(midnight(monday) + day * DAY, "0750001U", "NOTES", "ELEVE", "", "", "", n, n, n))
        rows.append(Row(midnight(monday) + day * DAY, "0590123N", "NOTES", "ELEVE", "", "", "", 9, 9, 9))
    write(worker, rows)
    for day in (0, 1):
        schools.seal_school_day(worker, monday + timedelta(days=day))
        worker.execute("INSERT INTO ent.closed (day) VALUES", [(monday + timedelta(days=day),)])
    shown = [("profil", "ELEVE"), ("service", "NOTES"), ("total", "")]
    assert read_week(reader, monday) == {("0750001U", *key): (10, 6) for key in shown}
    worker.execute("ALTER TABLE ent.school_visitors DROP PARTITION '2026-08-31'")
    assert read_week(reader, monday) == {("0750001U", *key): (10, None) for key in shown}
    admin.execute("TRUNCATE TABLE ent.school_visitors")
    assert read_week(reader, monday) == {("0750001U", *key): (10, None) for key in shown}


def test_a_question_about_an_hour_of_a_school_reads_no_other(admin: Store, worker: Store) -> None:
    start = midnight(datetime.now(UTC).date() - timedelta(days=1))
    uais = [f"{number:07}A" for number in range(20_000)]
    for hour in (0, 1):
        write(worker, [Row(start + hour * HOUR, uai, "NOTES", "ELEVE", "", "", "", 1, 1, 1) for uai in uais])
    schools.seal_schools(worker, datetime.now(UTC))
    admin.execute("OPTIMIZE TABLE ent.school_events FINAL")
    for hour, table in ((0, "school_hours"), (1, "school_events")):
        plan = admin.execute(
            "EXPLAIN indexes = 1 SELECT * FROM bi.school_hour"
            " WHERE hour = toDateTime(%(hour)s, 'UTC') AND uai = %(uai)s",
            {"hour": start + hour * HOUR, "uai": uais[10_000]},
        )
        text = "\n".join(line for (line,) in plan)
        read = text[text.index(f"ReadFromMergeTree (ent.{table})") :]
        assert "Granules: 1\n" in read.split("Output:")[0]


def test_an_hour_is_sealed_ten_minutes_after_its_end_by_one_sealer_and_seldom_again(
    worker: Store, interrupted: InterruptedStore
) -> None:
    start = midnight(datetime.now(UTC).date() - timedelta(days=1))
    end = datetime.fromtimestamp(start + HOUR, UTC)
    row = Row(start, "0750001U", "NOTES", "ELEVE", "", "", "", 1, 1, 1)
    write(worker, [row])
    assert schools.seal_schools(worker, end + timedelta(minutes=10) - timedelta(seconds=1)) == 0
    beside = []

    def look(sql: str) -> None:
        if "INSERT INTO ent.school_hours" in sql:
            beside.append(schools.seal_schools(worker, datetime.now(UTC)))

    interrupted.before_statement = look
    assert schools.seal_schools(interrupted, datetime.now(UTC)) == 1
    assert beside == [0]
    sealed = datetime.now(UTC)
    assert schools.seal_schools(worker, sealed + timedelta(days=1)) == 0
    write(worker, [row._replace(event=2)])
    assert schools.seal_schools(worker, sealed + timedelta(hours=5, minutes=59)) == 0
    assert schools.seal_schools(worker, sealed + timedelta(hours=6, minutes=1)) == 1
    assert worker.execute("SELECT hits FROM ent.school_hours FINAL") == [(2,)]


def test_schools_are_sealed_in_ranges_of_bounded_size(worker: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schools, "SLICE_EVENTS", 7)
    start = midnight(datetime.now(UTC).date() - timedelta(days=1))
    sizes = {"0010001W": 3, "0010002X": 4, "0010003Y": 1, "0010004Z": 20, "0010005A": 7}
    sent = [
        Row(start, uai, "NOTES", "ELEVE", "", "", "", event, event, event)
        for uai, size in sizes.items()
        for event in range(size)
    ]
    write(worker, sent)
    assert list(schools._slices(worker, start, start + HOUR, "ent")) == [
        ("0010001W", "0010002X"), ("0010003Y", "0010003Y"), ("0010004Z", "0010004Z"), ("0010005A", "0010005A"),
    ]  # fmt: skip
    assert schools.seal_schools(worker, datetime.now(UTC)) == 1
    rows = worker.execute("SELECT uai, hits, visits, visitors FROM ent.school_hours FINAL ORDER BY uai")
    assert rows == [(uai, size, size, size) for uai, size in sizes.items()]


def test_the_events_of_schools_leave_with_the_cells_of_their_day(admin: Store, worker: Store, reader: Store) -> None:
    day = datetime.now(UTC).date() - timedelta(days=3)
    write(worker, [Row(midnight(day), "0750001U", "NOTES", "ELEVE", "", "", "", n, n, n) for n in range(5)])
    due = datetime.combine(day, time(), UTC) + timedelta(days=1, hours=47)
    assert sealing.close_days(worker, due) == sealing.CloseReport((day,), ())
    admin.execute("INSERT INTO ent.closed (day, at) VALUES", [(day, datetime.now(UTC) - timedelta(seconds=90))])
    assert sealing.close_days(worker, due) == sealing.CloseReport((), (day,))
    assert worker.execute("SELECT count() FROM ent.school_events") == [(0,)]
    hour = datetime.combine(day, time(), UTC)
    assert read_hours(reader) == {(hour, "0750001U", "NOTES", "ELEVE"): (5, 5, 5)}


@pytest.mark.parametrize("table", ["school_events", "school_days", "school_visitors", "school_marks"])
def test_a_bi_tool_reads_no_table_of_schools(reader: Store, table: str) -> None:
    with pytest.raises(StoreRefused):
        reader.execute(f"SELECT * FROM ent.{table}")


def test_no_view_gives_an_id_or_a_sketch(admin: Store) -> None:
    columns = admin.execute("SELECT table, name, type FROM system.columns WHERE database = 'bi'")
    assert {table for table, _, _ in columns} >= {"school_hour"}
    assert [column for column in columns if "Aggregate" in column[2] or "UInt64)" in column[2]] == []
    lists = {(table, name) for table, name, form in columns if "Array" in form}
    assert lists == {("alerts", "neighbours"), ("alerts", "scope")}, "names and figures of series, no ids"
    assert [column for column in columns if column[1] in ("event", "visit", "visitor")] == []
