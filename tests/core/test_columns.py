"""Ages, order of reasons, and places: what `Columns.add` makes of well-formed events."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.core.cells import from_columns
from pipeline.core.columns import Columns, TooManyOriginsError, Words
from tests.core.native_reader import read_cells
from tests.core.traffic import NOW_MS, rfc3339, value

HOUR_MS = 3_600_000
MAX_AGE_MS = 46 * HOUR_MS
NOW = "2026-09-01T06:30:00"


def columns(max_age_ms: int = MAX_AGE_MS) -> Columns:
    return Columns(Words(), max_age_ms * 1000)


def reason(
    raw: bytes | None, stamp_ms: int = NOW_MS, read_ms: int = NOW_MS, max_age_ms: int = MAX_AGE_MS
) -> str | None:
    """The reason of one record, None when it is counted."""
    counted = columns(max_age_ms)
    rejects = counted.add([raw], [stamp_ms], read_ms)
    assert len(counted) == 1 - len(rejects)
    return str(rejects[0].rejected.reason) if rejects else None


def test_these_tests_stand_at_half_past_six_on_the_morning_of_a_rentree() -> None:
    assert rfc3339(NOW_MS, digits=0) == NOW + "Z"


# event_time        too_old │ counted … counted │ from_future
#              -46 h - 1 ms │ -46 h       +5 min│ +5 min + 1 ms     of the record's timestamp


def test_an_event_46_hours_before_its_record_is_counted_and_one_millisecond_more_is_too_old() -> None:
    assert reason(value(event_time=NOW_MS - MAX_AGE_MS)) is None
    assert reason(value(event_time=NOW_MS - MAX_AGE_MS - 1)) == "too_old"


def test_a_microsecond_decides_too() -> None:
    assert reason(value(event_time="2026-08-30T08:30:00.000000Z")) is None
    assert reason(value(event_time="2026-08-30T08:29:59.999999Z")) == "too_old"
    assert reason(value(event_time="2026-09-01T06:35:00.000000Z")) is None
    assert reason(value(event_time="2026-09-01T06:35:00.000001Z")) == "from_future"


def test_an_event_46_hours_before_it_is_read_is_counted_and_one_millisecond_more_is_too_old() -> None:
    old_record = NOW_MS - MAX_AGE_MS
    assert reason(value(event_time=old_record), stamp_ms=old_record) is None
    assert reason(value(event_time=old_record), stamp_ms=old_record, read_ms=NOW_MS + 1) == "too_old"


def test_a_record_stamped_ahead_of_the_reader_ages_its_event() -> None:
    assert reason(value(), stamp_ms=NOW_MS + MAX_AGE_MS) is None
    assert reason(value(), stamp_ms=NOW_MS + MAX_AGE_MS + 1) == "too_old"


def test_an_event_5_minutes_after_its_record_is_counted_and_one_millisecond_more_is_from_future() -> None:
    assert reason(value(event_time=NOW_MS + 300_000)) is None
    assert reason(value(event_time=NOW_MS + 300_001)) == "from_future"


def test_the_future_is_measured_from_the_record_not_from_the_reader() -> None:
    assert reason(value(event_time=NOW_MS), stamp_ms=NOW_MS - 300_000) is None
    assert reason(value(event_time=NOW_MS), stamp_ms=NOW_MS - 300_001) == "from_future"
    assert reason(value(event_time=NOW_MS + 300_000), read_ms=NOW_MS - HOUR_MS) is None


def test_without_a_timestamp_the_record_is_taken_as_stamped_when_it_was_read() -> None:
    assert reason(value(event_time=NOW_MS + 300_000), stamp_ms=-1) is None
    assert reason(value(event_time=NOW_MS + 300_001), stamp_ms=-1) == "from_future"
    assert reason(value(event_time=NOW_MS - MAX_AGE_MS - 1), stamp_ms=-1) == "too_old"


def test_the_maximum_age_is_a_setting() -> None:
    assert reason(value(event_time=NOW_MS - 60_000), max_age_ms=60_000) is None
    assert reason(value(event_time=NOW_MS - 60_001), max_age_ms=60_000) == "too_old"


@pytest.mark.parametrize("time", [0, -1, -62_135_596_800_000, "0001-01-01T00:00:00+23:59", "1969-12-31T23:59:59Z"])
def test_the_far_past_is_too_old(time: Any) -> None:
    assert reason(value(event_time=time)) == "too_old"


@pytest.mark.parametrize("time", [253_402_300_799_999, "9999-12-31T23:59:59-23:59", "2106-02-07T06:28:16Z"])
def test_the_far_future_is_from_future(time: Any) -> None:
    assert reason(value(event_time=time)) == "from_future"


@pytest.mark.parametrize(
    "stamp_ms",
    [NOW_MS * 1000, NOW_MS * 1_000_000, 2**62, 2**63 - 1, 9_223_372_036_854_775, 9_223_372_036_854_776],
    ids=["microseconds", "nanoseconds", "2^62", "2^63 - 1", "last that fits", "first that does not"],
)
def test_an_absurd_timestamp_far_ahead_makes_its_event_too_old(stamp_ms: int) -> None:
    # A producer that stamps its records in microseconds or nanoseconds; the broker takes any 64-bit number.
    assert reason(value(), stamp_ms=stamp_ms) == "too_old"
    assert reason(value(event_time=NOW_MS + 300_001), stamp_ms=stamp_ms) == "too_old"


def test_one_absurd_timestamp_does_not_touch_the_events_beside_it() -> None:
    counted = columns()
    rejects = counted.add([value(), value(), value()], [NOW_MS, NOW_MS * 1_000_000, NOW_MS], NOW_MS)
    assert [(at, str(rejected.reason)) for at, rejected in rejects] == [(1, "too_old")]
    assert len(counted) == 2


def test_an_event_after_the_last_second_of_the_store_is_from_future_and_never_wraps_into_the_past() -> None:
    last_ms = (2**32 - 1) * 1000  # 2106-02-07T06:28:15Z
    assert reason(value(event_time=last_ms), stamp_ms=last_ms) is None
    assert reason(value(event_time=last_ms + 1000), stamp_ms=last_ms + 1000) == "from_future"


def test_a_usual_event_of_16_384_bytes_is_counted_and_one_byte_more_is_too_large() -> None:
    assert reason(value().ljust(16_384)) is None
    assert reason(value().ljust(16_385)) == "too_large"
    assert reason(value(uai="x").ljust(16_385)) == "too_large"


def test_a_bad_uai_comes_before_a_bad_time_and_a_bad_time_before_the_ages() -> None:
    assert reason(value(uai="0750001A", event_time="?")) == "bad_uai"
    assert reason(value(uai="0750001A", event_time=0)) == "bad_uai"
    assert reason(value(event_time="2020-01-01T00:00:00")) == "bad_time"
    assert reason(value(event_time="2030-01-01T00:00:00")) == "bad_time"
    assert reason(value("service", uai="?", event_time="?")) == "missing_field"
    assert reason(value(service=7, uai="?", event_time="?")) == "wrong_type"


def test_too_old_comes_before_from_future() -> None:
    # Read 46 h late, and over 5 minutes after a record that is older still.
    event_ms = NOW_MS - MAX_AGE_MS - 1
    assert reason(value(event_time=event_ms), stamp_ms=event_ms - 300_001) == "too_old"


@pytest.mark.parametrize("usual", [True, False], ids=["usual", "beside a tombstone"])
def test_rejects_come_in_the_order_of_the_records_with_their_places(usual: bool) -> None:
    raws: list[bytes | None] = [value(uai="?"), value(), value(event_time=0), value(event_time="?"), value()]
    raws += [] if usual else [None]
    counted = columns()
    rejects = counted.add(raws, [NOW_MS] * len(raws), NOW_MS)
    expected = [(0, "bad_uai"), (2, "too_old"), (3, "bad_time")] + ([] if usual else [(5, "not_json")])
    assert [(at, str(rejected.reason)) for at, rejected in rejects] == expected
    assert len(counted) == 2


def test_each_event_is_measured_by_the_timestamp_of_its_own_record_also_beside_bad_ones() -> None:
    long_ago = NOW_MS - MAX_AGE_MS
    rejects = columns().add([None, value(), value()], [long_ago, NOW_MS, long_ago], NOW_MS)
    assert [(at, str(rejected.reason)) for at, rejected in rejects] == [(0, "not_json"), (2, "from_future")]


def test_every_error_is_a_sentence_for_the_person_who_mends_the_producer() -> None:
    rejects = columns().add(
        [value(uai="0750001A"), value(event_time=NOW), value(event_time=0), value(event_time=NOW_MS + 300_001)],
        [NOW_MS] * 4,
        NOW_MS,
    )
    assert [rejected.error for _, rejected in rejects] == [
        "uai '0750001A': the check letter of 0750001 is U",
        "event_time '2026-09-01T06:30:00' is no instant: RFC 3339 with an offset, or epoch milliseconds",
        "event_time 0 is over the maximum age before its record or its reading",
        "event_time 1788244500001 is over 5 minutes after its record's timestamp",
    ]


def test_no_records_are_no_rejects_and_nothing_counted() -> None:
    counted = columns()
    assert counted.add([], [], NOW_MS) == []
    assert len(counted) == 0


def test_columns_without_events_have_no_keys_and_no_ids() -> None:
    keys, ids = columns().take()
    assert keys.shape == (0,)
    assert ids.shape == (0, 3)


def test_an_event_falls_into_the_ten_seconds_that_hold_it() -> None:
    # 06:29:50 │ 06:30:00 ……… 06:30:09.999999 │ 06:30:10
    counted = columns()
    times = ["06:29:59.999999Z", "06:30:00Z", "06:30:09.999999Z", "06:30:10Z"]
    raws = [value(event_id=str(i), event_time=f"2026-09-01T{time}") for i, time in enumerate(times)]
    assert counted.add(raws, [NOW_MS] * 4, NOW_MS) == []
    cells = from_columns(counted)
    sizes = {key[0]: len(sets[0]) for key, sets in read_cells(cells).items()}
    assert sizes == {1_788_244_190: 1, 1_788_244_200: 2, 1_788_244_210: 1}
    assert cells.rows == 3
    assert cells.minutes == (1_788_244_140, 1_788_244_200)
    assert cells.oldest == 1_788_244_190


def test_a_cell_is_the_bucket_and_the_seven_dimensions_as_the_reference_spells_them() -> None:
    counted = columns()
    raw = value(uai="6200001g", service=" notes ", profil="eleve", projet=" pcn ", plateforme="É", exploitant="")
    assert counted.add([raw], [NOW_MS], NOW_MS) == []
    assert list(read_cells(from_columns(counted))) == [(1_788_244_200, "2A", "NOTES", "ELEVE", " pcn ", "", "É")]


@pytest.mark.parametrize(
    ("field", "other"),
    [
        ("uai", "0590123N"),
        ("service", "ABSENCES"),
        ("profil", "PARENT"),
        ("projet", "pcn"),
        ("exploitant", ""),
        ("plateforme", "skolengo"),
        ("event_time", NOW_MS + 10_000),
    ],
)
def test_another_value_of_a_dimension_is_another_cell_with_the_same_ids(field: str, other: Any) -> None:
    counted = columns()
    counted.add([value(), value(**{field: other}), value()], [NOW_MS] * 3, NOW_MS)
    cells = read_cells(from_columns(counted))
    assert len(cells) == 2
    first, second = cells.values()
    assert first == second
    assert [len(ids) for ids in first] == [1, 1, 1]


@pytest.mark.parametrize(("field", "other"), [("type", "TIERS"), ("outil", "x"), ("page", "x"), ("device", "x")])
def test_other_fields_make_no_cell_and_a_repeated_event_is_one_hit(field: str, other: str) -> None:
    counted = columns()
    counted.add([value(), value(**{field: other})], [NOW_MS] * 2, NOW_MS)
    ((hits, visits, visitors),) = read_cells(from_columns(counted)).values()
    assert (len(hits), len(visits), len(visitors)) == (1, 1, 1)
    assert counted.tally.counted == 2


def test_schools_of_one_departement_share_its_cell() -> None:
    counted = columns()
    counted.add([value(event_id="1"), value(event_id="2", uai="0750002V")], [NOW_MS] * 2, NOW_MS)
    ((hits, _, _),) = read_cells(from_columns(counted)).values()
    assert len(hits) == 2


def test_an_event_is_late_over_a_minute_after_it_happened() -> None:
    counted = columns()
    counted.add([value(event_time=NOW_MS - 60_000), value(event_time=NOW_MS - 60_001)], [NOW_MS] * 2, NOW_MS)
    assert counted.tally.late == 1
    assert counted.tally.newest_us == (NOW_MS - 60_000) * 1000


def test_the_tally_knows_familles_and_unknown_words() -> None:
    counted = columns()
    services = ["NOTES", "absences", "VISIOCONFERENCE", "99", "NON_CLASSE", ""]
    counted.add([value(service=service, profil="?") for service in services], [NOW_MS] * 6, NOW_MS)
    assert counted.tally.by_famille() == {"accueil": 1, "visio": 1, "vie_scolaire": 2, "non_classe": 2}
    assert counted.tally.unknown_services == 1
    assert counted.tally.unknown_profils == 6


def test_65_536_origins_fit_and_one_more_is_refused_with_its_whole_chunk() -> None:
    counted = columns()
    for start in range(0, 65_536, 8192):
        raws = [value(event_id=str(number), projet=str(number)) for number in range(start, start + 8192)]
        assert counted.add(raws, [NOW_MS] * 8192, NOW_MS) == []
    with pytest.raises(TooManyOriginsError):
        counted.add([value(event_id="known", projet="7"), value(projet="one more")], [NOW_MS] * 2, NOW_MS)
    assert len(counted) == counted.tally.counted == 65_536
    cells = read_cells(from_columns(counted))
    assert sorted(int(key[4]) for key in cells) == list(range(65_536))
    assert columns().add([value(projet="one more")], [NOW_MS], NOW_MS) == []
