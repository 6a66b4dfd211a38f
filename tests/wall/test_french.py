"""Numbers and instants as a French reader writes them."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from pipeline.wall import french


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [(0, 0, "0"), (999, 0, "999"), (1234, 0, "1\u202f234"), (1234567.4, 0, "1\u202f234\u202f567"), (0.64, 1, "0,6")],
)
def test_thousands_stand_apart_by_a_narrow_no_break_space(value: float, decimals: int, text: str) -> None:
    assert french.number(value, decimals) == text


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
