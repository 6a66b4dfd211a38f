"""What the agents need from outside: small protocols, implemented by the adapters and wired in the map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from pipeline.core.columns import Columns
from pipeline.core.position import Position
from pipeline.core.reasons import Rejected


class Sink(Protocol):
    """Where counted events become durable."""

    def write(self, counted: Columns, positions: Sequence[Position]) -> None:
        """Return once everything is durable. Blocking; called from one thread; waits out an absent store.

        Raises:
            StoreRefused: it never will be; nothing may be acknowledged.
            StoreUnavailable: the sink was told to stop while it waited.
        """


class Letter(NamedTuple):
    """A record that was rejected, on its way to the dead-letter topic."""

    topic: str
    partition: int
    offset: int
    value: bytes | None
    rejected: Rejected


class DeadLetters(Protocol):
    """Where rejected records become durable."""

    async def send(self, letters: Sequence[Letter]) -> None:
        """Return once the broker has acknowledged every letter."""


class BatchEvent(Protocol):
    """A Faust event whose value is a record batch (`pipeline.transport`)."""

    value: Any

    def ack(self) -> bool:
        """Let the offset of the batch be committed."""


class Meter(Protocol):
    """Receives what became durable."""

    def flushed(self, counted: Columns, rejected: Sequence[Letter], seconds: float, newest_arrival_ms: int) -> None:
        """One flush has been acknowledged, `seconds` after its first event was taken."""
