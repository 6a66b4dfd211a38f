"""Reading back what was published."""

from __future__ import annotations

import time
from typing import Any

from kafka import KafkaConsumer, TopicPartition


def read_topic(address: str, topic: str, expected: int, patience_s: float = 15.0) -> list[Any]:
    """Every record of a topic, in order of partition and offset; waits for `expected`, then a moment for any more."""
    consumer = KafkaConsumer(bootstrap_servers=[address], auto_offset_reset="earliest", enable_auto_commit=False)
    try:
        ends = time.monotonic() + patience_s
        while not (numbers := consumer.partitions_for_topic(topic)) and time.monotonic() < ends:
            time.sleep(0.1)  # the topic is there once somebody has asked for it
        partitions = [TopicPartition(topic, number) for number in sorted(numbers or ())]
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        records: list[Any] = []
        while time.monotonic() < ends:
            for batch in consumer.poll(timeout_ms=300).values():
                records += batch
            if len(records) >= expected:
                ends = min(ends, time.monotonic() + 0.5)
        return sorted(records, key=lambda record: (record.partition, record.offset))
    finally:
        consumer.close()
