"""Asks the store what the reports compute with. Reads `bi` only."""

from __future__ import annotations

from datetime import date
from typing import Any

from pipeline.errors import UserError
from pipeline.reports.compare import Counts, Perimeter, Report, Schools, Series, compare
from pipeline.reports.day_classes import DayClasses
from pipeline.reports.labels import TERRITORIES
from pipeline.reports.periods import Period
from pipeline.reports.scope import Scope
from pipeline.store.client import Store
from pipeline.store.sql import query

_OWN_SCHOOLS = (*TERRITORIES, "projet", "plateforme", "exploitant")
"""Kinds whose keys have schools of their own."""


def read_growth(store: Store, scope: Scope, by: str, measure: str, *, comparable: bool, scale: int) -> Report:
    """Read the two periods and compare them.

    Raises:
        UserError: nothing is measured in either.
        StoreUnavailable, StoreRefused: as every call.
    """
    counts = read_counts(store, scope, by)
    if not counts.get("total"):
        raise UserError(
            f"Nothing is measured from {scope.period.first} to {scope.period.last}, nor from "
            f"{scope.reference.first} to {scope.reference.last}: load these days with `instant-t replay --history`."
        )
    perimeter = {kind: read_perimeter(store, scope, kind) for kind in {"total", by}}
    classes = DayClasses(_calendar(store, scope))
    known = {kind: found for kind, found in perimeter.items() if found is not None}
    return compare(
        scope,
        by,
        measure,
        counts,
        classes,
        comparable=comparable,
        perimeter=known,
        clock=read_clock(store, scope),
        scale=scale,
    )


def read_month(store: Store, month: Period) -> dict[date, int]:
    """Visits of the country on each measured day.

    Raises:
        UserError: not a day of the month is measured.
        StoreUnavailable, StoreRefused: as every call.
    """
    visits = dict(store.execute(query("report_month"), _span(month.first, month.last)))
    if not visits:
        raise UserError(f"No day of {month.first:%Y-%m} is measured: load them with `instant-t replay --history`.")
    return visits


def read_counts(store: Store, scope: Scope, by: str) -> dict[str, dict[str, dict[date, Counts]]]:
    """Kind (`total` and `by`) → key → day → counts."""
    if scope.by_hour:
        rows = store.execute(query("report_hours"), _hours(scope) | {"kind": by})
    else:
        rows = store.execute(query("report_days"), _days(scope) | {"kind": by})
    found: dict[str, dict[str, dict[date, Counts]]] = {}
    for kind, key, day, *figures in rows:
        found.setdefault(kind, {}).setdefault(key, {})[day] = Counts(*figures)
    return found


def read_clock(store: Store, scope: Scope) -> dict[str, dict[int, Counts]] | None:
    """Side → hour of Paris → counts of the country; None unless both sides are a single day."""
    if len(scope.period.days) > 1 or len(scope.reference.days) > 1:
        return None
    found: dict[str, dict[int, Counts]] = {"period": {}, "reference": {}}
    for in_period, in_reference, hour, *figures in store.execute(query("report_clock"), _hours(scope)):
        for side, belongs in (("period", in_period), ("reference", in_reference)):
            if belongs and scope.hours.start <= hour < scope.hours.end:
                found[side][hour] = Counts(*figures)
    return found


def read_perimeter(store: Store, scope: Scope, kind: str) -> Perimeter | None:
    """The schools behind a kind; None where no school was measured on a side.

    Like-for-like figures are those of whole UTC days: none where hours are compared.
    """
    params = _days(scope) | {"kind": kind}
    schools = {
        key: Schools(both, entered, left, bool(hidden))
        for key, both, entered, left, hidden in store.execute(query("report_schools"), params)
    }
    if not any(s.both or s.entered for s in schools.values()) or not any(s.both or s.left for s in schools.values()):
        return None
    same: dict[str, dict[date, Counts]] = {}
    if not scope.by_hour:
        for key, day, hits, visits in store.execute(query("report_same_schools"), params):
            same.setdefault(key, {})[day] = Counts(hits, visits, 0)
    series: dict[str, Series] = dict(same)
    days = frozenset(day for found in same.values() for day in found)
    return Perimeter(schools, series, days, national=kind not in _OWN_SCHOOLS)


def _calendar(store: Store, scope: Scope) -> list[tuple[date, str, str]]:
    first = min(scope.period.first, scope.reference.first)
    last = max(scope.period.last, scope.reference.last)
    return [(day, zone, kind) for day, zone, kind in store.execute(query("report_calendar"), _span(first, last))]


def _span(first: date, last: date) -> dict[str, Any]:
    return {"first": first, "last": last}


def _days(scope: Scope) -> dict[str, Any]:
    return {
        **_span(scope.period.first, scope.period.last),
        "reference_first": scope.reference.first,
        "reference_last": scope.reference.last,
    }


def _hours(scope: Scope) -> dict[str, Any]:
    params: dict[str, Any] = {"from_hour": scope.hours.start, "to_hour": scope.hours.end}
    for prefix, side in (("", scope.period), ("reference_", scope.reference)):
        whole = Period(side.first, side.last)
        for name, (start, end) in (("", side.bounds()), ("day_", whole.bounds())):
            params[f"{prefix}{name}start"] = f"{start:%Y-%m-%d %H:%M:%S}"
            params[f"{prefix}{name}end"] = f"{end:%Y-%m-%d %H:%M:%S}"
    return params
