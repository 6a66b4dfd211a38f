"""Periods, days and counts of the tests, written short."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

from pipeline.reports.compare import Counts, Perimeter, Report, Series, compare
from pipeline.reports.day_classes import DayClasses
from pipeline.reports.periods import parse_hours, parse_period
from pipeline.reports.scope import Scope, settle
from pipeline.store.school_calendar import calendar_days

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)  # a Monday, 10:30 in Paris
CLASSES = DayClasses((day.day, day.zone, day.kind) for day in calendar_days())


def scope(period: str, reference: str, hours: str | None = None, now: datetime = NOW) -> Scope:
    return settle(parse_period(period), parse_period(reference), parse_hours(hours) if hours else None, now)


def visits(first: str, *values: int | None) -> dict[date, Counts]:
    """Days in a row from `first` on: visits, five pages each, as many visitors; None for a day that is not there."""
    begin = date.fromisoformat(first)
    return {
        begin + timedelta(days=at): Counts(5 * value, value, value)
        for at, value in enumerate(values)
        if value is not None
    }


def growth(
    asked: Scope,
    total: Series,
    by: str = "total",
    rows: Mapping[str, Series] | None = None,
    measure: str = "visits",
    comparable: bool = True,
    perimeter: Mapping[str, Perimeter] | None = None,
    clock: Mapping[str, Mapping[int, Counts]] | None = None,
    scale: int = 1,
) -> Report:
    counts: dict[str, Mapping[str, Series]] = {"total": {"": total}}
    if rows is not None:
        counts[by] = rows
    return compare(
        asked, by, measure, counts, CLASSES, comparable=comparable, perimeter=perimeter, clock=clock, scale=scale
    )
