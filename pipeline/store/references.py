"""References: what each leaf does on days like this one, by the minute, in `ent.references`.

Which past days count, and how they are averaged, is `pipeline.alerts.days`; here they are read, smoothed, scaled and
written. A day is made once, when it begins, for the académies that are held against the same days together, some hours
at a time and for a bounded time at each tick. Made by two workers at once it is the same twice.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from pipeline.alerts import days
from pipeline.core.native import Column, date_times, encode_block, low_cardinality
from pipeline.errors import StoreRefused, StoreUnavailable
from pipeline.store.client import Store
from pipeline.store.sql import query
from schemas.reference import territories

Floats = NDArray[np.float64]

BUDGET_SECONDS = 2.0
"""Work on references that one tick may wait for."""
AHEAD_SECONDS = 1200
"""A day's references are made so long before it begins."""
CHECK_SECONDS = 900
"""Event time between two looks at what there is to compare with: days may come from files."""
SLICE = 180
"""Minutes of a day made by one query."""
MARGIN = 15
"""Minutes at each side of a slice that smoothing reaches into: half of the longest mean, 31 minutes."""
DAY = 1440
WHOLE_DAY = (7, 20)
"""Local hours by which counting has begun, and that it has reached, on a day that was measured from end to end."""
MOST_HOURS_MISSING = 8
_WIDTHS: list[int] = sorted(set(days.smoothing([100.0, 30.0, 1.0]).tolist()))
_WIDEST = _WIDTHS[-1]


class Leaf(NamedTuple):
    """(profil, academie, plateforme, exploitant, famille), in the order of the tables' keys."""

    profil: str
    academie: str
    plateforme: str
    exploitant: str
    famille: str


class _Job(NamedTuple):
    """A local day of some académies that share clock, school zone and comparable days."""

    day: date
    academies: tuple[str, ...]
    past: tuple[date, ...]


