"""Publishing to one topic: in batches, with bounded memory, and with every failed delivery reported."""

from __future__ import annotations

import logging
import math
import socket
import time
from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from kafka import KafkaProducer
from kafka import errors as kafka_errors

from pipeline.errors import UserError

# Without a handler of its own, the client's warnings would stand on stderr beside the one sentence that a user needs.
logging.getLogger("kafka").addHandler(logging.NullHandler())

MAX_RECORD_BYTES = 1_000_000
"""Longest value sent. Apache Kafka takes 1,048,588 bytes by default (message.max.bytes), framing included."""
GROUP_RECORDS = 2_000
GROUP_BYTES = 1 << 20
GROUPS_IN_FLIGHT = 16
"""At most 16 groups of 2,000 records (or of 1 MiB) wait for the broker: 16 MiB of values and 32,000 futures."""
BATCH_BYTES = 256 << 10
LINGER_MS = 20
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


class Publisher:
    """Sends values to one topic (lz4, idempotent); use it as a context manager, which flushes at its end.

    The record's timestamp is the time of sending. kafka-python encodes about 30,000 records of 350 bytes a second
    on one core, whatever the settings; batches of 256 KiB keep the broker's and the worker's share small.

    Raises:
        UserError: on entering, when no broker answers or the topic does not exist.
    """

    def __init__(self, bootstrap: Sequence[str], topic: str) -> None:
        self._bootstrap = list(bootstrap)
        self._addresses = ", ".join(bootstrap)
        self._topic = topic
        self._groups: deque[list[Any]] = deque()
        self._group: list[Any] = []
        self._group_bytes = 0
        self._acknowledged = 0
        self._partitions: list[int] = []
        self._partition = 0
        self._rotation = 0
        self._patience_ends = math.inf

    @property
    def acknowledged(self) -> int:
        """Records that are known to be in the topic; all that were sent, after a `flush`."""
        return self._acknowledged

    def __enter__(self) -> Publisher:
        # Asked first, because kafka-python 3.0.12 goes on trying in a thread after it has given up.
        if not any(map(_answers, self._bootstrap)):
            raise self._unreachable()
        try:
            self._producer = KafkaProducer(
                bootstrap_servers=self._bootstrap,
                compression_type="lz4",
                acks="all",
                enable_idempotence=True,
                linger_ms=LINGER_MS,
                batch_size=BATCH_BYTES,
                max_request_size=4 * MAX_RECORD_BYTES,
                request_timeout_ms=10_000,
                delivery_timeout_ms=DELIVERY_SECONDS * 1000,
                max_block_ms=CONNECT_SECONDS * 1000,
                bootstrap_timeout_ms=CONNECT_SECONDS * 1000,
                allow_auto_create_topics=False,
                metrics_enabled=False,
            )
        except kafka_errors.KafkaError:
            raise self._unreachable() from None
        try:
            self._partitions = sorted(self._producer.partitions_for(self._topic) or ())
        except kafka_errors.KafkaError:
            self._partitions = []
        if not self._partitions:
            self._close()
            raise UserError(f"Kafka at {self._addresses} has no topic {self._topic}: run `instant-t migrate` first.")
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

        Records without a key go to one partition for a group at a time, so that batches are full.

        Raises:
            OversizedRecordError: nothing was sent, and the publisher can be used on.
            DeliveryError: this record or an earlier one did not reach the topic.
        """
        if len(value) > MAX_RECORD_BYTES:
            raise OversizedRecordError(len(value))
        partition = self._partition if key is None else None
        try:
            self._group.append(self._producer.send(self._topic, value, key, partition=partition))
        except kafka_errors.KafkaError as error:
            sent = self._acknowledged + sum(map(len, self._groups)) + len(self._group)
            raise DeliveryError(sent, self._topic, self._addresses, error) from None
        self._group_bytes += len(value)
        if len(self._group) >= GROUP_RECORDS or self._group_bytes >= GROUP_BYTES:
            self._close_group()
            while len(self._groups) > GROUPS_IN_FLIGHT:
                self._await_oldest_group()

    def flush(self) -> None:
        """Wait until every record sent so far is acknowledged.

        Raises:
            DeliveryError: names the first record that is not in the topic.
        """
        self._close_group()
        while self._groups:
            self._await_oldest_group()

    def hurry(self) -> None:
        """From now on wait 3 seconds in all, at most, for the broker; safe to call from a signal handler."""
        self._patience_ends = time.monotonic() + HURRY_SECONDS

    def _unreachable(self) -> UserError:
        return UserError(
            f"No Kafka broker answers at {self._addresses}: start one with `instant-t up`, "
            "or set INSTANT_T_KAFKA to host:port."
        )

    def _close(self) -> None:
        try:
            self._producer.close(timeout=1)
        except kafka_errors.KafkaError:
            # What could not be sent is reported by `flush`, or given up with the error that ends the context. But
            # kafka-python 3.0.12 then leaves its thread behind, which would go on trying.
            self._producer._sender.force_close()
            self._producer._sender.join(1)

    def _close_group(self) -> None:
        if self._group:
            self._groups.append(self._group)
        self._group = []
        self._group_bytes = 0
        self._rotation += 1
        self._partition = self._partitions[self._rotation % len(self._partitions)]

    def _await_oldest_group(self) -> None:
        for future in self._groups.popleft():
            self._await(future)
            if future.failed():
                raise DeliveryError(self._acknowledged, self._topic, self._addresses, future.exception)
            self._acknowledged += 1

    def _await(self, future: Any) -> None:
        """Wait for the outcome of one record, in short steps, so that `hurry` is heeded."""
        ends = time.monotonic() + DELIVERY_SECONDS + HURRY_SECONDS
        while not future.is_done:
            try:
                future.get(timeout=0.2)
            except kafka_errors.KafkaError as error:
                if not future.is_done and time.monotonic() > min(ends, self._patience_ends):
                    raise DeliveryError(self._acknowledged, self._topic, self._addresses, error) from None


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_SECONDS):
            return True
    except OSError:
        return False
