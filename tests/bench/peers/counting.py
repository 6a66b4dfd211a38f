"""What the contestants that can take Python code are given to count with; nothing of them is imported here.

Where a system hands over records, or lists of them, it is given the project's own counting core and the same flushes as
the worker's, so that only the way from Kafka differs. Where it counts by its own windows, it is given the few fields
that takes.
"""

from __future__ import annotations

import os
import time
from datetime import datetime
from typing import NamedTuple

import msgspec

from agents.count_visits import CHUNK
from pipeline.core import cells
from pipeline.core.columns import Columns, Words
from tests.bench.telling import Kept, say

KAFKA = os.environ.get("BENCH_KAFKA", "")
TOPIC = os.environ.get("BENCH_TOPIC", "")
GROUP = os.environ.get("BENCH_GROUP", "")
STATE = os.environ.get("BENCH_STATE", "")
"""A folder of this run's own."""
EVENTS = int(os.environ.get("BENCH_EVENTS", "0"))
"""How many there are."""
FLUSH_EVENTS = 250_000
FLUSH_SECONDS = 0.5
STEP = 10_000
"""Those that count event by event say how far they are after so many."""
MAX_AGE_US = 46 * 3600 * 1_000_000


class Counter:
    """The worker's core into a null sink: judge and count records, make the cells of each flush, drop them."""

    def __init__(self) -> None:
        self._words = Words()
        self._kept = Kept()
        self._values: list[bytes | None] = []
        self._stamps: list[int] = []
        self._events = 0
        self._open = Columns(self._words, MAX_AGE_US)
        self._taken = 0
        """Since the last flush."""
        self._since = time.monotonic()

    def one(self, value: bytes, stamp_ms: int) -> bool:
        """Take one record; True when there was a flush."""
        self._values.append(value)
        self._stamps.append(stamp_ms)
        waiting = len(self._values)
        if waiting < CHUNK and self._events + self._taken + waiting < EVENTS:
            return False
        values, stamps, self._values, self._stamps = self._values, self._stamps, [], []
        return self.many(values, stamps)

    def many(self, values: list[bytes | None], stamps_ms: list[int]) -> bool:
        """Take some records; True when there was a flush."""
        now_ms = time.time_ns() // 1_000_000
        if not self._events + self._taken:
            say(events=0)
        for at in range(0, len(values), CHUNK):
            self._open.add(values[at : at + CHUNK], stamps_ms[at : at + CHUNK], now_ms)
        self._taken += len(values)
        if (
            self._taken >= FLUSH_EVENTS
            or self._events + self._taken >= EVENTS
            or time.monotonic() - self._since >= FLUSH_SECONDS
        ):
            self._flush()
            return True
        return False

    def _flush(self) -> None:
        if len(self._open):
            cells.from_columns(self._open)
            self._kept.add(self._open)
        self._events += self._taken
        self._open, self._taken, self._since = Columns(self._words, MAX_AGE_US), 0, time.monotonic()
        say(events=self._events)
        if self._events >= EVENTS:
            say(**self._kept.figures())


class Fields(msgspec.Struct):
    """What counting by a system's own windows needs of an event."""

    event_id: str
    event_time: str | int
    visit_id: str
    visitor_id: str
    uai: str
    service: str
    profil: str


class Visit(NamedTuple):
    """One event for such windows."""

    place: str
    """Service, territory (first three characters of the UAI: a département each) and profil."""
    time_ms: int
    ids: tuple[str, str, str]


_decode = msgspec.json.Decoder(Fields).decode


def visit(value: bytes) -> Visit:
    """Read one record."""
    event = _decode(value)
    when = event.event_time
    time_ms = when if isinstance(when, int) else round(datetime.fromisoformat(when).timestamp() * 1000)
    place = f"{event.service}|{event.uai[:3]}|{event.profil}"
    return Visit(place, time_ms, (event.event_id, event.visit_id, event.visitor_id))


def sums(sizes: list[tuple[int, int, int]]) -> dict[str, int]:
    """The figures, from how many hits, visits and visitors each cell has."""
    hits, visits, visitors = (sum(column) for column in zip(*sizes, strict=True))
    return {"hits": hits, "visits": visits, "visitors": visitors}
