"""64-bit ids: one definition, the same everywhere and for every text."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.ids import hash_column, hash_text

texts = st.one_of(st.text(min_size=1, max_size=64), st.sampled_from(["a", "a\0", "a\0\0", "\0", "é", "ab", "x" * 64]))
same_length = st.integers(1, 64).flatmap(
    lambda width: st.lists(st.text("0123456789abcdef-\0é", min_size=width, max_size=width), min_size=1, max_size=8)
)


@given(st.lists(texts, min_size=1, max_size=8) | same_length)
def test_a_column_is_hashed_as_its_texts_one_by_one(column: list[str]) -> None:
    assert hash_column(column).tolist() == [hash_text(text) for text in column]


@pytest.mark.parametrize("length", range(1, 65))
def test_every_length_is_hashed_alike_alone_and_beside_others(length: int) -> None:
    text = "0123456789abcdef" * 4
    cut = text[:length]
    expected = hash_text(cut)
    assert hash_column([cut]).tolist() == [expected]
    assert hash_column([cut, cut[::-1]])[0] == expected
    assert hash_column([text, cut, "é"])[1] == expected


@pytest.mark.parametrize(
    "column",
    [
        ["ab", "a", "abc"],
        ["abcd", "abc", "abcde", "abcd"],
        ["a\0b", "abc"],
        ["abc", "a", "b\0c", "abc"],
        ["a", "\0", "a"],
        ["ab", "é"],
        ["é", "ab", "a", "abc"],
        ["aé", "a", "éa", "éé"],
        ["é", "é", "é"],
        ["", "a"],
        ["", ""],
    ],
)
def test_a_column_whose_lengths_only_add_up_as_equal_ones_would_is_no_trap(column: list[str]) -> None:
    assert hash_column(column).tolist() == [hash_text(text) for text in column]


GOLDEN = {
    "a": 11073659832390853537,
    "A": 3074704347063319114,
    "a\0": 12788501308752739863,
    "e-1": 7217293495104543301,
    "é": 10745251457563942225,
    "😀": 8085827361937472977,
    "01234567": 7418839856529610790,
    "012345678": 8210166301713239893,
    "0198f000-0000-7000-8000-000000000001": 17224337983690369817,
    "x" * 64: 10741933283434264013,
}


def test_golden_values() -> None:
    # Stored sets hold these numbers: if this fails, every id that is sent again counts twice.
    assert {text: hash_text(text) for text in GOLDEN} == GOLDEN
    assert dict(zip(GOLDEN, hash_column(list(GOLDEN)).tolist(), strict=True)) == GOLDEN


def test_the_ids_are_the_same_in_processes_with_different_salts() -> None:
    program = "from pipeline.core.ids import *; print([int(i) for i in hash_column(['e-1', 'é', 'x' * 64, 'a\\0'])])"
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in ("1", "2")
    }
    assert outputs == {str([hash_text(text) for text in ("e-1", "é", "x" * 64, "a\0")]) + "\n"}


def _uuid7(number: int) -> str:
    return str(
        uuid.UUID(int=(0x0198F0000000 + number // 4096 << 80) | 7 << 76 | number % 4096 << 64 | 2 << 62 | number)
    )


STRUCTURED = {
    "counters": [str(number) for number in range(200_000)],
    "padded counters": [f"{number:08}" for number in range(200_000)],
    "long padded counters": [f"{number:064}" for number in range(100_000)],
    "prefixed counters": [f"ent-75-{number}" for number in range(200_000)],
    "two counters": [f"{first:08}{second:08}" for first in range(400) for second in range(400)],
    "equal halves": [f"{number:08x}" * 2 for number in range(100_000)],
    "version 7 identifiers": [_uuid7(number) for number in range(100_000)],
    "powers of two": [f"{1 << bit:016x}{1 << other:016x}" for bit in range(64) for other in range(64)],
    "one letter in any place": ["a" * at + letter + "a" * (63 - at) for at in range(64) for letter in "bAB0\0é"],
    "repeated letters": [letter * length for letter in "aA0\0é" for length in range(1, 65)],
    "upper and lower": [f(f"{number:x}g") for number in range(100_000) for f in (str.upper, str.lower)],
}


@pytest.mark.parametrize("kind", STRUCTURED)
def test_structured_ids_do_not_collide(kind: str) -> None:
    column = STRUCTURED[kind]
    ids = np.concatenate([hash_column(column[start : start + 1000]) for start in range(0, len(column), 1000)])
    assert np.unique(ids).size == len(set(column))


def test_case_a_trailing_nul_and_a_trailing_space_make_another_id() -> None:
    assert len(set(hash_column(["a", "A", "a\0", "a\0\0", "\0a", "a ", " a", "aa"]).tolist())) == 8


@pytest.mark.parametrize("kind", ["counters", "padded counters", "version 7 identifiers"])
def test_every_bit_of_an_id_is_set_half_of_the_time(kind: str) -> None:
    # ClickHouse's sketches and partitions read single bits of these numbers.
    ids = np.array([hash_text(text) for text in STRUCTURED[kind][:20_000]], np.uint64)
    share = [float(np.mean((ids >> np.uint64(bit)) & np.uint64(1))) for bit in range(64)]
    assert min(share) > 0.48
    assert max(share) < 0.52
