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
_DIGITS = [0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18]
_MARKS = [4, 7, 13, 16]
_MARK_BYTES = np.frombuffer(b"--::", np.uint8)[:, None]
# For eight bytes as one number: what stands between digits and the zeros under these; what brings a digit's nibble over
# 9 to its high half, where nothing may be; all of it where the byte is no digit.
_BYTE = np.uint64(0xFF)
_DATE_END = np.uint64(0xFFFFFF)
_CLOCK, _CLOCK_SIXES, _CLOCK_HIGHS = map(np.uint64, (0x30303A30303A3030, 0x0606000606000606, 0xF0F0FFF0F0FFF0F0))
_FRACTION, _FRACTION_SIXES, _FRACTION_HIGHS = map(np.uint64, (0x3030302E, 0x06060600, 0xF0F0F0FF))
_ZONE, _ZONE_SIXES, _ZONE_HIGHS = map(np.uint64, (0x30303A3030, 0x0606000606, 0xF0F0FFF0F0))
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

    NO_INSTANT where there is none, and also in the rows that do not end (with `Z`, or with an offset) as most rows do.
    """
    if chars.shape[1] < 20:
        return np.full(chars.shape[0], NO_INSTANT)
    return add(parse_seconds(chars[:, :19]), parse_rest(chars[:, 19:]))


def add(instants: Instants, micros: Instants) -> Instants:
    """The sum; NO_INSTANT where either is."""
    return np.where((instants == NO_INSTANT) | (micros == NO_INSTANT), NO_INSTANT, instants + micros)


def parse_seconds(chars: npt.NDArray[np.uint8]) -> Instants:
    """Texts like `2026-09-01T06:30:00`, shape (rows, 19), in UTC, as microseconds since the epoch; or NO_INSTANT."""
    columns = np.ascontiguousarray(chars.T)
    digits = columns - np.uint8(48)
    good = (digits[_DIGITS] <= 9).all(axis=0) & (columns[_MARKS] == _MARK_BYTES).all(axis=0)
    good &= columns[10] | 0x20 == ord("t")
    hour, minute, second = _pair(digits, 11), _pair(digits, 14), _pair(digits, 17)
    good &= (hour <= 23) & (minute <= 59) & (second <= 59)
    date = columns[:10, good.argmax()]
    midnight = parse(f"{date.tobytes().decode('latin-1')}T00:00:00Z")
    one_day = (columns[:10] == date[:, None]).all(axis=0)
    days: Instants | int
    if midnight is not None and (one_day | ~good).all():  # as nearly always
        days = midnight // 86_400_000_000
    else:
        days, real = _days(_pair(digits, 0) * np.int64(100) + _pair(digits, 2), _pair(digits, 5), _pair(digits, 8))
        good &= real
    seconds = hour * np.int64(3600) + minute * np.int64(60) + second + days * 86_400
    return np.where(good, seconds * 1_000_000, NO_INSTANT)


def parse_rest(chars: npt.NDArray[np.uint8]) -> Instants:
    """What follows the seconds (`.120Z`, `+02:00`), shape (rows, length), as microseconds to add.

    NO_INSTANT where it is no fraction and offset, or does not end as most rows do.
    """
    rows, width = chars.shape
    columns = np.ascontiguousarray(chars.T)
    digits = columns - np.uint8(48)
    zulu = 2 * np.count_nonzero(columns[-1] | 0x20 == ord("z")) >= rows
    end = width - 1 if zulu else width - 6
    micros = np.zeros(rows, np.int64)
    good = np.full(rows, end == 0 or end > 1)
    if end > 1:
        good &= (columns[0] == ord(".")) & (digits[1:end] <= 9).all(axis=0)
        kept = min(end - 1, 6)
        for digit in digits[1 : 1 + kept]:
            micros = micros * 10 + digit
        micros *= 10 ** (6 - kept)
    if zulu:
        good &= columns[end] | 0x20 == ord("z")
    elif end >= 0:
        sign = columns[end]
        good &= ((sign == ord("+")) | (sign == ord("-"))) & (columns[end + 3] == ord(":"))
        good &= (digits[[end + 1, end + 2, end + 4, end + 5]] <= 9).all(axis=0)
        hours, minutes = _pair(digits, end + 1), _pair(digits, end + 4)
        good &= (hours <= 23) & (minutes <= 59)
        offset = (hours * np.int64(60) + minutes) * 60_000_000
        micros += np.where(sign == ord("-"), offset, -offset)
    return np.where(good, micros, NO_INSTANT)


def parse_words(words: Sequence[npt.NDArray[np.uint64]], lengths: npt.NDArray[np.int64]) -> Instants:
    """RFC 3339 texts with milliseconds, in UTC or with an offset, as microseconds since the epoch.

    Args:
        words: bytes 0 to 8, 8 to 16, 11 to 19, 19 to 27 and 27 to 35 of the texts, the first byte the lowest.
        lengths: of the texts.

    Returns:
        NO_INSTANT too for what is of another form, or of another day than most.
    """
    date, rest, clock, tail, offset = words
    # The date as it stands in most rows, `T` included.
    usual = np.flatnonzero(rest >> np.uint64(16) & _BYTE | np.uint64(0x20) == ord("t"))
    if not usual.size:
        return np.full(lengths.size, NO_INSTANT)
    middle = int(usual[usual.size // 2])
    text = (int(date[middle]) | (int(rest[middle]) & 0xFFFF) << 64).to_bytes(10, "little").decode("latin-1")
    midnight = parse(f"{text}T00:00:00Z")
    if midnight is None:
        return np.full(lengths.size, NO_INSTANT)
    good = (date == date[middle]) & (rest & _DATE_END == rest[middle] & _DATE_END)

    digits = clock ^ _CLOCK
    good &= (digits | digits + _CLOCK_SIXES) & _CLOCK_HIGHS == 0
    pairs = digits * np.uint64(10) + (digits >> np.uint64(8))
    hour, minute, second = (pairs >> np.uint64(shift) & _BYTE for shift in (0, 24, 48))
    good &= (hour <= 23) & (minute <= 59) & (second <= 59)
    seconds = hour * np.uint64(3600) + minute * np.uint64(60) + second

    digits = tail ^ _FRACTION  # of the first four bytes: a point, three digits
    good &= (digits | digits + _FRACTION_SIXES) & _FRACTION_HIGHS == 0
    millis = (digits >> np.uint64(8) & _BYTE) * np.uint64(100)
    millis += (digits >> np.uint64(16) & _BYTE) * np.uint64(10) + (digits >> np.uint64(24) & _BYTE)
    micros = midnight + ((seconds * np.uint64(1000) + millis) * np.uint64(1000)).view(np.int64)

    zulu = (lengths == 24) & (tail >> np.uint64(32) & _BYTE | np.uint64(0x20) == ord("z"))
    if not (zulu | ~good).all():
        # The sign and `hh:` are the last four bytes of the tail, `mm` stands behind them.
        zone = tail >> np.uint64(32) | offset << np.uint64(32)
        sign = zone & _BYTE
        digits = zone >> np.uint64(8) ^ _ZONE
        local = (lengths == 29) & ((sign == ord("+")) | (sign == ord("-")))
        local &= (digits | digits + _ZONE_SIXES) & _ZONE_HIGHS == 0
        pairs = digits * np.uint64(10) + (digits >> np.uint64(8))
        hours, minutes = pairs & _BYTE, pairs >> np.uint64(24) & _BYTE
        local &= (hours <= 23) & (minutes <= 59)
        ahead = ((hours * np.uint64(60) + minutes) * np.uint64(60_000_000)).view(np.int64)
        micros += np.where(local, np.where(sign == ord("-"), ahead, -ahead), 0)
        zulu |= local
    return np.where(good & zulu, micros, NO_INSTANT)


def _pair(digits: npt.NDArray[np.uint8], at: int) -> npt.NDArray[np.uint8]:
    """The numbers of two digits that begin at a column; of no meaning where they are not digits."""
    tens: npt.NDArray[np.uint8] = digits[at] * np.uint8(10)
    tens += digits[at + 1]
    return tens


def _days(
    year: Instants, month: npt.NDArray[np.uint8], day: npt.NDArray[np.uint8]
) -> tuple[Instants, npt.NDArray[np.bool_]]:
    """Days from the epoch to these dates, and which of them the calendar has."""
    first_of_month = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    start_day = first_of_month.astype("datetime64[D]").astype(np.int64)
    next_month = (first_of_month + 1).astype("datetime64[D]").astype(np.int64)
    days = start_day + day - 1
    return days, (year >= 1) & (month >= 1) & (month <= 12) & (day >= 1) & (days < next_month)
