"""Eight bytes at a time: where quotes stand, where texts end, and which of them are the same."""

from __future__ import annotations

import random

import numpy as np
import pytest

from pipeline.core import words
from pipeline.core.words import Table, cut, first_quote, gather


def columns(texts: list[bytes], width: int) -> list[np.ndarray[tuple[int], np.dtype[np.uint64]]]:
    """Texts of `width` bytes as words."""
    raw = np.frombuffer(b"".join(texts), np.uint8)
    return [*gather(raw, np.arange(len(texts)) * width, width).T]


def test_the_first_quote_is_found_among_any_bytes() -> None:
    rng = random.Random(3)
    alphabet = bytes([0x22, 0x21, 0x23, 0xA2, 0x00, 0x80, 0xFF, 0x5C])
    texts = [bytes(rng.choices(alphabet, weights=[1, 4, 4, 4, 4, 4, 4, 4], k=40)) for _ in range(5000)]
    assert first_quote(columns(texts, 40)).tolist() == [(text + b'"').index(b'"') for text in texts]


def test_a_text_without_a_quote_has_all_its_bytes_before_it() -> None:
    assert first_quote(columns([b"x" * 16, b"x" * 15 + b'"'], 16)).tolist() == [16, 15]


def test_texts_are_cut_at_their_ends() -> None:
    texts = [b"abcdefghijklmnop"] * 17
    found = np.stack(cut(columns(texts, 16), np.arange(17)), axis=1)
    assert [row.tobytes().rstrip(b"\0") for row in found] == [b"abcdefghijklmnop"[:n] for n in range(17)]


def numbers_of(table: Table, rows: list[tuple[int, int]]) -> list[int]:
    given = [np.array(column, np.uint64) for column in zip(*rows, strict=True)]
    numbers: list[int] = table.numbers(given, (0, 2), np.ones(len(rows), bool)).tolist()
    return numbers


def test_equal_rows_have_one_number_and_others_another() -> None:
    rng = random.Random(5)
    table = Table(3)
    rows = [(rng.randrange(1 << 64), rng.randrange(3)) for _ in range(3000)]
    first = numbers_of(table, rows)
    assert len(set(first)) == len(set(rows)) == len(table) - 1
    again = [rng.randrange(3000) for _ in range(9000)]
    assert numbers_of(table, [rows[at] for at in again]) == [first[at] for at in again]
    assert table.row(first[17]).tolist() == [rows[17][0], 0, rows[17][1]]


def test_the_row_of_zeros_has_number_0_and_is_not_mistaken_for_another() -> None:
    table = Table(3)
    assert numbers_of(table, [(0, 0), (0, 1), (1, 0), (0, 0)]) == [0, 1, 2, 0]


def test_a_full_table_says_what_it_does_not_know_and_may_begin_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "MOST_ROWS", 4)
    table = Table(3)
    assert numbers_of(table, [(n, n) for n in range(6)]) == [0, 1, 2, 3, -1, -1]
    assert numbers_of(table, [(2, 2), (9, 9)]) == [2, -1]
    table.clear()
    assert numbers_of(table, [(9, 9), (2, 2)]) == [1, 2]


def test_what_nobody_wants_is_not_learnt() -> None:
    table = Table(3)
    table.numbers([np.array([5, 6], np.uint64)], (1,), np.array([True, False]))
    assert len(table) == 2
