"""Many records at once, without an object for any: their fields are cut out of one buffer by the layouts known.

`Scanner.scan` takes the records that have a known layout and whose every field is plainly good, and says which these
are; whatever it does not take is judged one by one, by `event.judge` and its rules. It never rejects, and it never
takes what they would reject: the tests hold the two against each other byte by byte.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from pipeline.core.classify import ProfilCodes, ServiceCodes, uai_matrix
from pipeline.core.event import Event, judge
from pipeline.core.fields import Fields, Origin
from pipeline.core.ids import Ids, hash_text, hash_words
from pipeline.core.instants import Instants, add, parse_digits, parse_rest, parse_seconds
from pipeline.core.layouts import FIELDS, INTEGER_DIGITS, PAD, Layout, Located, Places, Records, gather

FEWEST = 48
"""Records below which looking at them one by one costs less."""

MOST_LAYOUTS = 8
_TRIES = 2
"""Records of each scan from which a layout may be learnt: odd records must not cost more than their judgement."""
_WORTH = 64
"""A new layout is kept when it is that of one record in so many."""

_SHORT = 16
"""Bytes of a short text: most words are, and comparing them costs a quarter of comparing `PAD` bytes."""

_ROW = {field: row for row, field in enumerate(FIELDS)}
_WORDS = slice(_ROW["service"], len(FIELDS))
_MASKS = {
    width: np.frombuffer(b"".join(b"\xff" * n + b"\0" * (width - n) for n in range(width + 1)), f"V{width}")
    for width in (_SHORT, 2 * _SHORT, PAD)
}
"""For each width of a gather, and each number of bytes up to it: what leaves so many of them."""
_SPREAD = np.array([hash_text(str(word)) | 1 for word in range(PAD // 8)], np.uint64)
"""Odd multipliers without a pattern, one for each word."""
_SLOT_BITS = 16


class Scanner:
    """Learns the layouts of what it is given and reads the records that have them. One for each worker.

    Args:
        services: shared with the judging of single events.
        profils: likewise.
    """

    def __init__(self, services: ServiceCodes, profils: ProfilCodes) -> None:
        self._services = services
        self._profils = profils
        self._layouts: list[Layout] = []
        """The one that was of use last comes first."""

    def scan(self, values: Sequence[bytes], origins: Mapping[Origin, int]) -> Fields | None:
        """Read the records that have a layout known, or learnt from them.

        Args:
            values: the records' values.
            origins: codes of (projet, exploitant, plateforme); numbers them as they are met.

        Returns:
            the events taken, in any order; None when there are none. Of every other record nothing is said, nor of
            those taken whose time is NO_INSTANT here: theirs may be of another form than that of most times. An event
            taken may still be of no known territory, too old or from the future.
        """
        records, quotes = _lay_out(values)
        found: list[Located] = []
        for layout in list(self._layouts):
            self._take(layout, records, quotes, found)
        for part in range(1, 2 * _TRIES, 2):
            left = np.flatnonzero(quotes > 0)
            if left.size * _WORTH < len(values):
                break
            self._learn(values[left[left.size * part // (2 * _TRIES)]], len(values), records, quotes, found)
        if not found:
            return None
        located = Located(*(np.concatenate(part, -1) for part in zip(*found, strict=True)))
        return self._read(records.raw, located, origins)

    def _take(self, layout: Layout, records: Records, quotes: Places, found: list[Located]) -> int:
        """Find a layout in the records not yet taken; those it is found in have no `quotes` left."""
        candidates = np.flatnonzero(quotes == layout.quotes)
        if not candidates.size:
            return 0
        located = layout.locate(records, candidates)
        if located.at.size:
            quotes[located.at] = 0
            found.append(located)
            if self._layouts[0] is not layout:
                self._layouts.remove(layout)
                self._layouts.insert(0, layout)
        return located.at.size

    def _learn(self, value: bytes, total: int, records: Records, quotes: Places, found: list[Located]) -> None:
        layout = Layout.of(value) if isinstance(judge(value), Event) else None
        if layout is None:
            return
        self._layouts.append(layout)
        if self._take(layout, records, quotes, found) * _WORTH < total:
            self._layouts.remove(layout)
        del self._layouts[MOST_LAYOUTS:]

    def _read(self, raw: bytes, located: Located, origins: Mapping[Origin, int]) -> Fields:
        starts, lengths = located.starts, located.lengths
        territory, school = uai_matrix(_characters(raw, starts[_ROW["uai"]], 8))
        number, texts = _numbered(raw, starts[_WORDS].ravel(), lengths[_WORDS].ravel())
        service, profil, *origin = number.reshape(-1, located.at.size)

        def coded(numbers: Places, code: Callable[[str], int]) -> Places:
            return _each_once(numbers, len(texts), lambda n: code(texts[n]))

        return Fields(
            located.at,
            coded(service, self._services.__getitem__),
            coded(profil, self._profils.__getitem__),
            territory,
            school,
            _origin_codes(origin, texts, origins),
            _times(raw, starts[_ROW["event_time"]], lengths[_ROW["event_time"]]),
            _ids(raw, starts[:3], lengths[:3]),
        )


def _lay_out(values: Sequence[bytes]) -> tuple[Records, Places]:
    """The records in one buffer; and how many quotes each has, 0 for those that no layout may be found in."""
    raw = b"".join([*values, bytes(PAD)])
    ends = np.cumsum(np.fromiter(map(len, values), np.int64, len(values)))
    starts = np.concatenate(([0], ends[:-1]))
    chars = np.frombuffer(raw, np.uint8)
    text = chars[:-PAD]
    quote_places = np.flatnonzero(text == ord('"'))
    first_quotes = np.searchsorted(quote_places, starts)
    quotes = np.diff(first_quotes, append=quote_places.size)
    if b"\\" in raw or text.min(initial=255) < 0x20:
        odd = np.flatnonzero((text == ord("\\")) | (text < 0x20))
        quotes[np.searchsorted(ends, odd, "right")] = 0
    if not raw.isascii():
        quotes[_not_utf8(raw, ends)] = 0
    return Records(raw, starts, ends, quote_places, first_quotes), quotes


def _not_utf8(raw: bytes, ends: Places) -> list[int]:
    """The records in which the buffer as a whole is no UTF-8.

    A character cut by the end of a record passes where the next one goes on with it. That can be no text of a layout:
    there is a quote behind each.
    """
    bad: list[int] = []
    rest = memoryview(raw)
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


def _characters(raw: bytes, starts: Places, width: int) -> npt.NDArray[np.uint8]:
    """The `width` bytes from each place on, shape (starts.size, width)."""
    padded = -(-width // 8) * 8
    return gather(raw, starts, padded).view(np.uint8)[:, :width]


def _numbered(raw: bytes, starts: Places, lengths: Places) -> tuple[Places, list[str]]:
    """The texts at `starts`, few of them distinct, as indexes into a list; a text may be in the list twice."""
    number = np.empty(starts.size, np.int64)
    texts: list[str] = []
    short = lengths <= _SHORT
    for width, places in ((_SHORT, np.flatnonzero(short)), (PAD, np.flatnonzero(~short))):
        if places.size:
            words = _texts(raw, starts[places], lengths[places], width)
            like, alone = _first_alike(words)
            rank = np.empty(like.size, np.int64)
            rank[alone] = np.arange(len(texts), len(texts) + alone.size)
            number[places] = rank[like]
            texts += [row.rstrip(b"\0").decode() for row in words[alone].view(f"S{width}")[:, 0].tolist()]
    return number, texts


def _texts(raw: bytes, starts: Places, lengths: Places, width: int) -> npt.NDArray[np.uint64]:
    """Texts of at most `width` bytes, zeros behind them, as words; shape (starts.size, width // 8)."""
    words = gather(raw, starts, width)
    words &= _MASKS[width][lengths].view("<u8").reshape(words.shape)
    return words


def _ids(raw: bytes, starts: Places, lengths: Places) -> Ids:
    """Hashes of the texts at `starts`, shape (columns, events); of the shape (events, columns)."""
    longest = int(lengths.max())
    width = next(width for width in _MASKS if width >= longest)
    words = _texts(raw, starts.ravel(), lengths.ravel(), width)[:, : -(-longest // 8)]
    sizes = np.array([longest]) if lengths.min() == longest else lengths.ravel()
    return hash_words(np.ascontiguousarray(words.T), sizes.astype(np.uint64)).reshape(starts.shape).T


def _times(raw: bytes, starts: Places, lengths: Places) -> Instants:
    """Event times, NO_INSTANT where there is none; numbers are those of `INTEGER_DIGITS`."""
    time_us = parse_seconds(_characters(raw, starts, 19))
    for length in np.flatnonzero(np.bincount(lengths)).tolist():
        rows = np.flatnonzero(lengths == length)
        if length == INTEGER_DIGITS:
            time_us[rows] = parse_digits(_characters(raw, starts[rows], length))
        else:
            time_us[rows] = add(time_us[rows], parse_rest(_characters(raw, starts[rows] + 19, length - 19)))
    return time_us


def _origin_codes(numbers: list[Places], texts: list[str], origins: Mapping[Origin, int]) -> Places:
    """Codes of the origins whose three texts have these numbers."""
    mixed = (numbers[0] * len(texts) + numbers[1]) * len(texts) + numbers[2]
    like, alone = _first_alike(mixed.view(np.uint64)[:, None])
    codes = np.empty(like.size, np.int64)
    which = zip(*(column[alone].tolist() for column in numbers), strict=True)
    codes[alone] = [origins[texts[a], texts[b], texts[c]] for a, b, c in which]
    return codes[like]


def _each_once(numbers: Places, size: int, code: Callable[[int], int]) -> Places:
    """`code` of each number below `size`, asked once for each that occurs."""
    codes = np.zeros(size, np.int64)
    occurring = np.flatnonzero(np.bincount(numbers))
    codes[occurring] = [code(number) for number in occurring.tolist()]
    return codes[numbers]


def _first_alike(rows: npt.NDArray[np.uint64]) -> tuple[Places, Places]:
    """For each row the index of an equal one, and which rows are their own.

    Rows find each other in a table by a hash, and are compared: those of one index are equal. Nearly all that are equal
    have one index, but the few that share their place in the table with another row stay alone after a second try.
    """
    own = np.arange(rows.shape[0])
    hashed = rows[:, 0] * _SPREAD[0]
    for column in range(1, rows.shape[1]):
        hashed += rows[:, column] * _SPREAD[column]
    table = np.empty(1 << _SLOT_BITS, np.int64)
    slots = (hashed >> np.uint64(64 - _SLOT_BITS)).view(np.int64)
    table[slots] = own
    like = table[slots]
    different = np.flatnonzero(_differ(rows, like, own))
    if different.size:
        slots = (hashed[different] >> np.uint64(64 - 2 * _SLOT_BITS) & np.uint64((1 << _SLOT_BITS) - 1)).view(np.int64)
        table[slots] = different
        met = table[slots]
        like[different] = np.where(_differ(rows, met, different), different, met)
    return like, np.flatnonzero(like == own)


def _differ(rows: npt.NDArray[np.uint64], left: Places, right: Places) -> npt.NDArray[np.bool_]:
    """Whether the rows `left` and `right` differ, pair by pair."""
    items = rows.view(f"V{rows.itemsize * rows.shape[1]}")[:, 0]
    bits = items[left].view(np.uint64).reshape(-1, rows.shape[1])
    bits ^= items[right].view(np.uint64).reshape(bits.shape) if right.size < rows.shape[0] else rows
    differing: npt.NDArray[np.bool_] = bits[:, 0] != 0
    for column in range(1, rows.shape[1]):
        differing |= bits[:, column] != 0
    return differing
