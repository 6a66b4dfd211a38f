"""A log with every kind of hole: the worker, kafka-python and Kafka's own Java client read the same records of it."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from tests.support.brokers import Broker, kafka_classpath
from tests.transport.conftest import StartWorker, committed, make_topic
from tests.transport.test_apache_kafka import read_by_another_client, read_by_worker

pytestmark = pytest.mark.kafka

READER = Path(__file__).parent / "ReadCommitted.java"

Records = list[tuple[int, str | None]]
"""(offset, value); None is a tombstone."""


def read_by_java(broker: Broker, topic: str) -> Records:
    """As Kafka's own client reads it; the test is skipped where Java has no compiler."""
    if shutil.which("javac") is None:
        pytest.skip("Kafka's own client needs a Java compiler: javac not found")
    command = ["java", "-cp", f"{kafka_classpath()}/*", str(READER), broker.address, topic]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    return [(int(line[0]), line[1] if len(line) > 1 else None) for line in lines]


async def write_holes(broker: Broker, topic: str) -> None:
    """Keys written again, tombstones, and transactions that overlap: two commit, two are aborted.

    offset  what
    0-39    k0…k39, plain
    40-…    c1 and a1 in turn, from two transactions that are open together; a1 is aborted, then c1 commits
            k0…k19 again, k20…k24 as tombstones, plain
            a2, aborted, in the middle of them; c2, committed
    """
    plain = AIOKafkaProducer(bootstrap_servers=broker.address, compression_type="lz4", acks="all")
    kept = AIOKafkaProducer(bootstrap_servers=broker.address, transactional_id=f"{topic}-kept")
    dropped = AIOKafkaProducer(bootstrap_servers=broker.address, transactional_id=f"{topic}-dropped")
    for producer in (plain, kept, dropped):
        await producer.start()

    async def send(producer: AIOKafkaProducer, key: str, value: str | None) -> None:
        encoded = None if value is None else value.encode()
        await producer.send_and_wait(topic, encoded, key=key.encode(), partition=0)

    try:
        for number in range(40):
            await send(plain, f"k{number}", f"first {number}")
        await kept.begin_transaction()
        await dropped.begin_transaction()
        for number in range(5):
            await send(kept, f"c{number}", f"kept {number}")
            await send(dropped, f"a{number}", f"dropped {number}")
        await dropped.abort_transaction()
        await send(plain, "between", "between the marker and the commit")
        await kept.commit_transaction()
        await asyncio.sleep(0.2)  # a new segment, so that the one before it can be cleaned
        await dropped.begin_transaction()
        for number in range(20):
            await send(plain, f"k{number}", f"second {number}")
            if number % 5 == 0:
                await send(dropped, f"k{number}", f"dropped again {number}")
        await dropped.abort_transaction()
        for number in range(20, 25):
            await send(plain, f"k{number}", None)
        await kept.begin_transaction()
        await send(kept, "c0", "kept again")
        await kept.commit_transaction()
        await asyncio.sleep(0.2)
        await send(plain, "last", "last")
    finally:
        for producer in (plain, kept, dropped):
            await producer.stop()


def test_compaction_tombstones_and_overlapping_transactions_are_read_as_other_clients_read_them(
    apache: Broker, name: str, start: StartWorker
) -> None:
    make_topic(apache, name, cleanup_policy="compact", segment_ms="100", min_cleanable_dirty_ratio="0.01")
    asyncio.run(write_holes(apache, name))
    deadline = time.monotonic() + 60
    while (0, "first 0") in (expected := read_by_another_client(apache, name)) and time.monotonic() < deadline:
        time.sleep(0.5)
    end = expected[-1][0] + 1
    worker = start(apache, name)
    worker.wait_until(lambda w: committed(apache, name) == {0: end}, "the end of the log")
    expected = read_by_another_client(apache, name)
    assert read_by_worker(worker) == expected
    assert read_by_java(apache, name) == expected
    values = [value for _, value in expected]
    assert (0, "first 0") not in expected  # it was compacted
    assert not any(value is not None and value.startswith("dropped") for value in values)
    assert values.count(None) == 5
    assert [value for value in values if value and value.startswith("second")] == [f"second {n}" for n in range(20)]
    assert {"kept 1", "kept 4", "kept again", "between the marker and the commit", "last"} <= set(values)
    worker.wait_until(lambda w: w.lags() == {f"{name}/0": 0}, "no lag")
