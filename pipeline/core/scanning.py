"""Many records at once, without an object for any: their fields are cut out of one buffer by the layouts known.

`Scanner.scan` takes the records that have a known layout and whose every field is plainly good, and says which these
are; whatever it does not take is judged one by one, by `event.judge` and its rules. It never rejects, and it never
takes what they would reject: the tests hold the two against each other byte by byte.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.core.classify import ProfilCodes, ServiceCodes, uai_words
from pipeline.core.event import MAX_VALUE_BYTES, Event, judge
from pipeline.core.fields import Fields, Origin
from pipeline.core.ids import Ids, hash_words
from pipeline.core.instants import NO_INSTANT, Instants, add, parse_digits, parse_rest, parse_seconds, parse_words
from pipeline.core.layouts import FIELDS, INTEGER_DIGITS, Layout, Located, Records, Text
from pipeline.core.values import PAD, Places, Values
from pipeline.core.words import LONGEST, MOST_ROWS, Chars, Table, cut, gather

FEWEST = 48
"""Records below which looking at them one by one costs less."""

MOST_LAYOUTS = 8
_TRIES = 2
"""Records of each scan from which a layout may be learnt: odd records must not cost more than their judgement."""
_WORTH = 64
"""A new layout is kept when it is that of one record in so many."""

_MOST_LARGE = 1 << 20
"""Bytes of values that are too large, over which they are not even looked through."""

_ROW = {field: row for row, field in enumerate(FIELDS)}
_SHORT = 16
"""Bytes of a short one: most words are, and comparing them costs a quarter."""
_SIZE = LONGEST // 8
"""The column of a text's row that holds its length, behind those of its words."""
_NUMBER_BITS = 20  # of a text's number, at most MOST_ROWS

Which = npt.NDArray[np.bool_]


