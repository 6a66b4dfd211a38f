"""What leaves for good, in whole days: minutes and sketches after weeks, integers after 25 months.

Levels (integers too) stay for the weeks that a day is compared with, and the weeks of the rentrée for 25 months, since
a rentrée is like no other day but that of the year before.

The CNIL lets measurements of audience be kept for 25 months (its text of 4 July 2025); a small sketch still holds
hashes of persons, so sketches go with the minutes. A day that came from files may be of any age: its integers, and
its schools' sketches, are kept as long as if it had happened on the day it was loaded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from pipeline.store.client import Store
from pipeline.store.sql import LIVE, query

BY_THE_MINUTE = ("marks", "keys_hour", "keys_ten", "keys_minute", "minutes", "school_marks")
"""Counted from the day itself. The marks go first: what has no mark is not read."""

SKETCHES_OF_SCHOOLS = ("school_visitors",)
"""Kept as long as the minutes, or as if the day had been the one it was loaded on."""

LEVELS = ("levels",)
"""Counted from the day itself; see `keeps_levels`."""

REFERENCES = ("references", "reference_days")
"""Made anew for every day."""

INTEGERS = ("counts_hour", "counts_day", "school_hours", "school_days", "alerts", "deliveries", "history")
"""The row of `ent.history` goes last: while it is there, the day counts as loaded."""

LEVEL_DAYS = 45
"""Wednesdays are compared with those of six weeks back."""

RENTREE = ((8, 15), (9, 20))
"""First and last (month, day) of what is around a rentrée: La Réunion's is in the middle of August."""

RENTREE_DAYS = 761
"""25 months."""

REFERENCE_DAYS = 3

NEVER = date(2149, 6, 6)
"""The last day that a ClickHouse Date can hold."""


@dataclass(frozen=True)
class ExpiryReport:
    """Days that something was dropped of."""

    minutes: tuple[date, ...]
    """Of their minutes and sketches."""
    history: tuple[date, ...]
    """Of their integers."""
    levels: tuple[date, ...] = ()
    """Of their levels."""


def keeps_levels(day: date, today: date) -> bool:
    """Whether a later day may be compared with this one.

    Args:
        day: whose levels (UTC).
        today: UTC.
    """
    age = (today - day).days
    return age <= LEVEL_DAYS or (age <= RENTREE_DAYS and RENTREE[0] <= (day.month, day.day) <= RENTREE[1])


def drop_expired(store: Store, now: datetime, retention_days: int, history_days: int) -> ExpiryReport:
    """Drop what is past its keeping.

    Args:
        store: the worker's login suffices.
        now: aware.
        retention_days: minutes and sketches of what happened so many days before `now` are still kept.
        history_days: the same for integers by hour and day.

    Raises:
        StoreUnavailable, StoreRefused: run it again.
    """
    today = now.astimezone(UTC).date()
    first = today - timedelta(days=retention_days)
    minutes = _drop(store, BY_THE_MINUTE, first, loaded_from=NEVER)
    sketches = _drop(store, SKETCHES_OF_SCHOOLS, first, loaded_from=first)
    first = today - timedelta(days=LEVEL_DAYS)
    levels = _drop(store, LEVELS, first, NEVER, lambda day: keeps_levels(day, today))
    _drop(store, REFERENCES, today - timedelta(days=REFERENCE_DAYS), NEVER)
    first = today - timedelta(days=history_days)
    integers = _drop(store, INTEGERS, first, first)
    return ExpiryReport(tuple(sorted(minutes | sketches)), tuple(sorted(integers)), tuple(sorted(levels)))


def _drop(
    store: Store,
    tables: tuple[str, ...],
    first: date,
    loaded_from: date,
    spared: Callable[[date], bool] = lambda _: False,
) -> set[date]:
    params = {"tables": list(tables), "first": str(first), "loaded_from": str(loaded_from)}
    expired = [(table, day) for table, day in store.execute(query("list_expired"), params) if not spared(day)]
    for table, day in expired:
        store.execute(query("drop_table_day").format(database=LIVE, table=table), {"day": day})
    return {day for _, day in expired}
