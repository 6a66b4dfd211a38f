"""Periods and hours as a person types them: days, months, ISO 8601 intervals, whole hours of a day."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

PARIS = ZoneInfo("Europe/Paris")
FIRST_DAY, LAST_DAY = date(1971, 1, 1), date(2105, 1, 1)
"""ClickHouse's DateTime holds 1970 to 2106; what is asked has to fit with a day to spare."""

FORMS = (
    "write a day (2020-09-01), a month (2020-05), days with the end excluded (2020-09-01/2020-09-29), "
    "or instants on whole hours (2020-09-01T08:00+02:00/2020-09-01T12:00+02:00)"
)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_MONTH = re.compile(r"(\d{4})-(\d\d)", re.ASCII)
_HOURS = re.compile(r"(\d{1,2})(?::?h?(\d\d))?h?-(\d{1,2})(?::?h?(\d\d))?h?", re.ASCII)


@dataclass(frozen=True)
class Period:
    """Days in a row, or the stretch between two instants."""

    first: date
    """First day: a UTC day, or a day of Paris where hours are asked."""
    last: date
    """Last day, included."""
    start: datetime | None = None
    """Given as instants only: aware, UTC, on a whole hour."""
    end: datetime | None = None
    """Excluded."""

    @property
    def is_instants(self) -> bool:
        """Whether it was given as instants rather than as days."""
        return self.start is not None

    @property
    def days(self) -> tuple[date, ...]:
        """Every day it touches, in order."""
        return tuple(self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1))

    def bounds(self) -> tuple[datetime, datetime]:
        """Start and excluded end in UTC; days are those of Paris."""
        if self.start is not None and self.end is not None:
            return self.start, self.end
        return _midnight(self.first), _midnight(self.last + timedelta(days=1))

    def parts(self, hours: Hours) -> frozenset[tuple[int, int]]:
        """Which parts of a day (local hours, end excluded) it covers on its days."""
        start, end = self.bounds()
        found = set()
        for day in self.days:
            low = hours.start if start <= _midnight(day) else max(hours.start, start.astimezone(PARIS).hour)
            whole = end >= _midnight(day + timedelta(days=1))
            high = hours.end if whole else min(hours.end, end.astimezone(PARIS).hour)
            if low < high:
                found.add((low, high))
        return frozenset(found)

    def until(self, last: date) -> Period:
        """The same up to a day that is included."""
        return replace(self, last=min(self.last, last))


@dataclass(frozen=True)
class Hours:
    """A part of the day, in whole hours of Paris, end excluded."""

    start: int = 0
    end: int = 24

    @property
    def is_whole_day(self) -> bool:
        """Whether nothing of the day is left out."""
        return (self.start, self.end) == (0, 24)


WHOLE_DAY = Hours()


def parse_period(text: str) -> Period:
    """The period that `text` names.

    A day or a month alone is that day or month. An interval `A/B` holds its first day and not its last
    (`2020-09-01/2020-09-02` is one day), as the windows of every view.

    Raises:
        ValueError: it names none; the message says which forms are understood.
    """
    begin, slash, end = (part.strip() for part in text.strip().partition("/"))
    try:
        if not slash:
            return _within(_whole(begin))
        if "T" in begin or "T" in end:
            return _within(_between(_instant(begin), _instant(end)))
        first, last = _whole(begin).first, _whole(end).first - timedelta(days=1)
    except (ValueError, OverflowError) as error:
        raise ValueError(str(error) if isinstance(error, _Said) else f"{text!r} is no period: {FORMS}.") from None
    if last < first:
        raise ValueError(f"{text!r} ends before it begins, or is empty: the end of A/B is excluded; {FORMS}.")
    return _within(Period(first, last))


def parse_month(text: str) -> Period:
    """The days of a month written `2020-05`.

    Raises:
        ValueError: it is no month.
    """
    match = _MONTH.fullmatch(text.strip())
    if not match or not (1 <= int(match[2]) <= 12 and FIRST_DAY.year <= int(match[1]) < LAST_DAY.year):
        raise ValueError(f"{text!r} is no month: write 2020-05.")
    return _whole(text.strip())


def parse_hours(text: str) -> Hours:
    """A part of the day such as `07:00-12:00` or `7h-12h`, Paris time.

    Raises:
        ValueError: it is none, or cuts an hour: the figures that are kept for years are those of whole hours.
    """
    match = _HOURS.fullmatch(text.replace(" ", ""))
    if match:
        start, end = int(match[1]), int(match[3])
        if int(match[2] or 0) or int(match[4] or 0):
            raise ValueError(f"{text!r} cuts an hour, and figures are kept by whole hours: write {start:02d}:00-12:00.")
        if 0 <= start < end <= 24:
            return Hours(start, end)
    raise ValueError(f"{text!r} is no part of a day: write whole hours of Paris, such as 07:00-12:00.")


class _Said(ValueError):
    """A ValueError that already is the whole sentence."""


def _whole(text: str) -> Period:
    """A day or a month."""
    if _DAY.fullmatch(text):
        day = date.fromisoformat(text)
        return Period(day, day)
    month = _MONTH.fullmatch(text)
    if not month:
        raise ValueError(text)
    first = date(int(month[1]), int(month[2]), 1)
    return Period(first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1))


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise _Said(f"{text!r} has no offset: write 2020-09-01T08:00+02:00 or 2020-09-01T06:00Z.")
    instant = instant.astimezone(UTC)
    if instant.minute or instant.second or instant.microsecond:
        raise _Said(f"{text!r} cuts an hour, and figures are kept by whole hours: write minutes and seconds of zero.")
    return instant


def _between(start: datetime, end: datetime) -> Period:
    if end <= start:
        raise _Said("The period ends before it begins, or is empty: the end of A/B is excluded.")
    last = (end - timedelta(hours=1)).astimezone(PARIS).date()
    return Period(start.astimezone(PARIS).date(), last, start, end)


def _within(period: Period) -> Period:
    if not FIRST_DAY <= period.first <= period.last <= LAST_DAY:
        raise ValueError(f"The period is out of reach: write days from {FIRST_DAY.year} to {LAST_DAY.year - 1}.")
    return period


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), PARIS).astimezone(UTC)
