"""The event table and the first four reasons: what is an event at all."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipeline.core.event import Event, judge
from pipeline.core.reasons import Reason, Rejected
from tests.core.traffic import EVENT, NOW_MS, value

IDS = ("event_id", "visit_id", "visitor_id")
REQUIRED = ("event_id", "event_time", "visit_id", "visitor_id", "uai", "service", "profil")
OPTIONAL = ("projet", "exploitant", "plateforme", "type", "outil", "page", "device")
TEXTS = ("service", "profil", *OPTIONAL)


def reason(raw: bytes | None) -> str | None:
    """The reason of a value, None for an event."""
    verdict = judge(raw)
    return str(verdict.reason) if isinstance(verdict, Rejected) else None


def test_an_event_with_every_field_keeps_every_field_as_it_was_sent() -> None:
    raw = value(type="TIERS", outil="Moodle", page="accueil", device="mobile")
    assert judge(raw) == Event(
        event_id="e-1",
        event_time=NOW_MS,
        visit_id="v-1",
        visitor_id="p-1",
        uai="0750001U",
        service="NOTES",
        profil="ELEVE",
        projet="PCN",
        exploitant="Kosmos",
        plateforme="Skolengo",
        type="TIERS",
        outil="Moodle",
        page="accueil",
        device="mobile",
    )


def test_optional_fields_are_empty_when_absent() -> None:
    event = judge(value("projet", "exploitant", "plateforme"))
    assert isinstance(event, Event)
    assert [getattr(event, name) for name in OPTIONAL] == [""] * 7


@pytest.mark.parametrize("name", REQUIRED)
def test_a_required_field_that_is_absent_is_missing_field(name: str) -> None:
    assert reason(value(name)) == "missing_field"


@pytest.mark.parametrize("name", REQUIRED + OPTIONAL)
@pytest.mark.parametrize("wrong", [None, True, 1.5, [], {}, ["a"]])
def test_null_and_another_type_are_wrong_type(name: str, wrong: Any) -> None:
    assert reason(value(**{name: wrong})) == "wrong_type"


@pytest.mark.parametrize("name", [*IDS, "uai", "service", "profil", *OPTIONAL])
def test_a_number_is_wrong_type_where_a_text_is_asked_for(name: str) -> None:
    assert reason(value(**{name: 13})) == "wrong_type"


@pytest.mark.parametrize("name", IDS)
def test_an_id_has_1_to_64_characters(name: str) -> None:
    lengths = {length: reason(value(**{name: "x" * length})) for length in (0, 1, 64, 65)}
    assert lengths == {0: "wrong_type", 1: None, 64: None, 65: "wrong_type"}


@pytest.mark.parametrize("name", [*IDS, *TEXTS])
@pytest.mark.parametrize("char", ["é", "字", "😀"])
@pytest.mark.parametrize("more", [{}, {"unknown": 1}], ids=["usual", "with an unknown field"])
def test_lengths_are_counted_in_characters_not_in_bytes(name: str, char: str, more: dict[str, Any]) -> None:
    most = 256 if name == "page" else 64
    assert reason(value(**{name: char * most}, **more)) is None
    assert reason(value(**{name: char * (most + 1)}, **more)) == "wrong_type"


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_may_be_empty_and_has_at_most_64_characters_a_page_256(name: str) -> None:
    most = 256 if name == "page" else 64
    lengths = {length: reason(value(**{name: "x" * length})) for length in (0, most, most + 1)}
    assert lengths == {0: None, most: None, most + 1: "wrong_type"}


@pytest.mark.parametrize("uai", ["", "x", "x" * 9, "x" * 65, "x" * 5000])
def test_a_uai_of_any_length_passes_the_types(uai: str) -> None:
    assert reason(value(uai=uai)) is None


@pytest.mark.parametrize("time", ["", "x" * 65, "x" * 5000, 0, -1, 10**30, -(10**30)])
def test_an_event_time_of_any_text_or_integer_passes_the_types(time: Any) -> None:
    assert reason(value(event_time=time)) is None


@pytest.mark.parametrize("number", ["1788244200000.0", "1.7882442e12", "1e3", "-0.0", "1E999", "1." + "0" * 5000])
def test_a_number_with_a_fraction_or_an_exponent_is_no_integer(number: str) -> None:
    assert reason(value().replace(str(NOW_MS).encode(), number.encode())) == "wrong_type"


def test_an_event_time_of_10_000_digits_is_an_integer_still() -> None:
    assert reason(value().replace(str(NOW_MS).encode(), b"9" * 10_000)) is None


@pytest.mark.parametrize(
    "extra",
    [
        '"x":null',
        '"":1',
        '"x":{"event_id":null}',
        '"x":1e999',
        '"x":-1e-999',
        '"x":' + "7" * 10_000,
        '"x":-' + "7" * 10_000 + ".5",
        '"x":"\\u0000"',
        '"x":"\\ud83d\\ude00"',
        '"EVENT_ID":5',
        '"x":1,"x":2',
    ],
)
def test_unknown_fields_are_ignored_whatever_they_hold(extra: str) -> None:
    assert judge(value()[:-1] + b"," + extra.encode() + b"}") == judge(value())


@pytest.mark.parametrize("more", [b"", b',"x":1'], ids=["usual", "with an unknown field"])
def test_a_repeated_key_takes_its_last_value(more: bytes) -> None:
    event = judge(value()[:-1] + more + b',"event_id":"last"}')
    assert isinstance(event, Event)
    assert event.event_id == "last"
    assert reason(value()[:-1] + more + b',"event_id":5}') == "wrong_type"
    assert reason(b'{"event_id":5,' + value()[1:-1] + more + b"}") is None


def test_escapes_stand_for_their_characters_in_names_and_in_values() -> None:
    raw = value(event_id="A\0é😀").replace("A\\u0000é😀".encode(), b"\\u0041\\u0000\\u00e9\\ud83d\\ude00")
    event = judge(raw.replace(b'"visit_id"', b'"visit\\u005fid"'))
    assert isinstance(event, Event)
    assert (event.event_id, event.visit_id) == ("A\0é😀", "v-1")


def test_white_space_of_json_around_the_object_is_allowed() -> None:
    assert judge(b" \t\r\n" + value() + b" \t\r\n") == judge(value())


@pytest.mark.parametrize(
    "raw",
    [
        None,
        b"",
        b" ",
        b"null",
        b"true",
        b"17",
        b'"text"',
        b"[]",
        b"[" + value() + b"]",
        value() + value(),
        value() + b"\n" + value(),
        value() + b"x",
        value() + b"\0",
        b"\0" + value(),
        value() + b"// comment",
        value()[:-1],
        value()[1:],
        value()[:-1] + b",}",
        b"\xef\xbb\xbf" + value(),
        value().decode().encode("utf-16"),
        value().decode().encode("utf-16-le"),
        value().decode().encode("utf-32-le"),
        b"\x0c" + value(),
        "\u00a0".encode() + value(),
        value().replace(b'"', b"'"),
        b"event_id=1",
    ],
)
def test_what_is_not_exactly_one_object_of_json_is_not_json(raw: bytes | None) -> None:
    assert reason(raw) == "not_json"


@pytest.mark.parametrize("field", [b'"event_id"', b'"ignored"'], ids=["in a field", "in an ignored field"])
@pytest.mark.parametrize(
    "bad",
    [
        b'"\xff"',
        b'"\xc0\x80"',
        b'"\xed\xa0\x80"',
        b'"\xf4\x90\x80\x80"',
        b'"\xc3"',
        b'"\\ud800"',
        b'"\\udc00"',
        b'"\\ud800\\u0041"',
        b'"\\udc00\\ud800"',
        b'"\\x41"',
        b'"\\u00g0"',
        b'"a\tb"',
        b'"a\nb"',
        b'"a\0b"',
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"nan",
        b"+1",
        b"01",
        b"-",
        b".5",
        b"1.",
        b"0x10",
        b"True",
        b"undefined",
        b"",
    ],
)
def test_a_part_that_is_not_utf_8_or_not_json_spoils_the_whole(field: bytes, bad: bytes) -> None:
    assert reason(value("event_id")[:-1] + b"," + field + b":" + bad + b"}") == "not_json"


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
@pytest.mark.parametrize("before", ["", '"escaped":"\\u0041",', '"shallow":[[],[{}]],"text":"[{",'])
def test_an_ignored_field_may_be_nested_to_512_levels_with_the_object_itself(
    opening: str, closing: str, before: str
) -> None:
    def nested(levels: int) -> bytes:
        inner = opening * (levels - 1) + "1" + closing * (levels - 1)
        return value()[:-1] + f',{before}"x":{inner}}}'.encode()

    assert reason(nested(512)) is None
    assert reason(nested(513)) == "not_json"


def test_nesting_far_beyond_the_limit_is_not_json_and_raises_nothing() -> None:
    assert reason(value()[:-1] + b',"x":' + b"[" * 16_000) == "not_json"
    assert reason(b"[" * 16_384) == "not_json"


def test_brackets_in_texts_are_no_nesting() -> None:
    assert reason(value()[:-1] + b',"x":"' + b'[{\\"' * 2000 + b'"}') is None


def test_a_value_may_have_16_384_bytes() -> None:
    padding = 16_384 - len(value()) - len(b',"x":""')
    fits = value()[:-1] + b',"x":"' + b"x" * padding + b'"}'
    assert len(fits) == 16_384
    assert reason(fits) is None
    assert reason(fits[:-1] + b" }") == "too_large"


def test_too_large_is_measured_in_bytes_and_before_anything_else() -> None:
    assert reason("é".encode() * 8_192) == "not_json"
    assert reason("é".encode() * 8_193) == "too_large"
    assert reason(b"\xff" * 16_385) == "too_large"


def test_not_json_comes_before_missing_field_and_wrong_type() -> None:
    assert reason(b'{"event_id":5') == "not_json"
    assert reason(b'{"event_id":5}') == "missing_field"


def test_missing_field_comes_before_wrong_type_and_wrong_type_before_a_bad_uai_and_a_bad_time() -> None:
    assert reason(value("profil", event_id=None, uai="?", event_time="?")) == "missing_field"
    assert reason(value(device=None, uai="?", event_time="?")) == "wrong_type"
    assert reason(value(uai="?", event_time="?")) is None


def test_an_error_names_the_field_and_quotes_no_more_than_80_characters() -> None:
    verdict = judge(value(page="p" * 300))
    assert verdict == Rejected(Reason.WRONG_TYPE, "page has 300 characters, at most 256 are taken")
    assert judge(value("uai", "profil")) == Rejected(Reason.MISSING_FIELD, "missing: uai, profil")
    assert judge(None) == Rejected(Reason.NOT_JSON, "the record has no value (a tombstone)")


def test_the_reasons_are_these_eight_in_this_order() -> None:
    assert [str(each) for each in Reason] == [
        "too_large",
        "not_json",
        "missing_field",
        "wrong_type",
        "bad_uai",
        "bad_time",
        "too_old",
        "from_future",
    ]


def test_the_good_event_of_these_tests_is_compact_json() -> None:
    assert json.loads(value()) == EVENT
