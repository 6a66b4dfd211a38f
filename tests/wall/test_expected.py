"""What was to be expected, and the states that are never one: silent, not measured, not open yet."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from pipeline.wall.expected import (
    ByDay,
    Judgement,
    State,
    by_slope,
    expected_over,
    is_open,
    judge,
    weighted_median,
)
from pipeline.wall.places import places
from pipeline.wall.series import TOTAL, Key, Series

T = 3_600_000
"""An instant at the start of a minute, epoch seconds."""
LYON, LILLE, PARIS = ("academie", "Lyon"), ("academie", "Lille"), ("academie", "Paris")


def traffic(
    rates: Mapping[Key, int], broken: Mapping[Key, int] | None = None, since: int = 5, until: int = T
) -> Series:
    """An hour of so many hits a minute for each key, other rates over the last `since` minutes; the total is theirs."""
    rows = []
    for minute in range(T - 3600, T, 60):
        now = dict(rates) | (dict(broken or {}) if minute >= T - 60 * since else {})
        rows += [(minute, *key, hits) for key, hits in now.items()]
        rows.append((minute, *TOTAL, sum(hits for key, hits in now.items() if key[0] == "academie")))
    return Series().updated(rows, T - 3600, until, 0)


@pytest.mark.parametrize(
    ("pairs", "median"),
    [([], None), ([(3.0, 0)], None), ([(1, 1), (2, 1), (9, 1)], 2), ([(1, 1), (9, 5)], 9), ([(0, 2), (1, 3)], 1)],
)
def test_half_of_the_weight_lies_below_a_weighted_median(
    pairs: list[tuple[float, float]], median: float | None
) -> None:
    assert weighted_median(pairs) == median


def test_nobody_counts_for_more_than_the_largest_share() -> None:
    pairs = [(0.0, 60.0), (1.0, 20.0), (1.0, 20.0)]
    assert weighted_median(pairs) == 0.0
    assert weighted_median(pairs, 0.25) == 1.0


def judged(series: Series, key: Key, window: int = 300) -> Judgement:
    """With the reference that a fresh `make run` has."""
    return judge(series, by_slope(series, series, T), key, T, window, measured=True, is_busy=True, is_open=True)


def test_calm_traffic_is_as_expected() -> None:
    found = judged(traffic({LYON: 100, LILLE: 100, PARIS: 100}), LYON)
    assert found.state is State.NORMAL
    assert found.ratio == pytest.approx(1.0)


def test_an_outage_of_two_thirds_of_the_country_does_not_make_the_healthy_look_high() -> None:
    rates = {LYON: 100, LILLE: 100, PARIS: 100}
    platforms = {("plateforme", name): 100 for name in ("A", "B", "C")}
    broken = {LYON: 0, LILLE: 0, ("plateforme", "A"): 0, ("plateforme", "B"): 0}
    series = traffic(rates | platforms, broken)
    assert judged(series, PARIS).state in (State.NORMAL, State.HIGHER, State.HIGH)  # at worst twice, never a peak
    assert judged(series, LYON).state is State.SILENT
    assert judged(series, LYON).ratio == 0


def test_a_rise_of_the_whole_country_is_nobodys_alarm() -> None:
    keys = {LYON: 100, LILLE: 100, PARIS: 100}
    doubled = dict.fromkeys(keys, 200)
    assert judged(traffic(keys, doubled), LYON).state is State.NORMAL


@pytest.mark.parametrize(
    ("hits", "state"),
    [(0, State.SILENT), (20, State.FALL), (50, State.LOW), (70, State.LOWER), (100, State.NORMAL),
     (140, State.HIGHER), (200, State.HIGH), (300, State.PEAK)],
)  # fmt: skip
def test_a_value_has_the_state_of_its_ratio(hits: int, state: State) -> None:
    others = {("academie", name): 1000 for name in ("Lille", "Paris", "Nantes", "Nice", "Dijon")}
    assert judged(traffic({LYON: 1000, **others}, {LYON: hits * 10}), LYON).state is state


def test_a_difference_within_the_noise_of_a_small_count_is_neither_news_nor_called_normal() -> None:
    others = {("academie", name): 100 for name in ("Lille", "Paris", "Nantes", "Nice", "Dijon")}
    assert judged(traffic({LYON: 100, **others}, {LYON: 70}), LYON) == Judgement(State.UNJUDGED, 0.7)
    assert judged(traffic({LYON: 100, **others}, {LYON: 90}), LYON) == Judgement(State.NORMAL, 0.9)
    assert judged(traffic({LYON: 100, **others}, {LYON: 50}), LYON) == Judgement(State.LOW, 0.5)


def test_an_outage_shows_in_a_long_window_while_it_is_young() -> None:
    others = {("academie", name): 100 for name in ("Lille", "Paris", "Nantes", "Nice", "Dijon")}
    assert judged(traffic({LYON: 100, **others}, {LYON: 0}, since=3), LYON, window=3600).state is State.SILENT


def test_silent_not_measured_and_not_open_are_three_states() -> None:
    series = traffic({LILLE: 100, PARIS: 100})
    week_before = Series().updated([(T - 604800 - 60 * n, *LYON, 3) for n in range(61)], 0, T, 0)
    last_week = ByDay("même heure", week_before, 604800)
    nothing = ByDay("même heure", Series(), 604800)

    def state(reference: ByDay, *, measured: bool, is_open: bool, is_busy: bool = True) -> State:
        return judge(series, reference, LYON, T, 300, measured=measured, is_busy=is_busy, is_open=is_open).state

    assert state(last_week, measured=True, is_open=True) is State.SILENT
    assert state(nothing, measured=True, is_open=True) is State.SILENT  # for so long that nothing is expected any more
    assert state(nothing, measured=True, is_open=True, is_busy=False) is State.UNJUDGED
    assert state(nothing, measured=False, is_open=True) is State.ABSENT
    assert state(nothing, measured=True, is_open=False) is State.CLOSED
    assert state(nothing, measured=False, is_open=False) is State.CLOSED


def test_a_few_pages_are_not_judged() -> None:
    assert judged(traffic({LYON: 1, LILLE: 100, PARIS: 100}), LYON).state is State.UNJUDGED


def test_a_comparable_day_is_read_at_the_same_minute() -> None:
    past = Series().updated([(T - 86400 - 60, *TOTAL, 30), (T - 86400 - 120, *TOTAL, 90)], 0, T, 0)
    reference = ByDay("hier", past, 86400)
    assert expected_over(reference, TOTAL, T - 120, T) == 120
    assert expected_over(reference, TOTAL, T - 90, T) == 75
    assert expected_over(None, TOTAL, T - 90, T) is None


def test_there_is_no_reference_before_there_are_two_minutes_of_traffic() -> None:
    rows = [(T - 60 * n, *TOTAL, 100) for n in range(1, 4)]
    young = Series().updated(rows, T - 300, T, 0)
    assert by_slope(young, young, T) is None


@pytest.mark.parametrize(
    ("name", "moment", "open_"),
    [
        ("Paris", datetime(2026, 9, 1, 4, 59, tzinfo=UTC), False),  # 6:59
        ("Paris", datetime(2026, 9, 1, 5, 0, tzinfo=UTC), True),
        ("Paris", datetime(2026, 9, 1, 20, 0, tzinfo=UTC), False),  # 22:00
        ("Martinique", datetime(2026, 9, 1, 6, 30, tzinfo=UTC), False),  # 2:30 there
        ("Mayotte", datetime(2026, 9, 1, 5, 0, tzinfo=UTC), True),
        ("Paris", datetime(2026, 9, 6, 9, 0, tzinfo=UTC), False),  # Sunday
    ],
)
def test_traffic_is_to_be_expected_by_day_and_by_the_clock_of_the_place(
    name: str, moment: datetime, open_: bool
) -> None:
    assert is_open(places()[name], moment, {}) is open_


def test_a_zone_on_holiday_is_not_open_and_the_country_is_while_one_zone_is() -> None:
    moment = datetime(2026, 9, 1, 9, 0, tzinfo=UTC)
    assert not is_open(places()["Lyon"], moment, {"A": "Vacances"})
    assert is_open(places()["Lille"], moment, {"A": "Vacances"})
    assert is_open(None, moment, {"A": "Vacances"})
    assert not is_open(None, moment, {"A": "Vacances", "B": "Vacances", "C": "Vacances"})
