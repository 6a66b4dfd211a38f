"""What leaves for good, in whole days: minutes and sketches after weeks, integers after 25 months.

The CNIL lets measurements of audience be kept for 25 months (its text of 4 July 2025); a small sketch still holds
hashes of persons, so sketches go with the minutes. A day that came from files may be of any age: its integers, and
its schools' sketches, are kept as long as if it had happened on the day it was loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from pipeline.store.client import Store
from pipeline.store.sql import LIVE, query

BY_THE_MINUTE = ("marks", "keys_hour", "keys_ten", "keys_minute", "minutes", "school_marks")
"""Counted from the day itself. The marks go first: what has no mark is not read."""

SKETCHES_OF_SCHOOLS = ("school_visitors",)
"""Kept as long as the minutes, or as if the day had been the one it was loaded on."""

INTEGERS = ("counts_hour", "counts_day", "school_hours", "school_days", "history")
"""The row of `ent.history` goes last: while it is there, the day counts as loaded."""

NEVER = date(2149, 6, 6)
"""The last day that a ClickHouse Date can hold."""


@dataclass(frozen=True)
class ExpiryReport:
    """Days that something was dropped of."""

    minutes: tuple[date, ...]
    """Of their minutes and sketches."""
    history: tuple[date, ...]
    """Of their integers."""


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
    first = today - timedelta(days=history_days)
    return ExpiryReport(tuple(sorted(minutes | sketches)), tuple(sorted(_drop(store, INTEGERS, first, first))))


def _drop(store: Store, tables: tuple[str, ...], first: date, loaded_from: date) -> set[date]:
    params = {"tables": list(tables), "first": str(first), "loaded_from": str(loaded_from)}
    expired = store.execute(query("list_expired"), params)
    for table, day in expired:
        store.execute(query("drop_table_day").format(database=LIVE, table=table), {"day": day})
    return {day for _, day in expired}
