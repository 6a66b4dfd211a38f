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
    instants = np.full(len(values), NO_INSTANT)
    # Producers write in a few forms each: every frequent length makes a matrix.
    by_length: dict[int, list[int]] = {}
    for at, value in enumerate(values):
        by_length.setdefault(len(value) if isinstance(value, str) and value.isascii() else 0, []).append(at)
    single = by_length.pop(0, [])
    for length, places in by_length.items():
        if len(places) < _WORTH_A_MATRIX or length > _LONGEST:
            single += places
            continue
        raw = "".join([values[at] for at in places]).encode()  # type: ignore[misc]
        column = parse_matrix(np.frombuffer(raw, np.uint8).reshape(len(places), length))
        instants[places] = column
        single += [places[i] for i in np.flatnonzero(column == NO_INSTANT).tolist()]
    for at in single:
        instant = parse(values[at])
        if instant is not None:
            instants[at] = instant
    return instants


def parse_digits(chars: npt.NDArray[np.uint8]) -> Instants:
    """Epoch milliseconds written in `chars`, shape (rows, digits), as microseconds.

    NO_INSTANT where they are not digits, or begin with a zero (which JSON's numbers do not).
    """
    digits = np.ascontiguousarray(chars.T) - np.uint8(48)
    total = np.zeros(chars.shape[0], np.int64)
    for digit in digits:
        total = total * 10 + digit
    good = (digits <= 9).all(axis=0) & (digits[0] > 0) & (total <= _LAST_MS)
    return np.where(good, total * 1000, NO_INSTANT)


def parse_matrix(chars: npt.NDArray[np.uint8]) -> Instants:
    """RFC 3339 texts of one length, given as bytes of the shape (rows, length), as microseconds since the epoch.

    NO_INSTANT where there is none, and also in the rows that are not of the form (with `Z`, or with an offset) that
    most rows have.
    """
    rows, width = chars.shape
    nothing = np.full(rows, NO_INSTANT)
    if width < 20:
        return nothing
    columns = np.ascontiguousarray(chars.T)
    zulu = 2 * np.count_nonzero(columns[-1] | 0x20 == ord("z")) >= rows
    end = width - 1 if zulu else width - 6
    marks = {4: b"-", 7: b"-", 10: b"Tt", 13: b":", 16: b":"}
    digits_at = [0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18]
    if end > 20:
        marks[19] = b"."
        digits_at += range(20, end)
    elif end != 19:
        return nothing
    if zulu:
        marks[end] = b"Zz"
    else:
        marks |= {end: b"+-", end + 3: b":"}
        digits_at += [end + 1, end + 2, end + 4, end + 5]
    digits = columns - np.uint8(48)
    good = (digits[digits_at] <= 9).all(axis=0)
    for at, allowed in marks.items():
        mark = columns[at]
        good &= (mark == allowed[0]) if len(allowed) == 1 else (mark == allowed[0]) | (mark == allowed[1])

    def pair(at: int) -> npt.NDArray[np.uint8]:
        tens: npt.NDArray[np.uint8] = digits[at] * np.uint8(10)
        tens += digits[at + 1]
        return tens

    hour, minute, second = pair(11), pair(14), pair(17)
    good &= (hour <= 23) & (minute <= 59) & (second <= 59)
    if (columns[:10] == columns[:10, :1]).all():  # one day, as nearly always
        midnight = parse(f"{columns[:10, 0].tobytes().decode('latin-1')}T00:00:00Z")
        if midnight is None:
            return nothing
        days: Instants | int = midnight // 86_400_000_000
    else:
        days, real = _days(pair(0) * np.int64(100) + pair(2), pair(5), pair(8))
        good &= real
    seconds = hour * np.int64(3600) + minute * np.int64(60) + second + days * 86_400
    if not zulu:
        offset_hours, offset_minutes = pair(end + 1), pair(end + 4)
        good &= (offset_hours <= 23) & (offset_minutes <= 59)
        offset = offset_hours * np.int64(3600) + offset_minutes * np.int64(60)
        seconds += np.where(columns[end] == ord("-"), offset, -offset)
    micros = seconds * 1_000_000
    if end > 20:
        kept = min(end - 20, 6)
        fraction = digits[20].astype(np.int64)
        for at in range(21, 20 + kept):
            fraction = fraction * 10 + digits[at]
        micros += fraction * 10 ** (6 - kept)
    return np.where(good, micros, NO_INSTANT)


def _days(
    year: Instants, month: npt.NDArray[np.uint8], day: npt.NDArray[np.uint8]
) -> tuple[Instants, npt.NDArray[np.bool_]]:
    """Days from the epoch to these dates, and which of them the calendar has."""
    first_of_month = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    start_day = first_of_month.astype("datetime64[D]").astype(np.int64)
    next_month = (first_of_month + 1).astype("datetime64[D]").astype(np.int64)
    days = start_day + day - 1
    return days, (year >= 1) & (month >= 1) & (month <= 12) & (day >= 1) & (days < next_month)
