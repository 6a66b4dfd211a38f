"""Parts that the server set aside as broken when it started: what they held is made again from what is left.

A part is broken when its files were damaged: a disk that was full or is dying, a machine that lost its power. The
server goes on without its rows, and names it in `system.detached_parts`. Of an open day, every sealed tier can be made
again from the one below it, down to the cells: its spans are marked as touched, so that the views read from below at
once and the sealer writes the rows again. Of a closed day, whose cells are gone, what lies above the minutes can.

Cells and events of schools come from Kafka alone. A day that has lost some of them is left as it is, since its sealed
rows may hold more than the cells that are left, until its events have been read again (deploy/runbook.md).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import NamedTuple

from pipeline.store.client import Store
from pipeline.store.sealing import DAY, HOUR, TEN, Tier, seal_above_minutes, seal_levels_again
from pipeline.store.sql import LIVE, query

HOT = ("cells", "school_events")
"""Made from nothing but the events."""

PASSING = ("progress", "detector", "school_marks", "reference_days")
"""Written again by itself, at once or when it is next needed: an hour of schools that has lost its mark is read from
its events; the references of a day that is not said to have any are made again."""

Remedy = Callable[[Store, date], object]


class BrokenPart(NamedTuple):
    """A part that the server has set aside, as `system.detached_parts` names it."""

    database: str
    table: str
    name: str
    day: date | None
    """Of its rows (UTC); None where the table is not cut into days."""

    def __str__(self) -> str:
        return f"{self.database}.{self.table} ({self.name})"


class MendReport(NamedTuple):
    """What became of the parts that nobody had looked into."""

    mended: tuple[BrokenPart, ...] = ()
    """What they held is being made again, or is not needed any more."""
    lost: tuple[BrokenPart, ...] = ()
    """What they held cannot be made from what is left: a person is needed."""


def mend(store: Store) -> MendReport:
    """Look into the parts set aside since the last look; where there are none, it costs a listing of folders.

    Any number of workers may do it at a time, and a crash at any point leaves it to be done again.

    Args:
        store: the worker's login suffices.

    Raises:
        StoreUnavailable, StoreRefused: nothing is lost; run it again.
    """
    found = [
        BrokenPart(database, table, name, _day(digits))
        for database, table, name, digits in store.execute(query("list_broken_parts"))
    ]
    if not found:
        return MendReport()
    closed = {day for (day,) in store.execute("SELECT DISTINCT day FROM ent.closed")}
    without_cells = {part.day for part in found if part.database == LIVE and part.table in HOT} - closed
    mended, lost = [], []
    done: set[tuple[str, date | None]] = set()
    for part in found:
        remedies = {} if part.database != LIVE else _CLOSED if part.day in closed else _OPEN
        remedy = remedies.get(part.table)
        if (remedy is None and part.table not in PASSING) or part.day in without_cells:
            lost.append(part)
            continue
        if remedy is not None and part.day is not None and (part.table, part.day) not in done:
            remedy(store, part.day)
            done.add((part.table, part.day))
        mended.append(part)
    rows = [(*part[:3], part in mended) for part in found]
    store.execute("INSERT INTO ent.broken_parts (database, table, part, mended) VALUES", rows)
    return MendReport(tuple(mended), tuple(lost))


def _day(digits: str) -> date | None:
    return datetime.strptime(digits, "%Y%m%d").replace(tzinfo=UTC).date() if digits else None


def _run(name: str) -> Remedy:
    return lambda store, day: store.execute(query(name), {"day": day})


def _touch(tier: Tier) -> Remedy:
    params = {"tier": tier.name, "seconds": tier.seconds}
    return lambda store, day: store.execute(query("touch_day_spans"), params | {"day": day})


def _nothing(store: Store, day: date) -> None:
    """Cells and events of closed days are not read any more."""


_OPEN: dict[str, Remedy] = {
    "minutes": _run("touch_day_minutes"),
    "keys_minute": _run("touch_day_minutes"),
    "marks": _run("touch_day_minutes"),
    "keys_ten": _touch(TEN),
    "keys_hour": _touch(HOUR),
    "counts_hour": _touch(HOUR),
    "counts_day": _touch(DAY),
    "school_hours": _run("touch_day_hours_once"),
    "levels": seal_levels_again,
    "references": _run("forget_references"),
}
_CLOSED: dict[str, Remedy] = {
    **dict.fromkeys(HOT, _nothing),
    **dict.fromkeys(("keys_ten", "keys_hour", "counts_hour", "counts_day", "levels"), seal_above_minutes),
    "marks": _run("restore_marks"),
    "references": _run("forget_references"),
}
