"""RFC 3339 texts and epoch milliseconds as microseconds since the epoch, one at a time or a column at once.

RFC 3339's grammar is taken as it stands (`T` and `Z` in either case, any number of fraction digits, an offset or
`Z`). A leap second (`:60`) is no instant here: none has been announced since 2016. Fractions are cut, never
rounded: rounding could carry an event over the edge of its window.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

Instants = npt.NDArray[np.int64]

NO_INSTANT = np.iinfo(np.int64).min
"""Stands in a column for a text or number that is no instant."""

_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
).fullmatch
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_WORTH_A_MATRIX = 16  # values
_LONGEST = 35  # characters: microseconds and an offset, with some to spare
_FIRST_MS = -62_135_596_800_000  # 0001-01-01T00:00:00Z
_LAST_MS = 253_402_300_799_999  # 9999-12-31T23:59:59.999Z


def parse(value: str | int) -> int | None:
    """Microseconds since the epoch of an `event_time`, or None when it is no instant."""
    if isinstance(value, int):
        return value * 1000 if _FIRST_MS <= value <= _LAST_MS else None
    match = _RFC3339(value)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, sign, offset_hours, offset_minutes = match.groups()
    try:
        moment = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second), tzinfo=UTC)
    except ValueError:
        return None
    micros = (moment - _EPOCH) // _MICROSECOND
    if fraction:
        micros += int(fraction[:6].ljust(6, "0"))
    if sign:
        if int(offset_hours) > 23 or int(offset_minutes) > 59:
            return None
        offset = (int(offset_hours) * 60 + int(offset_minutes)) * 60_000_000
        micros += offset if sign == "-" else -offset
    return micros


def parse_column(values: Sequence[str | int]) -> Instants:
    """The same for many values: int64 microseconds since the epoch, NO_INSTANT where there is none."""
    column = _uniform_column(values)
    if column is not None:
        return column
    # Producers write in a few forms each: the most frequent length makes a matrix, the others one of their own.
    texts = [value if isinstance(value, str) else "" for value in values]
    lengths = np.array(list(map(len, texts)))
    others = np.flatnonzero(lengths != np.bincount(np.minimum(lengths, _LONGEST)).argmax()).tolist()
    if len(values) - len(others) >= _WORTH_A_MATRIX:
        filler = texts[next(iter(set(range(len(texts))).difference(others)))]
        for at in others:
            texts[at] = filler
        column = _uniform_column(texts)
        if column is not None:
            column[others] = parse_column([values[at] for at in others])
            return column
    return np.array([_or_none(parse(value)) for value in values], np.int64)


def _or_none(instant: int | None) -> int:
    return NO_INSTANT if instant is None else instant


def _uniform_column(values: Sequence[str | int]) -> Instants | None:
    """Texts of one length and one form, read as a matrix of characters; None when they are not that."""
    first = values[0]
    if not isinstance(first, str) or not 20 <= len(first) <= _LONGEST:
        return None
    try:
        # The line feed between two texts is checked below: equal lengths are not assumed from an equal sum.
        raw = "\n".join(values).encode("ascii")  # type: ignore[arg-type]
    except (TypeError, UnicodeEncodeError):
        return None
    rows, width = len(values), len(first)
    if len(raw) != rows * (width + 1) - 1:
        return None
    chars = np.frombuffer(raw + b"\n", np.uint8).reshape(rows, width + 1)
    if not (chars[:, width] == 10).all():
        return None
    zulu = first[-1] in "Zz"
    end = width - 1 if zulu else width - 6
    marks = {4: b"-", 7: b"-", 10: b"Tt", 13: b":", 16: b":"}
    digits_at = [0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18]
    if end > 19:
        if end == 20:
            return None
        marks[19] = b"."
        digits_at += range(20, end)
    elif end < 19:
        return None
    if zulu:
        marks[end] = b"Zz"
    else:
        marks |= {end: b"+-", end + 3: b":"}
        digits_at += [end + 1, end + 2, end + 4, end + 5]
    for at, allowed in marks.items():
        mark = chars[:, at]
        if not ((mark == allowed[0]) | (mark == allowed[-1])).all():
            return None
    digits = chars[:, digits_at] - np.uint8(48)
    if (digits > 9).any():
        return None
    place = {at: i for i, at in enumerate(digits_at)}

    def number(start: int, length: int) -> Instants:
        total = digits[:, place[start]].astype(np.int64)
        for at in range(start + 1, start + length):
            total = total * 10 + digits[:, place[at]]
        return total

    hour, minute, second = number(11, 2), number(14, 2), number(17, 2)
    good = (hour <= 23) & (minute <= 59) & (second <= 59)
    if (chars[:, :10] == chars[0, :10]).all():  # one day, as nearly always
        midnight = parse(f"{first[:10]}T00:00:00Z")
        if midnight is None:
            return np.full(rows, NO_INSTANT)
        days: Instants | int = midnight // 86_400_000_000
    else:
        year, month, day = number(0, 4), number(5, 2), number(8, 2)
        first_of_month = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
        start_day = first_of_month.astype("datetime64[D]").astype(np.int64)
        next_month = (first_of_month + 1).astype("datetime64[D]").astype(np.int64)
        days = start_day + day - 1
        good &= (year >= 1) & (month >= 1) & (month <= 12) & (day >= 1) & (days < next_month)
    seconds = days * 86_400 + hour * 3600 + minute * 60 + second
    if not zulu:
        offset_hours, offset_minutes = number(end + 1, 2), number(end + 4, 2)
        good &= (offset_hours <= 23) & (offset_minutes <= 59)
        offset = offset_hours * 3600 + offset_minutes * 60
        seconds += np.where(chars[:, end] == ord("-"), offset, -offset)
    micros = seconds * 1_000_000
    if end > 20:
        kept = min(end - 20, 6)
        micros += number(20, kept) * 10 ** (6 - kept)
    return np.where(good, micros, NO_INSTANT)
