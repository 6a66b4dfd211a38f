"""What a national day of schools costs: bytes of each table, time to seal it, time to ask for a school.

    python -m tests.bench schools [--events 50000000] [--share 0.05]

Writes yesterday's traffic of a share of the country's schools, each with as much of it as on a national day, so that
bytes and sealing times of the whole country are those divided by the share.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np

from pipeline.core.classify import PROFILS, SERVICES, uai_texts
from pipeline.core.ids import Ids
from pipeline.core.native import Column, date_times, encode_block, low_cardinality
from pipeline.store import migrate, schools
from pipeline.store.client import Store
from pipeline.store.writing import mark_touched
from tests.bench.national_day import CURVE
from tests.bench.processes import cpu_seconds
from tests.support.gateway import running_gateway

SCHOOLS = 28_400
PAGES_PER_VISIT = 4.7
VISITS_PER_VISITOR = 1.5
VISIT_SECONDS = 600
PROFIL_SHARES = (0.40, 0.19, 0.375, 0.03, 0.002, 0.003)
"""In the order of PROFILS; schools, pages and shares are those of the ministry's open data, the rest is ours."""
FLUSH_EVENTS = 50_000
LOW = "LowCardinality(String)"


def flushes(events: int, day: date, share: float) -> Iterator[tuple[tuple[Column, ...], int, list[int]]]:
    """A day of some schools as blocks of ent.school_events, in the order of time: columns, rows, minutes touched."""
    rng = np.random.default_rng(1)
    number = max(1, round(SCHOOLS * share))
    uais = np.sort(rng.choice(950_000, number, replace=False)).astype(np.int32) + 10_000
    weights = rng.lognormal(0, 1, number)
    visits = round(events * share / PAGES_PER_VISIT)
    school = rng.choice(number, visits, p=weights / weights.sum())
    visitor = rng.integers(0, 2**32, visits) % np.maximum(1, (np.bincount(school) / VISITS_PER_VISITOR))[school]
    visitor = visitor.astype(np.uint64) + school.astype(np.uint64) * np.uint64(1_000_000)
    profil = rng.choice(len(PROFILS), 99_991, p=PROFIL_SHARES)[visitor % np.uint64(99_991)]
    curve = np.array(CURVE, float) / sum(CURVE)
    begin = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    start = begin + rng.choice(24, visits, p=curve) * 3600 + rng.integers(0, 3600 - VISIT_SECONDS, visits)
    pages = 1 + rng.poisson(PAGES_PER_VISIT - 1, visits)
    of = np.repeat(np.arange(visits), pages)
    second = start[of] + rng.integers(0, VISIT_SECONDS, of.size)
    service = (rng.random(of.size) ** 2.5 * len(SERVICES)).astype(np.int64)
    spread = np.uint64(0x9E3779B97F4A7C15)
    ids: dict[str, Ids] = {
        "event": rng.integers(0, 2**64, of.size, np.uint64),
        "visit": np.multiply(of.astype(np.uint64) + np.uint64(1), spread, dtype=np.uint64),
        "visitor": np.multiply(visitor[of] + np.uint64(7), spread, dtype=np.uint64),
    }
    for at in np.array_split(np.argsort(second), max(1, of.size // FLUSH_EVENTS)):
        hour = second[at] // 3600 * 3600
        origin = school[of[at]] % 60
        yield (
            (
                Column("hour", "DateTime('UTC')", date_times(hour)),
                Column("uai", "FixedString(8)", uai_texts(uais[school[of[at]]]).tobytes()),
                Column("service", LOW, low_cardinality(SERVICES, service[at])),
                Column("profil", LOW, low_cardinality(PROFILS, profil[of[at]])),
                Column("projet", LOW, low_cardinality([f"P{n}" for n in range(60)], origin)),
                Column("exploitant", LOW, low_cardinality([f"X{n}" for n in range(6)], origin % 6)),
                Column("plateforme", LOW, low_cardinality([f"F{n}" for n in range(10)], origin % 10)),
                Column("step", "UInt16", ((second[at] - hour) // 10).astype("<u2").tobytes()),
                *(Column(name, "UInt64", values[at].tobytes()) for name, values in ids.items()),
            ),
            at.size,
            np.unique(second[at] // 60 * 60).tolist(),
        )


def timed(work: Callable[[], object], times: int = 1) -> float:
    """Median seconds of some tries."""
    took = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        took.append(time.perf_counter() - start)
    return float(np.median(took))


def cpu_of(pid: int, work: Callable[[], object]) -> float:
    """CPU seconds that the store used for some work."""
    before = cpu_seconds(pid)
    work()
    return cpu_seconds(pid) - before


def main() -> None:
    """Run it all; see the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--events", type=int, default=50_000_000, help="of the whole country's day")
    parser.add_argument("--share", type=float, default=0.05, help="of its schools that are written")
    options = parser.parse_args()
    day = datetime.now(UTC).date() - timedelta(days=3)
    with tempfile.TemporaryDirectory() as state, running_gateway(Path(state)) as gateway:
        admin, worker, reader = (Store(gateway.url(login), 600.0) for login in ("admin", "writer", "default"))
        migrate.apply(admin)
        written, took = 0, 0.0
        for columns, rows, minutes in flushes(options.events, day, options.share):
            names = [column.name for column in columns]
            start = time.perf_counter()
            worker.insert_block("ent.school_events", names, lambda revision: encode_block(columns, rows, revision))  # noqa: B023 - called before the next turn
            took += time.perf_counter() - start
            mark_touched(worker, minutes)
            written += rows
        print(
            f"{written:,} events of {options.share:.0%} of the schools; insert {took / written * 1e6:.1f} s a million"
        )
        ask(reader, day, "while open")
        now = datetime.now(UTC)
        used = [cpu_of(gateway.process.pid, lambda: schools.seal_schools(worker, now)) for _ in range(24)]
        print(f"sealing each hour: {sum(used) / options.share:.0f} CPU s, {max(used) / options.share:.0f} at the peak")
        used = [cpu_of(gateway.process.pid, lambda: schools.seal_school_day(worker, day))]
        print(f"closing the day: {used[0] / options.share:.0f} CPU s")
        worker.execute("INSERT INTO ent.closed (day) VALUES", [(day,)])
        for table in ("school_events", "school_hours", "school_days", "school_visitors"):
            admin.execute(f"OPTIMIZE TABLE ent.{table} FINAL")
            ((rows, size),) = admin.execute(
                "SELECT sum(rows), sum(bytes_on_disk) FROM system.parts"
                " WHERE database = 'ent' AND active AND table = %(table)s",
                {"table": table},
            )
            print(
                f"{table:16} {rows / options.share:>14,.0f} rows {size / rows:6.1f} bytes each "
                f"{size / options.share / 1e6:8,.0f} MB a national day"
            )
        ask(reader, day, "once closed")
        for store in (admin, worker, reader):
            store.close()


def ask(reader: Store, day: date, when: str) -> None:
    """Ask for one school, and for a slice of the country as the weekly report does."""
    hour = f"{day} 09:00:00"
    ((uai,),) = reader.execute("SELECT uai FROM bi.school_hour WHERE hour = %(hour)s LIMIT 1", {"hour": hour})
    one = {"hour": hour, "uai": uai, "monday": day - timedelta(days=day.weekday())}
    questions = {
        "an hour of a school": "SELECT * FROM bi.school_hour WHERE hour = %(hour)s AND uai = %(uai)s",
        "a week of a school": "SELECT * FROM bi.school_week(monday = %(monday)s) WHERE uai = %(uai)s",
        "a week of all of them": "SELECT count() FROM bi.school_week(monday = %(monday)s)",
    }
    for question, sql in questions.items():
        took = timed(lambda sql=sql: reader.execute(sql, one), 3)  # type: ignore[misc]
        print(f"{when}, {question}: {took * 1000:.0f} ms")


if __name__ == "__main__":
    main()
