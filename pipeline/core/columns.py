"""Counting many events at once: columns of cell keys and 64-bit ids, no Python object kept per event.

A cell is a 10-second event-time bucket and the dimensions (territory, service, profil, origin). Its key is one
int64, so that a flush sorts numbers; an origin is one (projet, exploitant, plateforme), numbered as it is met.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.core.classify import (
    FAMILLES,
    NO_TERRITORY,
    UNKNOWN,
    ProfilCodes,
    ServiceCodes,
    why_bad_uai,
)
from pipeline.core.event import MAX_VALUE_BYTES, UNUSUAL, Event, decode_usual, judge_unusual
from pipeline.core.fields import Fields, Numbers, Origin, of_events
from pipeline.core.ids import Ids
from pipeline.core.instants import NO_INSTANT, Instants
from pipeline.core.reasons import Reason, Rejected, quoted
from pipeline.core.scanning import FEWEST, Scanner
from pipeline.core.values import Values

BUCKET_SECONDS = 10
FUTURE_US = 5 * 60 * 1_000_000
LATE_US = 60 * 1_000_000
"""An event is late when it arrives (its record's timestamp) over a minute after it happened."""
_LAST_US = (2**32 - 1) * 1_000_000  # ClickHouse's DateTime ends in 2106
_LAST_STAMP_MS = 9_000_000_000_000_000  # far beyond any clock; in microseconds it still has room in 64 bits

Keys = Numbers
Schools = npt.NDArray[np.int32]

# A key, from the high bits down: bucket (29 bits), territory (7), service (5), profil (3), origin (16).
ORIGIN_BITS, PROFIL_BITS, SERVICE_BITS, TERRITORY_BITS = 16, 3, 5, 7
_MOST_ORIGINS = 1 << ORIGIN_BITS


class TooManyOriginsError(Exception):
    """The columns hold all the origins a key can number: flush them, then count again what was refused."""


class Origins(dict[Origin, int]):
    """Origins in the order in which they were met."""

    def __missing__(self, origin: Origin) -> int:
        code = len(self)
        if code >= _MOST_ORIGINS:
            raise TooManyOriginsError
        self[origin] = code
        return code


class RejectedAt(NamedTuple):
    """A rejected event and its place in the values given."""

    at: int
    rejected: Rejected


class _Limits(NamedTuple):
    """When the events of some records may have happened, epoch microseconds; each of the shape (records,)."""

    stamp_us: Instants
    """The records' timestamps."""
    oldest_us: Instants
    latest_us: Instants

    def hold(self, fields: Fields) -> npt.NDArray[np.bool_]:
        """Which of the events are of a known territory and in time."""
        at, time_us = fields.at, fields.time_us
        return (fields.territory >= 0) & (time_us >= self.oldest_us[at]) & (time_us <= self.latest_us[at])


class Tally:
    """What was counted, for the metrics: numbers of events, duplicates among them included."""

    def __init__(self) -> None:
        self.counted = 0
        self.late = 0
        self.unknown_services = 0
        self.unknown_profils = 0
        self.newest_us = 0
        """Newest event time counted, microseconds since the epoch."""
        self.by_service: npt.NDArray[np.int64] = np.zeros(len(FAMILLES), np.int64)

    def by_famille(self) -> dict[str, int]:
        """Events by famille, those that occurred only."""
        totals: dict[str, int] = {}
        for famille, events in zip(FAMILLES, self.by_service.tolist(), strict=True):
            if events:
                totals[famille] = totals.get(famille, 0) + events
        return totals


class Words:
    """Texts that recur and their codes, remembered over all flushes of a worker."""

    def __init__(self) -> None:
        self.services = ServiceCodes()
        self.profils = ProfilCodes()
        self.scanner = Scanner(self.services, self.profils)


class Columns:
    """The events counted since the last flush. Give each flush a new one; the `Words` stay.

    Args:
        words: codes shared by successive columns.
        max_age_us: age in microseconds over which an event is `too_old`.
        max_lead_us: microseconds after its record's timestamp over which an event is `from_future`.
    """

    def __init__(self, words: Words, max_age_us: int, max_lead_us: int = FUTURE_US) -> None:
        self.tally = Tally()
        self.origins = Origins()
        self._words = words
        self._max_age_us = max_age_us
        self._max_lead_us = max_lead_us
        self._keys: list[Keys] = []
        self._ids: list[Ids] = []
        self._schools: list[Schools] = []

    @classmethod
    def of(cls, origins: Origins, keys: Keys, ids: Ids, schools: Schools) -> Columns:
        """Columns of events that were counted before, for a sink; of their tally it has the number of events.

        Args:
            origins: what the keys' origins number.
            keys: of cells, shape (events,).
            ids: event, visit and visitor, shape (events, 3).
            schools: shape (events,).
        """
        columns = cls(Words(), 0)
        columns.origins = origins
        columns._keys, columns._ids, columns._schools = [keys], [ids], [schools]
        columns.tally.counted = keys.size
        return columns

    def __len__(self) -> int:
        """Events counted."""
        return self.tally.counted

    def add(
        self, values: Values | Sequence[bytes | None], stamps_ms: Sequence[int] | Instants, read_ms: int
    ) -> list[RejectedAt]:
        """Judge and count some records; best by a few thousand, which stay in the processor's caches.

        Args:
            values: the records' values.
            stamps_ms: the records' timestamps in Kafka, epoch milliseconds; negative when unknown.
            read_ms: when they were read, epoch milliseconds.

        Returns:
            the rejected ones, in order; all others are counted.

        Raises:
            TooManyOriginsError: nothing of these values was counted.
        """
        if not len(values):
            return []
        if not isinstance(values, Values):
            values = Values.of(values)
        limits = self._limits(stamps_ms, read_ms)
        scanned = self._scan(values, limits)
        judged, rejects = self._judge_each(values, scanned, limits)
        # Only now, when nothing more can be raised.
        for fields in (scanned, judged):
            if fields is not None and fields.at.size:
                self._append(fields, limits)
        return rejects

    def _limits(self, stamps_ms: Sequence[int] | Instants, read_ms: int) -> _Limits:
        # A producer may write any 64 bits: what would not fit as microseconds is cut before it is one.
        stamp_us = np.clip(np.array(stamps_ms, np.int64), -1, _LAST_STAMP_MS) * 1000
        read_us = read_ms * 1000
        stamp_us[stamp_us < 0] = read_us
        return _Limits(
            stamp_us,
            np.maximum(stamp_us, read_us) - self._max_age_us,
            np.minimum(stamp_us + self._max_lead_us, _LAST_US),
        )

    def _scan(self, values: Values, limits: _Limits) -> Fields | None:
        """The good events among the records that need not be looked at one by one."""
        if len(values) < FEWEST:
            return None
        fields = self._words.scanner.scan(values, self.origins)
        return None if fields is None else fields.only(limits.hold(fields))

    def _judge_each(
        self, values: Values, scanned: Fields | None, limits: _Limits
    ) -> tuple[Fields | None, list[RejectedAt]]:
        """The good events, and the others, among the records that were not scanned."""
        rest = np.ones(len(values), bool)
        if scanned is not None:
            rest[scanned.at] = False
        at = np.flatnonzero(rest)
        if not at.size:
            return None, []
        places = at.tolist()
        events, rejects = _judge([values[place] for place in places], places)
        if not events:
            return None, rejects
        if rejects:
            rest[[reject.at for reject in rejects]] = False
            at = np.flatnonzero(rest)
        fields = of_events(events, at, self._words.services, self._words.profils, self.origins)
        good = limits.hold(fields)
        for i in np.flatnonzero(~good).tolist():
            place = int(at[i])
            oldest_us = int(limits.oldest_us[place])
            why = _why(events[i], int(fields.territory[i]), int(fields.time_us[i]), oldest_us)
            rejects.append(RejectedAt(place, why))
        rejects.sort()
        return fields.only(good), rejects

    def _append(self, fields: Fields, limits: _Limits) -> None:
        """Count good events."""
        self._measure(fields, limits.stamp_us[fields.at])
        keys = fields.time_us // (BUCKET_SECONDS * 1_000_000)
        for code, bits in (
            (fields.territory, TERRITORY_BITS),
            (fields.service & (UNKNOWN - 1), SERVICE_BITS),
            (fields.profil & (UNKNOWN - 1), PROFIL_BITS),
            (fields.origin, ORIGIN_BITS),
        ):
            keys = keys << bits | code
        self._keys.append(keys)
        self._ids.append(fields.ids)
        self._schools.append(fields.school)

    def _measure(self, fields: Fields, stamp_us: Instants) -> None:
        tally = self.tally
        tally.counted += fields.at.size
        tally.late += int(np.count_nonzero(stamp_us - fields.time_us > LATE_US))
        tally.unknown_services += int(np.count_nonzero(fields.service >= UNKNOWN))
        tally.unknown_profils += int(np.count_nonzero(fields.profil >= UNKNOWN))
        tally.newest_us = max(tally.newest_us, int(fields.time_us.max()))
        tally.by_service += np.bincount(fields.service & (UNKNOWN - 1), minlength=len(FAMILLES))

    def take(self) -> tuple[Keys, Ids]:
        """All cell keys, shape (events,), and ids (event, visit, visitor), shape (events, 3)."""
        if not self._keys:
            return np.empty(0, np.int64), np.empty((0, 3), np.uint64)
        # Each kind of id stands together in memory, as what follows takes them one after the other.
        return np.concatenate(self._keys), np.concatenate([ids.T for ids in self._ids], axis=1).T

    def schools(self) -> Schools:
        """The number of each event's school (the first seven digits of its UAI), shape (events,), as `take`."""
        return np.concatenate(self._schools) if self._schools else np.empty(0, np.int32)


def _of_usual_size(values: Sequence[bytes | None]) -> Sequence[bytes]:
    """The values, with no bytes in place of tombstones and of what is too large: both are unusual either way."""
    try:
        unfit = max(map(len, values)) > MAX_VALUE_BYTES  # type: ignore[arg-type]
    except TypeError:  # a tombstone has no length
        unfit = True
    if not unfit:
        return values  # type: ignore[return-value]
    return [b"" if value is None or len(value) > MAX_VALUE_BYTES else value for value in values]


def _judge(values: Sequence[bytes | None], places: Sequence[int]) -> tuple[list[Event], list[RejectedAt]]:
    """The well-formed events in order, and the others with their reason; `places` are those of the values."""
    events: list[Event] = []
    rejects: list[RejectedAt] = []
    remaining = iter(_of_usual_size(values))
    while True:
        try:
            # As fast as it goes until a value that is not usual; what was decoded before it stays in the list.
            events.extend(map(decode_usual, remaining))
            return events, rejects
        except UNUSUAL:
            at = len(events) + len(rejects)
            verdict = judge_unusual(values[at])
            if isinstance(verdict, Event):
                events.append(verdict)
            else:
                rejects.append(RejectedAt(places[at], verdict))


def _why(event: Event, territory: int, time_us: int, oldest_us: int) -> Rejected:
    """The first rule that a well-formed event breaks."""
    if territory == NO_TERRITORY:
        return Rejected(Reason.BAD_UAI, f"uai {quoted(event.uai)}: {why_bad_uai(event.uai)}")
    shown = f"event_time {quoted(event.event_time)}"
    if time_us == NO_INSTANT:
        return Rejected(Reason.BAD_TIME, f"{shown} is no instant: RFC 3339 with an offset, or epoch milliseconds")
    if time_us < oldest_us:
        return Rejected(Reason.TOO_OLD, f"{shown} is over the maximum age before its record or its reading")
    return Rejected(Reason.FROM_FUTURE, f"{shown} is over 5 minutes after its record's timestamp")