class Scanner:
    """Learns the layouts of what it is given and reads the records that have them. One for each worker.

    Args:
        services: shared with the judging of single events.
        profils: likewise.
    """

    def __init__(self, services: ServiceCodes, profils: ProfilCodes) -> None:
        self._layouts: list[Layout] = []
        """The one that was of most use last comes first."""
        self._texts = Table(_SIZE + 1)
        self._services = _Codes(services.__getitem__)
        self._profils = _Codes(profils.__getitem__)
        self._origins = _OriginCodes()

    def scan(self, values: Values, origins: Mapping[Origin, int]) -> Fields | None:
        """Read the records that have a layout known, or learnt from them.

        Args:
            values: the records' values.
            origins: codes of (projet, exploitant, plateforme); numbers them as they are met.

        Returns:
            the events taken, in any order; None when there are none. Of every other record nothing is said, nor of
            those taken whose time is NO_INSTANT here: theirs may be of another form than that of most times. An event
            taken may still be of no known territory, too old or from the future.
        """
        self._forget_if_full()
        records, left = _lay_out(values)
        total = len(values)
        found: list[tuple[int, Layout, Located]] = []
        for layout in list(self._layouts):
            if left.size < FEWEST:
                break
            left = self._take(layout, records, left, found)
        for part in range(1, 2 * _TRIES, 2):
            if left.size * _WORTH < total or not left.size:
                break
            left = self._learn(values[int(left[left.size * part // (2 * _TRIES)])], records, left, found)
        if not found:
            return None
        taken = {id(layout): count for count, layout, _ in found}
        self._layouts.sort(key=lambda layout: taken.get(id(layout), 0), reverse=True)
        return _joined([self._read(records.raw, located, origins) for _, _, located in found])

    def _take(self, layout: Layout, records: Records, at: Places, found: list[tuple[int, Layout, Located]]) -> Places:
        """Find a layout in the records `at`; returns the others."""
        located = layout.locate(records, at)
        taken = int(np.count_nonzero(located.fits))
        if not taken:
            return at
        found.append((taken, layout, located))
        rest = np.zeros(records.starts.size, bool)
        rest[at] = True
        rest[located.at[located.fits]] = False
        return np.flatnonzero(rest)

    def _learn(
        self, value: bytes | None, records: Records, left: Places, found: list[tuple[int, Layout, Located]]
    ) -> Places:
        layout = Layout.of(value) if value is not None and isinstance(judge(value), Event) else None
        if layout is None:
            return left
        rest = self._take(layout, records, left, found)
        if (left.size - rest.size) * _WORTH >= records.starts.size:
            self._layouts.insert(0, layout)
            del self._layouts[MOST_LAYOUTS:]
        return rest

    def _forget_if_full(self) -> None:
        if len(self._texts) >= MOST_ROWS:
            self._texts.clear()
            self._services.clear()
            self._profils.clear()
            self._origins.clear()

    def _text(self, number: int) -> str:
        *words, size = self._texts.row(number)
        return np.array(words, "<u8").tobytes()[: int(size)].decode()

    def _read(self, raw: Chars, located: Located, origins: Mapping[Origin, int]) -> Fields:
        fits, texts = located.fits, located.texts
        time_us = _times(raw, _given(texts[_ROW["event_time"]]), fits)
        uai = _given(texts[_ROW["uai"]])
        territory, school = uai_words(uai.words[0])
        numbers = {}
        for field in FIELDS[_ROW["service"] :]:
            numbers[field], known = self._numbered(raw, texts[_ROW[field]], fits)
            fits = fits & known
        three = [numbers[field] for field in ("projet", "exploitant", "plateforme")]
        origin, known = self._origins.of(three, fits, self._text, origins)
        time_us[~(known & fits)] = NO_INSTANT
        return Fields(
            located.at,
            self._services.of(numbers["service"], fits, self._text),
            self._profils.of(numbers["profil"], fits, self._text),
            territory,
            school,
            origin,
            time_us,
            _ids(raw, [_given(text) for text in texts[:3]]),
        )

    def _numbered(self, raw: Chars, text: Text | None, fits: Which) -> tuple[Places, Which]:
        """The numbers of texts, 0 for one that has none, and which of them have one."""
        if text is None:
            return np.zeros(fits.size, np.int64), fits
        lengths = np.minimum(text.lengths, LONGEST)  # those above are no texts of a layout
        short = lengths <= _SHORT
        words = [*cut(text.words, lengths), lengths.view(np.uint64)]
        numbers = self._texts.numbers(words, (0, 1, _SIZE), fits & short)
        if not short.all():
            long = np.flatnonzero(~short & fits)
            sizes = lengths[long]
            words = [*cut([*gather(raw, text.starts[long], LONGEST).T], sizes), sizes.view(np.uint64)]
            numbers[long] = self._texts.numbers(words, range(_SIZE + 1), np.ones(long.size, bool))
        known = numbers >= 0
        return np.where(known & fits, numbers, 0), known


class _Codes:
    """The codes of numbered texts, asked once for each."""

    def __init__(self, code: Callable[[str], int]) -> None:
        self._code = code
        self.clear()

    def clear(self) -> None:
        """The numbers mean other texts from now on."""
        self._codes = np.full(MOST_ROWS, -1, np.int64)

    def of(self, numbers: Places, wanted: Which, text: Callable[[int], str]) -> Places:
        """The codes of some texts, of no meaning where they are not `wanted`."""
        codes = self._codes.take(numbers)
        missing = np.flatnonzero((codes < 0) & wanted)
        if missing.size:
            for number in set(numbers[missing].tolist()):
                self._codes[number] = self._code(text(number))
            codes = self._codes.take(numbers)
        return codes


class _OriginCodes:
    """The codes of origins given as the numbers of their three texts."""

    def __init__(self) -> None:
        self._triples = Table(1)
        self.clear()

    def clear(self) -> None:
        """The numbers mean other texts from now on."""
        self._triples.clear()
        self._of: Mapping[Origin, int] | None = None

    def of(
        self, numbers: list[Places], wanted: Which, text: Callable[[int], str], origins: Mapping[Origin, int]
    ) -> tuple[Places, Which]:
        """The codes by `origins`, of no meaning where they are not `wanted`; and which of them there are."""
        if len(self._triples) >= MOST_ROWS:
            self.clear()
        if self._of is not origins:
            self._of = origins
            self._codes = np.full(MOST_ROWS, -1, np.int64)
        mixed = (numbers[0] << _NUMBER_BITS | numbers[1]) << _NUMBER_BITS | numbers[2]
        triples = self._triples.numbers([mixed.view(np.uint64)], (0,), wanted)
        known = triples >= 0
        triples = np.where(known & wanted, triples, 0)
        codes = self._codes.take(triples)
        missing = np.flatnonzero((codes < 0) & wanted & known)
        if missing.size:
            low, shifts = (1 << _NUMBER_BITS) - 1, (2 * _NUMBER_BITS, _NUMBER_BITS, 0)
            for triple in dict.fromkeys(triples[missing].tolist()):
                row = int(self._triples.row(triple)[0])
                projet, exploitant, plateforme = (text(row >> shift & low) for shift in shifts)
                self._codes[triple] = origins[projet, exploitant, plateforme]
            codes = self._codes.take(triples)
        return codes, known


def _lay_out(values: Values) -> tuple[Records, Places]:
    """The records' bytes; and those of them in which a layout may be found."""
    large = values.ends - values.starts > MAX_VALUE_BYTES
    if (values.ends - values.starts)[large].sum() > _MOST_LARGE:
        values = values.without(large)
    chars, starts, ends = values.window()
    may = ~large
    first = int(starts[0])
    text = chars[first:-PAD]
    if text.min(initial=0xFF) < 0x20 or values.holds(b"\\"):
        odd = np.flatnonzero((text == ord("\\")) | (text < 0x20))
        may[np.searchsorted(ends, odd + first, "right")] = False
    if text.max(initial=0) > 0x7F:
        may[_not_utf8(text, ends - first)] = False
    return Records(chars, starts, ends), np.flatnonzero(may)


def _not_utf8(text: Chars, ends: Places) -> list[int]:
    """The records in which the buffer as a whole is no UTF-8.

    A character cut by the end of a record passes where the next one goes on with it. That can be no text of a layout:
    there is a quote behind each.
    """
    bad: list[int] = []
    rest = text.data
    begin = 0
    while True:
        try:
            str(rest[begin:], "utf-8")
            return bad
        except UnicodeDecodeError as error:
            record = int(np.searchsorted(ends, begin + error.start, "right"))
            if record == ends.size:
                return bad
            bad.append(record)
            begin = int(ends[record])


def _joined(parts: list[Fields]) -> Fields:
    if len(parts) == 1:
        return parts[0]
    columns: list[Any] = [np.concatenate(column) for column in zip(*parts, strict=True)]
    columns[-1] = np.concatenate([part.ids.T for part in parts], axis=1).T  # each kind of id together in memory
    return Fields(*columns)


def _given(text: Text | None) -> Text:
    assert text is not None, "a layout has all fields that are required"
    return text


def _ids(raw: Chars, texts: list[Text]) -> Ids:
    """Hashes of some columns of texts, shape (records, columns)."""
    ids = np.empty((len(texts), texts[0].starts.size), np.uint64)
    for column, text in enumerate(texts):
        lengths = np.minimum(text.lengths, LONGEST)
        longest = max(1, int(lengths.max()))
        words = text.words if longest <= 8 * len(text.words) else [*gather(raw, text.starts, LONGEST).T]
        sizes = lengths[:1] if lengths.min() == longest else lengths
        ids[column] = hash_words(cut(words[: -(-longest // 8)], lengths), sizes.astype(np.uint64))
    return ids.T


def _times(raw: Chars, text: Text, fits: Which) -> Instants:
    """Event times, NO_INSTANT where there is none; numbers are those of `INTEGER_DIGITS`."""
    a, b, c, d, e = text.words
    down, up = np.uint64(24), np.uint64(40)
    time_us = parse_words((a, b, b >> down | c << up, c >> down | d << up, d >> down | e << up), text.lengths)
    numbers = np.flatnonzero(text.lengths == INTEGER_DIGITS)
    if numbers.size:
        time_us[numbers] = parse_digits(_characters(raw, text.starts[numbers], INTEGER_DIGITS))
    others = np.flatnonzero(fits & (time_us == NO_INSTANT) & (text.lengths != INTEGER_DIGITS))
    if others.size >= FEWEST:
        time_us[others] = _other_times(raw, text.starts[others], text.lengths[others])
    return time_us


def _other_times(raw: Chars, starts: Places, lengths: Places) -> Instants:
    """Texts of any form."""
    time_us = parse_seconds(_characters(raw, starts, 19))
    for length in np.flatnonzero(np.bincount(lengths)).tolist():
        rows = np.flatnonzero(lengths == length)
        time_us[rows] = add(time_us[rows], parse_rest(_characters(raw, starts[rows] + 19, length - 19)))
    return time_us


def _characters(raw: Chars, starts: Places, width: int) -> Chars:
    """The `width` bytes from each place on, shape (starts.size, width)."""
    padded = -(-width // 8) * 8
    return gather(raw, starts, padded).view(np.uint8)[:, :width]
