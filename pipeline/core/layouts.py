"""How a producer lays out its records: which bytes never change, and where the fields stand between them.

A producer writes all its events with one serializer: the same keys in the same order, the same punctuation. Such a
layout is learnt from one good record, and then found again in many records at once by comparing bytes. What is put
between the same quotes by a record that has the same bytes everywhere else, and no quote, backslash or control
character inside, is that record's value of that field: JSON leaves no other reading.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Places = npt.NDArray[np.int64]

FIELDS = (
    "event_id", "visit_id", "visitor_id", "uai", "event_time",
    "service", "profil", "projet", "exploitant", "plateforme",
)  # fmt: skip
"""The fields that are counted, in the order in which `Layout.locate` gives them."""

PAD = 64
"""Bytes that have to follow the last record in its buffer: whatever a gather reads beyond a field lies inside."""

INTEGER_DIGITS = 13
"""Digits of the only event times written as numbers that a layout takes: milliseconds of the years 2001 to 2286."""

_REQUIRED = FIELDS[:7]
_TIME = FIELDS.index("event_time")
_STEP = 16  # bytes compared at once
# Least and most bytes of a text. A text of so many bytes has no more characters: what is allowed here is allowed by
# the rules of the event, and the few longer ones that those allow besides are not found by any layout.
_LENGTHS = {
    "event_id": (1, 64), "visit_id": (1, 64), "visitor_id": (1, 64), "uai": (8, 8), "event_time": (20, 35),
    "service": (0, 64), "profil": (0, 64), "projet": (0, 64), "exploitant": (0, 64), "plateforme": (0, 64),
    "type": (0, 64), "outil": (0, 64), "page": (0, 256), "device": (0, 64),
}  # fmt: skip
_ANY_LENGTH = (0, 1 << 40)
_INTEGER_TIME = re.compile(rb"\s*([1-9][0-9]{%d})\s*" % (INTEGER_DIGITS - 1)).fullmatch


class Records(NamedTuple):
    """Records one after another in one buffer, `PAD` bytes behind the last."""

    raw: bytes
    starts: Places
    ends: Places
    quotes: Places
    """Where the quotes of the buffer stand."""
    first_quotes: Places
    """For each record, how many quotes stand before it: where its own begin in `quotes`."""


class Located(NamedTuple):
    """Where the fields of some records stand in their buffer."""

    at: Places
    """Which records, shape (found,)."""
    starts: Places
    """Shape (len(FIELDS), found)."""
    lengths: Places
    """In bytes, shape (len(FIELDS), found); an event time of `INTEGER_DIGITS` is a number, any other one a text."""


class _Hole(NamedTuple):
    """A text that differs from record to record."""

    key: str
    opens: int
    """Which of the record's quotes opens it."""


