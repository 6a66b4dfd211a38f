"""Rejected records to the dead-letter topic, by Faust's own producer: original bytes, and why in the headers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

LETTER_BYTES = (2 << 20) - 8192
"""Most bytes of a rejected value that are kept: what ent.rejects.v1 takes, less the headers. Only a compressed record
can be longer; `error` says how long it was."""
AT_ONCE = 8
"""Batches under way at a time: a flood of rejects waits here, not in the producer's memory."""


class Rejected(Protocol):
    """Why a record was rejected."""

    @property
    def reason(self) -> str:
        """One of the closed set of reasons."""

    @property
    def error(self) -> str:
        """One sentence."""


class Letter(Protocol):
    """A rejected record and where it came from."""

    @property
    def topic(self) -> str: ...  # noqa: D102
    @property
    def partition(self) -> int: ...  # noqa: D102
    @property
    def offset(self) -> int: ...  # noqa: D102
    @property
    def value(self) -> bytes | None: ...  # noqa: D102
    @property
    def rejected(self) -> Rejected: ...  # noqa: D102


class DeadLetterTopic:
    """Sends letters to one topic and waits for the broker's acknowledgement of each.

    Args:
        app: a Faust app.
        topic: the dead-letter topic.
    """

    def __init__(self, app: Any, topic: str) -> None:
        self._app = app
        self._topic = topic
        self._turn = 0
        """Batches submitted: partitions take turns."""

    async def send(self, letters: Sequence[Letter]) -> None:
        """Return once every letter is in the topic.

        Raises:
            Exception: whatever the producer raised; some letters may have been sent, and will be again.
        """
        if not letters:
            return
        faust_producer = await self._app.maybe_start_producer() or self._app.producer
        # A record at a time, Faust and aiokafka spend ten times as long on it; the batches are theirs all the same.
        producer = faust_producer._ensure_producer()
        partitions = sorted(await producer.partitions_for(self._topic))
        rejected_at = datetime.now(UTC).isoformat(timespec="milliseconds").encode()
        batch = None
        sent: list[Awaitable[Any]] = []
        for letter in letters:
            record = _record(letter, rejected_at)
            if batch is None or batch.append(**record) is None:
                if batch is not None:
                    sent.append(await self._submit(producer, batch, partitions))
                if len(sent) >= AT_ONCE:
                    await asyncio.gather(*sent)
                    sent.clear()
                batch = producer.create_batch()
                batch.append(**record)  # however large it is: the first has room
        sent.append(await self._submit(producer, batch, partitions))
        await asyncio.gather(*sent)

    async def _submit(self, producer: Any, batch: Any, partitions: Sequence[int]) -> Awaitable[Any]:
        """Give a batch to the producer; what is returned ends with the broker's acknowledgement."""
        batch.close()
        self._turn += 1
        future: Awaitable[Any] = await producer.send_batch(
            batch, self._topic, partition=partitions[self._turn % len(partitions)]
        )
        return future


def _record(letter: Letter, rejected_at: bytes) -> dict[str, Any]:
    return {
        "timestamp": None,
        "key": None,
        "value": (letter.value or b"")[:LETTER_BYTES],  # a tombstone has no bytes; a record needs some
        "headers": [
            ("reason", letter.rejected.reason.encode()),
            ("error", letter.rejected.error.encode("utf-8", "replace")),
            ("topic", letter.topic.encode()),
            ("partition", str(letter.partition).encode()),
            ("offset", str(letter.offset).encode()),
            ("rejected_at", rejected_at),
        ],
    }
