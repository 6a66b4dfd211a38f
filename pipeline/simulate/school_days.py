"""What kind of day it is in a school zone: from the calendars of two libraries.

`vacances-scolaires-france` knows the holidays of the zones A, B and C to the summer of 2028, as they were planned: not
that those of April 2021 were moved to one fortnight for all zones. It knows nothing of Corse, which here keeps the
holidays of zone B, nor of overseas: there every week from September to June is taken for one of lessons, and July and
August for holidays (ours; La Réunion and Nouvelle-Calédonie really live by other years). `jours-feries-france` gives
the public holidays of the whole country, not those of Alsace-Moselle or of one territory overseas.
"""

from __future__ import annotations

from datetime import date
from functools import cache

from jours_feries_france import JoursFeries
from vacances_scolaires_france import SchoolHolidayDates

ECOLE, MERCREDI, SAMEDI, DIMANCHE, VACANCES, FERIE = range(6)
"""Kinds of days, as in `bi.calendar`: lessons all day, Wednesday, weekend, school holidays, public holiday."""
_SUMMER_MONTHS = (7, 8)
_KINDS_OF_WEEKDAYS = (ECOLE, ECOLE, MERCREDI, ECOLE, ECOLE, SAMEDI, DIMANCHE)


@cache
def kind_of(zone: str, ordinal: int) -> int:
    """The kind of one local day.

    Args:
        zone: "A", "B" or "C"; anything else is overseas.
        ordinal: The day as `date.toordinal` has it.
    """
    day = date.fromordinal(ordinal)
    if day in _public_holidays(day.year):
        return FERIE
    if _is_school_holiday(day, zone):
        return VACANCES
    return _KINDS_OF_WEEKDAYS[day.weekday()]


def _is_school_holiday(day: date, zone: str) -> bool:
    if zone not in ("A", "B", "C"):
        return day.month in _SUMMER_MONTHS
    known = _school_holidays().data.get(day)  # the library raises for years that it does not know
    return known is not None and bool(known[f"vacances_zone_{zone.lower()}"])


@cache
def _school_holidays() -> SchoolHolidayDates:
    return SchoolHolidayDates()


@cache
def _public_holidays(year: int) -> frozenset[date]:
    return frozenset(JoursFeries.for_year(year).values())
