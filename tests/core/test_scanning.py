"""The scanner takes what producers usually write, and whatever it takes it reads as `judge` does, byte for byte."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.columns import Columns, Origins, Words
from pipeline.core.event import Event, judge
from pipeline.core.fields import Fields, of_events
from pipeline.core.instants import NO_INSTANT
from pipeline.core.layouts import Layout
from pipeline.core.scanning import MOST_LAYOUTS, Scanner
from pipeline.core.values import Values
from tests.core import oracle, traffic
from tests.core.test_against_oracle import _cells, _expected_cells
from tests.core.traffic import EVENT, NOW_MS, rfc3339, value

WORDS = Words()
"""Shared by all examples: what one of them teaches the scanner, the next one meets."""

FULL: dict[str, Any] = {
    "event_id": "4d1aea3c023166b6a4d33665432bdfb1",
    "event_time": "2026-09-01T06:29:59.796Z",
    "visit_id": "664a29176388d7baeaba035090850780",
    "visitor_id": "863d1c5c60a087da01722344f904290b",
    "uai": "0750001U",
    "projet": "L'Éduc de Normandie",
    "exploitant": "Académie de Rennes",
    "plateforme": "Skolengo",
    "service": "SERVICES_VIE_SCOLAIRE",
    "type": "NATIF",
    "outil": "",
    "page": "fil-de-la-classe",
    "profil": "ENSEIGNANT",
    "device": "ordinateur",
}


def compact(event: dict[str, Any]) -> bytes:
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def spaced(event: dict[str, Any]) -> bytes:
    return json.dumps(event, ensure_ascii=False).encode()


def scanned(values: Sequence[bytes], scanner: Scanner | None = None) -> list[int]:
    """Which of the records the scanner takes; each is compared with what `judge` makes of it."""
    words = Words()
    origins = Origins()
    fields = (scanner or words.scanner).scan(Values.of(values), origins)
    if fields is None:
        return []
    fields = fields.only(fields.time_us != NO_INSTANT)
    order = np.argsort(fields.at)
    fields = Fields(*(column[order] for column in fields))  # type: ignore[arg-type]
    if not order.size:
        return []
    events = [judge(values[at]) for at in fields.at.tolist()]
    assert all(isinstance(event, Event) for event in events)
    expected = of_events(events, fields.at, words.services, words.profils, origins)  # type: ignore[arg-type]
    for name, ours, theirs in zip(Fields._fields, fields, expected, strict=True):
        known = fields.territory >= 0 if name == "school" else np.ones(order.size, bool)  # else of no meaning
        assert np.array_equal(np.asarray(ours)[known], np.asarray(theirs)[known]), name
    return [int(at) for at in fields.at]


def agree_with_the_oracle(chunk: Sequence[tuple[bytes | None, int]]) -> None:
    verdicts = [oracle.verdict(value, stamp, NOW_MS) for value, stamp in chunk]
    for _ in range(2):  # the second time with whatever layouts the first one taught
        columns = Columns(WORDS, oracle.MAX_AGE_US)
        rejects = columns.add([value for value, _ in chunk], [stamp for _, stamp in chunk], NOW_MS)
        assert [(at, str(rejected.reason)) for at, rejected in rejects] == [
            (at, verdict) for at, verdict in enumerate(verdicts) if isinstance(verdict, str)
        ]
        assert columns.tally.counted == len(chunk) - len(rejects)
        assert _cells(columns) == _expected_cells(list(chunk))


def test_it_takes_every_record_of_a_usual_producer() -> None:
    events = [
        FULL
        | {
            "event_id": f"{i:032x}",
            "service": ("NOTES", "", "Cahier_Textes", "13", "RESSOURCES_INCONNUES_DE_TOUS_PLUS_DE_TRENTE_DEUX")[i % 5],
            "profil": ("ELEVE", "1", "inconnu", "é")[i % 4],
            "projet": ("PCN", "monlycée.net", "", "€" * 21)[i % 4],
            "page": "p" * (i % 256),
            "event_time": rfc3339(NOW_MS - i * 1000, 120, i % 7),
        }
        for i in range(200)
    ]
    assert scanned([compact(event) for event in events]) == list(range(200))


@pytest.mark.parametrize("write", [compact, spaced])
@pytest.mark.parametrize(
    "event",
    [
        EVENT,
        FULL,
        FULL | {"event_time": NOW_MS},
        dict(reversed(FULL.items())),
        {"event_time": NOW_MS} | FULL,
        {name: FULL[name] for name in oracle.REQUIRED},
        FULL | {"établissement": "Lycée", "seq": 17, "ratio": -1.5e3, "test": False, "none": None},
        {"v": 1} | FULL | {"event_time": NOW_MS},
    ],
    ids=["short", "full", "integer time", "reversed", "time first", "required only", "unknown fields", "number first"],
)
def test_it_takes_any_flat_layout(event: dict[str, Any], write: Any) -> None:
    values = [write(event | {"visit_id": f"v{i:03}", "outil": "o" * (i % 64)}) for i in range(64)]
    assert scanned(values) == list(range(64))


@pytest.mark.parametrize(
    "raw",
    [
        value(page='a"b'),
        value(more={"event_id": "x"}),
        value(more=["x"]),
        value()[:-1] + b',"uai":"0750001U"}',
        value(event_time=-5),
        value(event_time=1),
        compact(FULL).replace(b"NATIF", b"NAT\\u0049F"),
    ],
    ids=["escape", "object", "array", "key twice", "time before 1970", "time of few digits", "spelt by escapes"],
)
def test_it_leaves_unusual_layouts_to_be_judged_one_by_one(raw: bytes) -> None:
    assert isinstance(judge(raw), Event)
    assert Layout.of(raw) is None
    assert scanned([raw] * 64) == []


@pytest.mark.parametrize(
    "odd",
    [
        compact(FULL | {"event_id": "é" * 64}),
        compact(FULL | {"visit_id": "x" * 65}),
        compact(FULL | {"visitor_id": ""}),
        compact(FULL | {"page": "é" * 256}),
        compact(FULL | {"page": "p" * 257}),
        compact(FULL | {"uai": "075000U"}),
        compact(FULL | {"service": "é" * 33}),
        compact(FULL | {"event_time": "2026-09-01"}),
        compact(FULL).replace(b"Normandie", b"Norm\x01ndie"),
        compact(FULL).replace(b"Normandie", b"Norm\\ndie"),
        compact(FULL).replace(b"Normandie", b"Norm\xe9ndie"),
        compact(FULL).replace(b"Normandie", b"Norm\xed\xa0\x80"),
        compact(FULL).replace(b'"type"', b'"Type"'),
        compact(FULL)[:-1],
        compact(FULL) + b" ",
        b"",
        b'"',
        b'"' * 56,
    ],
)
def test_it_takes_the_records_beside_an_odd_one_and_not_that_one(odd: bytes) -> None:
    usual = [compact(FULL | {"event_id": f"{i:032x}"}) for i in range(80)]
    assert scanned([*usual, odd, *usual]) == [*range(80), *range(81, 161)]


def test_a_character_cut_by_the_end_of_a_record_does_not_make_one_with_the_next() -> None:
    usual = [compact(FULL)] * 64
    assert scanned([*usual, compact(FULL) + b"\xc3", b"\xa9" + compact(FULL), *usual]) == [*range(64), *range(66, 130)]


def test_a_number_of_thirteen_bytes_that_are_not_digits_is_no_time() -> None:
    usual = compact(FULL | {"event_time": NOW_MS})
    for odd in (
        b"0788244200000",
        b"178824420000.",
        b"1788244200e10",
        b"-178824420000",
        b"{ }          ",
        b"1,2,3,4,5,6,7",
    ):
        agree_with_the_oracle([(usual, NOW_MS)] * 70 + [(usual.replace(b"1788244200000", odd), NOW_MS)] * 3)


def test_layouts_are_few_and_odd_ones_do_not_drive_out_the_usual_one() -> None:
    scanner = Scanner(WORDS.services, WORDS.profils)
    usual = [compact(FULL)] * 640
    scanned(usual, scanner)
    for number in range(3 * MOST_LAYOUTS):
        shuffled = list(FULL.items())
        random.Random(number).shuffle(shuffled)
        odd = compact(dict(shuffled))
        assert len(scanned([*usual, odd], scanner)) == 640  # one in so many is not worth a layout
        assert len(scanned([*usual, *[odd] * 20], scanner)) == 660
        assert len(scanner._layouts) <= MOST_LAYOUTS
    assert scanned([compact(FULL)], scanner) == [0]


def test_every_byte_of_a_record_counts() -> None:
    """Each byte of records of three layouts left out, doubled, and replaced by each byte that means something."""
    for event in (
        FULL,
        EVENT | {"event_time": NOW_MS},
        {"a": "é"} | EVENT | {"event_time": "2026-09-01T08:30:00+02:00"},
    ):
        good = compact(event)
        agree_with_the_oracle([(good, NOW_MS)] * 64)  # teaches the layout
        chunk: list[tuple[bytes | None, int]] = []
        for at in range(len(good)):
            for byte in (
                b"",
                good[at : at + 1] * 2,
                *(bytes([b]) for b in b'"\\{,:0 a\x00\x80\xa9\xc3'),
            ):
                chunk.append((good[:at] + byte + good[at + 1 :], NOW_MS))
        agree_with_the_oracle(chunk)


layouts = st.builds(
    lambda event, write, order, integer: (write, order, integer, event),
    st.sampled_from([EVENT, FULL, FULL | {"x": "y"}]),
    st.sampled_from([compact, spaced]),
    st.randoms(use_true_random=False),
    st.booleans(),
)


@st.composite
def producers(draw: st.DrawFn) -> list[tuple[bytes | None, int]]:
    """A chunk of some producers' records, each with a layout of its own, some of them damaged, among other records."""
    chunk: list[tuple[bytes | None, int]] = []
    for _ in range(draw(st.integers(1, 3))):
        write, order, integer, base = draw(layouts)
        keys = list(base)
        order.shuffle(keys)
        events = draw(st.lists(st.one_of(traffic.usual_events, traffic.events), min_size=1, max_size=4))
        for event in events:
            full = base | event
            if integer:
                full["event_time"] = draw(traffic.moments)
            raw = write({key: full[key] for key in keys if key in full})
            chunk += [(raw, NOW_MS)] * draw(st.sampled_from([1, 20, 64]))
            for _ in range(draw(st.integers(0, 3))):
                chunk.append((traffic._flip(raw, draw(st.integers(0, 400)), draw(st.integers(0, 255))), NOW_MS))
    chunk += draw(st.lists(traffic.records, max_size=4))
    order = draw(st.randoms(use_true_random=False))
    order.shuffle(chunk)
    return chunk


@settings(max_examples=40)
@given(producers())
def test_whatever_producers_send_together_is_judged_and_counted_as_one_at_a_time(
    chunk: list[tuple[bytes | None, int]],
) -> None:
    agree_with_the_oracle(chunk)
    scanned([value for value, _ in chunk if value is not None], WORDS.scanner)
