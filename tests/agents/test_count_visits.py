"""Counting: nothing is acknowledged that is not durable, whatever fails and in whatever order things end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from faust.types import TP

from agents.count_visits import VisitCounter
from agents.ports import Letter
from pipeline.core.columns import Columns
from pipeline.core.position import Position
from pipeline.errors import StoreRefused, StoreUnavailable
from pipeline.transport import RecordBatch, splitting

NOW_MS = 1_788_244_200_000  # 2026-09-01T06:30:00Z


class Delivery:
    """A Faust event, and whether it was acknowledged."""

    def __init__(self, first: int, values: list[bytes | None], highwater: int = 1000) -> None:
        stamps = NOW_MS - 1000 + np.arange(len(values))
        places = splitting.joined(values)
        tp = TP("ent.visits.v1", 0)
        self.value = RecordBatch(tp, first, first + len(values), *places, stamps, None, highwater)
        self.acked = False

    def ack(self) -> bool:
        self.acked = True
        return True


class Shelf:
    """A sink that keeps what it is given, or fails, or waits, as told."""

    def __init__(self) -> None:
        self.taken: list[tuple[Columns, tuple[Position, ...]]] = []
        self.fault: Exception | None = None
        self.gate = threading.Event()
        self.gate.set()

    def write(self, counted: Columns, positions: Sequence[Position]) -> None:
        assert self.gate.wait(10)
        if self.fault is not None:
            raise self.fault
        self.taken.append((counted, tuple(positions)))


class Tray:
    """Dead letters that arrive, or do not."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []
        self.fault: Exception | None = None

    async def send(self, letters: Sequence[Letter]) -> None:
        if self.fault is not None:
            raise self.fault
        self.letters += letters


class Ear:
    """Hears of every acknowledged flush."""

    def __init__(self) -> None:
        self.heard: list[tuple[int, int, int]] = []

    def flushed(self, counted: Columns, rejected: Sequence[Letter], seconds: float, newest_arrival_ms: int) -> None:
        self.heard.append((len(counted), len(rejected), newest_arrival_ms))


class Bench:
    """A counter among its ports."""

    def __init__(self, flush_events: int = 100_000) -> None:
        self.shelf, self.tray, self.ear = Shelf(), Tray(), Ear()
        self.thread = ThreadPoolExecutor(1)
        self.counter = VisitCounter(
            sink=self.shelf,
            dead_letters=self.tray,
            meter=self.ear,
            thread=self.thread,
            clock_ms=lambda: NOW_MS,
            max_age=46 * 3600,
            flush_events=flush_events,
        )


def event(number: int, **fields: str) -> bytes:
    more = "".join(f',"{name}":"{text}"' for name, text in fields.items())
    return (
        f'{{"event_id":"{number:032x}","event_time":{NOW_MS - 5000},"visit_id":"v{number // 3}","visitor_id":"p",'
        f'"uai":"0010001W","service":"NOTES","profil":"ELEVE"{more}}}'
    ).encode()


