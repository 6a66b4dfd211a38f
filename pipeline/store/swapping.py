"""Days loaded from files: prepared in the database `ent_staging`, swapped into `ent` table by table.

`ent_staging` holds the same tables as `ent`, filled and sealed by the same code; nothing reads it. `swap_day` then
replaces one partition of each table, and each replacement is one step for whoever reads:

1. `ent.history` says that the day is being loaded, and from what: from now on it is kept as a loaded day is;
2. `ent.closed`: no view looks for cells of the day;
3. minutes, ten minutes and hours with their sketches, where the day is young enough to have them;
4. marks, which let the views read step 3;
5. integers by hour and day, schools: after step 3, because workers fill integers that hold less than the sealed hours;
6. levels, where the day is one that later days may be compared with;
7. `ent.history` says that the day is loaded.

After a crash anywhere each table holds the old day or the new one, whole. The row of step 1 stays without that of
step 7, so that the same load run again goes through all the steps again; each of them may be repeated.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

from pipeline.store.client import Store
from pipeline.store.sql import LIVE, STAGING, query

LASTING = ("counts_hour", "counts_day", "school_hours", "school_days", "school_visitors")
"""Kept as long as the day is, or counted from when it was loaded."""
YOUNG = ("keys_minute", "keys_ten", "keys_hour", "minutes", "marks")
"""Kept for the days of the retention; the marks come last: what has none is not read."""
LEVELS = "levels"
"""Kept for as long as they may be asked for (`retention.keeps_levels`)."""

_UNDER_WAY = "loading:"
"""Before the digest of a day in `ent.history`, until all its tables are in."""


class LoadedDay(NamedTuple):
    """What `ent.history` says of a day."""

    digest: str
    is_complete: bool
    """False: a load of these events began to swap it in, and did not end."""


class TakenDays(NamedTuple):
    """What `ent` holds, by day (UTC)."""

    open: frozenset[date]
    """Days that still have cells: their figures are not final."""
    held: frozenset[date]
    """Days with figures, open ones included."""
    loaded: dict[date, LoadedDay]
    """Days that came from files."""


class StagedDay(NamedTuple):
    """A day that is ready to be sealed and swapped in."""

    day: date
    events: int
    """Distinct ones."""
    digest: str
    """Equal for the same events, whatever their order and repetitions."""


def empty_staging(store: Store, days: Iterable[date] | None = None) -> None:
    """Empty the tables of `ent_staging`: all of them, or the partitions of some days.

    Args:
        store: the admin's.
        days: UTC days; None empties everything.
    """
    tables = [table for (table,) in store.execute(query("list_staged_tables"))]
    if days is None:
        for table in tables:
            store.execute(query("empty_staged_table").format(table=table))
        return
    for day in days:
        for table in _staged_tables(store, day):
            store.execute(_dropping(STAGING, table), {"day": day})


def staged_days(store: Store) -> tuple[date, ...]:
    """Days (UTC) with cells in `ent_staging`, in order."""
    return tuple(day for (day,) in store.execute(query("list_staged_days")))


def read_staged(store: Store, day: date) -> StagedDay:
    """Count and identify the staged events of a day (UTC)."""
    begin = int(datetime.combine(day, time(), UTC).timestamp())
    digest = hashlib.sha256()
    events = 0
    for hour, count, mixed, total in store.execute(query("read_staged_day"), {"begin": begin}):
        digest.update(f"{hour} {count} {mixed} {total}\n".encode())
        events += count
    return StagedDay(day, events, digest.hexdigest())


def taken_days(store: Store) -> TakenDays:
    """What there is to collide with."""
    rows = store.execute(query("list_taken_days"))
    loaded = {
        day: LoadedDay(digest.removeprefix(_UNDER_WAY), not digest.startswith(_UNDER_WAY))
        for day, digest in store.execute(query("list_history"))
    }
    return TakenDays(frozenset(day for day, is_open in rows if is_open), frozenset(day for day, _ in rows), loaded)


def is_young(day: date, now: datetime, retention_days: int) -> bool:
    """Whether a day is kept by the minute, as `retention.drop_expired` sees it."""
    return day >= (now.astimezone(UTC) - timedelta(days=retention_days)).date()


def swap_day(store: Store, staged: StagedDay, young: bool, levels: bool = True) -> None:
    """Put a sealed day of `ent_staging` in the place of whatever `ent` holds of it; see the module's docstring.

    Args:
        store: the admin's.
        staged: the day, sealed.
        young: whether its minutes are kept (`is_young`); else `ent` has none of them afterwards.
        levels: the same of its levels (`retention.keeps_levels`).

    Raises:
        StoreUnavailable, StoreRefused: the day is half in; run the load again.
    """
    _write_history(store, staged, _UNDER_WAY)
    store.execute("INSERT INTO ent.closed (day) VALUES", [(staged.day,)])
    staged_tables = _staged_tables(store, staged.day)
    left_out = (set() if young else set(YOUNG)) | (set() if levels else {LEVELS})
    for table in (*YOUNG, *LASTING, LEVELS):
        kept = table in staged_tables and table not in left_out
        # ClickHouse refuses to replace a partition by nothing: that is a drop.
        text = query("replace_day").format(table=table) if kept else _dropping(LIVE, table)
        store.execute(text, {"day": staged.day})
    _write_history(store, staged)


def _staged_tables(store: Store, day: date) -> frozenset[str]:
    return frozenset(table for (table,) in store.execute(query("list_staged_parts"), {"day": day}))


def _dropping(database: str, table: str) -> str:
    return query("drop_table_day").format(database=database, table=table)


def _write_history(store: Store, staged: StagedDay, before: str = "") -> None:
    row = (staged.day, before + staged.digest, staged.events)
    store.execute("INSERT INTO ent.history (day, digest, events) VALUES", [row])
