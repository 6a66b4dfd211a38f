"""What only Apache Kafka has: compaction, transactions, restarts that keep the data."""

from __future__ import annotations

import asyncio
import time
import warnings

import pytest

from tests.support.brokers import Broker
from tests.transport.conftest import StartWorker, committed, make_topic
from tests.transport.producing import Stream, produce, transaction
from tests.transport.workers import Worker

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # see conftest.py
    from kafka import KafkaConsumer, TopicPartition

pytestmark = pytest.mark.kafka


def read_by_another_client(broker: Broker, topic: str) -> list[tuple[int, str | None]]:
    """(offset, value) of partition 0 as kafka-python reads it, committed transactions only."""
    consumer = KafkaConsumer(bootstrap_servers=broker.address, isolation_level="read_committed")
    try:
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        consumer.seek_to_beginning(partition)
        end = consumer.end_offsets([partition])[partition]
        found: list[tuple[int, str | None]] = []
        deadline = time.monotonic() + 20
        while consumer.position(partition) < end and time.monotonic() < deadline:
            for records in consumer.poll(timeout_ms=200).values():
                found += [(r.offset, None if r.value is None else r.value.decode()) for r in records]
        return found
    finally:
        consumer.close()


def read_by_worker(worker: Worker) -> list[tuple[int, str | None]]:
    """(offset, value) of partition 0 as the worker made them durable."""
    return [pair for batch in worker.batches() for pair in zip(batch["offsets"], batch["values"], strict=True)]


def test_a_compacted_topic_with_holes_is_read_as_another_client_reads_it(
    apache: Broker, name: str, start: StartWorker
) -> None:
    make_topic(
        apache, name, cleanup_policy="compact", segment_ms="100", min_cleanable_dirty_ratio="0.01",
        delete_retention_ms="0",
    )  # fmt: skip
    # Keys repeat from one call to the next: of the first 60, only those that were not written again stay.
    for count in (60, 20, 40):
        produce(apache, name, [b"%d-%d" % (count, i) for i in range(count)], compression="lz4")
        time.sleep(0.2)
    produce(apache, name, [b"last"])
    deadline = time.monotonic() + 30
    while len(read_by_another_client(apache, name)) > 70 and time.monotonic() < deadline:
        time.sleep(0.3)
    worker = start(apache, name)
    worker.wait_until(lambda w: committed(apache, name) == {0: 121}, "the end of the log")
    expected = read_by_another_client(apache, name)
    assert read_by_worker(worker) == expected
    assert len(expected) < 121  # it was compacted


def test_aborted_transactions_are_not_read_and_their_markers_leave_no_lag(
    apache: Broker, name: str, start: StartWorker
) -> None:
    make_topic(apache, name)
    worker = start(apache, name)
    transaction(apache, name, [b"a", b"b"], commit=True, name=f"{name}-1")
    transaction(apache, name, [b"x", b"y", b"z"], commit=False, name=f"{name}-2")
    produce(apache, name, [b"c"])
    transaction(apache, name, [b"w"], commit=False, name=f"{name}-3")
    worker.wait_until(lambda w: "c" in w.values(0), "the last committed record")
    assert read_by_worker(worker) == read_by_another_client(apache, name)
    assert worker.values(0) == ["a", "b", "c"]
    worker.wait_until(lambda w: committed(apache, name) == {0: 10}, "the commit of the last marker")
    worker.wait_until(lambda w: w.lags() == {f"{name}/0": 0}, "no lag")


def test_a_restart_of_the_broker_loses_nothing_and_needs_no_restart_of_the_worker(
    apache: Broker, name: str, start: StartWorker
) -> None:
    make_topic(apache, name, partitions=2)
    worker = start(apache, name)
    worker.wait_until(lambda w: w.ready(), "ready")

    async def scenario() -> dict[int, list[str]]:
        async with Stream(apache, name, partitions=2, rate=500) as stream:
            await asyncio.sleep(1.0)
            await asyncio.to_thread(apache.restart)
            await asyncio.sleep(2.0)
        return stream.sent

    sent = asyncio.run(scenario())

    def all_there(worker: Worker) -> bool:
        return all(set(values) <= set(worker.values(partition)) for partition, values in sent.items())

    worker.wait_until(all_there, "everything the broker acknowledged", patience=60)
    worker.wait_until(lambda w: set(w.lags().values()) == {0}, "no lag")
    worker.wait_until(lambda w: sum(committed(apache, name).values()) >= sum(map(len, sent.values())), "the commits")
