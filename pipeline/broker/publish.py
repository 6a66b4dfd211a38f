"""Publishing to one topic: in batches, with bounded memory, and with every failed delivery reported."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import threading
import time
from collections import deque
from collections.abc import Coroutine, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYetError
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka import errors as aiokafka_errors
from aiokafka.partitioner import DefaultPartitioner
from kafka import KafkaProducer
from kafka import errors as kafka_errors

from pipeline.broker.reading import check_reachable, no_broker
from pipeline.errors import UserError

# Without a handler of its own, the client's warnings would stand on stderr beside the one sentence that a user needs.
logging.getLogger("aiokafka").addHandler(logging.NullHandler())

MAX_RECORD_BYTES = 1_000_000
"""Longest value sent. Apache Kafka takes 1,048,588 bytes by default (message.max.bytes), framing included."""
MOST_IN_FLIGHT_BYTES = 16 << 20
"""At most so many bytes of values wait for the broker, and one batch more."""
BATCH_BYTES = 256 << 10
LINGER_SECONDS = 0.02
CONNECT_SECONDS = 5.0
DELIVERY_SECONDS = 60.0
"""How long a record is tried again while the broker is away, before the delivery counts as failed."""
HURRY_SECONDS = 3.0


class OversizedRecordError(UserError):
    """A value that the broker would not take; nothing was sent."""

    def __init__(self, size: int) -> None:
        super().__init__(f"A record of {size:,} bytes is over the {MAX_RECORD_BYTES:,} bytes that Kafka takes.")


class DeliveryError(UserError):
    """The broker did not acknowledge a record. `index` counts the records of this publisher from 0."""

    def __init__(self, index: int, topic: str, addresses: str, cause: Exception) -> None:
        super().__init__(
            f"Kafka at {addresses} did not acknowledge record {index + 1:,} for {topic} "
            f"({type(cause).__name__}): check that the broker runs, or set INSTANT_T_KAFKA."
        )
        self.index = index


@dataclass
class _Batch:
    """Records of one partition that travel together."""

    builder: Any
    partition: int
    records: int = 0
    size: int = 0
    delivery: Future[Any] | None = None


class Publisher:
    """Sends values to one topic (lz4); use it as a context manager, which flushes at its end.

    A batch whose acknowledgement was lost is sent again, so that a record may be in the topic twice: the worker counts
    an event once however often it comes. The embedded broker does not understand aiokafka's idempotence.

    The record's timestamp is the time of sending. Batches are filled here, by aiokafka's compiled builder, and sent by
    an event loop in a thread of its own: several times what a client takes that handles each record by itself.

    Raises:
        UserError: on entering, when no broker answers or the topic does not exist.
    """

    def __init__(self, bootstrap: Sequence[str], topic: str) -> None:
        self._bootstrap = list(bootstrap)
        self._addresses = ", ".join(bootstrap)
        self._topic = topic
        self._partitions: list[int] = []
        self._rotation = 0
        self._open: dict[int | None, _Batch] = {}
        """Batches being filled: by partition of keyed records, and None for those without a key."""
        self._flying: deque[_Batch] = deque()
        """Batches handed over, in that order, that are not known to be in the topic."""
        self._flying_bytes = 0
        self._acknowledged = 0
        self._patience_ends = math.inf
        self._partitioner = DefaultPartitioner()
        self._lock = threading.Lock()  # over what the lingering of a batch and its filling both touch

    @property
    def acknowledged(self) -> int:
        """Records that are known to be in the topic; all that were sent, after a `flush`."""
        return self._acknowledged

    def __enter__(self) -> Publisher:
        check_reachable(self._bootstrap)
        self._partitions = self._existing_partitions()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="publisher", daemon=True)
        self._thread.start()
        try:
            self._call(self._start()).result(2 * CONNECT_SECONDS)
        except (aiokafka_errors.KafkaError, NotYetError):
            self._close()
            raise no_broker(self._addresses) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self.flush()
        finally:
            self._close()

    def send(self, value: bytes, key: bytes | None = None) -> None:
        """Send one record; returns before it is acknowledged, and waits when 16 MiB of values are in flight.

        Records with the same key go to the same partition, in order. Those without one go to one partition for a
        batch at a time, so that batches are full.

        Raises:
            OversizedRecordError: nothing was sent, and the publisher can be used on.
            DeliveryError: this record or an earlier one did not reach the topic.
        """
        if len(value) > MAX_RECORD_BYTES:
            raise OversizedRecordError(len(value))
        slot = None if key is None else self._partitioner(key, self._partitions, self._partitions)
        with self._lock:
            batch = self._open.get(slot) or self._begin(slot)
            added = batch.builder.append(timestamp=time.time_ns() // 1_000_000, key=key, value=value)
            if added is None:  # it is full
                self._hand_over(slot, batch)
                batch = self._begin(slot)
                batch.builder.append(timestamp=time.time_ns() // 1_000_000, key=key, value=value)
            batch.records += 1
            batch.size += len(value)
        while self._flying_bytes > MOST_IN_FLIGHT_BYTES:
            self._await_oldest()

    def flush(self) -> None:
        """Wait until every record sent so far is acknowledged.

        Raises:
            DeliveryError: names the first record that is not in the topic.
        """
        with self._lock:
            for slot, batch in list(self._open.items()):
                self._hand_over(slot, batch)
        while self._flying:
            self._await_oldest()

    def hurry(self) -> None:
        """From now on wait 3 seconds in all, at most, for the broker; safe to call from a signal handler."""
        self._patience_ends = time.monotonic() + HURRY_SECONDS

    def _existing_partitions(self) -> list[int]:
        """Asked through kafka-python: aiokafka would have the broker make a topic that is not there."""
        try:
            client = KafkaProducer(
                bootstrap_servers=self._bootstrap,
                request_timeout_ms=10_000,
                delivery_timeout_ms=20_000,
                max_block_ms=CONNECT_SECONDS * 1000,
                bootstrap_timeout_ms=CONNECT_SECONDS * 1000,
                allow_auto_create_topics=False,
                metrics_enabled=False,
            )
        except kafka_errors.KafkaError:
            raise no_broker(self._addresses) from None
        try:
            partitions = sorted(client.partitions_for(self._topic) or ())
        except kafka_errors.KafkaError:
            partitions = []
        finally:
            client.close(timeout=1)
        if not partitions:
            raise UserError(f"Kafka at {self._addresses} has no topic {self._topic}: run `instant-t migrate` first.")
        return partitions

    async def _start(self) -> None:
        self._producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
            compression_type="lz4",
            acks="all",
            max_batch_size=BATCH_BYTES,
            max_request_size=4 * MAX_RECORD_BYTES,
            request_timeout_ms=round(DELIVERY_SECONDS * 1000),
        )
        self._queues: dict[int, asyncio.Queue[_Batch]] = {partition: asyncio.Queue() for partition in self._partitions}
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._producer.start()
        except TimeoutError:
            raise aiokafka_errors.KafkaConnectionError from None
        # One sender for each partition: the batches of a partition keep their order.
        self._senders = [asyncio.create_task(self._send_all(partition)) for partition in self._partitions]

    async def _send_all(self, partition: int) -> None:
        while True:
            batch = await self._queues[partition].get()
            assert batch.delivery is not None
            while True:
                try:
                    sent = await self._producer.send_batch(batch.builder, self._topic, partition=partition)
                except aiokafka_errors.KafkaTimeoutError:
                    continue  # the batch before it is still being tried: patience is the caller's
                except aiokafka_errors.KafkaError as error:
                    batch.delivery.set_exception(error)
                    break
                sent.add_done_callback(lambda done, into=batch.delivery: _pass_on(done, into))
                break

    def _begin(self, slot: int | None) -> _Batch:
        """A new batch, which is handed over after a while even if nothing fills it."""
        if slot is None:
            self._rotation += 1
        partition = self._partitions[self._rotation % len(self._partitions)] if slot is None else slot
        batch = self._open[slot] = _Batch(self._producer.create_batch(), partition)
        self._loop.call_soon_threadsafe(self._loop.call_later, LINGER_SECONDS, self._linger, slot, batch)
        return batch

    def _linger(self, slot: int | None, batch: _Batch) -> None:
        with self._lock:
            if self._open.get(slot) is batch:
                self._hand_over(slot, batch)

    def _hand_over(self, slot: int | None, batch: _Batch) -> None:
        del self._open[slot]
        batch.builder.close()
        batch.delivery = Future()
        self._flying.append(batch)
        self._flying_bytes += batch.size
        self._loop.call_soon_threadsafe(self._queues[batch.partition].put_nowait, batch)

    def _await_oldest(self) -> None:
        """Wait for the outcome of the batch that is flying for the longest, in short steps: `hurry` is heeded."""
        batch = self._flying[0]
        assert batch.delivery is not None
        ends = time.monotonic() + DELIVERY_SECONDS
        while True:
            try:
                batch.delivery.result(0.2)
            except NotYetError as error:
                if time.monotonic() > min(ends, self._patience_ends):
                    raise DeliveryError(self._acknowledged, self._topic, self._addresses, error) from None
            except aiokafka_errors.KafkaError as error:
                raise DeliveryError(self._acknowledged, self._topic, self._addresses, error) from None
            else:
                break
        with self._lock:
            self._flying.popleft()
            self._flying_bytes -= batch.size
        self._acknowledged += batch.records

    def _call(self, work: Coroutine[Any, Any, None]) -> Future[None]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def _close(self) -> None:
        """End the producer and its thread; what is not acknowledged is given up (`flush` has reported it)."""
        with contextlib.suppress(NotYetError):
            self._call(self._stop()).result(2 * CONNECT_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CONNECT_SECONDS)
        if not self._thread.is_alive():
            self._loop.close()

    async def _stop(self) -> None:
        senders = getattr(self, "_senders", [])
        for sender in senders:
            sender.cancel()
        await asyncio.gather(*senders, return_exceptions=True)
        if not self._flying:
            await self._producer.stop()
            return
        # Its own end would wait for what is in flight, for ever when the broker is gone.
        self._producer._closed = True
        await asyncio.gather(self._producer._sender.close(), return_exceptions=True)
        await self._producer.client.close()


def _pass_on(done: asyncio.Future[Any], into: Future[Any]) -> None:
    """The outcome of a batch, from the event loop to whoever waits in another thread."""
    if done.cancelled():
        into.cancel()
    elif (error := done.exception()) is not None:
        into.set_exception(error)
    else:
        into.set_result(None)
