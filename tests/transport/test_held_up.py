"""A worker that is held up: it fetches no more once its buffers are full, and still knows how far behind it is."""

from __future__ import annotations

from functools import partial

from tests.support.brokers import Broker
from tests.transport.conftest import StartWorker, make_topic
from tests.transport.producing import produce
from tests.transport.workers import Worker


def _tells(worker: Worker, partition: str, lag: int) -> bool:
    return worker.lags().get(partition) == lag


def test_a_worker_that_reads_no_further_tells_the_records_that_arrive_meanwhile(
    broker: Broker, name: str, start: StartWorker
) -> None:
    make_topic(broker, name, partitions=2)
    worker = start(broker, name, "--hold", "3600", "--every", "3600")  # seconds: nothing is read on, nothing acked
    produce(broker, name, [b"first"], partition=0)
    worker.wait_until(lambda w: w.lags().get(f"{name}/0") == 1, "the first record")
    for end in range(51, 552, 50):  # the queue holds eight batches, and a fetch of each partition waits behind it
        produce(broker, name, [b"x"] * 50, partition=0)
        worker.wait_until(partial(_tells, partition=f"{name}/0", lag=end), f"{end} records of partition 0")
    produce(broker, name, [b"y"] * 30, partition=1)
    produce(broker, name, [b"z"] * 30, partition=1)
    worker.wait_until(lambda w: w.lags() == {f"{name}/0": 551, f"{name}/1": 60}, "both partitions")
    assert worker.records() == 0
