"""quixstreams by its own means: group_by (through a topic of Kafka), tumbling windows, state in RocksDB."""

from __future__ import annotations

from typing import Any

from quixstreams import Application

from tests.bench.peers import counting
from tests.bench.peers.counting import EVENTS, GROUP, KAFKA, STATE, STEP, TOPIC
from tests.bench.telling import say

DAY_MS = 86_400_000

State = list[list[str]]
"""The distinct ids of a window: events, visits, visitors. It is kept as JSON, which has no sets."""


def begin(ids: list[str]) -> State:
    """The state of a window with one event."""
    return [[each] for each in ids]


def add(state: State, ids: list[str]) -> State:
    """The state with one event more."""
    for known, each in zip(state, ids, strict=True):
        if each not in known:
            known.append(each)
    return state


class Sums:
    """The latest size of each window, as they come out."""

    def __init__(self) -> None:
        self._events = 0
        self._sizes: dict[tuple[str, int], tuple[int, int, int]] = {}

    def take(self, window: dict[str, Any], key: str, timestamp: int, headers: Any) -> None:
        """One window was changed by one event."""
        hits, visits, visitors = map(len, window["value"])
        if not self._events:
            say(events=0)
        self._sizes[key, window["start"]] = (hits, visits, visitors)
        self._events += 1
        if self._events % STEP == 0 or self._events == EVENTS:
            say(events=self._events)
        if self._events == EVENTS:
            say(**counting.sums(list(self._sizes.values())))


def event_time(value: bytes, headers: Any, timestamp: float, timestamp_type: Any) -> int:
    """The time by which windows are chosen, epoch milliseconds."""
    return counting.visit(value).time_ms


if __name__ == "__main__":
    app = Application(KAFKA, consumer_group=GROUP, auto_offset_reset="earliest", state_dir=STATE, loglevel="WARNING")
    topic = app.topic(TOPIC, key_deserializer="bytes", value_deserializer="bytes", timestamp_extractor=event_time)
    visits = app.dataframe(topic).apply(lambda value: counting.visit(value)._asdict())
    visits = visits.group_by("place", key_serializer="str", key_deserializer="str").apply(lambda visit: visit["ids"])
    windows = visits.tumbling_window(10_000, grace_ms=DAY_MS).reduce(add, begin).current()
    windows.update(Sums().take, metadata=True)
    app.run()
