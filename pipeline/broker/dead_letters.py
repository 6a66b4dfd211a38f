"""Reading `ent.rejects.v1`: what was rejected, why, and the original bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from kafka import TopicPartition

from pipeline.broker.reading import Reading, open_reader, partitions_of
from pipeline.topics import REJECTS


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One rejected record, without its bytes."""

    reason: str
    error: str
    """One sentence, written by the worker."""
    topic: str
    partition: int
    offset: int
    """Topic, partition and offset of the record that was rejected."""
    rejected_at: datetime
    """Aware, UTC."""
    letter_partition: int
    letter_offset: int
    """Where the letter itself lies in ent.rejects.v1."""
    size: int
    """Bytes of the original value; a tombstone's letter has none."""
    digest: bytes
    """Of the original value: records of the same bytes are one event."""

    @property
    def origin(self) -> str:
        """`topic:partition:offset` of the record that was rejected."""
        return f"{self.topic}:{self.partition}:{self.offset}"


@dataclass(frozen=True)
class Survey:
    """All dead letters there are, at one moment."""

    letters: tuple[DeadLetter, ...]
    """One for each rejected record, oldest first: a worker that is replayed after a crash writes some twice."""
    ends: dict[int, int]
    """Partition of ent.rejects.v1 → the offset up to which it was read."""
    foreign: int
    """Records of the topic without the headers of a dead letter."""


def survey(bootstrap: Sequence[str]) -> Survey:
    """Read the whole topic, in constant memory for each rejected record (a few hundred bytes).

    Raises:
        UserError: no broker answers, or the topic is missing.
    """
    first: dict[tuple[str, int, int], DeadLetter] = {}
    foreign = 0
    with open_reader(bootstrap) as consumer:
        reading = Reading(consumer, dict.fromkeys(partitions_of(consumer, REJECTS)))
        for record in reading:
            letter = parse(record)
            if letter is None:
                foreign += 1
                continue
            key = (letter.topic, letter.partition, letter.offset)
            known = first.get(key)
            if known is None or _age(letter) < _age(known):
                first[key] = letter
        ends = {partition.partition: end for partition, end in reading.ends.items()}
    return Survey(tuple(sorted(first.values(), key=_age)), ends, foreign)


def values(bootstrap: Sequence[str], letters: Sequence[DeadLetter]) -> Iterator[tuple[DeadLetter, bytes]]:
    """Read the original bytes of some letters, one at a time, by partition and offset.

    Letters that Kafka has deleted in the meantime are left out.

    Raises:
        UserError: no broker answers, or the topic is missing.
    """
    wanted = {(letter.letter_partition, letter.letter_offset): letter for letter in letters}
    starts: dict[TopicPartition, int | None] = {}
    for partition, offset in sorted(wanted, reverse=True):
        starts[TopicPartition(REJECTS, partition)] = offset
    if not starts:
        return
    left = len(wanted)
    with open_reader(bootstrap) as consumer:
        for record in Reading(consumer, starts):
            letter = wanted.get((record.partition, record.offset))
            if letter is not None:
                yield letter, record.value or b""
                left -= 1
                if not left:
                    return


def parse(record: Any) -> DeadLetter | None:
    """The letter that a consumed record is, or None when its headers are not those of a dead letter."""
    headers = dict(record.headers)
    try:
        text = {name: headers[name].decode() for name in ("reason", "error", "topic", "partition", "offset")}
        rejected_at = datetime.fromisoformat(headers["rejected_at"].decode())
        partition, offset = int(text["partition"]), int(text["offset"])
    except (KeyError, ValueError, AttributeError):
        return None
    if rejected_at.tzinfo is None:
        return None
    return DeadLetter(
        reason=text["reason"],
        error=text["error"],
        topic=text["topic"],
        partition=partition,
        offset=offset,
        rejected_at=rejected_at.astimezone(UTC),
        letter_partition=record.partition,
        letter_offset=record.offset,
        size=len(record.value or b""),
        digest=hashlib.blake2b(record.value or b"", digest_size=16).digest(),
    )


def _age(letter: DeadLetter) -> tuple[datetime, int, int]:
    return letter.rejected_at, letter.letter_partition, letter.letter_offset
