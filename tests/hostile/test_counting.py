"""What a record can do to the counting besides being wrong: lie about its time, and be large in great number."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pipeline.core.position import Position
from pipeline.transport.dead_letters import DeadLetterTopic
from tests.agents.test_count_visits import NOW_MS, Bench, Delivery
from tests.core.traffic import value


def taken(deliveries: list[Delivery]) -> tuple[Bench, int]:
    """A counter that took these and was flushed, and how many flushes there were before the last one."""
    bench = Bench(flush_events=4000)

    async def scene() -> int:
        for delivery in deliveries:
            await bench.counter.take(delivery)
        before = len(bench.shelf.taken)
        await bench.counter.flush()
        return before

    before = asyncio.run(scene())
    bench.thread.shutdown()
    return bench, before


def stamped(stamp_ms: int, **fields: Any) -> Delivery:
    """One good event in a record of this timestamp."""
    delivery = Delivery(0, [value(**fields)])
    delivery.value.timestamps[:] = [stamp_ms]
    return delivery


@pytest.mark.parametrize(("stamp_ms", "newest_ms"), [(4_102_444_800_000, NOW_MS + 300_000), (NOW_MS + 1, NOW_MS + 1)])
def test_a_record_from_the_future_does_not_make_the_picture_look_fresh(stamp_ms: int, newest_ms: int) -> None:
    bench, _ = taken([stamped(stamp_ms, event_time=stamp_ms)])
    ((columns, (position,)),) = bench.shelf.taken
    assert columns.tally.counted == 1  # the rule is about the record's own timestamp
    assert position == Position("ent.visits.v1", 0, 1, newest_ms * 1000, NOW_MS, 999)
    assert bench.ear.heard == [(1, 0, NOW_MS)]


def test_a_timestamp_that_no_calendar_has_is_no_reason_to_stop() -> None:
    bench, _ = taken([stamped(2**63 - 1)])
    assert bench.shelf.taken[0][1] == (Position("ent.visits.v1", 0, 1, 0, NOW_MS, 999),)
    assert [str(letter.rejected.reason) for letter in bench.tray.letters] == ["too_old"]


@pytest.mark.parametrize("stamp_ms", [-(2**63), -1, 0])
def test_a_record_without_a_known_time_counts_as_arrived_when_it_was_read(stamp_ms: int) -> None:
    bench, _ = taken([stamped(stamp_ms)])
    assert bench.shelf.taken[0][1][0].newest_arrival_ms == NOW_MS


def test_a_flood_of_large_rejects_is_flushed_by_its_bytes() -> None:
    # 20 values of 100 kB weigh as much as 7,812 events: a flush of 4,000 is due behind each batch.
    bench, before = taken([Delivery(20 * number, [b"x" * 100_000] * 20) for number in range(6)])
    assert before >= 3
    assert len(bench.tray.letters) == 120


def test_what_only_a_compressed_record_can_be_is_cut_to_what_the_dead_letters_take() -> None:
    sent: list[bytes] = []

    class Batch:
        def append(self, *, value: bytes, **_: Any) -> bool:
            sent.append(value)
            return True

        def close(self) -> None:
            pass

    class Producer:
        create_batch = Batch

        def _ensure_producer(self) -> Producer:
            return self

        async def partitions_for(self, topic: str) -> set[int]:
            return {0}

        async def send_batch(self, batch: Batch, topic: str, partition: int) -> asyncio.Future[None]:
            future = asyncio.get_running_loop().create_future()
            future.set_result(None)
            return future

    class App:
        async def maybe_start_producer(self) -> Producer:
            return Producer()

    bench, _ = taken([Delivery(0, [b"x" * (3 << 20)])])
    asyncio.run(DeadLetterTopic(App(), "ent.rejects.v1").send(bench.tray.letters))
    assert [len(content) for content in sent] == [2_088_960]
    assert bench.tray.letters[0].rejected.error == "the value has 3145728 bytes, at most 16384 are taken"
