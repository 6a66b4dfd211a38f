"""Rejected records to the dead-letter topic, by Faust's own producer: original bytes, and why in the headers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

LETTER_BYTES = (2 << 20) - 8192
"""Most bytes of a rejected value that are kept: what ent.rejects.v1 takes, less the headers. Only a compressed record
can be longer; `error` says how long it was."""
AT_ONCE = 1000
"""Letters under way at a time: a flood of rejects waits here, not in the producer's memory."""


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

    async def send(self, letters: Sequence[Letter]) -> None:
        """Return once every letter is in the topic.

        Raises:
            Exception: whatever the producer raised; some letters may have been sent, and will be again.
        """
        if not letters:
            return
        producer = await self._app.maybe_start_producer() or self._app.producer
        rejected_at = datetime.now(UTC).isoformat(timespec="milliseconds").encode()
        for start in range(0, len(letters), AT_ONCE):
            sent = [
                await producer.send(
                    self._topic,
                    None,
                    (letter.value or b"")[:LETTER_BYTES],  # a tombstone has no bytes; a record needs some
                    None,
                    None,
                    [
                        ("reason", letter.rejected.reason.encode()),
                        ("error", letter.rejected.error.encode("utf-8", "replace")),
                        ("topic", letter.topic.encode()),
                        ("partition", str(letter.partition).encode()),
                        ("offset", str(letter.offset).encode()),
                        ("rejected_at", rejected_at),
                    ],
                )
                for letter in letters[start : start + AT_ONCE]
            ]
            await asyncio.gather(*sent)
