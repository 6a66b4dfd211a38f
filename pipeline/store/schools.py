"""Schools, sealed: hours now and then, days when they are closed. Why it is so: adr-sealed-tiers.md.

The worker writes the events of schools before the marks of their minutes, so the marks cover them. An hour is sealed
as a minute is: the server's clock is read, the rows go in (absolute values, the row with the most hits wins), then
the hour is marked sealed as of that clock. What is touched later makes it dirty, and a dirty hour is read from its
events. Days have no marks: they are sealed once, when they are closed, and read from the events until then.

A hour of the whole country is millions of events: they are sealed by ranges of schools, each of bounded memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

from pipeline.store.client import Store
from pipeline.store.sql import LIVE, queries, query

SETTLE = timedelta(minutes=10)
"""An hour is sealed for the first time so long after its end: most of its late events have come by then."""

AGAIN_AFTER = timedelta(hours=6)
"""An hour that late events touched is sealed again so long after its last seal at the earliest."""

BEGUN_FOR = timedelta(minutes=15)
"""Another sealer leaves an hour alone so long after one has begun it; then that one is taken for dead."""

LOOK_BACK = timedelta(days=4)
"""No day is open for longer; older ones are closed, and final."""

SLICE_EVENTS = 1_000_000
"""Events (replayed ones included) of the schools that one insert seals, where no single school has more."""

HOUR, DAY = 3600, 86_400


def seal_schools(store: Store, now: datetime) -> int:
    """Seal the oldest hour of schools that is due.

    Figures never depend on it, only the time `bi.school_hour` takes: what is not sealed is read from the events.

    Args:
        store: the worker's login suffices.
        now: aware; decides what has ended. The marks are dated by the server's own clock.

    Returns:
        How many hours were sealed, 0 or 1.

    Raises:
        StoreUnavailable, StoreRefused: nothing is lost; run it again.
    """
    due = {
        "since": _epoch(now - LOOK_BACK) // HOUR * HOUR,
        "ended": _epoch(now - SETTLE),
        "sealed_by": _epoch(now - AGAIN_AFTER),
        "begun_by": _epoch(now - BEGUN_FOR),
    }
    hours = [hour for (hour,) in store.execute(query("list_due_school_hours"), due)]
    for hour in hours:
        ((clock,),) = store.execute(query("read_clock"))
        store.execute(query("begin_school_hour"), {"hour": hour, "clock": clock})
        _seal_hour(store, hour, LIVE)
        store.execute(query("mark_school_hour"), {"hour": hour, "clock": clock})
    return len(hours)


def seal_school_day(store: Store, day: date, database: str = LIVE) -> None:
    """Seal all of a day's schools, whatever the marks say: the last look before the events go.

    Args:
        store: the worker's login suffices for LIVE.
        day: UTC; it should be over.
        database: whose counts.

    Raises:
        StoreUnavailable, StoreRefused: nothing is lost; run it again.
    """
    begin = _epoch(datetime.combine(day, time(), UTC))
    span = {"since": begin, "till": begin + DAY}
    for (hour,) in store.execute(query("list_unsealed_school_hours", database), span):
        _seal_hour(store, hour, database)
    for first, last in _slices(store, begin, begin + DAY, database):
        for statement in queries("seal_school_days", database):
            store.execute(statement, span | {"first": first, "last": last})


def _seal_hour(store: Store, hour: int, database: str) -> None:
    for first, last in _slices(store, hour, hour + HOUR, database):
        store.execute(query("seal_school_hours", database), {"hour": hour, "first": first, "last": last})


def _slices(store: Store, since: int, till: int, database: str) -> Iterator[tuple[str, str]]:
    """Ranges of schools, both ends included, that hold all events of a span, about SLICE_EVENTS each at the most."""
    first = last = ""
    held = 0
    for uai, events in store.execute(query("list_school_slices", database), {"since": since, "till": till}):
        if first and held + events > SLICE_EVENTS:
            yield first, last
            first, held = "", 0
        first = first or uai
        last, held = uai, held + events
    if first:
        yield first, last


def _epoch(instant: datetime) -> int:
    return int(instant.timestamp())
