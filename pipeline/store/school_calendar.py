"""The calendar of the schools of metropolitan France: one row for each day and zone.

School holidays come from `vacances-scolaires-france` (zones A, B and C), public holidays from
`jours-feries-france`. Neither knows the school holidays of Corse and overseas: those zones have no rows here, rather
than rows that say "school" in the middle of their holidays.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import NamedTuple

from jours_feries_france import JoursFeries
from vacances_scolaires_france import SchoolHolidayDates

FIRST_DAY = date(2019, 1, 1)
ZONES = ("A", "B", "C")
_SUMMER = "Vacances d'été"
_WEDNESDAY, _SATURDAY, _SUNDAY = 3, 6, 7


class CalendarDay(NamedTuple):
    """One day of one zone."""

    day: date
    zone: str
    weekday: int
    """1 Monday … 7 Sunday."""
    kind: str
    """The first that holds of: ferie, vacances, dimanche, samedi, mercredi, ecole."""
    holiday: str
    """Name of the public holiday or of the school holidays, or ''."""
    is_school_day: int
    """1 on ecole and mercredi. Some schools also teach on Saturday mornings; they are not told apart."""
    rentree: int
    """1 on the first school day after the summer."""


def calendar_days() -> Iterator[CalendarDay]:
    """Every day from 2019-01-01 to the last one the library of school holidays covers, zone by zone."""
    school = SchoolHolidayDates()
    last_day = max(school.data)
    public = {
        day: name
        for year in range(FIRST_DAY.year, last_day.year + 1)
        for name, day in JoursFeries.for_year(year).items()
    }
    for zone in ZONES:
        after_summer = False
        for number in range((last_day - FIRST_DAY).days + 1):
            day = FIRST_DAY + timedelta(days=number)
            holidays = school.data[day]["nom_vacances"] if school.is_holiday_for_zone(day, zone) else ""
            kind = _kind(day, public=day in public, holidays=bool(holidays))
            is_school_day = kind in ("ecole", "mercredi")
            yield CalendarDay(
                day, zone, day.isoweekday(), kind, public.get(day) or holidays,
                int(is_school_day), int(is_school_day and after_summer),
            )  # fmt: skip
            after_summer = holidays == _SUMMER or (after_summer and not is_school_day)


def _kind(day: date, *, public: bool, holidays: bool) -> str:
    if public:
        return "ferie"
    if holidays:
        return "vacances"
    return {_SUNDAY: "dimanche", _SATURDAY: "samedi", _WEDNESDAY: "mercredi"}.get(day.isoweekday(), "ecole")
