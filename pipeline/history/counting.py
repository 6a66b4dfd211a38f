"""Lines in, cells of `ent_staging` out: judged and counted by the core that counts live events.

What differs from live is the clock. A record's timestamp is the event's own time, so nothing is late; an event of the
future is `from_future` as ever, and one from before 2012 is `too_old`: nothing was measured then, and seconds taken
for milliseconds end in 1970.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from types import TracebackType
from typing import IO, Protocol

from pipeline.core.columns import Columns, TooManyOriginsError, Words
from pipeline.core.days import by_day
from pipeline.core.event import MAX_VALUE_BYTES
from pipeline.core.position import Position
from pipeline.core.reasons import Reason, Rejected
from pipeline.history.lines import Lines, Piece, read_lines
from pipeline.history.rejects import RejectsFile

FLUSH_EVENTS = 400_000
"""Events of one flush, about 50 bytes each here; one flush is under way while the next one fills."""

FIRST_DAY = datetime(2012, 1, 1, tzinfo=UTC)
"""The guide of the first national tags is of 2012 (GIP-RECIA, Guide de marquage des ENT v2.0)."""

_UNKNOWN_STAMP = -1
_WHY = {
    Reason.TOO_OLD: f"the event is from before {FIRST_DAY:%Y}, when nothing was measured",
    Reason.FROM_FUTURE: "the event is over 5 minutes in the future",
}
"""In the words of a load: there is no record whose timestamp the core's sentence could mean."""


class DaySink(Protocol):
    """Where counted events become durable (`pipeline.store.sink.ClickHouseSink`)."""

    def write(self, counted: Columns, positions: tuple[Position, ...]) -> None:
        """Return once they are; called in one thread."""

    def stop(self) -> None:
        """Wait for an absent store no longer."""


class DayGuard(Protocol):
    """Asked before the first events of a day are written."""

    def __call__(self, day: date) -> None:
        """Raises what ends the load."""


@dataclass
class FileReport:
    """What became of one file."""

    lines: int = 0
    """Those that are not blank."""
    counted: int = 0
    """Events, repeated ones included."""
    seconds: float = 0.0

    @property
    def rejected(self) -> int:
        """Lines that are no good events."""
        return self.lines - self.counted


class Counter:
    """Counts files; use it as a context manager, which waits for the last insert (or, after an error, for none).

    Args:
        sink: called in a thread of its own, with the events of one day at a time.
        rejects: where lines that are no good events go.
        guard: called with each day (UTC) as it is met, in the same thread as the sink.
        now: aware; what is later is of the future.
    """

    def __init__(self, sink: DaySink, rejects: RejectsFile, guard: DayGuard, now: datetime) -> None:
        self._sink = sink
        self._rejects = rejects
        self._guard = guard
        self._now_ms = int(now.timestamp() * 1000)
        self._words = Words()
        self._columns = self._new()
        self._days: set[date] = set()
        self._thread = ThreadPoolExecutor(1, "history-sink")
        self._flush: Future[None] | None = None

    def __enter__(self) -> Counter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._start_flush()
                self._await_flush()
        finally:
            if error is not None:
                self._sink.stop()
            self._thread.shutdown(cancel_futures=True)

    def _new(self) -> Columns:
        return Columns(self._words, self._now_ms * 1000 - int(FIRST_DAY.timestamp()) * 1_000_000)

    def count(self, file: IO[bytes], name: str, report: FileReport, moved: Callable[[], None]) -> None:
        """Read a file to its end.

        Args:
            file: open for reading.
            name: for the rejects.
            report: a new one, kept up to date.
            moved: called every thousand lines or so.

        Raises:
            OSError, EOFError, zlib.error: the file cannot be read on.
            StoreRefused, UserError: from the sink and the guard.
        """
        start = time.perf_counter()
        for lines in read_lines(file):
            if isinstance(lines, Piece):
                self._keep_piece(lines, name, report)
            else:
                self._count_lines(lines, name, report)
            if len(self._columns) >= FLUSH_EVENTS:
                self._start_flush()
            report.seconds = time.perf_counter() - start
            moved()

    def _count_lines(self, lines: Lines, name: str, report: FileReport) -> None:
        stamps = [_UNKNOWN_STAMP] * len(lines.values)
        before = len(self._columns)
        try:
            rejects = self._columns.add(lines.values, stamps, self._now_ms)
        except TooManyOriginsError:
            self._start_flush()
            before = 0
            rejects = self._columns.add(lines.values, stamps, self._now_ms)
        counted = len(self._columns) - before
        report.counted += counted
        report.lines += counted
        for at, rejected in rejects:
            value = lines.values[at]
            if value.strip():
                report.lines += 1
                why = _WHY.get(rejected.reason, rejected.error)
                self._rejects.add(value, Rejected(rejected.reason, why), name, lines.first + at)

    def _keep_piece(self, piece: Piece, name: str, report: FileReport) -> None:
        if piece.part == 1:
            report.lines += 1
        why = f"the line has over {len(piece.value):,} bytes, at most {MAX_VALUE_BYTES:,} are taken"
        self._rejects.add(piece.value, Rejected(Reason.TOO_LARGE, why), name, piece.line, piece.part)

    def _start_flush(self) -> None:
        """Hand everything counted so far to the sink; wait first where an earlier flush is under way."""
        full, self._columns = self._columns, self._new()
        self._await_flush()
        self._flush = self._thread.submit(self._write, full)

    def _await_flush(self) -> None:
        flush, self._flush = self._flush, None
        if flush is not None:
            flush.result()

    def _write(self, counted: Columns) -> None:
        for number, part in by_day(counted).items():
            day = datetime.fromtimestamp(0, UTC).date() + timedelta(days=number)
            if day not in self._days:
                self._guard(day)
                self._days.add(day)
            self._sink.write(part, ())
