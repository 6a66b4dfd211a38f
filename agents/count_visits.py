"""Count visits: judge every record, collect cells, make them durable, and only then acknowledge.

One flush is under way at a time while the next one fills; both are bounded in events. A flush happens by size, by age
or at a stop, always through `VisitCounter.flush`. Whatever fails, nothing is acknowledged that is not durable: the
records come again, and the store's sets take them as they took them the first time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Executor
from typing import Any

from agents.ports import BatchEvent, DeadLetters, Letter, Meter, Sink
from pipeline.core.columns import FUTURE_US, Columns, TooManyOriginsError, Words
from pipeline.core.position import Position
from pipeline.core.values import Values
from pipeline.errors import StoreUnavailable

CHUNK = 8000
"""Most records judged at once: enough that a step over all of them costs little each, few enough for the caches, and
for the event loop, which waits for some 10 ms."""
TURNS = 10
"""Turns of the event loop after a full chunk. Handing over one fetched batch takes several: with one turn a chunk the
queue ran empty at each poll, and the worker waited for a fifth of its time beside an idle reader."""

LETTER_UNIT = 256
"""Bytes of a rejected value that weigh as much as an event: a flood of large ones must not wait in memory for a flush
that is measured in events."""


class _Open:
    """What has been taken since the last flush."""

    def __init__(self, columns: Columns) -> None:
        self.columns = columns
        self.letters: list[Letter] = []
        self.letter_bytes = 0
        self.events: list[BatchEvent] = []
        self.positions: dict[tuple[str, int], Position] = {}
        self.since: float | None = None
        """When the first of these was added, in the event loop's time; None while there is nothing to flush."""

    def __len__(self) -> int:
        return len(self.columns) + len(self.letters) + self.letter_bytes // LETTER_UNIT


