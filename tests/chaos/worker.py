"""The real worker, whose clock can be set while it runs: the file named in CHAOS_CLOCK holds seconds to add."""

from __future__ import annotations

import functools
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

from faust.cli.faust import cli

from pipeline import topology
from pipeline.store import sealer
from pipeline.store.sink import ClickHouseSink

CLOCK = Path(os.environ["CHAOS_CLOCK"])


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


def main() -> None:
    """Inject the clock where the map takes it from, then run the worker."""
    vars(topology)["time"] = SimpleNamespace(time_ns=lambda: time.time_ns() + int(offset() * 1e9))
    vars(topology)["ClickHouseSink"] = functools.partial(ClickHouseSink, clock=lambda: time.time() + offset())
    vars(sealer)["datetime"] = WrongDatetime
    cli(args=["-A", "pipeline.app", "worker", "-l", "info"], prog_name="worker")


if __name__ == "__main__":
    main()
