"""Where the records of expanded broker batches lie, found for all of them at once and with no object for any.

A v2 record says how long it is; its fields are numbers of varying length (zigzag varints). Only plain records are read
here, whose lengths are right. Over any others, aiokafka has the say.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]
Chars = npt.NDArray[np.uint8]

LEAD, TAIL = 16, 64
"""Bytes before the first record in a buffer and behind the last: whoever reads around a field looks at less."""

_SPACES = np.frombuffer(b" " * 8, "V8")
_MOST_SHIFT = 63
_ZEROS = 16
"""Zeros that a plain record has at most, on the average."""


class NotPlainError(Exception):
    """The records are of another form, or broken."""


class Places(NamedTuple):
    """Of each record: where its value is, and the two numbers that are told relative to its batch."""

    starts: Numbers
    ends: Numbers
    """One before the start for a tombstone."""
    timestamp_deltas: Numbers
    offset_deltas: Numbers


def split(raw: bytes | bytearray, bodies: Sequence[tuple[int, int, int]]) -> Places:
    """Find the records of some bodies of broker batches.

    Args:
        raw: a buffer with `TAIL` bytes behind the last body.
        bodies: where each begins and ends, and how many records (not none) it is said to have; each but the first
            begins where the one before it ends.

    Raises:
        NotPlainError: some are not as they should be.
    """
    chars = np.frombuffer(raw, np.uint8)
    try:
        counts = np.cumsum([count for _, _, count in bodies])
        heads, sizes, at = _guess(raw, chars, bodies[0][0], bodies[-1][1], int(counts[-1]))
        begins = np.concatenate(([0], counts[:-1]))
        if heads.size != counts[-1] or heads[begins].tolist() != [begin for begin, _, _ in bodies]:
            raise NotPlainError
        after = at + sizes
        timestamps, at = _numbers(chars, at + 1)  # behind a byte of attributes, which mean nothing
        offsets, at = _numbers(chars, at)
        key_sizes, at = _numbers(chars, at)
        at += np.clip(key_sizes, 0, chars.size)
        value_sizes, starts = _numbers(chars, at)
    except IndexError as error:  # a length that leads beyond the buffer
        raise NotPlainError from error
    ends = starts + np.minimum(value_sizes, chars.size)
    # Behind the value at least a byte says how many headers there are; those are of no interest.
    if not ((key_sizes >= -1) & (value_sizes >= -1) & (np.maximum(ends, starts) < after)).all():
        raise NotPlainError
    return Places(starts, ends, timestamps, offsets)


def joined(values: Sequence[bytes | None]) -> tuple[bytes, Numbers, Numbers]:
    """Some values in a buffer of their own, and where each begins and ends in it."""
    sizes = np.array([-1 if value is None else len(value) for value in values], np.int64)
    starts = np.concatenate(([0], np.cumsum(np.maximum(sizes, 0))))[:-1]
    return b"".join([*[value or b"" for value in values], bytes(TAIL)]), starts, starts + sizes


def blank(raw: bytearray, starts: Numbers, ends: Numbers) -> None:
    """Put spaces between the values: what stood there has been read, and is no part of them.

    Only behind the first value: a reader of values begins there.
    """
    chars = np.frombuffer(raw, np.uint8)
    begin, size = np.maximum(ends, starts)[:-1], starts[1:] - np.maximum(ends, starts)[:-1]
    words: npt.NDArray[np.void] = np.ndarray((chars.size - 7,), "V8", raw, 0, (1,))
    large = size >= 8
    if not large.all():
        for start, length in zip(begin[~large].tolist(), size[~large].tolist(), strict=True):
            raw[start : start + length] = b" " * length
        begin, size = begin[large], size[large]
    for step in range(0, int(size.max(initial=0)), 8):  # the last step of each ends where its gap ends
        words[begin + np.minimum(step, size - 8)] = _SPACES


def _guess(raw: bytes | bytearray, chars: Chars, begin: int, end: int, most: int) -> tuple[Numbers, Numbers, Numbers]:
    """Where each record begins, how long it is, and where it goes on behind that length.

    Nearly every record ends with the bracket of its value and a zero for its headers, and such a pair is hardly ever
    anything else. The lengths say where that is wrong.
    """
    zero = chars[begin : end - 1] == 0
    if np.count_nonzero(zero) > _ZEROS * most + (1 << 16):  # their places would take eight times as much
        raise NotPlainError
    zeros = np.flatnonzero(zero) + begin
    heads = np.concatenate(([begin], zeros[chars[zeros - 1] == ord("}")] + 1))
    sizes, at = _numbers(chars, heads)
    wrong = np.flatnonzero(at + sizes != np.append(heads[1:], end))
    if wrong.size:
        heads = _mended(raw, heads, (at + sizes)[wrong], wrong, end, most)
        sizes, at = _numbers(chars, heads)
    return heads, sizes, at


def _mended(raw: bytes | bytearray, heads: Numbers, following: Numbers, wrong: Numbers, end: int, most: int) -> Numbers:
    """The true ones of some heads, and those between them.

    Args:
        raw: the buffer.
        heads: where records may begin, ascending; the first does.
        following: for each of `wrong`, where the record behind it begins.
        wrong: indexes of heads whose records do not end where the next head is.
        end: where the last record ends.
        most: records between them at most.
    """
    parts: list[Numbers] = []
    true = missed = 0
    for index, place in zip(wrong.tolist(), following.tolist(), strict=True):
        if index < true:  # no head
            continue
        parts.append(heads[true : index + 1])
        between: list[int] = []
        while place < end:
            true = int(np.searchsorted(heads, place))
            if true < heads.size and heads[true] == place:
                break
            between.append(place)
            place = _after(raw, place)
            missed += 1
            if missed > most:
                raise NotPlainError
        else:
            true = heads.size
        parts.append(np.array(between, np.int64))
        if place > end:
            raise NotPlainError
    parts.append(heads[true:])
    return np.concatenate(parts)


def _after(raw: bytes | bytearray, at: int) -> int:
    """Where the record ends that begins at a place."""
    size = shift = 0
    while True:
        some = raw[at]
        size |= (some & 0x7F) << shift
        at += 1
        if some < 0x80:
            break
        shift += 7
        if shift > _MOST_SHIFT:
            raise NotPlainError
    if size & 1:  # a negative length
        raise NotPlainError
    return at + (size >> 1)


def _numbers(chars: Chars, at: Numbers) -> tuple[Numbers, Numbers]:
    """The number that begins at each place, and the place behind it."""
    some = chars[at]
    number = (some & 0x7F).astype(np.int64)
    at = at + 1
    going = some >> 7
    shift = 7
    while going.any():
        if shift > _MOST_SHIFT:
            raise NotPlainError
        some = chars[at]
        number |= ((some & 0x7F) * going).astype(np.int64) << shift
        at += going
        going &= some >> 7
        shift += 7
    # Zigzag: the lowest bit is the sign. The shift must not bring the sign of 64 bits along.
    return (number.view(np.uint64) >> np.uint64(1)).view(np.int64) ^ -(number & 1), at
