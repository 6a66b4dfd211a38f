"""Sealed tiers behind the hot cells: minutes, tens, hours, days; the closing of days. Why: adr-sealed-tiers.md.

Each tier follows one protocol, in this order, so that a crash between any two steps only leaves work to do again:

1. read the server's clock;
2. insert the tier's rows, made from the tier below (absolute values: the row with the most hits wins);
3. touch the spans above, which now have rows to take in;
4. mark the tier's spans sealed as of the clock of step 1.

Whatever is touched after step 1 keeps its span dirty, and a dirty span is never read from a sealed tier. So any
number of workers may run these functions at a time, on the same spans, as often as they like.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

from pipeline.store.client import Store
from pipeline.store.schools import seal_school_day
from pipeline.store.sql import LIVE, queries, query

CLOSE_AFTER = timedelta(hours=47)
"""A day is closed so long after its end. Workers take events up to 46 h old, and stop rather than insert what has
become 46 h 30 old: the half hour is for a last insert and for clocks that differ."""

DROP_AFTER_SECONDS = 60
"""A query that began before a day was closed may still read its cells: they go a minute later."""

SETTLE = timedelta(seconds=5)
"""A minute is sealed so long after its end at the earliest: most of its events have come by then."""

MOST_MINUTES = 10
"""Minutes sealed by one insert: bounds its memory, and how long one round keeps the store busy."""

FEW_CELLS = 300_000
"""Rows of an hour up to which all its minutes are sealed by one insert: each insert costs a tenth of a second of its
own, and a quiet day has as many minutes as a busy one."""

MOST_UNCOUNTED_DAYS = 7
"""Days whose integers one round makes up for, after an upgrade."""

MOST_UNLEVELLED_DAYS = 1
"""The same for the levels of a day, which cost seconds."""

LOOK_BACK = timedelta(days=4)
"""No day is open for longer; older spans are `close_days`'s."""


class Tier(NamedTuple):
    """One of the sealed tiers."""

    name: str
    seconds: int
    inserts: tuple[str, ...]
    """Queries that make its rows."""
    most: int
    """Spans sealed by one insert."""


MINUTE = Tier("minute", 60, ("seal_keys", "seal_minutes", "seal_levels"), MOST_MINUTES)
TEN = Tier("ten", 600, ("seal_tens",), 12)
HOUR = Tier("hour", 3600, ("seal_hours", "seal_counts_hour"), 4)
DAY = Tier("day", 86400, ("seal_counts_day",), 1)
_ABOVE = {"minute": TEN, "ten": HOUR, "hour": DAY}


@dataclass(frozen=True)
class SealReport:
    """What one round of sealing did."""

    minutes: int
    tens: int
    hours: int

    @property
    def is_behind(self) -> bool:
        """Whether the round was full: there may be more to seal at once."""
        return self.minutes >= MOST_MINUTES


@dataclass(frozen=True)
class CloseReport:
    """Days that were closed (their tiers are final), and days whose cells were dropped."""

    closed: tuple[date, ...]
    dropped: tuple[date, ...]


def seal(store: Store, now: datetime, database: str = LIVE) -> SealReport:
    """Seal what has ended and been touched since, a bounded number of spans of each tier up to the hour.

    Figures never depend on it, only the time a view takes: what is not sealed is read from the cells.

    Args:
        store: the worker's login suffices.
        now: aware; decides what has ended and what is quiet. The marks are dated by the server's own clock.
        database: whose counts.

    Raises:
        StoreUnavailable, StoreRefused: nothing is lost; run it again.
    """
    moment = {"since": _on_the_hour(now - LOOK_BACK), "ended": _epoch(now - SETTLE), "now": _epoch(now)}
    minutes = _starts(store, "list_dirty_minutes", database, **moment, most=MINUTE.most)
    _seal(store, MINUTE, minutes, database)
    tens = _seal_spans(store, TEN, moment["since"], moment["ended"], database)
    hours = _seal_spans(store, HOUR, moment["since"], moment["ended"], database)
    return SealReport(len(minutes), tens, hours)


def seal_days(store: Store, now: datetime) -> int:
    """Seal one of the ended days that were touched since, and make up for integers that are missing.

    To be run now and then: a day costs the merging of all its hours, and while late events trickle in it would be
    sealed again each time. Until it is, it is read from its hours.

    Args:
        store: the worker's login suffices.
        now: aware.

    Returns:
        How many days were sealed, 0 or 1.

    Raises:
        StoreUnavailable, StoreRefused: nothing is lost; run it again.
    """
    hours = _starts(store, "list_uncounted_hours", LIVE, most=24 * MOST_UNCOUNTED_DAYS)
    for first in range(0, len(hours), 24):
        store.execute(query("seal_counts_hour"), {"starts": hours[first : first + 24]})
    for day in _starts(store, "list_uncounted_days", LIVE, most=MOST_UNCOUNTED_DAYS):
        store.execute(query("seal_counts_day"), {"starts": [day]})
    for day in _starts(store, "list_unlevelled_days", LIVE, most=MOST_UNLEVELLED_DAYS):
        _seal_levels(store, day, LIVE)
    return _seal_spans(store, DAY, _on_the_hour(now - LOOK_BACK), _epoch(now - SETTLE), LIVE)


