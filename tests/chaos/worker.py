"""The real worker, whose clock can be set while it runs: the file named in CHAOS_CLOCK holds seconds to add.

The file named in CHAOS_TALLY gets a line for each flush that was acknowledged: how many records it held.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

from faust.cli.faust import cli

from agents.ports import Letter
from pipeline import topology, worker_board
from pipeline.core.columns import Columns
from pipeline.store import sealer
from pipeline.store.sink import ClickHouseSink
from pipeline.worker_board import WorkerBoard

CLOCK = Path(os.environ["CHAOS_CLOCK"])
TALLY = Path(os.environ["CHAOS_TALLY"])


def offset() -> float:
    """Seconds by which this worker's clock is wrong now."""
    try:
        return float(CLOCK.read_text())
    except ValueError:  # being written
        return 0.0


class WrongDatetime(datetime):
    """datetime, with a clock of ours."""

    @classmethod
    def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
        """Now, as this worker has it."""
        return datetime.now(UTC) + timedelta(seconds=offset())


class TallyingBoard(WorkerBoard):
    """The worker's board, which leaves behind what even a process that is killed has counted."""

    def flushed(self, counted: Columns, rejected: Sequence[Letter], seconds: float, newest_arrival_ms: int) -> None:
        """One flush has been acknowledged."""
        super().flushed(counted, rejected, seconds, newest_arrival_ms)
        with TALLY.open("a") as file:
            file.write(f"{counted.tally.counted + len(rejected)}\n")


def main() -> None:
    """Inject the clock where the map takes it from, and the tally; then run the worker."""
    vars(worker_board)["WorkerBoard"] = TallyingBoard
    wrong = {"time": lambda: time.time() + offset(), "time_ns": lambda: time.time_ns() + int(offset() * 1e9)}
    vars(topology)["time"] = SimpleNamespace(**(vars(time) | wrong))
    vars(topology)["ClickHouseSink"] = functools.partial(ClickHouseSink, clock=lambda: time.time() + offset())
    vars(sealer)["datetime"] = WrongDatetime
    cli(args=["-A", "pipeline.app", "worker", "-l", "info"], prog_name="worker")


if __name__ == "__main__":
    main()
