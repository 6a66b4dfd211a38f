"""Workers that join, leave, die, fail or hang: nothing is lost, and nothing waits for ever."""

from __future__ import annotations

import asyncio
import time

from tests.support.brokers import Broker
from tests.transport.conftest import StartWorker, committed, make_topic
from tests.transport.producing import Stream, produce
from tests.transport.workers import Worker


def everything(workers: list[Worker], partition: int) -> set[str | None]:
    """All values of a partition that any of the workers made durable."""
    return {value for worker in workers for value in worker.values(partition)}


def test_joins_leaves_and_a_kill_lose_nothing(broker: Broker, name: str, start: StartWorker) -> None:
    make_topic(broker, name, partitions=4)
    workers: list[Worker] = []

    async def joined(count: int) -> None:
        new = [start(broker, name) for _ in range(count)]
        workers.extend(new)
        for worker in new:
            await asyncio.to_thread(worker.wait_until, lambda w: w.batches(), "the first batch of a new worker")

    async def scenario() -> dict[int, list[str]]:
        async with Stream(broker, name, partitions=4, rate=2000) as stream:
            await joined(1)
            await joined(2)
            assert await asyncio.to_thread(workers[1].stop) == 0
            workers[2].kill()
            await joined(1)
            assert await asyncio.to_thread(workers[0].stop) == 0
            await asyncio.sleep(0.5)
        return stream.sent

    sent = asyncio.run(scenario())
    survivor = workers[-1]
    # Every acknowledged record has its offset, and a retried one may have two.
    survivor.wait_until(
        lambda w: all(committed(broker, name).get(p, 0) >= len(values) for p, values in sent.items()), "the commits"
    )
    survivor.wait_until(lambda w: len(w.lags()) == 4 and not any(w.lags().values()), "no lag")
    for partition, values in sent.items():
        assert everything(workers, partition) == set(values)
        assert len(values) > 1000


def test_a_worker_that_leaves_in_order_leaves_nothing_to_be_read_again(
    broker: Broker, name: str, start: StartWorker
) -> None:
    make_topic(broker, name)
    produce(broker, name, [b"%d" % i for i in range(500)])
    # No timer flushes: only the hook does, when the worker stops.
    worker = start(broker, name, "--every", "1000")
    worker.wait_until(lambda w: w.lags() == {f"{name}/0": 500}, "500 records received and not acked")
    time.sleep(0.3)
    assert worker.stop() == 0
    assert worker.records() == 500
    assert committed(broker, name) == {0: 500}


def test_a_sink_that_hangs_in_a_rebalance_is_waited_for_in_bounds_and_its_late_acks_are_refused(
    broker: Broker, name: str, start: StartWorker
) -> None:
    make_topic(broker, name, partitions=2)
    produce(broker, name, [b"%d" % i for i in range(100)], 0)
    hanging = start(broker, name, "--hang-after", "100", "--hang", "7", "--flush-timeout", "0.5")
    hanging.wait_until(lambda w: w.records() == 100, "the first hundred")
    for partition in (0, 1):
        produce(broker, name, [b"%d" % i for i in range(100, 400)], partition)
    hanging.wait_until(lambda w: any("hangs" in line for line in w.lines()), "the sink hangs")
    hung_at = time.time()

    other = start(broker, name)
    other.wait_until(lambda w: w.records() >= 300, "the other worker's partition")
    assert time.time() - hung_at < 6.5  # while the sink was still hanging
    assert hanging.logged("Gave up waiting for the flush")
    hanging.wait_until(lambda w: committed(broker, name) == {0: 400, 1: 300}, "everything committed in the end")
    refused = [batch for batch in hanging.batches() if not batch["acked"]]
    assert {value for batch in refused for value in batch["values"]} == {str(i) for i in range(100, 400)}
    assert everything([hanging, other], 0) == {str(i) for i in range(400)}
    assert everything([hanging, other], 1) == {str(i) for i in range(100, 400)}


def test_a_sink_that_fails_in_a_rebalance_hands_on_what_it_did_not_ack(
    embedded: Broker, name: str, start: StartWorker
) -> None:
    make_topic(embedded, name, partitions=2)
    for partition in (0, 1):
        produce(embedded, name, [b"%d" % i for i in range(300)], partition)
    failing = start(embedded, name, "--every", "1000", "--fail-after", "0")
    failing.wait_until(lambda w: sum(w.lags().values()) == 600, "all received and not acked")
    other = start(embedded, name)
    other.wait_until(lambda w: w.records() >= 300, "the other worker's partition")
    assert failing.logged("The flush failed before partitions are handed on")
    assert failing.stop() == 0
    other.wait_until(lambda w: w.records() >= 600, "the rest")
    assert failing.records() == 0
    assert sorted(map(int, other.values(0) + other.values(1))) == sorted([*range(300), *range(300)])  # type: ignore[arg-type]
    other.wait_until(lambda w: committed(embedded, name) == {0: 300, 1: 300}, "the commit of everything")


def test_a_sink_that_fails_between_rebalances_ends_the_worker_and_the_next_one_goes_on(
    embedded: Broker, name: str, start: StartWorker
) -> None:
    make_topic(embedded, name)
    produce(embedded, name, [b"%d" % i for i in range(100)])
    failing = start(embedded, name, "--fail-after", "100")
    failing.wait_until(lambda w: committed(embedded, name) == {0: 100}, "the first hundred")
    produce(embedded, name, [b"%d" % i for i in range(100, 150)])
    assert failing.process.wait(20) != 0
    assert committed(embedded, name) == {0: 100}
    successor = start(embedded, name)
    successor.wait_until(lambda w: w.records() >= 50, "the rest")
    assert successor.values(0) == [str(i) for i in range(100, 150)]