def seal_day(store: Store, day: date, database: str = LIVE) -> None:
    """Seal all tiers of a day and its schools, also what no mark asks for: the last look before its cells go.

    Hour by hour, so that memory stays bounded.

    Args:
        store: the worker's login suffices for LIVE.
        day: UTC; it should be over.
        database: whose counts.

    Raises:
        StoreUnavailable, StoreRefused: nothing is lost; run it again.
    """
    begin = _epoch(_midnight(day))
    hours = range(begin, begin + DAY.seconds, HOUR.seconds)
    for since in hours:
        span = {"since": since, "till": since + HOUR.seconds}
        unsealed = _starts(store, "list_unsealed_minutes", database, **span)
        if unsealed:
            ((cells,),) = store.execute(query("count_cells", database), span)
            _seal(store, MINUTE._replace(most=60) if cells <= FEW_CELLS else MINUTE, unsealed, database)
    for tier in (TEN, HOUR):
        while _seal_spans(store, tier, begin, begin + DAY.seconds, database):
            pass
    # A release that had no integers, or no levels, may have sealed some of these hours.
    store.execute(query("seal_counts_hour", database), {"starts": list(hours)})
    _seal_levels(store, begin, database)
    _seal(store, DAY, [begin], database)
    seal_school_day(store, day, database)


def seal_above_minutes(store: Store, day: date) -> None:
    """Make the tens, hours, integers and levels of a day again from its sealed minutes, whatever the marks say.

    Args:
        store: the worker's login suffices.
        day: UTC; closed.

    Raises:
        StoreUnavailable, StoreRefused: nothing is lost; run it again.
    """
    begin = _epoch(_midnight(day))
    for tier in (TEN, HOUR, DAY):
        _seal(store, tier, range(begin, begin + DAY.seconds, tier.seconds), LIVE)
    _seal_levels(store, begin, LIVE)


def seal_levels_again(store: Store, day: date) -> None:
    """Make the levels of a day again from its sealed minutes.

    Args:
        store: the worker's login suffices.
        day: UTC.

    Raises:
        StoreUnavailable, StoreRefused: nothing is lost; run it again.
    """
    _seal_levels(store, _epoch(_midnight(day)), LIVE)


def close_days(store: Store, now: datetime) -> CloseReport:
    """Seal and close the days that ended 47 hours ago; drop the cells of days closed for a minute.

    Cells that still come for a closed day are not read by any view or seal, and are dropped by the next round.

    Args:
        store: the worker's login suffices.
        now: aware.

    Raises:
        StoreUnavailable, StoreRefused: nothing is lost; run it again.
    """
    closed, dropped = [], []
    for day, closed_for in store.execute(query("list_cell_days")):
        if closed_for >= DROP_AFTER_SECONDS:
            for statement in queries("drop_cells"):
                store.execute(statement, {"day": day})
            dropped.append(day)
        elif closed_for < 0 and _midnight(day + timedelta(days=1)) + CLOSE_AFTER <= now:
            seal_day(store, day)
            store.execute("INSERT INTO ent.closed (day) VALUES", [(day,)])
            closed.append(day)
    return CloseReport(tuple(closed), tuple(dropped))


def _seal_spans(store: Store, tier: Tier, since: int, ended: int, database: str) -> int:
    bounds = {"seconds": tier.seconds, "since": since, "ended": ended, "most": tier.most}
    starts = _starts(store, "list_dirty_spans", database, tier=tier.name, **bounds)
    _seal(store, tier, starts, database)
    return len(starts)


def _seal(store: Store, tier: Tier, starts: Sequence[int], database: str) -> None:
    """The protocol of the module's docstring, for spans given by their starts (epoch seconds)."""
    for first in range(0, len(starts), tier.most):
        batch = list(starts[first : first + tier.most])
        ((clock,),) = store.execute(query("read_clock"))
        for insert in tier.inserts:
            store.execute(query(insert, database), {"starts": batch})
        if above := _ABOVE.get(tier.name):
            touched = {"tier": above.name, "seconds": above.seconds, "starts": batch}
            store.execute(query("touch_span", database), touched)
        store.execute(query("mark_sealed", database), {"tier": tier.name, "starts": batch, "clock": clock})


def _seal_levels(store: Store, begin: int, database: str) -> None:
    """The levels of a day that begins at `begin` (epoch seconds), hour by hour."""
    for hour in range(begin, begin + DAY.seconds, HOUR.seconds):
        minutes = list(range(hour, hour + HOUR.seconds, MINUTE.seconds))
        store.execute(query("seal_levels", database), {"starts": minutes})


def _starts(store: Store, name: str, database: str, **params: int | str) -> list[int]:
    return [start for (start,) in store.execute(query(name, database), params)]


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _epoch(instant: datetime) -> int:
    return int(instant.timestamp())


def _on_the_hour(instant: datetime) -> int:
    return _epoch(instant) // HOUR.seconds * HOUR.seconds
