"""bytewax by its own means: keyed, tumbling windows of event time, a fold into sets. It reads to the end and closes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import bytewax.operators as op
from bytewax.connectors.kafka import KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.operators import windowing
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.run import cli_main

from tests.bench.peers import counting
from tests.bench.peers.counting import EVENTS, KAFKA, STEP, TOPIC
from tests.bench.telling import say

POLL = 5000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

State = tuple[set[str], set[str], set[str]]


def begin() -> State:
    """An empty window."""
    return set(), set(), set()


def add(state: State, visit: counting.Visit) -> State:
    """The window with one event more."""
    for known, each in zip(state, visit.ids, strict=True):
        known.add(each)
    return state


def unite(one: State, other: State) -> State:
    """Two windows made one (sessions only)."""
    return one[0] | other[0], one[1] | other[1], one[2] | other[2]


class Reading:
    """Reads polls of records, and says how many so far; the last ones when their windows are out."""

    def __init__(self) -> None:
        self._events = 0

    def read(self, messages: list[Any]) -> list[counting.Visit]:
        """The visits of one poll."""
        if not self._events:
            say(events=0)
        before = self._events
        self._events += len(messages)
        if before // STEP != self._events // STEP and self._events < EVENTS:
            say(events=self._events)
        return [counting.visit(message.value) for message in messages]


class Sums(DynamicSink[Any]):  # type: ignore[misc]
    """Sums up the windows that come out at the end."""

    def build(self, step_id: str, worker_index: int, worker_count: int) -> StatelessSinkPartition[Any]:
        """See bytewax."""
        return SumsPart()


class SumsPart(StatelessSinkPartition[Any]):  # type: ignore[misc]
    """The sizes of all windows of the only worker."""

    def __init__(self) -> None:
        self._sizes: list[tuple[int, int, int]] = []

    def write_batch(self, items: list[tuple[str, tuple[int, State]]]) -> None:
        """Windows have closed."""
        self._sizes += [(len(hits), len(visits), len(visitors)) for _, (_, (hits, visits, visitors)) in items]

    def close(self) -> None:
        """All have."""
        say(events=EVENTS)
        say(**counting.sums(self._sizes))


if __name__ == "__main__":
    flow = Dataflow("peers")
    polls = op.input("visits", flow, KafkaSource([KAFKA], [TOPIC], tail=False, batch_size=POLL))
    visits = op.flat_map_batch("read", polls, Reading().read)
    placed = op.key_on("place", visits, lambda visit: visit.place)
    clock = windowing.EventClock(
        lambda visit: EPOCH + timedelta(milliseconds=visit.time_ms), wait_for_system_duration=timedelta(days=1)
    )
    tens = windowing.TumblingWindower(align_to=EPOCH, length=timedelta(seconds=10))
    cells = windowing.fold_window("cells", placed, clock, tens, begin, add, unite, ordered=False)
    op.output("sums", cells.down, Sums())
    cli_main(flow)
