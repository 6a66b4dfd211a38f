"""What the wall asks of `bi`, and what it makes of the answers. The reader's login suffices."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from pipeline.store.client import Store
from pipeline.store.sql import statements
from pipeline.wall.address import KINDS
from pipeline.wall.alerts import Watch, from_rows


class Counts(NamedTuple):
    """One row of a view."""

    hits: int = 0
    visits: int | None = None
    """None where a crossing is not kept by visits."""
    visitors: int | None = None


@dataclass(frozen=True)
class Freshness:
    """How far the counting has come."""

    newest_arrival: float = 0.0
    """Epoch seconds; 0 before the first record."""
    age: float = 0.0
    """Seconds."""
    lag: int = 0
    """Records."""


class CalendarDay(NamedTuple):
    """One day of one school zone."""

    day: date
    zone: str
    kind: str
    holiday: str
    rentree: bool


@cache
def _query(name: str) -> str:
    (text,) = statements(files("pipeline.wall").joinpath("queries", f"{name}.sql").read_text(encoding="utf-8"))
    return text


def _with(name: str, **names: str) -> str:
    """A query with its names filled in. They are ours, from KINDS, never what a visitor wrote."""
    assert all(re.fullmatch(r"[a-z_]+|''", value) for value in names.values())
    text = _query(name)
    for placeholder, value in names.items():
        text = text.replace(f"{{{{{placeholder}}}}}", value)
    return text


def _time(epoch: float) -> str:
    return f"{datetime.fromtimestamp(epoch, UTC):%Y-%m-%d %H:%M:%S}"


def count_window(store: Store, kind: str, at: float, minutes: int) -> dict[str, Counts]:
    """Value → counts of a window; for the kind `total` the only value is ''.

    Args:
        store: a connection as the reader.
        kind: `total`, or one of KINDS.
        at: end of the window, epoch seconds.
        minutes: its length.

    Raises:
        StoreUnavailable, StoreRefused: as every call here.
    """
    names = {"key": "''", "view": "total"} if kind == "total" else {"key": kind, "view": f"by_{kind}"}
    rows = store.execute(_with("count_window", **names), {"at": _time(at), "minutes": minutes})
    return {key: Counts(hits, visits, visitors) for key, hits, visits, visitors in rows}


def count_minutes(
    store: Store, kind: str, keys: Iterable[str], since: int, until: int
) -> dict[str, list[tuple[int, str, str, int]]]:
    """Rows (minute, kind, value, hits) of each of `keys`, minutes in [since, until), epoch seconds."""
    wanted = sorted(keys)
    found: dict[str, list[tuple[int, str, str, int]]] = {key: [] for key in wanted}
    focus = "''" if kind == "total" else kind
    assert kind == "total" or kind in KINDS
    rows = store.execute(
        _with("count_minutes", focus=focus), {"since": _time(since), "until": _time(until), "keys": tuple(wanted)}
    )
    for minute, key, *row in rows:
        found[key].append((minute, *row))
    return found


def count_hours(store: Store, since: int, until: int) -> list[tuple[int, str, str, Counts]]:
    """Rows (hour, kind, value, counts) of the hours in [since, until)."""
    rows = store.execute(_query("count_hours"), {"since": _time(since), "until": _time(until)})
    return [(hour, kind, key, Counts(*counts)) for hour, kind, key, *counts in rows]


def read_freshness(store: Store) -> Freshness:
    """How far the counting has come."""
    ((newest, age, lag),) = store.execute(_query("read_freshness"))
    return Freshness(max(0.0, float(newest)), float(age), int(lag))


def read_alerts(store: Store, at: float) -> Watch:
    """Alerts and planned closures as of an instant, epoch seconds."""
    return from_rows(store.execute(_query("read_alerts"), {"at": _time(at)}))


def read_calendar(store: Store, days: Iterable[date], last: date) -> list[CalendarDay]:
    """The rows of some days, and of every rentrée up to `last`."""
    rows = store.execute(_query("read_calendar"), {"days": tuple(days), "last": last})
    return [CalendarDay(day, zone, kind, holiday, bool(rentree)) for day, zone, kind, holiday, rentree in rows]
