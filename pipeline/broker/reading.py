"""Reading a topic from here to its present end, outside any running consumer group."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka import errors as kafka_errors

from pipeline.errors import UserError

# Without a handler of its own, the client's warnings would stand on stderr beside the one sentence that a user needs.
logging.getLogger("kafka").addHandler(logging.NullHandler())

CONNECT_SECONDS = 5.0
STALL_SECONDS = 15.0
"""How long a broker may deliver nothing while records are known to be there."""
POLL_RECORDS = 2_000


@contextmanager
def open_reader(bootstrap: Sequence[str], group: str | None = None, fetch_bytes: int = 1 << 20) -> Iterator[Any]:
    """A consumer for `assign`: it joins no group and commits only when told to.

    Args:
        bootstrap: addresses, host:port.
        group: whose committed offsets `committed` and `commit` speak of.
        fetch_bytes: most bytes asked for at once from each partition; a larger record still comes through.

    Raises:
        UserError: no broker answers, or it stops answering.
    """
    addresses = ", ".join(bootstrap)
    check_reachable(bootstrap)
    try:
        consumer = KafkaConsumer(
            bootstrap_servers=list(bootstrap),
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            allow_auto_create_topics=False,
            fetch_max_wait_ms=100,
            max_partition_fetch_bytes=fetch_bytes,
            max_poll_records=POLL_RECORDS,
            # Every answer is to name every partition: its end is read from there (see `Reading`).
            enable_incremental_fetch_sessions=False,
            bootstrap_timeout_ms=CONNECT_SECONDS * 1000,
            request_timeout_ms=10_000,
            metrics_enabled=False,
        )
    except kafka_errors.KafkaError:
        raise no_broker(addresses) from None
    try:
        yield consumer
    except kafka_errors.KafkaError as error:
        raise UserError(f"Kafka at {addresses} stopped answering ({type(error).__name__}: {error}).") from error
    finally:
        consumer.close(autocommit=False)


def check_reachable(bootstrap: Sequence[str]) -> None:
    """See whether anything listens at one of the addresses.

    kafka-python goes on trying for the whole of its time-out where nothing listens, and leaves its sockets open then.

    Raises:
        UserError: nothing does.
    """
    for address in bootstrap:
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_SECONDS).close()
        except OSError:
            continue
        return
    raise no_broker(", ".join(bootstrap))


def no_broker(addresses: str) -> UserError:
    """The error for a Kafka that cannot be reached."""
    return UserError(
        f"No Kafka broker answers at {addresses}: start one with `instant-t up`, or set INSTANT_T_KAFKA to host:port."
    )


def partitions_of(consumer: Any, topic: str) -> list[TopicPartition]:
    """The topic's partitions, in order.

    Raises:
        UserError: there is no such topic.
    """
    numbers = consumer.partitions_for_topic(topic)
    if not numbers:
        raise UserError(f"Kafka has no topic {topic}: run `instant-t migrate` first.")
    return [TopicPartition(topic, number) for number in sorted(numbers)]


class Reading:
    """Iterates over the records of some partitions, from given offsets to what was their end when reading began.

    The end is the high watermark that comes with the fetched records: the embedded broker's answer to the question
    for the latest offset counts a whole last batch as one record.

    Args:
        consumer: from `open_reader`.
        starts: partition → first offset; None means the earliest there is.
    """

    def __init__(self, consumer: Any, starts: Mapping[TopicPartition, int | None]) -> None:
        self._consumer = consumer
        self._starts = starts
        self.ends: dict[TopicPartition, int] = {}
        """Partition → the offset before which everything has been read; complete after the iteration."""

    def __iter__(self) -> Iterator[Any]:
        """Yield records; raises UserError when the broker delivers nothing for STALL_SECONDS."""
        consumer = self._consumer
        consumer.assign(list(self._starts))
        for partition, start in self._starts.items():
            if start is None:
                consumer.seek_to_beginning(partition)
            else:
                consumer.seek(partition, start)
        pending = set(self._starts)
        patience = time.monotonic() + STALL_SECONDS
        while pending:
            batches = consumer.poll(timeout_ms=200)
            self._note_ends(pending)
            for partition, records in batches.items():
                yield from (record for record in records if record.offset < self.ends[partition])
            finished = {p for p in pending if p in self.ends and consumer.position(p) >= self.ends[p]}
            if finished:
                consumer.pause(*finished)
                pending -= finished
            if batches or finished:
                patience = time.monotonic() + STALL_SECONDS
            elif time.monotonic() > patience:
                names = ", ".join(f"{p.topic}:{p.partition}" for p in sorted(pending))
                raise UserError(f"Kafka delivered nothing of {names} for {STALL_SECONDS:g} s: check the broker.")

    def _note_ends(self, pending: set[TopicPartition]) -> None:
        for partition in pending:
            high_watermark = self._consumer.highwater(partition)
            if high_watermark is not None:
                self.ends.setdefault(partition, high_watermark)
