"""A sink that keeps nothing, and a board that says on standard output how far its worker is: for the benches.

One JSON object a line: `{"events": N}` after each acknowledged flush, N events since the start, rejected ones included;
and, once all that was asked for has been counted, `{"hits": …, "visits": …, "visitors": …}`, the distinct ids of every
cell (10 seconds, service, département, profil) summed over the cells.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from agents.ports import Letter
from pipeline.core import cells as cell_rows
from pipeline.core import school_rows
from pipeline.core.columns import ORIGIN_BITS, Columns, Keys
from pipeline.core.ids import Ids
from pipeline.core.position import Position
from pipeline.worker_board import WorkerBoard

REVISION = 54453
"""The protocol revision of the embedded store."""


def say(**what: Any) -> None:
    """One line for the bench that reads it."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


class NullSink:
    """Implements `agents.ports.Sink`: does what the real one does up to the sending, or only up to the sets of cells.

    Args:
        rows: also make the rows of schools and encode everything in wire form, as the real sink does.
        keep: keep what was counted, for `figures`.
    """

    def __init__(self, *, rows: bool, keep: bool) -> None:
        self._rows = rows
        self._keep = keep
        self._kept: list[tuple[Keys, Ids]] = []

    @classmethod
    def from_environment(cls) -> NullSink:
        """BENCH_SINK=cells|rows; what is to be proved (BENCH_PROVE) is kept."""
        return cls(rows=os.environ["BENCH_SINK"] == "rows", keep="BENCH_PROVE" in os.environ)

    def write(self, counted: Columns, positions: Sequence[Position]) -> None:
        """See `agents.ports.Sink.write`."""
        if not len(counted):
            return
        cells = cell_rows.from_columns(counted)
        if self._rows:
            school_rows.from_columns(counted).encode(REVISION)
            cells.encode(REVISION)
        if self._keep:
            self._kept.append(counted.take())

    def tell(self, positions: Sequence[Position]) -> None:
        """Progress is of no interest to it."""

    def stop(self) -> None:
        """It never waits."""

    def figures(self) -> dict[str, int]:
        """hits, visits and visitors of all that was kept."""
        keys = np.concatenate([keys for keys, _ in self._kept]) >> ORIGIN_BITS
        ids = np.concatenate([ids for _, ids in self._kept])
        return {name: _distinct(keys, ids[:, at]) for at, name in enumerate(("hits", "visits", "visitors"))}


def _distinct(keys: Keys, ids: Ids) -> int:
    """How many different pairs there are."""
    order = np.lexsort((ids, keys))
    keys, ids = keys[order], ids[order]
    return 1 + int(np.count_nonzero((keys[1:] != keys[:-1]) | (ids[1:] != ids[:-1])))


class Announcer(WorkerBoard):
    """A worker's board that also says how far it is; with BENCH_PROVE=N, what was counted once it has N events."""

    sink: NullSink | None = None
    """Whose figures it says."""
    _events = 0
    _wanted = int(os.environ.get("BENCH_PROVE", "0"))

    def flushed(self, counted: Columns, rejected: Sequence[Letter], seconds: float, newest_arrival_ms: int) -> None:
        """One flush has been acknowledged."""
        super().flushed(counted, rejected, seconds, newest_arrival_ms)
        before = self._events
        self._events += len(counted) + len(rejected)
        say(events=self._events)
        if self.sink is not None and before < self._wanted <= self._events:
            say(**self.sink.figures())
