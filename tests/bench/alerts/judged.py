"""The judged day as the detector sees it: one `Sample` a tick, from counts by ten seconds and references by the minute.

The references are made by the rule of `pipeline.alerts.days`, from the past days of a `World`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache

import numpy as np
import numpy.typing as npt

from pipeline.alerts import days
from pipeline.alerts.sample import SPAN_EDGES, TICK_SECONDS, Counts, Leaves, Sample
from pipeline.store.references import average
from pipeline.store.school_calendar import calendar_days
from tests.bench.alerts.country import MINUTES, PROFILS, Doubles, Floats, Ints
from tests.bench.alerts.series import LeafKey, leaf_keys, profil_keys
from tests.bench.alerts.world import BUCKET, BUCKETS, World

Bools = npt.NDArray[np.bool_]

FIRST_TICK = SPAN_EDGES[-1]
"""Seconds after midnight in Paris of the first judged tick: all spans before it are of the day."""
LAST_TICK = 86_400 - 2 * 60
_KNOWN_DAYS = days.LOOKBACK_DAYS + days.GROWTH_DAYS
_EDGES = np.array(SPAN_EDGES)
_AROUND = np.array([-420, -120, -180, 120])


@cache
def calendar() -> days.Calendar:
    """What the detector knows of school days."""
    return days.Calendar((row.day, row.zone, row.kind) for row in calendar_days())


def midnight(on: date) -> int:
    """Seconds since 1970 at which a day begins in Paris."""
    noon = int(datetime(on.year, on.month, on.day, 12, tzinfo=UTC).timestamp())
    return noon - 43_200 - days.utc_offset("Paris", noon)


@dataclass(frozen=True, eq=False)
class Reference:
    """What one table of leaves was to count on the judged day, by minutes since midnight in Paris."""

    keys: tuple[LeafKey, ...]
    hits: Floats
    """(leaves, minutes) Pages a minute."""
    visits_per_hit: Doubles
    """(leaves,)."""
    days: Ints
    """(leaves,) Comparable days behind it."""


def references(world: World, last_year: bool) -> tuple[Reference, Reference]:
    """The references of the main leaves and of the profils.

    Args:
        world: The country on the judged day.
        last_year: Whether the days around the rentrée of the year before were counted too.
    """
    measured = {world.today - timedelta(days=back) for back in range(1, _KNOWN_DAYS + 1)}
    if last_year:
        first = date(world.today.year - 1, 8, 25)
        measured |= {first + timedelta(days=number) for number in range(21)}
    main = np.zeros((len(leaf_keys()), MINUTES), np.float32)
    profils = np.zeros((len(profil_keys()), MINUTES), np.float32)
    per_hit = [np.full(len(main), 1.0), np.full(len(profils), 1.0)]
    behind = [np.zeros(len(main), np.int64), np.zeros(len(profils), np.int64)]
    growth = _Growth(world)
    for a, academie in enumerate(world.academies):
        rows = _rows_of(world, a)
        zero = midnight(world.today)
        minutes = np.arange(MINUTES)
        local = (zero + days.utc_offset(academie, zero + 43_200)) // 60 + minutes
        for number in np.unique(local // MINUTES):
            today = date(1970, 1, 1) + timedelta(days=int(number))
            inside = local // MINUTES == number
            before = {day for day in measured if day < world.today}
            past = days.comparable(calendar(), today, academie, before, growth.pages(academie, before))
            if not past:
                continue
            for table, (into, index) in enumerate(zip((main, profils), rows, strict=True)):
                hits = np.stack([_hits(world, day, table)[index] for day in past], axis=1).astype(np.float64)
                visits = np.stack([_visits(world, day, table)[index].sum(axis=1) for day in past]).sum(axis=0)
                scales = np.stack([growth.of(day, today, table)[index] for day in past], axis=1)
                per_hit[table][index] = visits / np.maximum(hits.sum(axis=(1, 2)), 1.0)
                whole = hits.sum(axis=0, keepdims=True)
                (usual,) = average((hits,), scales, whole, np.zeros(len(index), np.int64))
                into[np.ix_(index, inside)] = usual[:, local[inside] % MINUTES]
                behind[table][index] = len(past)
    return (
        Reference(leaf_keys(), main, per_hit[0], behind[0]),
        Reference(profil_keys(), profils, per_hit[1], behind[1]),
    )


def _rows_of(world: World, academie: int) -> tuple[Ints, Ints]:
    """An académie's rows in the main table and in that of profils."""
    return np.flatnonzero(world.leaf_academie == academie), academie * len(PROFILS) + np.arange(len(PROFILS))


