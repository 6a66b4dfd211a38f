"""How a producer lays out its records: which bytes never change, and where the fields stand between them.

A producer writes all its events with one serializer: the same keys in the same order, the same punctuation. Such a
layout is learnt from one good record, and then found again in many records at once by comparing bytes. What is put
between the same quotes by a record that has the same bytes everywhere else, and no quote, backslash or control
character inside, is that record's value of that field: JSON leaves no other reading.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.core.values import LEAD, Places
from pipeline.core.words import Chars, Words64, first_quote, gather

FIELDS = (
    "event_id", "visit_id", "visitor_id", "uai", "event_time",
    "service", "profil", "projet", "exploitant", "plateforme",
)  # fmt: skip
"""The fields that are counted, in the order in which `Layout.locate` gives them."""

INTEGER_DIGITS = 13
"""Digits of the only event times written as numbers that a layout takes: milliseconds of the years 2001 to 2286."""

_REQUIRED = FIELDS[:7]
_UAI, _TIME = FIELDS.index("uai"), FIELDS.index("event_time")
# Least and most bytes of a text. A text of so many bytes has no more characters: what is allowed here is allowed by
# the rules of the event, and the few longer ones that those allow besides are not found by any layout.
_LENGTHS = {
    "event_id": (1, 64), "visit_id": (1, 64), "visitor_id": (1, 64), "uai": (8, 8), "event_time": (20, 35),
    "service": (0, 64), "profil": (0, 64), "projet": (0, 64), "exploitant": (0, 64), "plateforme": (0, 64),
    "type": (0, 64), "outil": (0, 64), "page": (0, 256), "device": (0, 64),
}  # fmt: skip
_ANY_LENGTH = (0, 1024)
_INTEGER_TIME = re.compile(rb"\s*([1-9][0-9]{%d})\s*" % (INTEGER_DIGITS - 1)).fullmatch
_SIEVED = 2
"""Texts after which records of other layouts are left out, where there are more than one in `_FEW`."""
_FEW = 20


class Records(NamedTuple):
    """Records in the order of their places in one buffer, `LEAD` bytes before the first, `PAD` behind the last."""

    raw: Chars
    starts: Places
    ends: Places


class Text(NamedTuple):
    """A field of some records, as it stands in their buffer; each of the shape (records,)."""

    starts: Places
    lengths: Places
    """In bytes."""
    words: Sequence[Words64]
    """Its first bytes, 8 in each, whatever follows it among them; none where nobody asks."""


class Located(NamedTuple):
    """The fields of some records."""

    at: Places
    """Which records."""
    fits: npt.NDArray[np.bool_]
    """Which of them have the layout, shape (at.size,): of the others the fields mean nothing."""
    texts: list[Text | None]
    """For each of `FIELDS`; None when the layout has no such field. An event time of `INTEGER_DIGITS` is a number."""


class _Piece:
    """Bytes that never change, before a value or at the end."""

    def __init__(self, piece: bytes) -> None:
        self.size = len(piece)
        # Cut from the end, so that the last step stands right before the value.
        cuts = [*range(len(piece), 0, -LEAD), 0]
        self._steps = []
        for end, begin in pairwise(cuts):
            expected = piece[begin:end].rjust(LEAD, b"\0")
            mask = (b"\xff" * (end - begin)).rjust(LEAD, b"\0")
            self._steps.append((end - LEAD, *np.frombuffer(expected + mask, "<u8")))

    def read(self, raw: Chars, places: Places, width: int, differing: Words64) -> list[Words64]:
        """The `width` bytes behind the piece that begins at some places, as words.

        Where it does not begin, `differing` is no longer zero afterwards.
        """
        behind: list[Words64] = []
        for offset, low, high, low_mask, high_mask in self._steps:
            words = gather(raw, places + offset, LEAD + (0 if behind else width))
            if low_mask:
                differing |= (words[:, 0] ^ low) & low_mask
            differing |= (words[:, 1] ^ high) & high_mask
            behind = behind or [words[:, column] for column in range(2, words.shape[1])]
        return behind


class _Hole(NamedTuple):
    """A value that differs from record to record."""

    key: str
    piece: _Piece
    """What stands before it: its quote too, but where it is an event time, which may be a number."""
    least: int
    most: int
    """Bytes."""


class Layout:
    """One way of writing events: a flat object whose values are texts, or fixed; an event time may be a number too.

    Made by `Layout.of`.
    """

    def __init__(self, holes: list[_Hole], last: _Piece) -> None:
        self._holes = holes
        self._last = last

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
        spans: list[tuple[str, int, int]] = []
        keys: set[str] = set()
        for key, after, opens in _keys(parts):
            if key in keys:
                return None
            keys.add(key)
            if after.strip() == b":":
                aside = 1 if key == "event_time" else 0
                spans.append((key, quotes[opens + 2] + 1 - aside, quotes[opens + 3] + aside))
            elif key == "event_time":
                digits = _INTEGER_TIME(after.strip().strip(b":,}"))
                if digits is None:
                    return None
                begins = quotes[opens + 1] + 1 + after.index(digits[1])
                spans.append((key, begins, begins + INTEGER_DIGITS))
        if not {key for key, _, _ in spans}.issuperset(_REQUIRED):
            return None
        holes: list[_Hole] = []
        begin = 0
        for key, opened, closes in spans:
            holes.append(_Hole(key, _Piece(value[begin:opened]), *_LENGTHS.get(key, _ANY_LENGTH)))
            begin = closes
        return cls(holes, _Piece(value[begin:]))

    def locate(self, records: Records, at: Places) -> Located:
        """Find this layout in those of the records `at` that have it."""
        raw = records.raw
        places = records.starts[at]
        differing = np.zeros(at.size, np.uint64)
        texts: list[Text | None] = [None] * len(FIELDS)
        for count, hole in enumerate(self._holes):
            if count == _SIEVED and np.count_nonzero(differing) * _FEW > at.size:
                same = np.flatnonzero(differing == 0)
                at, places, differing = at[same], places[same], differing[same]
                texts = [text and _only(text, same) for text in texts]
            row = FIELDS.index(hole.key) if hole.key in FIELDS else -1
            if row == _TIME:
                text, places = _time(raw, places, hole, differing)
            else:
                text = _text(raw, places, hole, differing, row)
                places = text.starts + text.lengths
            if row >= 0:
                texts[row] = text
        self._last.read(raw, places, 0, differing)
        fits = (differing == 0) & (places + self._last.size == records.ends[at])
        return Located(at, fits, texts)


def _time(raw: Chars, places: Places, hole: _Hole, differing: Words64) -> tuple[Text, Places]:
    """The event time behind the piece that begins at some places, and where it has ended, its quotes included."""
    (value,) = hole.piece.read(raw, places, 8, differing)
    quoted = value & np.uint64(0xFF) == ord('"')
    starts = places + hole.piece.size + quoted
    words = [*gather(raw, starts, 40).T]
    # The first bytes of a time are all looked at when it is read: no quote passes among those.
    lengths = np.where(quoted, 16 + first_quote(words[2:]), INTEGER_DIGITS)
    differing |= (quoted & ((lengths < hole.least) | (lengths > hole.most))).astype(np.uint64)
    return Text(starts, lengths, words), starts + lengths + quoted


def _text(raw: Chars, places: Places, hole: _Hole, differing: Words64, row: int) -> Text:
    """The text behind the piece that begins at some places; where it is none of this hole, `differing` says so."""
    if row == _UAI:  # all its bytes are looked at when it is read: no quote passes among them
        words = hole.piece.read(raw, places, 8, differing)
        return Text(places + hole.piece.size, np.full(places.size, 8), words)
    width = 40 if 0 <= row < _UAI else 16
    words = hole.piece.read(raw, places, width, differing)
    starts = places + hole.piece.size
    lengths = first_quote(words)
    more = np.flatnonzero(lengths == width)
    unsure = more.size or hole.least
    while more.size:
        step = first_quote([*gather(raw, starts[more] + lengths[more], 32).T])
        lengths[more] += step
        more = more[(step == 32) & (lengths[more] <= hole.most)]
    if unsure and (lengths.max(initial=0) > hole.most or lengths.min(initial=hole.least) < hole.least):
        differing |= ((lengths > hole.most) | (lengths < hole.least)).astype(np.uint64)
    return Text(starts, lengths, words if row >= 0 else ())


def _only(text: Text, which: Places) -> Text:
    return Text(text.starts[which], text.lengths[which], [words[which] for words in text.words])


def _keys(parts: list[bytes]) -> Iterator[tuple[str, bytes, int]]:
    """Each key, what stands between it and the next text, and the number of the quote that opens it."""
    for inside in range(1, len(parts), 2):
        after = parts[inside + 1]
        if after.lstrip().startswith(b":"):
            yield parts[inside].decode(), after, inside - 1
