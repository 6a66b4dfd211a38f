"""What the detector reads: the watermark, and at each tick one row for every leaf, as a `Sample`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from pipeline.alerts import days
from pipeline.alerts.sample import ALONE, SILENCE_LOOKBACK, SPAN_EDGES, SPANS, TICK_SECONDS, Counts, Leaves, Sample
from pipeline.store.client import Store
from pipeline.store.closures import InForce, covering
from pipeline.store.references import References
from pipeline.store.sql import query

SETTLE_SECONDS = 10.0
"""Event time that is given to events on their way: from a page's display to the store, and partitions that differ."""
IDLE_SECONDS = 60.0
"""A partition without new records for so long, all of it read, no longer holds the watermark back."""
QUIET_SECONDS = 300
"""Event time between two looks at the leaves that have gone quiet: they are quiet for hours."""
DOUBLED_SECONDS = 60
"""Event time between two looks for events that a worker read again: fewer ticks than open an alert."""

LeafKey = tuple[str, str, str, str, str]
"""(academie, plateforme, exploitant, famille, profil)."""


class Progress(NamedTuple):
    """How far one partition is; instants in epoch seconds, 0 before anything was counted."""

    event_time: float
    """Newest that was counted."""
    arrival: float
    """Newest, of the record in Kafka."""
    waiting: int
    """Records that are not yet counted."""


class Watermark(NamedTuple):
    """Up to where event time is complete, and how late the pipeline is."""

    t: int
    """The newest tick: seconds since 1970; 0 before anything was counted."""
    data_age_seconds: float
    """See `Sample.data_age_seconds`."""
    lag_seconds: float
    """See `Sample.watermark_lag_seconds`."""


def watermark(partitions: Sequence[Progress], now: float) -> Watermark:
    """Where a topic is, from what its workers told.

    Event time follows the slowest partition that has records to give. When none has any, all is read, and time passes
    all the same: a country that falls silent has to be seen. It passes as fast as the clock, from the newest event on,
    so that an old morning that was replayed does not end in a leap to now.

    Args:
        partitions: of the topic.
        now: the store's clock, epoch seconds.
    """
    known = [p for p in partitions if p.event_time > 0]
    if not known:
        return Watermark(0, 0.0, 0.0)
    newest = min(max(p.event_time for p in known), max(p.arrival for p in known))
    behind = [p for p in known if p.waiting]
    active = [p for p in known if p.waiting or now - p.arrival < IDLE_SECONDS]
    if active:
        # What a partition has not read yet arrived after what it has; and no event is later than its arrival.
        complete = min([newest, *(p.event_time for p in active), *(p.arrival for p in behind)])
        newest_arrival = max(p.arrival for p in known)
        t = _tick(complete - SETTLE_SECONDS)
        return Watermark(t, max(0.0, now - newest_arrival) if behind else 0.0, max(0.0, newest - SETTLE_SECONDS - t))
    idle = now - max(p.arrival for p in known)
    return Watermark(_tick(newest + idle - IDLE_SECONDS), 0.0, 0.0)


def read_watermark(store: Store, topic: str) -> Watermark:
    """The watermark of a topic, as `ent.progress` has it.

    Raises:
        StoreUnavailable, StoreRefused: ask again.
    """
    rows = store.execute(query("read_watermark"), {"topic": topic})
    now = rows[0][3] if rows else 0.0
    return watermark([Progress(event, arrival, waiting) for event, arrival, waiting, _ in rows], now)


