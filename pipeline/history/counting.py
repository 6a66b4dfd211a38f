"""Lines in, cells of `ent_staging` out: judged and counted by the core that counts live events.

What differs from live is the clock. A record's timestamp is the event's own time, so nothing is late; an event of the
future is `from_future` as ever, and one from before 2012 is `too_old`: nothing was measured then, and seconds taken
for milliseconds end in 1970. Where a load names its days, what lies before or after them is rejected in the same way:
a portal whose clock is wrong must not make a day of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from time import perf_counter
from types import TracebackType
from typing import IO, NamedTuple, Protocol

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
_FUTURE = timedelta(minutes=5)
_EPOCH = datetime.fromtimestamp(0, UTC)


class Span(NamedTuple):
    """The instants whose events are counted."""

    first: datetime
    """Aware; what is earlier is `too_old`."""
    last: datetime
    """Aware, included; what is later is `from_future`."""


def span_of(now: datetime, first: date | None = None, last: date | None = None) -> Span:
    """What a load takes.

    Args:
        now: aware; nothing over five minutes later is taken.
        first: UTC day; None: any since 2012.
        last: UTC day, included; None: any.
    """
    until = now + _FUTURE
    begin = FIRST_DAY if first is None else max(FIRST_DAY, datetime.combine(first, time(), UTC))
    if last is not None:
        end = datetime.combine(last + timedelta(days=1), time(), UTC)
        until = min(until, end - timedelta(microseconds=1))
    return Span(begin, until)


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
        span: what is counted.
    """

    def __init__(self, sink: DaySink, rejects: RejectsFile, guard: DayGuard, span: Span) -> None:
        self._sink = sink
        self._rejects = rejects
        self._guard = guard
        self._first_us, self._last_us = ((at - _EPOCH) // timedelta(microseconds=1) for at in span)
        self._why = {
            Reason.TOO_OLD: f"the event is from before {span.first:%Y-%m-%d}, where this load begins",
            Reason.FROM_FUTURE: f"the event is from after {span.last:%Y-%m-%d %H:%M:%S}, where this load ends (UTC)",
        }
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
        # The core measures from the reading's instant, where a record has no timestamp; 0 is as good as any.
        return Columns(self._words, -self._first_us, self._last_us)

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
        start = perf_counter()
        for lines in read_lines(file):
            if isinstance(lines, Piece):
                self._keep_piece(lines, name, report)
            else:
                self._count_lines(lines, name, report)
            if len(self._columns) >= FLUSH_EVENTS:
                self._start_flush()
            report.seconds = perf_counter() - start
            moved()

    def _count_lines(self, lines: Lines, name: str, report: FileReport) -> None:
        stamps = [_UNKNOWN_STAMP] * len(lines.values)
        before = len(self._columns)
        try:
            rejects = self._columns.add(lines.values, stamps, 0)
        except TooManyOriginsError:
            self._start_flush()
            before = 0
            rejects = self._columns.add(lines.values, stamps, 0)
        counted = len(self._columns) - before
        report.counted += counted
        report.lines += counted
        for at, rejected in rejects:
            value = lines.values[at]
            if value.strip():
                report.lines += 1
                why = self._why.get(rejected.reason, rejected.error)
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
