"""How long the instant T takes at 2,000 events a second, while events come in and minutes are sealed.

    python -m tests.bench store [--minutes 65] [--seconds 60] [--late 0.01]

Fills a store of its own with traffic up to now, seals it, then goes on inserting and sealing while one reader asks. By
default a hundredth of the events is late, by up to 15 minutes: then the last quarter of an hour is never clean, and
is read from the cells. Prints p50 and p99 for each question, and what sealing costs.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from pipeline.store import migrate
from pipeline.store.client import Store
from pipeline.store.sealing import seal
from tests.bench.traffic import RATE, flush, live_traffic
from tests.support.gateway import running_gateway


def percentiles(seconds: list[float]) -> str:
    """p50 and p99 in ms."""
    p50, p99 = np.percentile(np.array(seconds) * 1000, (50, 99))
    return f"p50 {p50:5.0f} ms   p99 {p99:5.0f} ms   ({len(seconds)} times)"


def main() -> None:
    """Run it all; see the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--minutes", type=int, default=65, help="traffic before the measurement")
    parser.add_argument("--seconds", type=float, default=60, help="length of the measurement")
    parser.add_argument("--late", type=float, default=0.01, help="share of late events, 0 to 0.5")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as state, running_gateway(Path(state)) as gateway:
        migrate.apply(Store(gateway.url("admin")))
        worker, sealer, reader = (Store(gateway.url(login)) for login in ("writer", "writer", "default"))
        rng = np.random.default_rng(1)
        begin = int(time.time()) // 60 * 60 - options.minutes * 60
        for start in range(begin, int(time.time()), 10):
            flush(worker, rng, np.repeat(np.arange(start, start + 10), RATE))
        took, minutes, start_time = 0.0, 0, time.perf_counter()
        while (report := seal(sealer, datetime.now(UTC))).minutes:
            minutes += report.minutes
        took = time.perf_counter() - start_time
        print(f"sealing {minutes} minutes: {took / max(1, minutes) * 1000:.0f} ms a minute, with their tens and hours")
        measure(worker, sealer, reader, options.seconds, options.late)
        for store in (worker, sealer, reader):
            store.close()


def measure(worker: Store, sealer: Store, reader: Store, seconds: float, late: float) -> None:
    """Ask while events come in and minutes are sealed."""
    asked: dict[str, list[float]] = {}
    with live_traffic(worker, sealer, RATE, late) as live:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for view in ("total", "by_service"):
                for minutes in (15, 60):
                    start = time.perf_counter()
                    moment = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
                    reader.execute(f"SELECT * FROM bi.instant_t_{view}(at='{moment}', minutes={minutes})")
                    asked.setdefault(f"{view}, {minutes} min", []).append(time.perf_counter() - start)
            time.sleep(0.2)
    for question, answers in asked.items():
        print(f"{question:20} {percentiles(answers)}")
    print(f"{'insert and mark':20} {percentiles(live.inserts)}")
    print(f"{'a round of sealing':20} {percentiles(live.seals)}")


if __name__ == "__main__":
    main()
