"""One answer for all who ask the same at the same time: a wall of viewers costs as much as one.

Whoever asks first has the query run; whoever asks the same while it runs, or within a second of its start, is given
its answer. Only as long as nothing was written in between: every write to this store passes through this process, so a
reader never sees less than what was acknowledged before the question. (The engine's own query cache knows nothing of
writes, and lets eight readers who ask at once run eight queries.)
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

FRESH_SECONDS = 1.0
"""Longest time from the start of a query to a question that its answer serves: views that show now depend on it."""
MAX_KEPT_BYTES = 1 << 20
"""Bytes of the longest answer that is kept."""
MAX_KEPT = 64
"""Answers kept at once."""


@dataclass(frozen=True)
class Kept:
    """An answer, to be sent again."""

    pieces: tuple[bytes, ...]
    read_rows: int
    read_size: int


class Keeper:
    """Takes the pieces of an answer as they are sent, until they are too many."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0

    def add(self, piece: bytes) -> None:
        """One more piece."""
        self._size += len(piece)
        if self._size <= MAX_KEPT_BYTES:
            self._pieces.append(piece)
        else:
            self._pieces.clear()

    def kept(self, read_rows: int, read_size: int) -> Kept | None:
        """The whole answer; None when it was too long to keep."""
        return Kept(tuple(self._pieces), read_rows, read_size) if self._size <= MAX_KEPT_BYTES else None


@dataclass(eq=False)
class _Flight:
    since: float
    landed: threading.Event = field(default_factory=threading.Event)
    answer: Kept | None = None


class SharedAnswers:
    """The answers of the last second. For any number of threads.

    Args:
        clock: seconds, never going back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._flights: dict[Hashable, _Flight] = {}

    def written(self) -> None:
        """Something in the store may have changed: call it before the write is acknowledged."""
        with self._lock:
            self._flights.clear()

    def join(self, question: Hashable, run: Callable[[], Kept | None]) -> Kept | None:
        """Answer a question, by `run` or by somebody else's answer.

        Args:
            question: everything the answer depends on, but for the store and the clock.
            run: has the query executed and its answer sent to this client; returns what may be sent to others, None
                when it is not whole.

        Returns:
            The answer that is still to be sent to this client; None when `run` was called and has done so.
        """
        with self._lock:
            now = self._clock()
            flight = self._flights.get(question)
            leads = flight is None or now - flight.since >= FRESH_SECONDS
            if leads:
                self._flights = {q: f for q, f in self._flights.items() if now - f.since < FRESH_SECONDS}
                flight = _Flight(now)
                if len(self._flights) < MAX_KEPT:
                    self._flights[question] = flight
        assert flight is not None
        if leads:
            try:
                flight.answer = run()
            finally:
                flight.landed.set()
                if flight.answer is None:
                    self._forget(question, flight)
            return None
        flight.landed.wait()
        if flight.answer is None:  # it failed, was cancelled, or is too long: that is no matter of this client's
            run()
        return flight.answer

    def _forget(self, question: Hashable, flight: _Flight) -> None:
        with self._lock:
            if self._flights.get(question) is flight:
                del self._flights[question]