class VisitCounter:
    """The worker's main job, without Faust: record batches in, durable cells and dead letters out.

    Args:
        sink: where cells go; called in `thread`.
        dead_letters: where rejected records go.
        meter: told of each acknowledged flush.
        thread: a one-thread executor.
        clock_ms: now, epoch milliseconds.
        max_age: seconds over which an event is too old.
        flush_events: most events of one flush.
    """

    def __init__(
        self,
        *,
        sink: Sink,
        dead_letters: DeadLetters,
        meter: Meter,
        thread: Executor,
        clock_ms: Callable[[], int],
        max_age: int,
        flush_events: int,
    ) -> None:
        self._sink = sink
        self._dead_letters = dead_letters
        self._meter = meter
        self._thread = thread
        self._clock_ms = clock_ms
        self._max_age_us = max_age * 1_000_000
        self._flush_events = flush_events
        self._chunk = min(CHUNK, flush_events)
        self._words = Words()
        self._open = self._new()
        self._one_flush = asyncio.Lock()
        self._failure: BaseException | None = None
        """What ended a flush before its acknowledgement; nothing is flushed after it."""
        self._behind: asyncio.Task[None] | None = None
        """The last flush that was started without waiting for it."""
        self._latest: dict[tuple[str, int], Position] = {}

    def _new(self) -> _Open:
        return _Open(Columns(self._words, self._max_age_us))

    async def take(self, event: BatchEvent) -> None:
        """Judge and collect one record batch; wait while two flushes' worth of events is not yet durable."""
        batch = event.value
        read_ms = self._clock_ms()
        total = len(batch)
        values = Values(batch.raw, batch.starts, batch.ends)
        # As few as may be, and all of one size: a small one takes as many steps as a large one.
        parts = max(1, -(-total // self._chunk))
        chunk = max(1, -(-total // parts))
        for start in range(0, total, chunk):
            while len(self._open) >= self._flush_events:
                await self._flush_full()
            await self._take_chunk(batch, values.part(start, start + chunk), start, read_ms)
            for _ in range(1 + (TURNS - 1) * min(chunk, total) // CHUNK):
                await asyncio.sleep(0)  # let acknowledgements, timers and the fetcher breathe
        self._note_position(batch, read_ms)
        batch.drop_records()  # the event lives until it is acknowledged; its records need not
        # A flush may have come between the last records and here: what is left of the batch is its acknowledgement.
        self._filling().events.append(event)

    async def _take_chunk(self, batch: Any, values: Values, start: int, read_ms: int) -> None:
        stamps = batch.timestamps[start : start + len(values)]
        try:
            rejects = self._filling().columns.add(values, stamps, read_ms)
        except TooManyOriginsError:
            await self.flush()
            rejects = self._filling().columns.add(values, stamps, read_ms)
        for at, rejected in rejects:
            offset = batch.offset(start + at)
            value = values[at]
            self._open.letters.append(Letter(batch.tp.topic, batch.tp.partition, offset, value, rejected))
            self._open.letter_bytes += len(value or b"")

    def _filling(self) -> _Open:
        """What records, positions and acknowledgements are added to; its age begins with the first of them."""
        if self._open.since is None:
            self._open.since = asyncio.get_running_loop().time()
        return self._open

    def _note_position(self, batch: Any, read_ms: int) -> None:
        topic, partition = batch.tp
        # A producer may write any 64 bits for a timestamp. What is told of a partition never goes back: one record from
        # the year 2100 would make the picture look fresh, and the detector wait, for as long.
        newest_ms = min(int(batch.timestamps.max(initial=0)), read_ms)
        self._filling().positions[topic, partition] = Position(
            topic,
            partition,
            batch.next,
            min(self._open.columns.tally.newest_us, read_ms * 1000 + FUTURE_US),
            newest_ms if newest_ms > 0 else read_ms,
            max(0, batch.highwater - batch.next),
        )

    async def _flush_full(self) -> None:
        """Start a flush behind the counting; where one is under way already, wait for both."""
        if self._one_flush.locked():
            await self.flush()
        else:
            self._behind = asyncio.create_task(self.flush())
            self._behind.add_done_callback(lambda task: task.cancelled() or task.exception())  # `_failure` holds it
            await asyncio.sleep(0)

    async def flush(self) -> None:
        """Make everything taken so far durable and acknowledge it; flushes follow one another in order.

        Raises:
            Exception: what the sink or the dead letters raised, now or in an earlier flush. Nothing of that flush was
                acknowledged, and the worker must stop: going on would commit offsets behind a hole.
        """
        async with self._one_flush:
            if self._failure is not None:
                raise self._failure
            full, self._open = self._open, self._new()
            if full.since is None:
                return
            self._failure = StoreUnavailable("a flush was cut short: nothing after it may be acknowledged")
            try:
                await self._make_durable(full, full.since)
            except Exception as error:
                self._failure = error
                raise
            self._failure = None

    async def _make_durable(self, full: _Open, since: float) -> None:
        loop = asyncio.get_running_loop()
        positions = tuple(full.positions.values())
        await asyncio.gather(
            self._dead_letters.send(full.letters),
            loop.run_in_executor(self._thread, self._sink.write, full.columns, positions),
        )
        for event in full.events:
            event.ack()
        self._latest |= full.positions
        newest_ms = max((position.newest_arrival_ms for position in positions), default=0)
        self._meter.flushed(full.columns, full.letters, loop.time() - since, newest_ms)

    def latest(self) -> list[Position]:
        """The last acknowledged position of every partition this worker has counted."""
        return list(self._latest.values())

    def age(self) -> float:
        """Seconds since the oldest record not yet given to a flush was taken; 0 when there is none."""
        return 0.0 if self._open.since is None else asyncio.get_running_loop().time() - self._open.since


def make(counter: VisitCounter, stop: Callable[[BaseException], Awaitable[None]]) -> Callable[[Any], Awaitable[None]]:
    """The agent: `stop` ends the worker when a flush fails for good."""

    async def count_visits(stream: Any) -> None:
        events: AsyncIterator[BatchEvent] = stream.noack().events()
        async for event in events:
            try:
                await counter.take(event)
            except Exception as error:
                await stop(error)
                raise

    return count_visits


def make_flush_aged(
    counter: VisitCounter, seconds: float, stop: Callable[[BaseException], Awaitable[None]]
) -> Callable[[], Awaitable[None]]:
    """The task that flushes what has waited for `seconds`, however little it is."""

    async def flush_aged() -> None:
        while True:
            await asyncio.sleep(max(0.01, seconds - counter.age()))
            if counter.age() >= seconds:
                try:
                    await counter.flush()
                except Exception as error:
                    await stop(error)
                    raise

    return flush_aged
