"""Whatever is sent is judged alike by the fast core, the slow one and the oracle; nothing raises, nothing stalls.

The short form of `make hostile`.
"""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.columns import Columns, Origins, Words
from pipeline.core.event import judge
from pipeline.core.instants import NO_INSTANT
from pipeline.core.reasons import Rejected
from pipeline.core.values import Values
from tests.core import oracle
from tests.core.traffic import EVENT, NOW_MS, value
from tests.hostile import comparing, payloads, tokens
from tests.hostile.__main__ import SLOW_SECONDS
from tests.hostile.payloads import Record

SEED = 20260901
RUNS = 3


def test_thirty_thousand_hostile_payloads_get_one_verdict_from_three_readings() -> None:
    outcome = comparing.together([comparing.run(SEED, number) for number in range(RUNS)])
    assert outcome.findings == []
    assert outcome.payloads == 30_000
    assert outcome.verdicts.keys() == {
        "counted", "too_large", "not_json", "missing_field", "wrong_type", "bad_uai", "bad_time", "too_old",
        "from_future",
    }  # fmt: skip
    assert outcome.verdicts["counted"] > 5_000
    assert outcome.slowest_seconds < SLOW_SECONDS


def test_the_scanner_sees_the_hostile_records_that_look_like_good_ones() -> None:
    words = Words()
    taken = 0
    for number, records in enumerate(payloads.flow(random.Random(SEED), 20, comparing.CHUNK)):
        scanned = words.scanner.scan(Values.of([record.value for record in records]), Origins())
        if number % 5 and scanned is not None:
            taken += int(np.count_nonzero(scanned.time_us != NO_INSTANT))
    assert taken > 800  # of 8,000, of which 800 are good


def test_the_comparison_finds_a_record_that_one_reading_takes_and_the_other_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    records = [Record(value(event_id=f"e{number}"), NOW_MS) for number in range(100)]
    assert comparing.compare(records, Words()).findings == []
    monkeypatch.setattr(oracle, "profil_of", lambda text: ("PARENT", True))
    assert len(comparing.compare(records, Words()).findings) == 200  # 100 rows too many, 100 missing


def test_the_same_seed_gives_the_same_bytes() -> None:
    def made(seed: int) -> list[list[Record]]:
        return list(payloads.flow(random.Random(seed), 2, 200))

    assert made(7) == made(7)
    assert made(7) != made(8)


@given(st.randoms(use_true_random=False), st.integers(1, 15))
def test_whatever_hypothesis_makes_of_the_generator_three_readings_agree(rng: random.Random, size: int) -> None:
    words = Words()
    for records in payloads.flow(rng, 2, size):
        assert comparing.compare(records, words).findings == []


@given(st.lists(st.binary(max_size=60) | st.text(max_size=60).map(str.encode), min_size=1, max_size=60))
def test_bytes_that_hypothesis_thinks_of_are_judged_alike_in_every_field(contents: list[bytes]) -> None:
    usual = value()
    records = [Record(usual, NOW_MS)] * 64
    for content in contents:
        for mark in (b"PCN", b"e-1", b"NOTES", b"1788244200000", b'"profil"'):
            records.append(Record(usual.replace(mark, content), NOW_MS))
    assert comparing.compare(records, Words()).findings == []


@pytest.mark.parametrize("stamp_ms", sorted(set(tokens.STAMPS)))
def test_any_64_bits_may_be_a_records_timestamp(stamp_ms: int) -> None:
    for records in ([Record(value(), stamp_ms)], [Record(value(), stamp_ms)] * 100):
        assert comparing.compare(records, Words()).findings == []


@pytest.mark.parametrize("stamp_ms", [-(2**63), -9_223_372_036_854_776, -(2**53), -1])
def test_a_negative_timestamp_is_not_known_however_low_it_is(stamp_ms: int) -> None:
    columns = Columns(Words(), oracle.MAX_AGE_US)
    assert columns.add([value()], [stamp_ms], NOW_MS) == []
    assert columns.tally.counted == 1


@pytest.mark.parametrize("text", tokens.TEXTS)
def test_what_stands_in_a_field_is_shown_escaped_and_short_where_it_is_the_reason(text: str) -> None:
    for field in ("uai", "event_time"):
        columns = Columns(Words(), oracle.MAX_AGE_US)
        ((_, rejected),) = columns.add([value(**{field: text + "…" * 100})], [NOW_MS], NOW_MS)
        assert rejected.error.isprintable()
        assert len(rejected.error) < 200


def test_deep_nesting_is_judged_at_once_wherever_it_stands() -> None:
    for depth, reason in ((511, None), (512, "not_json"), (8_000, "not_json")):
        deep = value()[:-1] + b',"x":' + b"[" * depth + b"]" * depth + b"}"
        verdict = judge(deep)
        assert (str(verdict.reason) if isinstance(verdict, Rejected) else None) == reason


def test_the_longest_numbers_are_judged_at_once() -> None:
    digits = b"9" * 16_000
    verdict = judge(value().replace(str(EVENT["event_time"]).encode(), digits))
    assert not isinstance(verdict, Rejected)  # a number, though no instant
    columns = Columns(Words(), oracle.MAX_AGE_US)
    ((_, rejected),) = columns.add([value(event_time=0).replace(b":0,", b":" + digits + b",")], [NOW_MS], NOW_MS)
    assert rejected.reason == "bad_time"
