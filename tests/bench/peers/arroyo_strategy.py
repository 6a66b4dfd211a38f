"""sentry-arroyo: a processing strategy of our own, which has no step in between; the least that arroyo can cost."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from arroyo.backends.kafka import KafkaConsumer, KafkaPayload
from arroyo.backends.kafka.configuration import build_kafka_consumer_configuration
from arroyo.commit import ONCE_PER_SECOND
from arroyo.processing import StreamProcessor
from arroyo.processing.strategies.abstract import ProcessingStrategy, ProcessingStrategyFactory
from arroyo.types import Commit, Message, Partition, Topic

from tests.bench.peers.counting import GROUP, KAFKA, TOPIC, Counter


class CountVisits(ProcessingStrategy[KafkaPayload]):  # type: ignore[misc]
    """Counts a thousand records at a time, and lets offsets be committed after each flush."""

    def __init__(self, counter: Counter, commit: Commit) -> None:
        self._counter = counter
        self._commit = commit
        self._committable: dict[Partition, int] = {}

    def poll(self) -> None:
        """Nothing waits for time to pass."""

    def submit(self, message: Message[KafkaPayload]) -> None:
        """Take one record."""
        self._committable.update(message.committable)
        stamp = message.timestamp
        if self._counter.one(message.payload.value, int(stamp.timestamp() * 1000) if stamp else -1):
            self._commit(self._committable)

    def close(self) -> None:
        """The partitions are given up."""

    def terminate(self) -> None:
        """At once."""

    def join(self, timeout: float | None = None) -> None:
        """Nothing is under way."""


class Factory(ProcessingStrategyFactory[KafkaPayload]):  # type: ignore[misc]
    """Makes the strategy anew at each assignment; the counter stays."""

    def __init__(self) -> None:
        self._counter = Counter()

    def create_with_partitions(
        self, commit: Commit, partitions: Mapping[Partition, int]
    ) -> ProcessingStrategy[KafkaPayload]:
        """See arroyo."""
        return CountVisits(self._counter, commit)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    settings = build_kafka_consumer_configuration(
        {},
        GROUP,
        auto_offset_reset="earliest",
        bootstrap_servers=[KAFKA],
        queued_max_messages_kbytes=65_536,
        queued_min_messages=100_000,
    )
    StreamProcessor(KafkaConsumer(settings), Topic(TOPIC), Factory(), ONCE_PER_SECOND).run()
