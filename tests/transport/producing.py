"""Records for the conformance tests, sent by aiokafka's own producer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from tests.support.brokers import Broker

MIB = 1 << 20


def produce(
    broker: Broker,
    topic: str,
    values: Sequence[bytes | None],
    partition: int = 0,
    *,
    compression: str | None = None,
    timestamps: Sequence[int] | None = None,
    headers: Sequence[tuple[str, bytes]] | None = None,
    batch_bytes: int = MIB,
) -> None:
    """Send `values` in order to one partition, acknowledged by the broker when this returns."""

    async def send() -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=broker.address,
            compression_type=compression,
            linger_ms=20,
            max_batch_size=batch_bytes,
            max_request_size=max(batch_bytes, 2 * MIB),
        )
        await producer.start()
        try:
            sent = []
            for index, value in enumerate(values):
                stamp = timestamps[index] if timestamps else None
                sent.append(
                    await producer.send(
                        topic, value, key=b"k%d" % index, partition=partition, timestamp_ms=stamp, headers=headers
                    )
                )
            await asyncio.gather(*sent)
        finally:
            await producer.stop()

    asyncio.run(send())


def transaction(broker: Broker, topic: str, values: Sequence[bytes], *, commit: bool, name: str) -> None:
    """Send `values` to partition 0 in one transaction, then commit or abort it."""

    async def send() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=broker.address, transactional_id=name)
        await producer.start()
        try:
            await producer.begin_transaction()
            for value in values:
                await producer.send_and_wait(topic, value, partition=0)
            await (producer.commit_transaction() if commit else producer.abort_transaction())
        finally:
            await producer.stop()

    asyncio.run(send())


class Stream:
    """Records `0, 1, 2, …` of each partition, sent until stopped: traffic for rebalances and broken brokers."""

    def __init__(self, broker: Broker, topic: str, partitions: int, rate: int) -> None:
        self.broker = broker
        self.topic = topic
        self.partitions = partitions
        self.rate = rate
        """Records a second over all partitions."""
        self.sent: dict[int, list[str]] = {partition: [] for partition in range(partitions)}
        """What the broker acknowledged."""
        self._ending = False

    async def __aenter__(self) -> Stream:
        self._producer = AIOKafkaProducer(bootstrap_servers=self.broker.address, linger_ms=10)
        await self._producer.start()
        self._task = asyncio.create_task(self._send())
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self._ending = True
        await self._task
        await self._producer.stop()

    async def _send(self) -> None:
        number = 0
        while not self._ending:
            sent: list[tuple[int, str, Any]] = []
            for _ in range(max(1, self.rate // 20)):
                partition, value = number % self.partitions, str(number)
                future = await self._producer.send(self.topic, value.encode(), partition=partition)
                sent.append((partition, value, future))
                number += 1
            for partition, value, future in sent:
                try:
                    await future
                except KafkaError:
                    continue
                self.sent[partition].append(value)
            await asyncio.sleep(0.05)
