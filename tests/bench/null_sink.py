"""A sink that keeps nothing, and a board that says on standard output how far its worker is (`telling`)."""

from __future__ import annotations

import os
from collections.abc import Sequence

from agents.ports import Letter
from pipeline.core import cells as cell_rows
from pipeline.core import school_rows
from pipeline.core.columns import Columns
from pipeline.core.position import Position
from pipeline.worker_board import WorkerBoard
from tests.bench.telling import Kept, say

REVISION = 54453
"""The protocol revision of the embedded store."""


class NullSink:
    """Implements `agents.ports.Sink`: does what the real one does up to the sending, or only up to the sets of cells.

    Args:
        rows: also make the rows of schools and encode everything in wire form, as the real sink does.
        kept: where what was counted is kept, to be proved.
    """

    def __init__(self, *, rows: bool, kept: Kept | None = None) -> None:
        self._rows = rows
        self._kept = kept

    def write(self, counted: Columns, positions: Sequence[Position]) -> None:
        """See `agents.ports.Sink.write`."""
        if not len(counted):
            return
        cells = cell_rows.from_columns(counted)
        if self._rows:
            school_rows.from_columns(counted).encode(REVISION)
            cells.encode(REVISION)
        if self._kept is not None:
            self._kept.add(counted)

    def tell(self, positions: Sequence[Position]) -> None:
        """Progress is of no interest to it."""

    def stop(self) -> None:
        """It never waits."""


class Announcer(WorkerBoard):
    """A worker's board that also says how far it is, and once it has seen `wanted` events, what `kept` holds."""

    events = 0
    wanted = int(os.environ.get("BENCH_EVENTS", "0"))
    """0: no end is known."""
    kept: Kept | None = None

    def flushed(self, counted: Columns, rejected: Sequence[Letter], seconds: float, newest_arrival_ms: int) -> None:
        """One flush has been acknowledged."""
        super().flushed(counted, rejected, seconds, newest_arrival_ms)
        before = self.events
        self.events += len(counted) + len(rejected)
        say(events=self.events)
        if self.kept is not None and before < self.wanted <= self.events:
            say(**self.kept.figures())
