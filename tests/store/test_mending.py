"""Damaged parts: what the server sets aside when it starts is made again from what is left, or is said to be lost.

Each case has a day of its own, and damages one table of it while the gateway is away: the marks file of the part is
cut off and what it was merged from is removed, as after a disk that was full.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from pipeline.store import migrate, schools, sealing
from pipeline.store.client import Store
from pipeline.store.mending import MendReport, mend
from pipeline.store.sealer import StoreSealer
from pipeline.store.writing import mark_touched
from tests.store.test_schools import COLUMNS, Row
from tests.support.gateway import running_gateway

SHOWN = {
    "minutes": "SELECT minute, service, hits, visits FROM bi.traffic_minute WHERE toDate(minute) = %(day)s",
    "keys_minute": "SELECT * FROM bi.instant_t_by_service(at=%(five_past)s, minutes=5)",
    "keys_ten": "SELECT * FROM bi.instant_t_by_service(at=%(ten_past)s, minutes=10)",
    "keys_hour": "SELECT * FROM bi.instant_t_by_service(at=%(ten)s, minutes=60)",
    "counts_hour": "SELECT * FROM bi.traffic_hour WHERE toDate(hour) = %(day)s",
    "counts_day": "SELECT * FROM bi.traffic_day WHERE day = %(day)s",
    "levels": "SELECT * FROM ent.levels FINAL WHERE toDate(minute) = %(day)s",
    "marks": "SELECT * FROM bi.instant_t_by_service(at=%(ten)s, minutes=60)",
    "school_hours": "SELECT * FROM bi.school_hour WHERE toDate(hour) = %(day)s",
    "cells": "SELECT minute, service, hits, visits FROM bi.traffic_minute WHERE toDate(minute) = %(day)s",
}
"""What reads each table, for a day."""
OPEN, CLOSED = tuple(SHOWN)[:-1], ("keys_ten", "counts_hour", "marks")
LOST_OPEN, LOST_CLOSED = ("cells",), ("minutes",)
AGAIN = ("minutes", "keys_ten", "counts_day")
LATEST = datetime.now(UTC).date() - timedelta(days=2)


class Case(NamedTuple):
    """A table that is damaged, of a day that nothing else happens to."""

    table: str
    day: date
    is_closed: bool

    def __str__(self) -> str:
        return f"{self.table} of {'a closed' if self.is_closed else 'an open'} day"


def cases() -> Iterator[Case]:
    days = iter(LATEST - timedelta(days=age) for age in range(20))
    for is_closed, tables in ((False, OPEN + LOST_OPEN), (True, CLOSED + LOST_CLOSED)):
        for table in tables:
            yield Case(table, next(days), is_closed)


CASES = tuple(cases())
MENDED = [case for case in CASES if case.table in (CLOSED if case.is_closed else OPEN)]


class Damaged(NamedTuple):
    """The store after the damage: what each day showed before, after and once it had been looked into."""

    admin: Store
    before: dict[Case, list[tuple[Any, ...]]]
    damaged: dict[Case, list[tuple[Any, ...]]]
    report: MendReport
    mended: dict[Case, list[tuple[Any, ...]]]


def epoch(day: date, hour: int, minute: int) -> int:
    return int(datetime.combine(day, time(hour, minute), UTC).timestamp())


def count_day(store: Store, case: Case) -> None:
    """Two minutes of events."""
    seconds = [epoch(case.day, 9, 0), epoch(case.day, 9, 11)]
    cells = [(second, "75", "PAGE_ENT", *[list(range(6))] * 3) for second in seconds]
    store.execute("INSERT INTO ent.cells (bucket, departement, service, hits, visits, visitors) VALUES", cells)
    if case.table == "school_hours":
        count_schools(store, seconds)
    mark_touched(store, seconds)


def count_schools(store: Store, seconds: list[int]) -> None:
    rows = [Row(second, "0750654D", "PAGE_ENT", "ELEVE", "", "", "", n, n, n) for second in seconds for n in range(6)]
    store.execute(f"INSERT INTO ent.school_events ({COLUMNS}) VALUES", [row.stored for row in rows])


def seal(store: Store, day: date) -> None:
    """Everything of this day and the three before it, as a worker does it."""
    later = datetime.combine(day, time(), UTC) + timedelta(days=1, minutes=11)
    while sealing.seal(store, later) != sealing.SealReport(0, 0, 0):
        pass
    while sealing.seal_days(store, later):
        pass


def seal_schools(store: Store, day: date) -> None:
    while schools.seal_schools(store, datetime.combine(day, time(), UTC) + timedelta(days=1)):
        pass


def close(store: Store, day: date) -> None:
    store.execute("INSERT INTO ent.closed (day) VALUES", [(day,)])
    for table in ("cells", "school_events"):
        store.execute(f"ALTER TABLE ent.{table} DROP PARTITION %(day)s", {"day": day})


def shown(store: Store, case: Case) -> list[tuple[Any, ...]]:
    """What is read from the table of a case on its day."""
    times = {"five_past": "09:05:00", "ten_past": "09:10:00", "ten": "10:00:00"}
    at = {name: f"{case.day} {clock}" for name, clock in times.items()}
    return sorted(store.execute(SHOWN[case.table], {"day": case.day, **at}))


def damage(data: Path, active: set[str], day: date) -> None:
    """Cut off the marks of a day's parts in a table's folder, and remove what they were merged from."""
    for part in data.glob(f"{day:%Y%m%d}_*"):
        if part.name in active:
            for marks in [*part.glob("*.cmrk*"), *part.glob("*.mrk*")]:
                marks.write_bytes(b"")
        else:
            shutil.rmtree(part)


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Damaged]:
    """One gateway, damaged while it was away, for all cases."""
    state = tmp_path_factory.mktemp("state")
    with running_gateway(state) as gateway, closing(Store(gateway.url("admin"))) as admin:
        migrate.apply(admin)
        for case in CASES:
            count_day(admin, case)
        for day in sorted(case.day for case in CASES)[::-4]:
            seal(admin, day)
        for case in CASES:
            if case.table == "school_hours":
                seal_schools(admin, case.day)
            if case.is_closed:
                close(admin, case.day)
        before = {case: shown(admin, case) for case in CASES}
        paths = admin.execute("SELECT name, data_paths[1] FROM system.tables WHERE database = 'ent'")
        parts = {name for (name,) in admin.execute("SELECT name FROM system.parts WHERE active")}
    for case in CASES:
        damage(Path(dict(paths)[case.table]), parts, case.day)
    with running_gateway(state) as gateway, closing(Store(gateway.url("writer"))) as worker:
        admin = Store(gateway.url("admin"))
        after = {case: shown(admin, case) for case in CASES}
        report = mend(worker)
        yield Damaged(admin, before, after, report, {case: shown(admin, case) for case in CASES})
        admin.close()


@pytest.mark.parametrize("case", MENDED, ids=str)
def test_the_views_are_whole_again_as_soon_as_a_worker_has_looked(damaged: Damaged, case: Case) -> None:
    assert damaged.damaged[case] != damaged.before[case]
    assert damaged.mended[case] == damaged.before[case]
    assert (case.table, case.day) in {(part.table, part.day) for part in damaged.report.mended}


@pytest.mark.parametrize("case", [case for case in MENDED if case.table in AGAIN and not case.is_closed], ids=str)
def test_what_was_made_again_is_sealed_again(damaged: Damaged, case: Case) -> None:
    sealing.seal_day(damaged.admin, case.day)
    assert shown(damaged.admin, case) == damaged.before[case]
    dirty = (
        "SELECT tier FROM ent.marks WHERE toDate(start) = %(day)s"
        " GROUP BY tier, start HAVING max(touched) >= max(sealed)"
    )
    assert damaged.admin.execute(dirty, {"day": case.day}) == []


def test_what_only_the_events_can_give_is_said_to_be_lost(damaged: Damaged) -> None:
    lost = {(case.table, case.day) for case in CASES if case not in MENDED}
    assert {(part.table, part.day) for part in damaged.report.lost} == lost


def test_a_day_without_some_of_its_cells_keeps_what_was_sealed_of_it(damaged: Damaged) -> None:
    (case,) = (case for case in CASES if case.table == "cells")
    assert damaged.mended[case] == damaged.before[case]


def test_a_part_is_looked_into_once(damaged: Damaged) -> None:
    assert mend(damaged.admin) == MendReport()


def test_a_worker_looks_with_its_first_round_and_tells_what_it_found(
    damaged: Damaged, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[tuple[int, int]] = []

    class Meter:
        def damaged(self, mended: int, lost: int) -> None:
            told.append((mended, lost))

    damaged.admin.execute("TRUNCATE TABLE ent.broken_parts")
    sealer = StoreSealer(damaged.admin, 35, 761, Meter())
    for _ in range(2):
        sealer.round()
    assert told == [(len(damaged.report.mended), len(damaged.report.lost))]
    (case,) = (case for case in CASES if case.table == "cells")
    said = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert [f" of {case.day} cannot be made again" in words for words in said].count(True) == 1
    assert "set aside a broken part, ent.keys_ten (broken-on-start_" in caplog.text
