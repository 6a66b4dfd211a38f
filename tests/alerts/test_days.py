"""Which past days a day is held against, by its own calendar and clock."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from pipeline.alerts.days import Calendar, comparable, growth, local_day, smoothing, usual, utc_offset, week
from pipeline.alerts.sample import ALONE
from pipeline.store.school_calendar import calendar_days


@pytest.fixture(scope="module")
def calendar() -> Calendar:
    return Calendar((row.day, row.zone, row.kind) for row in calendar_days())


@pytest.fixture(scope="module")
def measured() -> set[date]:
    return {date(2024, 6, 1) + timedelta(days=number) for number in range(700)}


def test_a_school_day_is_held_against_the_eight_school_days_before_it(calendar: Calendar, measured: set[date]) -> None:
    assert comparable(calendar, date(2025, 10, 14), "Lyon", measured, {}) == [
        date(2025, 10, 13), date(2025, 10, 10), date(2025, 10, 9), date(2025, 10, 7),
        date(2025, 10, 6), date(2025, 10, 3), date(2025, 10, 2), date(2025, 9, 30),
    ]  # fmt: skip


def test_a_wednesday_is_held_against_six_wednesdays_without_the_rentree(
    calendar: Calendar, measured: set[date]
) -> None:
    assert comparable(calendar, date(2025, 10, 15), "Lyon", measured, {}) == [
        date(2025, 10, 8), date(2025, 10, 1), date(2025, 9, 24), date(2025, 9, 17), date(2025, 9, 10),
    ]  # fmt: skip


def test_holidays_are_those_of_the_academies_own_zone(calendar: Calendar) -> None:
    # 12 February 2025: the winter holidays of zone B alone.
    day = date(2025, 2, 12)
    assert [calendar.day_class(day, name) for name in ("Lille", "Lyon", "Paris")] == [
        "vacances",
        "mercredi",
        "mercredi",
    ]
    groups = calendar.groups(day)
    assert groups["Lyon"] == groups["Paris"] != groups["Lille"]
    assert groups["Corse"] == groups["La Réunion"] == groups["Nouvelle-Calédonie"] == ALONE


def test_weekends_in_the_holidays_are_a_class_of_their_own(calendar: Calendar) -> None:
    assert calendar.day_class(date(2025, 2, 15), "Lille") == "vacances-we"


def test_overseas_is_known_by_weekday_and_public_holiday(calendar: Calendar) -> None:
    assert calendar.day_class(date(2025, 2, 12), "La Réunion") == "mercredi"
    assert calendar.day_class(date(2025, 7, 14), "La Réunion") == "ferie"


def test_the_rentree_counts_school_days_after_the_summer_only(calendar: Calendar) -> None:
    ranks = {day: calendar.rentree_rank(date(2025, 9, day), "Lyon") for day in range(1, 10)}
    assert ranks == {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 0, 7: 0, 8: 0, 9: 0}
    assert calendar.rentree_rank(date(2025, 11, 3), "Lyon") == 0
    assert calendar.is_rentree(date(2025, 9, 1))
    assert not calendar.is_rentree(date(2025, 8, 31))


def test_a_rentree_is_held_against_the_same_school_day_of_the_year_before(
    calendar: Calendar, measured: set[date]
) -> None:
    assert comparable(calendar, date(2025, 9, 1), "Lyon", measured, {}) == [date(2024, 9, 2)]
    assert comparable(calendar, date(2025, 9, 2), "Lyon", measured, {}) == [date(2024, 9, 3)]
    assert comparable(calendar, date(2025, 9, 1), "Lyon", set(), {}) == []


def test_after_the_rentree_its_days_are_no_reference(calendar: Calendar, measured: set[date]) -> None:
    assert comparable(calendar, date(2025, 9, 9), "Lyon", measured, {}) == [date(2025, 9, 8)]


def test_where_no_calendar_is_known_days_of_holidays_are_told_by_their_pages(
    calendar: Calendar, measured: set[date]
) -> None:
    away = {date(2025, 10, 20) + timedelta(days=number) for number in range(14)}
    pages = {day: 3_000.0 if day in away else 20_000.0 for day in measured}
    assert comparable(calendar, date(2025, 11, 4), "Corse", measured, pages) == [
        date(2025, 11, 3), date(2025, 10, 17), date(2025, 10, 16), date(2025, 10, 14),
        date(2025, 10, 13), date(2025, 10, 10), date(2025, 10, 9), date(2025, 10, 7),
    ]  # fmt: skip
    # No school day to be had: the summer is held against the summer.
    assert len(comparable(calendar, date(2025, 8, 29), "Corse", measured, dict.fromkeys(measured, 3_000.0))) == 8


def test_just_after_a_summer_that_nobody_told_the_days_of_summer_are_no_reference(
    calendar: Calendar, measured: set[date]
) -> None:
    pages = {day: 3_000.0 if day < date(2025, 9, 1) else 20_000.0 for day in measured}
    # All Wednesdays before it but one are of the summer: too few to judge by, and better than those.
    assert comparable(calendar, date(2025, 9, 10), "Guyane", measured, pages) == [date(2025, 9, 3)]


def test_shares_are_compared_over_days_that_are_all_of_school_or_all_of_holidays(calendar: Calendar) -> None:
    # The autumn holidays of 2025 went from 18 October to 2 November.
    after = week(calendar, date(2025, 11, 4), date(2025, 11, 5), "Lyon")
    assert after == [
        date(2025, 11, 4), date(2025, 11, 3),
        date(2025, 10, 17), date(2025, 10, 16), date(2025, 10, 15), date(2025, 10, 14), date(2025, 10, 13),
    ]  # fmt: skip
    assert week(calendar, date(2025, 10, 21), date(2025, 10, 22), "Lyon")[:4] == [
        date(2025, 10, day) for day in (21, 20, 19, 18)
    ]


def test_days_that_were_not_measured_are_no_reference(calendar: Calendar) -> None:
    assert comparable(calendar, date(2025, 10, 14), "Lyon", {date(2025, 10, 9), date(2025, 10, 12)}, {}) == [
        date(2025, 10, 9)
    ]


def test_the_day_of_noumea_begins_eleven_hours_before_that_of_greenwich() -> None:
    late_evening = 1_788_213_600  # 2026-08-31 22:00 UTC
    assert utc_offset("Nouvelle-Calédonie", late_evening) == 11 * 3600
    assert local_day("Nouvelle-Calédonie", late_evening) == date(2026, 9, 1)
    assert (local_day("Lyon", late_evening), local_day("Martinique", late_evening)) == (
        date(2026, 9, 1),
        date(2026, 8, 31),
    )
    assert utc_offset("Lyon", late_evening) == 7200


@pytest.mark.parametrize(
    ("values", "mean"),
    [
        ([100, 0, 104, 96, 0, 100, 0, 0], 100),  # four outages of eight days
        ([90, 110, 100, 80, 120], 100),
        ([50, 100, 0, 102], 101),
        ([100, 100, 100, 700], 100),
        ([7], 7),
        ([0, 0, 0, 1], 0),
    ],
)
def test_up_to_half_of_the_days_may_have_been_outages(values: list[float], mean: float) -> None:
    assert usual(np.array([values, values], dtype=float), axis=1).tolist() == [mean, mean]


@pytest.mark.parametrize(("level", "minutes"), [(61, 3), (60, 11), (6.1, 11), (6, 31), (0, 31)])
def test_small_leaves_are_smoothed_over_longer(level: float, minutes: int) -> None:
    assert smoothing(level) == minutes


def test_a_past_day_is_scaled_to_the_share_the_leaf_has_now() -> None:
    assert growth(2_000_000, 10_000_000, 1_000_000, 10_000_000) == pytest.approx(2.0, rel=1e-3)
    assert growth(1_100_000, 20_000_000, 1_000_000, 20_000_000) == pytest.approx(1.1, rel=1e-3)
    assert growth(500_000, 5_000_000, 1_000_000, 10_000_000) == pytest.approx(1.0, rel=1e-3)


def test_a_leaf_of_a_few_hits_is_not_scaled_by_chance() -> None:
    assert growth(12, 10_000_000, 4, 10_000_000) == pytest.approx(512 / 504)


def test_growth_is_bounded_and_one_where_nothing_is_known() -> None:
    assert growth(9_000_000, 10_000_000, 1_000_000, 10_000_000) == 6.0
    assert growth(1, 0, 1, 0) == 1.0
