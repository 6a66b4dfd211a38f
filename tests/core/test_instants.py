"""Times: RFC 3339 texts and epoch milliseconds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.instants import NO_INSTANT, parse, parse_column
from tests.core import oracle, traffic

HALF_PAST_SIX = 1_788_244_200_000_000
"""2026-09-01T06:30:00Z in microseconds."""


@pytest.mark.parametrize(
    "text",
    [
        "2026-09-01T06:30:00Z",
        "2026-09-01t06:30:00z",
        "2026-09-01T06:30:00+00:00",
        "2026-09-01T06:30:00-00:00",
        "2026-09-01T08:30:00+02:00",
        "2026-09-01T02:30:00-04:00",
        "2026-09-01T10:30:00+04:00",
        "2026-09-01T12:15:00+05:45",
        "2026-09-02T06:29:00+23:59",
        "2026-08-31T06:31:00-23:59",
        "2026-09-01T06:30:00.0Z",
        "2026-09-01T06:30:00.000000000000Z",
    ],
)
def test_one_instant_has_many_spellings(text: str) -> None:
    assert parse(text) == HALF_PAST_SIX
    assert parse_column([text, text]).tolist() == [HALF_PAST_SIX] * 2


@pytest.mark.parametrize(
    ("fraction", "micros"),
    [
        (".1", 100_000),
        (".12", 120_000),
        (".123", 123_000),
        (".000001", 1),
        (".1234567", 123_456),
        (".9999999", 999_999),
        (".999999999999", 999_999),
        (".0000009", 0),
    ],
)
def test_a_fraction_is_cut_to_microseconds_never_rounded(fraction: str, micros: int) -> None:
    text = f"2026-09-01T06:30:00{fraction}Z"
    assert parse(text) == HALF_PAST_SIX + micros
    assert parse_column([text]).tolist() == [HALF_PAST_SIX + micros]


def test_a_fraction_may_have_a_thousand_digits() -> None:
    assert parse("2026-09-01T06:30:00." + "1" * 1000 + "Z") == HALF_PAST_SIX + 111_111


@pytest.mark.parametrize(
    "text",
    [
        "2024-02-29T00:00:00Z",
        "2000-02-29T00:00:00Z",
        "2026-12-31T23:59:59Z",
        "9999-12-31T23:59:59Z",
        "0001-01-01T00:00:00Z",
    ],
)
def test_the_days_of_the_calendar_are_instants(text: str) -> None:
    assert parse(text) == oracle.instant(text)
    assert parse(text) is not None


def test_golden_instants() -> None:
    assert parse("1970-01-01T00:00:00Z") == 0
    assert parse("1969-12-31T23:59:59.5Z") == -500_000
    assert parse("2000-02-29T12:00:00Z") == 951_825_600_000_000
    assert parse("0001-01-01T00:00:00Z") == -62_135_596_800_000_000
    assert parse("9999-12-31T23:59:59.999999Z") == 253_402_300_799_999_999


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Z",
        "2026-09-01",
        "2026-09-01T06:30Z",
        "2026-09-01T06:30:00",
        "2026-09-01 06:30:00Z",
        "2026-09-01_06:30:00Z",
        "20260901T063000Z",
        "2026-W36-2T06:30:00Z",
        "2026-244T06:30:00Z",
        "2026-09-01T24:00:00Z",
        "2026-09-01T25:00:00Z",
        "2026-09-01T06:60:00Z",
        "2026-09-01T06:30:60Z",
        "2016-12-31T23:59:60Z",
        "2026-02-29T06:30:00Z",
        "1900-02-29T06:30:00Z",
        "2026-04-31T06:30:00Z",
        "2026-13-01T06:30:00Z",
        "2026-00-01T06:30:00Z",
        "2026-09-00T06:30:00Z",
        "0000-01-01T00:00:00Z",
        "-2026-09-01T06:30:00Z",
        "+2026-09-01T06:30:00Z",
        "12026-09-01T06:30:00Z",
        "2026-9-1T06:30:00Z",
        "2026-09-01T06:30:00.Z",
        "2026-09-01T06:30:00,5Z",
        "2026-09-01T06:30:00.5",
        "2026-09-01T06:30:00.5 Z",
        "2026-09-01T06:30:00ZZ",
        "2026-09-01T06:30:00Z+00:00",
        "2026-09-01T06:30:00+24:00",
        "2026-09-01T06:30:00+02:60",
        "2026-09-01T06:30:00+0200",
        "2026-09-01T06:30:00+02",
        "2026-09-01T06:30:00+2:00",
        "2026-09-01T06:30:00−02:00",
        "2026-09-01T06:30:00UTC",
        "2026-09-01T06:30:00[Europe/Paris]",
        " 2026-09-01T06:30:00Z",
        "2026-09-01T06:30:00Z ",
        "2026-09-01T06:30:00Z\n",
        "2026-09-01T06:30:00\nZ",
        "２０２６-09-01T06:30:00Z",
        "2026-09-01T06:30:0٠Z",
        "2026-09-01T06:30:00Ｚ",
        "1788244200000",
        "1788244200",
        "Tue, 01 Sep 2026 06:30:00 GMT",
        "now",
        "\0",
    ],
)
def test_a_text_that_is_no_rfc_3339_time_with_an_offset_is_no_instant(text: str) -> None:
    assert parse(text) is None
    assert parse_column([text, text]).tolist() == [NO_INSTANT] * 2
    assert parse_column([text, "2026-09-01T06:30:00Z", text]).tolist() == [NO_INSTANT, HALF_PAST_SIX, NO_INSTANT]


def test_an_integer_counts_milliseconds_from_the_year_1_to_9999() -> None:
    assert parse(1_788_244_200_000) == HALF_PAST_SIX
    assert parse(0) == 0
    assert parse(-1) == -1000
    assert parse(-62_135_596_800_000) == -62_135_596_800_000_000
    assert parse(-62_135_596_800_001) is None
    assert parse(253_402_300_799_999) == 253_402_300_799_999_000
    assert parse(253_402_300_800_000) is None
    assert parse(2**63) is None
    assert parse(-(10**40)) is None


ALPHABET = "0123456789-:.TtZz+ \n٠"
near_times = st.builds(
    lambda text, at, char: text[: at % len(text)] + char + text[at % len(text) + 1 :],
    st.builds(traffic.rfc3339, traffic.moments, st.sampled_from([0, 120, -240]), st.integers(0, 9)),
    st.integers(0, 40),
    st.sampled_from(ALPHABET),
)
forms = st.tuples(st.sampled_from([0, 60, -719, 1439]), st.integers(0, 12), st.sampled_from(["TZ", "tz"]))


@given(st.lists(st.one_of(traffic.times, near_times), min_size=1, max_size=8))
def test_a_mixed_column_is_read_as_its_times_one_by_one(values: list[str | int]) -> None:
    expected = [oracle.instant(value) for value in values]
    assert [parse(value) for value in values] == expected
    assert parse_column(values).tolist() == [NO_INSTANT if each is None else each for each in expected]


@given(st.data(), forms, st.booleans())
def test_a_uniform_column_is_read_as_its_times_one_by_one(
    data: st.DataObject, form: tuple[int, int, str], spoiled: bool
) -> None:
    anywhere = st.integers(-62_135_500_000_000, 253_402_200_000_000)
    moments = data.draw(st.lists(anywhere | traffic.moments, min_size=1, max_size=8))
    values: list[str | int] = [traffic.rfc3339(moment, *form) for moment in moments]
    if spoiled:
        at = data.draw(st.integers(0, len(values) - 1))
        text = str(values[at])
        place = data.draw(st.integers(0, len(text) - 1))
        values[at] = text[:place] + data.draw(st.sampled_from(ALPHABET)) + text[place + 1 :]
    expected = [oracle.instant(value) for value in values]
    assert parse_column(values).tolist() == [NO_INSTANT if each is None else each for each in expected]
    if not spoiled:
        assert expected == [moment * 1000 if form[1] >= 3 else _cut(moment, form[1]) for moment in moments]


def _cut(moment_ms: int, digits: int) -> int:
    unit = (1000, 100, 10)[digits]
    return moment_ms // unit * unit * 1000