def _tick(second: float) -> int:
    return int(second // TICK_SECONDS * TICK_SECONDS)


class _Table:
    """The leaves of one of the two tables: those that were met, in the order of their names."""

    def __init__(self) -> None:
        self.leaves = Leaves((), np.empty(0, np.int64), np.empty(0, np.int64))
        self.places: dict[LeafKey, int] = {}
        self._clocks: tuple[Any, ...] = ()

    def meet(self, keys: Iterable[LeafKey], groups: dict[str, int], offsets: dict[str, int], clocks: Any) -> None:
        """Take in new leaves; a day that has begun, or a clock that was changed, concerns all of them."""
        fresh = [key for key in keys if key not in self.places]
        if not fresh and clocks == self._clocks:
            return
        names = sorted({*self.places, *fresh})
        self.places = {key: place for place, key in enumerate(names)}
        self.leaves = Leaves(
            tuple(names),
            np.array([groups.get(key[0], ALONE) for key in names], np.int64),
            np.array([offsets.get(key[0], 0) for key in names], np.int64),
        )
        self._clocks = clocks


class LevelReader:
    """Reads samples; keeps what changes slowly (who is quiet, what days are compared). For one thread.

    Args:
        store: a connection of its own.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._references = References(store)
        self._tables = {True: _Table(), False: _Table()}
        """By whether the leaves are of the main table."""
        self._quiet: dict[LeafKey, tuple[int, float]] = {}
        """Leaf → its last minute with pages before `_quiet_at`, and the pages of its reference since."""
        self._quiet_at = 0
        self._doubled = False
        """Whether some events are in several rows that are not merged yet."""
        self._doubled_at = 0

    def sample(self, t: int, mark: Watermark) -> Sample:
        """What there is to judge at the tick t.

        Args:
            t: seconds since 1970, complete by the watermark.
            mark: how late the pipeline is.

        Raises:
            StoreUnavailable, StoreRefused: ask again.
        """
        self._references.prepare(t)
        if not 0 <= t - self._quiet_at < QUIET_SECONDS:
            self._look_for_quiet(t)
        if not 0 <= t - self._doubled_at < DOUBLED_SECONDS:
            ((doubled,),) = self._store.execute(query("count_doubled_buckets"), {"t": t})
            self._doubled, self._doubled_at = bool(doubled), t
        rows = self._store.execute(query("read_tick").format(final="FINAL" if self._doubled else ""), {"t": t})
        closures = [InForce(*row) for row in self._store.execute(query("list_closures"), {"t": t})]
        calendar = self._references.calendar
        day = days.local_day("Paris", t)
        oldest = self._beginning(t, min((row[9] for row in rows), default=t))
        return Sample(
            t=t,
            main=self._counts(True, t, rows, closures),
            profils=self._counts(False, t, rows, closures),
            measured_seconds=float(min(max(t - oldest, 0), SPAN_EDGES[-1])),
            learning=calendar.is_rentree(day),
            data_age_seconds=mark.data_age_seconds,
            watermark_lag_seconds=mark.lag_seconds,
            closures=tuple(closure.why for closure in closures),
        )

    def _beginning(self, t: int, oldest: float) -> float:
        """When counting began, if within the last 70 minutes; `oldest` is the first page in them."""
        if t - oldest >= SPAN_EDGES[-1] - 60:
            return oldest
        rows = self._store.execute(query("read_beginning"), {"t": t})
        return float(rows[0][0]) if rows else oldest

    def _look_for_quiet(self, t: int) -> None:
        rows = self._store.execute(query("read_quiet_leaves"), {"t": t})
        self._quiet = {
            (academie, plateforme, exploitant, famille, profil): (last, missed)
            for profil, academie, plateforme, exploitant, famille, last, missed in rows
        }
        self._quiet_at = t

    def _counts(self, main: bool, t: int, rows: Sequence[Any], closures: Sequence[InForce]) -> Counts:
        """One table of leaves; rows as `read_tick.sql` gives them."""
        table = self._tables[main]
        of_table = {(r[1], r[2], r[3], r[4], r[0]): r for r in rows if (r[0] == "") is main}
        quiet = [key for key in self._quiet if (key[4] == "") is main]
        academies = {key[0] for key in (*of_table, *quiet)} | {key[0] for key in table.places}
        offsets = {academie: days.utc_offset(academie, t) for academie in academies}
        day = days.local_day("Paris", t)
        clocks = (day, tuple(sorted(offsets.items())))
        table.meet((*of_table, *quiet), self._references.calendar.groups(day), offsets, clocks)
        size = len(table.leaves)
        hits, usual = np.zeros((size, SPANS)), np.zeros((size, SPANS + 3))
        visits, behind = np.zeros(size), np.zeros(size, np.int64)
        last, missed = np.zeros(size), np.zeros(size)
        for key in quiet:
            last[table.places[key]], missed[table.places[key]] = self._quiet[key]
        for key, (*_, counted, reference, seen, of_days, _oldest, newest) in of_table.items():
            place = table.places[key]
            visits[place], behind[place] = seen, of_days
            if counted:
                hits[place] = counted
            if reference:
                usual[place] = reference
            if newest > last[place]:
                last[place], missed[place] = newest, 0.0
        silent = np.clip(t - last, 0.0, SILENCE_LOOKBACK)
        return Counts(
            leaves=table.leaves,
            hits=hits,
            reference=usual[:, :SPANS],
            slope=usual[:, SPANS : SPANS + 2],
            days=behind,
            visits=visits,
            reference_visits=usual[:, SPANS + 2],
            silent=silent,
            missed=missed + self._missed_since(t, usual, silent),
            closure=covering(closures, table.leaves.keys),
        )

    def _missed_since(self, t: int, usual: Any, silent: Any) -> Any:
        """The reference's pages since the last look at the quiet leaves, or since a leaf fell silent after it."""
        spans = np.minimum(silent, t - self._quiet_at)
        total = np.zeros(len(silent))
        for span in range(SPANS):
            near, far = SPAN_EDGES[span], SPAN_EDGES[span + 1]
            total += usual[:, span] * np.clip((spans - near) / (far - near), 0.0, 1.0)
        return total
