"""The shape of days: nights, Wednesdays, weekends, holidays by zone, clocks overseas, and how much a day holds."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from pipeline.simulate import day, places, school_days
from pipeline.simulate.dice import Floats
from pipeline.simulate.scenario import scenario
from pipeline.simulate.traffic import Traffic
from tests.simulate.scenes import pages, utc

PARIS = ZoneInfo("Europe/Paris")
MONDAY = utc(2026, 9, 20, 22)  # midnight in Paris


@pytest.mark.parametrize(
    ("zone", "when", "kind"),
    [
        ("A", date(2026, 9, 22), school_days.ECOLE),
        ("A", date(2026, 9, 23), school_days.MERCREDI),
        ("B", date(2026, 9, 26), school_days.SAMEDI),
        ("C", date(2026, 9, 27), school_days.DIMANCHE),
        ("A", date(2026, 2, 10), school_days.VACANCES),
        ("B", date(2026, 2, 10), school_days.ECOLE),
        ("C", date(2026, 3, 3), school_days.VACANCES),
        ("A", date(2026, 3, 3), school_days.ECOLE),
        ("B", date(2026, 5, 1), school_days.FERIE),
        ("A", date(2026, 8, 31), school_days.VACANCES),
        ("A", date(2026, 9, 1), school_days.ECOLE),
        ("", date(2026, 2, 10), school_days.ECOLE),
        ("", date(2026, 7, 15), school_days.VACANCES),
        ("A", date(2040, 2, 14), school_days.ECOLE),
    ],
)
def test_a_day_is_what_the_calendar_of_its_zone_says(zone: str, when: date, kind: int) -> None:
    assert school_days.kind_of(zone, when.toordinal()) == kind


@cache
def week() -> Counter[tuple[int, int]]:
    """Hits of a week by local day (0 Monday) and hour, of the schools on Paris time."""
    hits: Counter[tuple[int, int]] = Counter()
    for page in pages("ordinaire", MONDAY, 7 * 86_400.0, 0.06):
        if page.place.zone in ("A", "B", "C"):
            local = datetime.fromtimestamp(MONDAY.timestamp() + page.second, PARIS)
            hits[local.weekday(), local.hour] += 1
    return hits


def hits_of(weekday: int, first: int = 0, end: int = 24) -> int:
    return sum(n for (on, hour), n in week().items() if on == weekday and first <= hour < end)


def test_nights_are_nearly_empty() -> None:
    nights = sum(hits_of(weekday, 0, 5) for weekday in range(7))
    assert nights < 0.01 * sum(week().values())


def test_a_wednesday_has_its_morning_and_little_of_its_afternoon() -> None:
    assert hits_of(2, 8, 12) == pytest.approx(hits_of(1, 8, 12), rel=0.12)
    assert 0.3 < hits_of(2, 13, 17) / hits_of(1, 13, 17) < 0.75


def test_a_weekend_is_quiet_and_a_sunday_evening_less_so() -> None:
    assert hits_of(5) / hits_of(1) == pytest.approx(0.22, abs=0.05)
    assert hits_of(6) / hits_of(1) == pytest.approx(0.30, abs=0.05)
    assert hits_of(6, 17, 21) > 1.3 * hits_of(6, 8, 12)


def test_every_day_of_school_has_the_same_shape_within_the_noise() -> None:
    for weekday in (1, 3, 4):
        assert hits_of(weekday) == pytest.approx(hits_of(0), rel=0.1)


def test_a_zone_on_holiday_is_quiet_while_the_others_have_lessons() -> None:
    run = pages("ordinaire", utc(2026, 2, 10, 7), 5 * 3600.0, 0.8)  # a Tuesday, 8:00 in Paris
    zones = Counter(page.place.zone for page in run)
    term = Counter(page.place.zone for page in pages("ordinaire", utc(2026, 9, 22, 6), 5 * 3600.0, 0.8))
    assert zones["A"] / zones["B"] < 0.25 * term["A"] / term["B"]
    assert zones["C"] / zones["B"] == pytest.approx(term["C"] / term["B"], rel=0.15)


def busy(clock: str, moment: datetime) -> float:
    """Activity of the schools of a clock, all profils."""
    at: Floats = np.array([day.seconds(moment)])
    groups = [g for g, group in enumerate(day.GROUPS) if places.CLOCKS[group.clock].zone == clock]
    return float(day.activity(at)[0, groups].sum(axis=1).mean())


@pytest.mark.parametrize(
    ("clock", "morning", "night"),
    [
        ("Europe/Paris", utc(2026, 9, 22, 7), utc(2026, 9, 22, 0)),
        ("Europe/Paris", utc(2026, 11, 24, 8), utc(2026, 11, 24, 1)),
        ("America/Martinique", utc(2026, 9, 22, 13), utc(2026, 9, 22, 6)),
        ("Indian/Reunion", utc(2026, 9, 22, 5), utc(2026, 9, 22, 22)),
        ("Pacific/Noumea", utc(2026, 9, 21, 22), utc(2026, 9, 22, 15)),
    ],
)
def test_every_territory_lives_by_its_own_clock(clock: str, morning: datetime, night: datetime) -> None:
    assert busy(clock, morning) > 0.8
    assert busy(clock, night) < 0.03


def test_bells_ring_in_bursts() -> None:
    moments = [day.seconds(utc(2026, 9, 22, 6, minute)) for minute in (50, 55, 59)]  # 8:50, 8:55, 8:59 in Paris
    pupils = day.activity(np.array(moments))[:, 0, 0]
    assert pupils[1] > 1.1 * pupils[0]
    assert pupils[1] > 1.1 * pupils[2]


def test_an_ordinary_school_day_has_40_to_60_million_hits() -> None:
    run = Traffic(scenario("ordinaire"), MONDAY, 86_400, None, 7)
    assert 40e6 < run.rate * 86_400 < 60e6


def test_the_local_offset_that_some_schools_write_is_that_of_the_season() -> None:
    winter = pages("ordinaire", utc(2026, 1, 13, 8), 120.0, 20)
    written = [str(page.event["event_time"])[-6:] for page in winter]
    assert "+01:00" in written
    assert "+02:00" not in written
