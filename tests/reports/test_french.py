"""Numbers and dates as one writes them in French. Narrow no-break spaces are U+202F."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from pipeline.reports.french import day_text, days_text, number, percent, plural, signed, span_text


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (0, 0, "0"), (999, 0, "999"), (1_234_567, 0, "1\u202f234\u202f567"), (1234.56, 1, "1\u202f234,6"),
        (-1234, 0, "\u22121\u202f234"), (-0.04, 1, "0,0"), (0.5, 0, "0"), (1.5, 0, "2"),
    ],
)  # fmt: skip
def test_numbers_have_narrow_spaces_a_comma_and_a_true_minus(value: float, digits: int, text: str) -> None:
    assert number(value, digits) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(50.3, "+50,3\u202f%"), (-3, "\u22123,0\u202f%"), (0, "0,0\u202f%"), (-0.01, "0,0\u202f%"),
     (1234.56, "+1\u202f234,6\u202f%")],
)  # fmt: skip
def test_growth_has_a_sign_unless_it_is_nothing(value: float, text: str) -> None:
    assert percent(value) == text


def test_differences_have_a_sign() -> None:
    assert (signed(34_000), signed(-5), signed(0)) == ("+34\u202f000", "\u22125", "0")


@pytest.mark.parametrize(
    ("first", "last", "text"),
    [
        ("2020-09-01", "2020-09-01", "mardi 1er septembre 2020"),
        ("2020-09-01", "2020-09-28", "du 1er au 28 septembre 2020"),
        ("2020-03-17", "2020-05-11", "du 17 mars au 11 mai 2020"),
        ("2019-12-02", "2020-01-01", "du 2 décembre 2019 au 1er janvier 2020"),
    ],
)
def test_spans_say_month_and_year_once(first: str, last: str, text: str) -> None:
    assert span_text(date.fromisoformat(first), date.fromisoformat(last)) == text


def test_of_many_days_the_first_are_named() -> None:
    days = [date(2020, 3, 30) + timedelta(days=at) for at in range(8)]
    assert days_text(days, 2) == "30 mars 2020, 31 mars 2020 et 6 autres"
    assert days_text(days[:1]) == "30 mars 2020"
    assert day_text(date(2020, 8, 1), weekday=True) == "samedi 1er août 2020"


def test_zero_and_one_are_singular() -> None:
    assert (plural(0, "sorti"), plural(1, "sorti"), plural(1200, "sorti")) == (
        "0 sorti",
        "1 sorti",
        "1\u202f200 sortis",
    )
