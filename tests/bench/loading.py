"""Records into a topic as fast as one process can, in large lz4 batches."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from aiokafka import AIOKafkaProducer

from pipeline.simulate.scenario import DEFAULT, scenario
from pipeline.simulate.traffic import Traffic

BATCH_BYTES = 1 << 17
RATE = 20_000
"""Events per second of event time, unless told otherwise."""
PARTITIONS = 4


def simulated(count: int, rate: int = RATE) -> Iterator[bytes]:
    """About so many records of the default scenario, so many a second, the last of them of this moment."""
    start = datetime.now(UTC) - timedelta(seconds=count / rate)
    return itertools.chain.from_iterable(Traffic(scenario(DEFAULT), start, count / rate, rate, seed=1).batches())


def publish(address: str, topic: str, records: Iterable[bytes]) -> int:
    """Publish over four partitions, a batch at a time; returns how many records."""
    return asyncio.run(_publish(address, topic, records))


async def _publish(address: str, topic: str, records: Iterable[bytes]) -> int:
    producer = AIOKafkaProducer(bootstrap_servers=address, compression_type="lz4", max_batch_size=BATCH_BYTES)
    await producer.start()
    sent = 0
    partition = itertools.cycle(range(PARTITIONS))
    batch = producer.create_batch()
    for record in records:
        now_ms = time.time_ns() // 1_000_000
        if batch.append(value=record, key=None, timestamp=now_ms) is None:
            await producer.send_batch(batch, topic, partition=next(partition))
            batch = producer.create_batch()
            if batch.append(value=record, key=None, timestamp=now_ms) is None:
                raise SystemExit(f"a record of {len(record)} bytes does not fit a batch")
        sent += 1
    await producer.send_batch(batch, topic, partition=next(partition))
    await producer.stop()
    return sent