class References:
    """Makes the references of the day, a little at each call. For one thread.

    Args:
        store: a connection of its own.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        rows = store.execute(query("list_calendar"))
        self.calendar = days.Calendar((day, zone, kind) for day, zone, kind in rows)
        self._checked_at = 0
        self._work: Iterator[None] = iter(())
        self._sums: dict[date, dict[Leaf, float]] = {}
        """Day (UTC) → hits of each leaf, for `days.growth`."""

    def prepare(self, t: int, budget: float = BUDGET_SECONDS) -> bool:
        """Go on with what is missing for a tick at t; returns whether anything is left to do.

        Args:
            t: seconds since 1970.
            budget: seconds after which no new step is begun.

        Raises:
            StoreUnavailable, StoreRefused: the next call looks again.
        """
        ends = time.monotonic() + budget
        try:
            if not 0 <= t - self._checked_at < CHECK_SECONDS:
                self._work = self._steps(self._missing(t))
                self._checked_at = t
            return any(time.monotonic() > ends for _ in self._work)
        except (StoreUnavailable, StoreRefused):
            self._checked_at = 0  # the work is planned anew
            raise

    def _missing(self, t: int) -> list[_Job]:
        """What today, and a tomorrow that is near, lack: compared with nothing yet, or with other days."""
        measured, pages = self._measured(), self._pages()
        made = {
            (day, academie): tuple(past) for day, academie, past in self._store.execute(query("list_reference_days"))
        }
        jobs: dict[tuple[date, str, str, tuple[date, ...]], list[str]] = defaultdict(list)
        for academie in sorted({row.academie_name for row in territories()}):
            clock = days.clock(academie)
            for day in sorted({days.local_day(academie, t), days.local_day(academie, t + AHEAD_SECONDS)}):
                past = tuple(days.comparable(self.calendar, day, academie, measured[clock], pages[academie]))
                if made.get((day, academie)) != past:
                    jobs[day, clock, days.school_zone(academie), past].append(academie)
        return [_Job(day, tuple(academies), past) for (day, _, _, past), academies in jobs.items()]

    def _measured(self) -> dict[str, set[date]]:
        """Clock → local days that were counted from end to end and still have levels."""
        hours = [start.replace(tzinfo=UTC) for (start,) in self._store.execute(query("list_levelled_hours"))]
        found: dict[str, set[date]] = {}
        for clock in {days.clock(row.academie_name) for row in territories()}:
            zone = ZoneInfo(clock)
            counted: dict[date, set[int]] = defaultdict(set)
            for hour in hours:
                local = hour.astimezone(zone)
                counted[local.date()].add(local.hour)
            first, last = WHOLE_DAY
            found[clock] = {
                day
                for day, of in counted.items()
                if min(of) <= first and max(of) >= last and len(of) >= 24 - MOST_HOURS_MISSING
            }
        return found

    def _pages(self) -> dict[str, dict[date, float]]:
        """Académie → hits of its local days; empty for those whose holidays are known."""
        found: dict[str, dict[date, float]] = defaultdict(lambda: defaultdict(float))
        unknown = sorted({row.academie_name for row in territories() if not self.calendar.knows(row.academie_name)})
        zones = {academie: ZoneInfo(days.clock(academie)) for academie in unknown}
        rows = self._store.execute(query("list_levelled_pages"), {"academies": unknown})
        for academie, hour, hits in rows:
            found[academie][hour.replace(tzinfo=UTC).astimezone(zones[academie]).date()] += hits
        return found

    def _steps(self, jobs: Sequence[_Job]) -> Iterator[None]:
        """Each step is one query or two; after it, others may have their turn."""
        for job in jobs:
            made_at = datetime.now(UTC)
            if job.past:
                weeks = self._weeks(job)
                for day in sorted({other for week in weeks for other in week}):
                    if day not in self._sums:
                        rows = self._store.execute(query("read_level_sums"), {"day": day})
                        self._sums[day] = {Leaf(*row[:5]): float(row[5]) for row in rows}
                        yield
                growths = self._growths(job, weeks)
                for first in range(0, DAY, SLICE) if growths else ():
                    self._make_slice(job, first, growths, made_at)
                    yield
            done = [(job.day, academie, list(job.past), made_at) for academie in job.academies]
            self._store.execute("INSERT INTO ent.reference_days (day, academie, days, made_at) VALUES", done)
            yield
        self._sums.clear()

    def _weeks(self, job: _Job) -> list[list[date]]:
        """The week before the day, and the one that ends with each past day."""
        ends = [job.day - timedelta(1), *job.past]
        return [days.week(self.calendar, last, job.day, job.academies[0]) for last in ends]

    def _growths(self, job: _Job, weeks: list[list[date]]) -> dict[Leaf, Floats]:
        """Leaf → by what each of its past days is multiplied."""
        zone = days.school_zone(job.academies[0])
        leaves = {leaf for week in weeks for day in week for leaf in self._sums[day] if leaf.academie in job.academies}
        of_leaf = {leaf: [sum(self._sums[day].get(leaf, 0.0) for day in week) for week in weeks] for leaf in leaves}
        of_zone = [
            sum(
                hits
                for day in week
                for leaf, hits in self._sums[day].items()
                if not leaf.profil and days.school_zone(leaf.academie) == zone
            )
            for week in weeks
        ]
        return {
            leaf: np.array(
                [days.growth(own[0], of_zone[0], own[k], of_zone[k]) for k in range(1, len(weeks))], np.float64
            )
            for leaf, own in of_leaf.items()
        }

    def _make_slice(self, job: _Job, first: int, growths: dict[Leaf, Floats], made_at: datetime) -> None:
        """The references of `SLICE` minutes from the local minute `first` on."""
        zone = ZoneInfo(days.clock(job.academies[0]))
        begin, end = max(0, first - MARGIN), min(DAY, first + SLICE + MARGIN)
        starts = [_midnight(past, zone) + begin * 60 for past in job.past]
        width = end - begin
        params = {"academies": job.academies, "starts": starts, "seconds": width * 60, "size": len(starts) * width}
        rows = self._store.execute(query("read_past_levels"), params)
        if not rows:
            return
        leaves = [Leaf(*row[:5]) for row in rows]
        shape = (len(rows), len(starts), width)
        hits = np.array([row[5] for row in rows], np.float64).reshape(shape)
        visits = np.array([row[6] for row in rows], np.float64).reshape(shape)
        scale = np.stack([growths.get(leaf, np.ones(len(starts))) for leaf in leaves])
        names = sorted(job.academies)
        places = np.array([names.index(leaf.academie) for leaf in leaves], np.int64)
        whole = np.zeros((len(names), *shape[1:]))
        main = np.array([not leaf.profil for leaf in leaves])
        np.add.at(whole, places[main], hits[main])
        usual = average((hits, visits), scale, whole, places)
        inner = slice(first - begin, first - begin + min(SLICE, DAY - first))
        second = _midnight(job.day, zone) + first * 60
        self._write(leaves, second, usual[0][:, inner], usual[1][:, inner], len(starts), made_at)

    def _write(
        self, leaves: Sequence[Leaf], second: int, hits: Floats, visits: Floats, behind: int, made_at: datetime
    ) -> None:
        minutes = hits.shape[1]
        kept = np.flatnonzero(hits.ravel() > 0)
        leaf_of, minute_of = np.divmod(kept, minutes)
        columns = [Column("minute", "DateTime('UTC')", date_times(second + minute_of * 60))]
        for place, name in enumerate(Leaf._fields):
            words = sorted({leaf[place] for leaf in leaves})
            codes = np.array([words.index(leaf[place]) for leaf in leaves], np.int64)
            columns.append(Column(name, "LowCardinality(String)", low_cardinality(words, codes[leaf_of])))
        for name, values in (("hits", hits), ("visits", visits)):
            columns.append(Column(name, "Float32", values.ravel()[kept].astype("<f4").tobytes()))
        millis = np.full(kept.size, int(made_at.timestamp() * 1000), "<i8")
        columns.append(Column("days", "UInt8", np.full(kept.size, behind, "u1").tobytes()))
        columns.append(Column("made_at", "DateTime64(3, 'UTC')", millis.tobytes()))
        if kept.size:
            names = [column.name for column in columns]
            self._store.insert_block(
                "ent.references", names, lambda revision: encode_block(columns, int(kept.size), revision)
            )


def average(counts: Sequence[Floats], scale: Floats, whole: Floats, places: NDArray[np.int64]) -> tuple[Floats, ...]:
    """Smooth each day, scale it, and take what is usual of them, minute by minute.

    Args:
        counts: (leaves, days, minutes) of hits; then what is to be smoothed and averaged as they are, of that shape.
        scale: (leaves, days).
        whole: (académies, days, minutes) hits of all that belongs to one.
        places: (leaves,) the académie of each.

    Returns:
        (leaves, minutes) for each of the counts.
    """
    courses = _courses(whole)
    widths = days.smoothing(_smooth(counts[0], _WIDEST).mean(axis=1))
    step = np.broadcast_to(np.searchsorted(_WIDTHS, widths)[:, None, :], counts[0].shape)

    def of(one: Floats) -> Floats:
        smooth = [_smooth(one, minutes) * courses[minutes][places] for minutes in _WIDTHS]
        return days.usual(np.choose(step, smooth) * scale[:, :, None], axis=1)

    return tuple(of(one) for one in counts)


def _courses(whole: Floats) -> dict[int, Floats]:
    """How each académie went within so many minutes, as finely as its own size lets it be told: 1 on average."""
    smooth = {minutes: _smooth(whole, minutes) for minutes in _WIDTHS}
    widths = days.smoothing(smooth[_WIDEST].mean(axis=1))
    own = np.broadcast_to(widths[:, None, :], whole.shape)
    finest = np.choose(np.searchsorted(_WIDTHS, own), [smooth[minutes] for minutes in _WIDTHS])
    return {
        minutes: np.divide(finest, mean, out=np.ones_like(whole), where=(own < minutes) & (mean > 0))
        for minutes, mean in smooth.items()
    }


def _smooth(counts: Floats, minutes: int) -> Floats:
    """Centred means over the last axis; narrower at its ends."""
    size = counts.shape[-1]
    sums = np.concatenate([np.zeros((*counts.shape[:-1], 1)), np.cumsum(counts, axis=-1)], axis=-1)
    at: NDArray[np.int64] = np.arange(size)
    low, high = np.maximum(at - minutes // 2, 0), np.minimum(at + minutes // 2 + 1, size)
    means = (sums[..., high] - sums[..., low]) / (high - low)
    return np.asarray(means, np.float64)


def _midnight(day: date, zone: ZoneInfo) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp())
