"""A store that holds a whole national day up to now, and days of sealed history behind it."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import numpy as np

from pipeline.store.client import Store
from pipeline.store.sealing import seal
from tests.bench.traffic import Seconds, flush

DAY = 86_400
HOUR = 3600

CURVE = (1, 1, 1, 1, 1, 3, 10, 22, 30, 32, 31, 26, 20, 26, 30, 30, 29, 31, 33, 31, 28, 22, 12, 4)
"""Shape of a school day: weight of each hour of Paris. Ours, after the two humps every portal shows."""


def day_before(now: int, events: int) -> list[tuple[Seconds, float]]:
    """The event times of the 24 hours before `now` (epoch seconds), by five minutes, each with its rate a second.

    The curve is turned so that its busiest hours are the last ones: whoever asks at the peak has the day behind them.
    """
    weights = np.roll(np.array(CURVE, dtype=float), 23 - int(np.argmax(CURVE)))
    weights /= weights.sum()
    rng = np.random.default_rng(7)
    parts = []
    for number in range(24 * 12):
        size = round(events * weights[number // 12] / 12)
        begin = now - DAY + number * 300
        parts.append((np.sort(begin + rng.integers(0, 300, size)), size / 300))
    return parts


def fill(worker: Store, events: int) -> float:
    """Write the day up to now into the cells; returns the events a second of its last minutes."""
    rng = np.random.default_rng(1)
    rate = 0.0
    for seconds, rate in day_before(int(time.time()), events):
        if seconds.size:
            flush(worker, rng, seconds, rate)
    return rate


def seal_all(sealer: Store) -> tuple[int, float]:
    """Seal until nothing is left; returns the minutes sealed and the seconds it took."""
    minutes, start = 0, time.perf_counter()
    later = datetime.fromtimestamp(time.time() + 120, UTC)
    while True:
        report = seal(sealer, later)
        minutes += report.minutes
        if not (report.minutes or report.tens or report.hours):
            return minutes, time.perf_counter() - start


def add_history(admin: Store, days: int, behind: int, full: bool) -> None:
    """Put so many closed days before the two that hold the last 24 hours, as copies of their sealed tiers.

    Args:
        admin: may insert anywhere.
        days: how many.
        behind: how many are there already.
        full: copy the sketches too; otherwise each row keeps a sketch of 64 ids, which makes the rows, parts and marks
            of a day, not its bytes: those are never read when another day is asked for.
    """
    thin = "(SELECT uniqCombined64State(17)(number) FROM numbers(64))"
    sketches = "visits, visitors" if full else f"{thin}, {thin}"
    two_days = "start >= toStartOfDay(now('UTC')) - toIntervalDay(1)"
    # A copy takes both days of the last 24 hours, which are one day's worth of rows: two days back for each.
    for number in range(behind + 1, behind + days + 1):
        shift = f"toIntervalDay({2 * number})"
        for table in ("keys_minute", "keys_ten", "keys_hour"):
            admin.execute(
                f"INSERT INTO ent.{table} SELECT kind, start - {shift}, key, hits, {sketches} "
                f"FROM ent.{table} WHERE {two_days}"
            )
        admin.execute(
            "INSERT INTO ent.marks SELECT tier, start - "
            f"{shift}, toDateTime64(0, 6, 'UTC'), now64(6, 'UTC') FROM ent.marks WHERE {two_days} GROUP BY tier, start"
        )
        admin.execute(
            f"INSERT INTO ent.closed (day) SELECT DISTINCT toDate(start) - {shift} FROM ent.marks WHERE {two_days}"
        )
