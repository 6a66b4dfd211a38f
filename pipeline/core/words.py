"""Eight bytes of a text as one number, for many texts at once: looked up, searched and compared by arithmetic."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pipeline.core.values import Places

Chars = npt.NDArray[np.uint8]
Words64 = npt.NDArray[np.uint64]
"""Little-endian: the first byte is the lowest."""

MOST_ROWS = 1 << 16
"""Rows that a table may hold: hostile ones must not fill the memory."""

_ONES = np.uint64(0x0101010101010101)
_HIGHS = np.uint64(0x8080808080808080)
_QUOTES = np.uint64(0x2222222222222222)
_SPREAD = np.array(
    [
        0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB, 0xD6E8FEB86659FD93,
        0xA0761D6478BD642F, 0xE7037ED1A0B428DB, 0x8EBC6AF09C88C6E3, 0x589965CC75374CC3, 0xC2B2AE3D27D4EB4F,
    ],
    np.uint64,
)  # fmt: skip
"""Odd multipliers without a pattern, one for each word."""
_SLOT_BITS = 16
_SLOT_MASK = np.uint64((1 << _SLOT_BITS) - 1)
LONGEST = 64
"""Bytes of the longest text that can be cut."""
_KEPT = np.array(
    [
        [(1 << 8 * min(8, max(0, length - 8 * number))) - 1 for length in range(LONGEST + 1)]
        for number in range(LONGEST // 8)
    ],
    np.uint64,
)
"""For each word of a text, and for each length of that: what leaves only what is of the text."""


def gather(raw: Chars, places: Places, size: int) -> Words64:
    """The `size` bytes from each place on, as words; shape (places.size, size // 8).

    Places beyond the last that has so many bytes behind it give those of that one.
    """
    # An item of so many bytes begins at every byte of the buffer; without a number's type it needs no alignment.
    items = np.ndarray((raw.size - size + 1,), f"V{size}", raw, 0, (1,))
    return items[np.minimum(places, raw.size - size)].view("<u8").reshape(places.size, size // 8)


def first_quote(words: Sequence[Words64]) -> Places:
    """How many bytes of some texts stand before their first quote; all of them where there is none."""
    lengths = _before_quote(words[0])
    for number, word in enumerate(words[1:], 1):
        whole = lengths == 8 * number
        if not whole.any():
            break
        lengths += _before_quote(word) * whole
    return lengths.astype(np.int64)


def _before_quote(word: Words64) -> npt.NDArray[np.uint8]:
    differing = word ^ _QUOTES
    found = differing - _ONES
    found &= np.invert(differing, out=differing)
    found &= _HIGHS  # its lowest bit is the highest of the first quote's byte
    below = found - np.uint64(1)
    below &= np.invert(found, out=found)
    before: npt.NDArray[np.uint8] = np.bitwise_count(below)
    before >>= 3
    return before


def cut(words: Sequence[Words64], lengths: Places) -> list[Words64]:
    """The words with zeros behind the ends of their texts, which have at most `LONGEST` bytes."""
    if (lengths >= 8 * len(words)).all():
        return list(words)
    return [word & kept.take(lengths) for word, kept in zip(words, _KEPT, strict=False)]


class Table:
    """Rows of words that recur, and their numbers in the order in which they were met; number 0 is the row of zeros.

    A row that was met before is found by a hash and then compared: nothing is taken for what it is not.

    Args:
        columns: words of a row.
    """

    def __init__(self, columns: int) -> None:
        self._columns = columns
        self.clear()

    def clear(self) -> None:
        """Forget all rows; they will get other numbers."""
        self._numbers = {bytes(8 * self._columns): 0}
        self._known = np.zeros((self._columns, 1024), np.uint64)
        self._slots = np.zeros((2, 1 << _SLOT_BITS), np.int64)

    def __len__(self) -> int:
        """Rows known; while there are fewer than `MOST_ROWS`, new ones are learnt."""
        return len(self._numbers)

    def row(self, number: int) -> npt.NDArray[np.uint64]:
        """The words of a row."""
        return self._known[:, number]

    def numbers(self, words: Sequence[Words64], columns: Sequence[int], wanted: npt.NDArray[np.bool_]) -> Places:
        """The number of each row, any where it is not `wanted`; -1 for an unknown one when the table is full.

        Args:
            words: some columns of the rows; all others are zero.
            columns: which they are.
            wanted: shape (rows,).
        """
        hashed = words[0] * _SPREAD[0]
        for word, factor in zip(words[1:], _SPREAD[1:], strict=False):
            hashed += word * factor
        hashed ^= hashed >> np.uint64(32)
        hashed *= _SPREAD[1]
        numbers: Places = self._slots[0].take((hashed >> np.uint64(64 - _SLOT_BITS)).view(np.int64))
        missed = np.flatnonzero(self._differ(numbers, words, columns) & wanted)
        if missed.size:
            numbers[missed] = self._seek([word[missed] for word in words], columns, hashed[missed])
        return numbers

    def _differ(self, numbers: Places, words: Sequence[Words64], columns: Sequence[int]) -> npt.NDArray[np.bool_]:
        differing = np.zeros(numbers.size, bool)
        for column, word in zip(columns, words, strict=True):
            differing |= self._known[column].take(numbers) != word
        return differing

    def _seek(self, words: Sequence[Words64], columns: Sequence[int], hashed: Words64) -> Places:
        """What is not found at once: rows that share their place with another, and new ones."""
        second = (hashed >> np.uint64(64 - 2 * _SLOT_BITS) & _SLOT_MASK).view(np.int64)
        numbers: Places = self._slots[1].take(second)
        left = np.flatnonzero(self._differ(numbers, words, columns))
        if left.size:
            rows = np.zeros((left.size, self._columns), np.uint64)
            for column, word in zip(columns, words, strict=True):
                rows[:, column] = word[left]
            first = (hashed[left] >> np.uint64(64 - _SLOT_BITS)).tolist()
            data, size = rows.tobytes(), 8 * self._columns
            keys = (data[at : at + size] for at in range(0, len(data), size))
            numbers[left] = [self._learn(*row) for row in zip(keys, first, second[left].tolist(), strict=True)]
        return numbers

    def _learn(self, key: bytes, first: int, second: int) -> int:
        number = self._numbers.get(key)
        if number is None:
            number = len(self._numbers)
            if number >= MOST_ROWS:
                return -1
            self._numbers[key] = number
            if number == self._known.shape[1]:
                self._known = np.concatenate((self._known, np.zeros_like(self._known)), axis=1)
            self._known[:, number] = np.frombuffer(key, "<u8")
            taken = self._slots[0, first]
            self._slots[(0, first) if not taken else (1, second)] = number
        return number