class Layout:
    """One way of writing events: a flat object whose values are texts, or fixed. Made by `Layout.of`."""

    def __init__(self, value: bytes, holes: list[_Hole], quotes: list[int], number: tuple[int, int] | None) -> None:
        self.quotes = len(quotes)
        """Quotes in each record."""
        self._number = number
        bounds = [0]
        for hole in holes:
            bounds += [quotes[hole.opens], quotes[hole.opens + 1] + 1]
        bounds.append(len(value))
        # The pieces between the holes, each with the quotes at its sides left out: those are known to be quotes.
        pieces = [value[a:b] for a, b in zip(bounds[::2], bounds[1::2], strict=True)]
        self._piece_sizes = np.array([len(piece) for piece in pieces])[:, None]
        self._bounds = np.array([hole.opens + side for hole in holes for side in (0, 1)])[:, None]
        limits = [_LENGTHS.get(hole.key, _ANY_LENGTH) for hole in holes]
        self._least = np.array([least for least, _ in limits])[:, None]
        self._most = np.array([most for _, most in limits])[:, None]
        hole_of = {hole.key: number for number, hole in enumerate(holes)}
        self._fields = [hole_of.get(field, 0) for field in FIELDS]
        self._absent = [row for row, field in enumerate(FIELDS) if field not in hole_of]
        self._piece_of, self._offsets, self._expected, self._mask = _words(pieces, number)

    @classmethod
    def of(cls, value: bytes) -> Layout | None:
        """The layout of a record whose value `event.judge` found well-formed; None when it is none that recurs.

        None too for nested values, escapes, a key given twice, and numbers for event times that are unusual.
        """
        if b"\\" in value:
            return None
        parts = value.split(b'"')  # outside a text, inside, outside, …: there is no escaped quote
        outside = b"".join(parts[::2])
        if outside.count(b"{") != 1 or outside.count(b"[") or len(parts) % 2 == 0:
            return None
        quotes = np.flatnonzero(np.frombuffer(value, np.uint8) == ord('"')).tolist()
        holes: list[_Hole] = []
        keys: set[str] = set()
        number = None
        for key, after, opens in _keys(parts):
            if key in keys:
                return None
            keys.add(key)
            if after.strip() == b":":
                holes.append(_Hole(key, opens + 2))
            elif key == "event_time":
                digits = _INTEGER_TIME(after.strip().strip(b":,}"))
                if digits is None:
                    return None
                number = (len(holes), quotes[opens + 1] + 1 + after.index(digits[1]))
        known = {hole.key for hole in holes} | ({"event_time"} if number else set())
        if not known.issuperset(_REQUIRED):
            return None
        if number is not None:
            begins = 0 if number[0] == 0 else quotes[holes[number[0] - 1].opens + 1] + 1
            number = (number[0], number[1] - begins)
        return cls(value, holes, quotes, number)

    def locate(self, records: Records, at: Places) -> Located:
        """Find this layout in those of the records `at` that have it; each of them has `quotes` quotes."""
        bounds = records.quotes[records.first_quotes[at] + self._bounds]
        opens, closes = bounds[::2], bounds[1::2]
        begins = np.concatenate((records.starts[at][None], closes + 1))
        ends = np.concatenate((opens, records.ends[at][None]))
        lengths = closes - opens - 1
        fits = (ends - begins == self._piece_sizes).all(axis=0)
        fits &= ((lengths >= self._least) & (lengths <= self._most)).all(axis=0)
        places = begins[self._piece_of] + self._offsets
        # Where a record does not fit, its places mean nothing; they must only not lead beyond the buffer.
        words = gather(records.raw, np.minimum(places, len(records.raw) - _STEP, out=places), _STEP)
        differing = np.zeros(at.size, np.uint64)
        for half in range(_STEP // 8):  # one after the other: long loops over records, none over the two
            bits = words[:, :, half] ^ self._expected[:, :, half]
            bits &= self._mask[:, :, half]
            differing |= np.bitwise_or.reduce(bits, axis=0)
        fits &= differing == 0
        starts, lengths = opens[self._fields], lengths[self._fields]
        starts += 1
        starts[self._absent] = lengths[self._absent] = 0
        if self._number is not None:
            piece, offset = self._number
            starts[_TIME], lengths[_TIME] = begins[piece] + offset, INTEGER_DIGITS
        if fits.all():
            return Located(at, starts, lengths)
        found = np.flatnonzero(fits)
        return Located(at[found], starts.take(found, axis=1), lengths.take(found, axis=1))


def gather(raw: bytes, places: Places, size: int) -> npt.NDArray[np.uint64]:
    """The `size` bytes from each place on, as little-endian words of 8; shape places.shape + (size // 8,)."""
    # An item of so many bytes begins at every byte of the buffer; without a number's type it needs no alignment.
    items = np.ndarray((len(raw) - size + 1,), f"V{size}", raw, 0, (1,))
    return items[places].view("<u8").reshape(*places.shape, size // 8)


def _keys(parts: list[bytes]) -> Iterator[tuple[str, bytes, int]]:
    """Each key, what stands between it and the next text, and the number of the quote that opens it."""
    for inside in range(1, len(parts), 2):
        after = parts[inside + 1]
        if after.lstrip().startswith(b":"):
            yield parts[inside].decode(), after, inside - 1


def _words(
    pieces: list[bytes], number: tuple[int, int] | None
) -> tuple[list[int], Places, npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """The pieces cut into steps: of which piece each is, its offset in it, its bytes, and which of them count."""
    piece_of, offsets, expected, masks = [], [], [], []
    for index, piece in enumerate(pieces):
        counts = bytearray(b"\xff" * len(piece))
        if number is not None and number[0] == index:
            counts[number[1] : number[1] + INTEGER_DIGITS] = bytes(INTEGER_DIGITS)
        for offset in range(0, len(piece), _STEP):
            piece_of.append(index)
            offsets.append(offset)
            expected.append(piece[offset : offset + _STEP].ljust(_STEP, b"\0"))
            masks.append(bytes(counts[offset : offset + _STEP]).ljust(_STEP, b"\0"))

    def as_words(steps: list[bytes]) -> npt.NDArray[np.uint64]:
        return np.frombuffer(b"".join(steps), "<u8").reshape(len(steps), 1, _STEP // 8)

    return piece_of, np.array(offsets)[:, None], as_words(expected), as_words(masks)