def _hits(world: World, day: date, table: int) -> Floats:
    past = world.history(day)
    return past.profil_hits if table else past.hits


def _visits(world: World, day: date, table: int) -> Floats:
    past = world.history(day)
    return past.profil_visits if table else past.visits


class _Growth:
    """`days.growth` of each leaf, and its sums over weeks."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._totals: dict[date, tuple[Doubles, Doubles]] = {}
        zones = [days.school_zone(academie) for academie in world.academies]
        number = np.array([sorted(set(zones)).index(zone) for zone in zones])
        self._zone = (number[world.leaf_academie], np.repeat(number, len(PROFILS)))
        self._done: dict[tuple[date, date, int], Doubles] = {}

    def of(self, day: date, today: date, table: int) -> Doubles:
        """Factors on a past day: array (leaves)."""
        key = day, today, table
        found = self._done.get(key)
        if found is None:
            if (self._world.today - day).days > days.LOOKBACK_DAYS:
                return np.ones(len(self._zone[table]))  # the level of last year's day is not used
            recent = self._week(today - timedelta(days=1), today, table)
            then = self._week(day, today, table)
            zone = self._zone[table]
            recent_zone, then_zone = np.bincount(zone, recent)[zone], np.bincount(zone, then)[zone]
            rows = zip(recent, recent_zone, then, then_zone, strict=True)
            found = self._done[key] = np.array([days.growth(*map(float, row)) for row in rows])
        return found

    def pages(self, academie: str, on: set[date]) -> dict[date, float]:
        """Hits of an académie without a known calendar on these days."""
        if calendar().knows(academie):
            return {}
        mine = self._world.leaf_academie == self._world.academies.index(academie)
        return {day: float(self._totals_of(day)[0][mine].sum()) for day in on}

    def _totals_of(self, day: date) -> tuple[Doubles, Doubles]:
        if day not in self._totals:
            self._totals[day] = self._world.totals(day)
        return self._totals[day]

    def _week(self, last: date, like: date, table: int) -> Doubles:
        total = np.zeros(len(self._zone[table]))
        for number, academie in enumerate(self._world.academies):
            mine = _rows_of(self._world, number)[table]
            for day in days.week(calendar(), last, like, academie):
                total[mine] += self._totals_of(day)[table][mine]
        return total


@dataclass(frozen=True, eq=False)
class Closed:
    """A planned closure: what the detector is told of it. Seconds since midnight in Paris."""

    leaves: Bools
    start: int
    end: int
    why: str


@dataclass(frozen=True, eq=False)
class Late:
    """Half of all pages come late for a while. Seconds since midnight in Paris."""

    start: int
    end: int
    delay: int
    said: bool
    """Whether the pipeline knows: its watermark stands still."""


@dataclass(eq=False)
class _Table:
    """Cumulative counts of one table, rows by time, so that a tick reads whole rows."""

    leaves: Leaves
    reference: Reference
    hits: Floats
    """(leaves, buckets)."""
    visits: Floats
    late: Floats | None = None
    """(leaves, buckets) The part of `hits` that comes late when anything does."""
    _sums: dict[str, Doubles] = field(default_factory=dict)
    _expected: list[Doubles] = field(default_factory=list)
    """For each second of a minute in which there is a tick, the reference's pages up to it: (minutes + 1, leaves)."""

    def __post_init__(self) -> None:
        self._sums["hits"] = _cumulate(self.hits)
        self._sums["visits"] = _cumulate(self.visits)
        self._sums["reference"] = total = _cumulate(self.reference.hits)
        following = np.concatenate([total[1:], total[-1:]])
        parts = [second / 60.0 for second in range(0, 60, TICK_SECONDS)]
        self._expected = [total * (1 - part) + following * part for part in parts]
        if self.late is not None:
            self._sums["late"] = _cumulate(self.late)
        seen = np.where(self.hits.T > 0, np.arange(1, BUCKETS + 1, dtype=np.int16)[:, None], 0).astype(np.int16)
        self._last = np.maximum.accumulate(seen, axis=0)

    def expected(self, second: int, away: Ints) -> Doubles:
        """The reference's pages from midnight to whole minutes away from a tick: array (seconds, leaves)."""
        minute, rest = divmod(second, 60)
        at = np.clip(minute + away // 60, 0, MINUTES)
        sums: Doubles = self._expected[rest // TICK_SECONDS][at]
        return sums

    def counts(self, second: int, closure: Ints, late: Late | None) -> Counts:
        """The table at so many seconds after midnight."""
        at = (second - _EDGES) // BUCKET
        hits = self._sums["hits"][at]
        if late is not None and self.late is not None:
            coming = self._sums["late"]
            hits = hits - np.maximum(coming[at] - coming[(second - late.delay) // BUCKET], 0.0)
        expected = self.expected(second, -_EDGES)
        around = self.expected(second, _AROUND)
        visits = self._sums["visits"][at[0]] - self._sums["visits"][at[0] - 300 // BUCKET]
        last = self._last[second // BUCKET - 1].astype(np.int64)
        silent = second - np.maximum(last - 1, 0) * BUCKET
        # Whole minutes before the last hit are not missed: those since its minute ended are.
        since = self._sums["reference"][np.minimum((np.maximum(last - 1, 0) * BUCKET) // 60, MINUTES), _row(last)]
        return Counts(
            leaves=self.leaves,
            hits=(hits[:-1] - hits[1:]).T.copy(),
            reference=(expected[:-1] - expected[1:]).T.copy(),
            slope=np.stack([around[1] - around[0], around[3] - around[2]], axis=1),
            days=self.reference.days,
            visits=visits,
            reference_visits=(expected[0] - expected[2]) * self.reference.visits_per_hit,
            silent=silent.astype(np.float64),
            missed=np.maximum(expected[0] - since, 0.0),
            closure=closure,
        )


def _row(last: Ints) -> Ints:
    return np.arange(len(last))


def _cumulate(counts: Floats) -> Doubles:
    """Sums since midnight, rows by time: (leaves, n) to (n + 1, leaves)."""
    total = np.zeros((counts.shape[1] + 1, counts.shape[0]))
    np.cumsum(counts.T, axis=0, dtype=np.float64, out=total[1:])
    return total


@dataclass(frozen=True, eq=False)
class Counted:
    """What was counted on the judged day, by ten seconds from midnight in Paris: arrays (leaves, buckets)."""

    hits: Floats
    visits: Floats
    profil_hits: Floats
    profil_visits: Floats


class JudgedDay:
    """A judged day, tick by tick."""

    def __init__(
        self,
        world: World,
        known: tuple[Reference, Reference],
        counted: Counted,
        closures: tuple[Closed, ...] = (),
        late: tuple[Late, ...] = (),
    ) -> None:
        self.world, self.closures, self.late = world, closures, late
        self.zero = midnight(world.today)
        groups = calendar().groups(world.today)
        dice = world.dice(-1 % 2**32)
        counts = ((counted.hits, counted.visits), (counted.profil_hits, counted.profil_visits))
        self._tables = []
        for reference, (hits, visits) in zip(known, counts, strict=True):
            offset = {key[0]: days.utc_offset(key[0], self.zero + 43_200) for key in reference.keys}
            leaves = Leaves(
                keys=reference.keys,
                group=np.array([groups[key[0]] for key in reference.keys]),
                utc_offset=np.array([offset[key[0]] for key in reference.keys]),
            )
            half = np.floor(hits * 0.5 + dice.random(hits.shape, dtype=np.float32)) if late else None
            self._tables.append(_Table(leaves, reference, hits, visits, half))
        self._learning = calendar().is_rentree(world.today)

    def samples(self, first: int = FIRST_TICK, last: int = LAST_TICK) -> Iterator[Sample]:
        """One for each tick in [first, last), seconds after midnight in Paris."""
        return (self.sample(second) for second in range(first, last, TICK_SECONDS))

    def sample(self, second: int) -> Sample:
        """What the detector reads at so many seconds after midnight in Paris, a multiple of `TICK_SECONDS`."""
        late = next((each for each in self.late if each.start <= second < each.end), None)
        behind = 2.0 + (late.delay if late is not None and late.said else 0)
        main, profils = (table.counts(second, closure, late) for table, closure in self._closed(second))
        return Sample(
            t=self.zero + second,
            main=main,
            profils=profils,
            measured_seconds=float(FIRST_TICK),
            learning=self._learning,
            data_age_seconds=behind,
            watermark_lag_seconds=behind,
            closures=tuple(each.why for each in self.closures),
        )

    def _closed(self, second: int) -> Iterator[tuple[_Table, Ints]]:
        main, profils = self._tables
        covered = np.full(len(main.leaves), -1)
        for number, each in enumerate(self.closures):
            if each.start <= second < each.end + FIRST_TICK:
                covered[each.leaves] = number
        yield main, covered
        yield profils, np.full(len(profils.leaves), -1)