def run(scene: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(scene())


def test_a_flush_writes_then_acknowledges_everything_taken() -> None:
    async def scene() -> None:
        bench = Bench()
        first, second = Delivery(10, [event(1), event(2)]), Delivery(12, [event(3)])
        await bench.counter.take(first)
        await bench.counter.take(second)
        assert (first.acked, second.acked) == (False, False)
        await bench.counter.flush()
        assert (first.acked, second.acked) == (True, True)
        ((counted, positions),) = bench.shelf.taken
        assert len(counted) == 3
        assert positions == (Position("ent.visits.v1", 0, 13, (NOW_MS - 5000) * 1000, NOW_MS - 1000, 987),)
        assert bench.ear.heard == [(3, 0, NOW_MS - 1000)]
        assert bench.counter.latest() == list(positions)

    run(scene)


def test_a_bad_record_goes_to_the_dead_letters_with_its_place_and_holds_up_nothing() -> None:
    async def scene() -> None:
        bench = Bench()
        delivery = Delivery(40, [event(1), b"{", None, event(2)])
        await bench.counter.take(delivery)
        await bench.counter.flush()
        assert [(letter.offset, letter.value, letter.rejected.reason.value) for letter in bench.tray.letters] == [
            (41, b"{", "not_json"),
            (42, None, "not_json"),
        ]
        assert len(bench.shelf.taken[0][0]) == 2
        assert delivery.acked

    run(scene)


@pytest.mark.parametrize("broken", ["sink", "dead letters"])
def test_when_one_destination_fails_nothing_is_acknowledged_then_or_later(broken: str) -> None:
    async def scene() -> None:
        bench = Bench()
        lost = Delivery(0, [event(1), b"bad"])
        await bench.counter.take(lost)
        if broken == "sink":
            bench.shelf.fault = StoreRefused("no such table")
        else:
            bench.tray.fault = RuntimeError("no broker")
        with pytest.raises((StoreRefused, RuntimeError)):
            await bench.counter.flush()
        bench.shelf.fault = bench.tray.fault = None
        later = Delivery(2, [event(2)])
        await bench.counter.take(later)
        with pytest.raises((StoreRefused, RuntimeError)):
            await bench.counter.flush()
        assert (lost.acked, later.acked) == (False, False)
        assert bench.ear.heard == []

    run(scene)


def test_a_cancelled_flush_acknowledges_nothing_and_no_later_one_does() -> None:
    async def scene() -> None:
        bench = Bench()
        bench.shelf.gate.clear()
        slow = Delivery(0, [event(1)])
        await bench.counter.take(slow)
        flushing = asyncio.ensure_future(bench.counter.flush())
        await asyncio.sleep(0.05)
        flushing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await flushing
        bench.shelf.gate.set()
        with pytest.raises(StoreUnavailable):
            await bench.counter.flush()
        assert not slow.acked

    run(scene)


def test_while_one_flush_is_under_way_the_next_one_fills_up_to_its_bound_and_then_waits() -> None:
    async def scene() -> None:
        bench = Bench(flush_events=10)
        bench.shelf.gate.clear()
        deliveries = [Delivery(10 * n, [event(10 * n + k) for k in range(10)]) for n in range(4)]
        taking = asyncio.ensure_future(_take_all(bench.counter, deliveries))
        await asyncio.sleep(0.1)
        assert not taking.done()
        # One flush in the sink, one full behind it: the third batch has not been looked at.
        assert [len(delivery.value) for delivery in deliveries] == [0, 0, 10, 10]
        assert not any(delivery.acked for delivery in deliveries)
        bench.shelf.gate.set()
        await taking
        await bench.counter.flush()
        assert all(delivery.acked for delivery in deliveries)
        assert [len(counted) for counted, _ in bench.shelf.taken] == [10, 10, 10, 10]

    run(scene)


async def _take_all(counter: VisitCounter, deliveries: list[Delivery]) -> None:
    for delivery in deliveries:
        await counter.take(delivery)


def test_more_origins_than_a_key_can_number_only_make_one_more_flush() -> None:
    async def scene() -> None:
        bench = Bench()
        values: list[bytes | None] = [event(n, projet=f"p{n}") for n in range(66_000)]
        delivery = Delivery(0, values)
        await bench.counter.take(delivery)
        await bench.counter.flush()
        sizes = [len(counted) for counted, _ in bench.shelf.taken]
        assert (len(sizes), sum(sizes)) == (2, 66_000)
        assert delivery.acked

    run(scene)


def test_a_flush_between_the_last_records_of_a_batch_and_its_end_leaves_its_acknowledgement_to_the_next() -> None:
    async def scene() -> None:
        bench = Bench()
        delivery = Delivery(0, [event(1)])
        taking = asyncio.ensure_future(bench.counter.take(delivery))
        await asyncio.sleep(0)  # its records are counted, and it lets others run
        await bench.counter.flush()
        await taking
        assert not delivery.acked
        assert bench.counter.age() > 0.0
        await bench.counter.flush()
        assert delivery.acked
        assert [len(counted) for counted, _ in bench.shelf.taken] == [1, 0]

    run(scene)


def test_nothing_taken_means_nothing_written() -> None:
    async def scene() -> None:
        bench = Bench()
        await bench.counter.flush()
        assert bench.shelf.taken == []
        assert bench.counter.age() == 0.0

    run(scene)
