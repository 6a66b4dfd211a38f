"""Numbers, days and names as a French reader writes them. Narrow no-break spaces are U+202F, a minus is U+2212."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from pipeline import french


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (940, "940"), (999.4, "999"), (999.6, "1,0\u202fk"), (12_340, "12,3\u202fk"), (123_400, "123\u202fk"),
     (1_234_000, "1,2\u202fM")],
)  # fmt: skip
def test_a_tile_has_room_for_four_signs(value: float, text: str) -> None:
    assert french.short(value) == text


@pytest.mark.parametrize(
    ("ratio", "text"),
    [(1.0, "="), (1.004, "="), (1.12, "+12\u202f%"), (0.96, "−4\u202f%"), (0.0, "−100\u202f%"), (12.0, "×\u202f12")],
)
def test_a_change_has_its_sign(ratio: float, text: str) -> None:
    assert french.change(ratio) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.6, "0,6\u202fs"), (45, "45\u202fs"), (119, "119\u202fs"), (720, "12\u202fmin"), (3 * 3600, "3\u202fh"),
     (172_800, "2\u202fj")],
)  # fmt: skip
def test_a_duration_has_the_unit_that_suits_it(seconds: float, text: str) -> None:
    assert french.duration(seconds) == text


def test_instants_are_those_of_paris() -> None:
    assert french.clock(datetime(2026, 9, 1, 6, 14, 10, tzinfo=UTC)) == "08:14:10"
    assert french.clock(datetime(2026, 12, 1, 6, 14, 10, tzinfo=UTC), seconds=False) == "07:14"
    assert french.moment_words(datetime(2026, 8, 31, 22, 0, tzinfo=UTC)) == "mardi 1er septembre 2026, 00:00:00"
    assert french.day(date(2026, 5, 2)) == "samedi 2 mai 2026"


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (0, 0, "0"), (999, 0, "999"), (1_234_567, 0, "1\u202f234\u202f567"), (1234.56, 1, "1\u202f234,6"),
        (-1234, 0, "\u22121\u202f234"), (-0.04, 1, "0,0"), (0.5, 0, "0"), (1.5, 0, "2"),
    ],
)  # fmt: skip
def test_numbers_have_narrow_spaces_a_comma_and_a_true_minus(value: float, digits: int, text: str) -> None:
    assert french.number(value, digits) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(50.3, "+50,3\u202f%"), (-3, "\u22123,0\u202f%"), (0, "0,0\u202f%"), (-0.01, "0,0\u202f%"),
     (1234.56, "+1\u202f234,6\u202f%")],
)  # fmt: skip
def test_growth_has_a_sign_unless_it_is_nothing(value: float, text: str) -> None:
    assert french.growth(value) == text


def test_differences_have_a_sign() -> None:
    assert (french.signed(34_000), french.signed(-5), french.signed(0)) == ("+34\u202f000", "\u22125", "0")


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
    assert french.span(date.fromisoformat(first), date.fromisoformat(last)) == text


def test_of_many_days_the_first_are_named() -> None:
    days = [date(2020, 3, 30) + timedelta(days=at) for at in range(8)]
    assert french.days(days, 2) == "30 mars 2020, 31 mars 2020 et 6 autres"
    assert french.days(days[:1]) == "30 mars 2020"
    assert french.day(date(2020, 8, 1)) == "samedi 1er août 2020"


def test_zero_and_one_are_singular() -> None:
    assert (french.plural(0, "sorti"), french.plural(1, "sorti"), french.plural(1200, "sorti")) == (
        "0 sorti",
        "1 sorti",
        "1\u202f200 sortis",
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Lyon", "de Lyon"), ("Aix-Marseille", "d'Aix-Marseille"), ("Amiens", "d'Amiens"),
        ("Orléans-Tours", "d'Orléans-Tours"), ("La Réunion", "de La Réunion"), ("Normandie", "de Normandie"),
        ("Corse", "de Corse"), ("Île-de-France", "d'Île-de-France"), ("", "de "),
    ],
)  # fmt: skip
def test_the_preposition_loses_its_e_before_a_vowel(name: str, text: str) -> None:
    assert french.of(name) == text


def test_small_numbers_are_words() -> None:
    assert (french.in_words(1), french.in_words(6), french.in_words(10), french.in_words(12)) == (
        "un", "six", "dix", "12",
    )  # fmt: skip
