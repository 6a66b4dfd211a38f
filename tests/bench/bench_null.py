"""The worker into a null sink: its speed, two of them beside each other, and the cost of an event in a long run.

    python -m tests.bench null [--events N] [--rounds R] [--sink cells|rows] [--beside FOLDER] [--long MILLIONS]

`cells`: every event judged and counted, the sets of the cells made, then dropped; `rows`: also encoded for the store,
with the rows of schools. `--beside` runs the worker of another checkout on the same records, in turns (such as one made
by `git worktree add`). `--long` has one worker read so many millions of records, and prints the cost of each part of
them; the log holds two million different ones, again and again.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import time
from pathlib import Path

from pipeline.topics import VISITS
from tests.acceptance.stack import Stack
from tests.bench.contestant import Contestant, speed
from tests.bench.loading import publish, simulated
from tests.bench.stacks import add_broker_option, bench_stack

DIFFERENT = 2_000_000
"""Different records of a long run."""
SLICES = 12
HERE = Path(__file__).parents[2]

_groups = itertools.count()


def start(stack: Stack, sink: str, group: str, folder: Path = HERE, events: int = 0) -> Contestant:
    """One worker of a group; `events`: how many it will get, where that is known."""
    environment = stack.environment() | {"INSTANT_T_GROUP": group, "BENCH_SINK": sink, "BENCH_EVENTS": str(events)}
    log = stack.folder / f"null-{next(_groups)}.log"
    return Contestant([sys.executable, "-m", "tests.bench.null_worker"], log, environment, folder)


def run(stack: Stack, sink: str, records: int, workers: int = 1, folder: Path = HERE) -> tuple[float, float, float]:
    """Events per second of the clock, CPU seconds per million events and MiB of so many workers together."""
    group = f"bench-null-{next(_groups)}"
    share = records if workers == 1 else 0
    running = [start(stack, sink, group, folder, share) for _ in range(workers)]
    try:
        deadline = time.monotonic() + 600
        while sum(worker.events for worker in running) < records and time.monotonic() < deadline:
            time.sleep(0.02)
            for worker in running:
                worker.check()
        seen = [worker.samples for worker in running if len(worker.samples) > 1]
        if not seen:
            raise SystemExit("too few records to see a rate: give more --events")
        counted = sum(samples[-1].events - samples[0].events for samples in seen)
        took = max(samples[-1].at for samples in seen) - min(samples[0].at for samples in seen)
        cpu = sum(samples[-1].cpu - samples[0].cpu for samples in seen)
        return counted / took, cpu * 1e6 / counted, sum(worker.peak_mb for worker in running)
    finally:
        for worker in running:
            worker.end()


def long_run(stack: Stack, sink: str, records: int) -> None:
    """Print the cost of an event in each part of one long run."""
    worker = start(stack, sink, "bench-long")
    try:
        worker.wait(records, figures=False)
    finally:
        worker.end()
    first, parts = worker.samples[0], []
    for number in range(1, SLICES + 1):
        last = next(sample for sample in worker.samples if sample.events >= records * number // SLICES)
        if last.events > first.events:
            parts.append((last.events, *speed(first, last)))
            first = last
    print(f"{'up to event':>14}{'events/s':>12}{'CPU s/M':>10}")
    for events, rate, cpu in parts:
        print(f"{events:>14,}{rate:>12,.0f}{cpu:>10.2f}")
    print(f"peak {worker.peak_mb:.0f} MiB")


def main() -> None:
    """Print what was asked."""
    parser = argparse.ArgumentParser(prog="bench null", description=__doc__)
    parser.add_argument("--events", type=int, default=1_500_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sink", choices=("cells", "rows"), default="cells")
    parser.add_argument("--beside", type=Path, help="another checkout of the project")
    parser.add_argument("--long", type=int, default=0, help="millions of events")
    parser.add_argument("--workers", type=int, default=2, help="how many beside each other (1: leave that out)")
    add_broker_option(parser)
    options = parser.parse_args()
    with bench_stack(options.broker, group_initial_rebalance_delay_ms="3000") as stack:
        records = DIFFERENT if options.long else options.events
        again = max(1, options.long * 1_000_000 // DIFFERENT)
        different = list(simulated(records))
        published = publish(stack.broker.address, VISITS, itertools.chain.from_iterable([different] * again))
        del different
        print(f"{published:,} records published", flush=True)
        if options.long:
            long_run(stack, options.sink, published)
            return
        contestants = {"one worker": (1, HERE)}
        if options.beside:
            contestants[f"the one of {options.beside.name}"] = (1, options.beside)
        if options.workers > 1:
            contestants[f"{options.workers} workers"] = (options.workers, HERE)
        results: dict[str, list[tuple[float, float, float]]] = {name: [] for name in contestants}
        for _, (name, (workers, folder)) in itertools.product(range(options.rounds), contestants.items()):
            results[name].append(run(stack, options.sink, published, workers, folder))
            print("  {}: {:,.0f} events/s, {:.2f} CPU s/M".format(name, *results[name][-1]), flush=True)
    print(f"medians of {options.rounds:<13}{'events/s':>12}{'CPU s/M':>10}{'peak MiB':>10}")
    for name, figures in results.items():
        rate, cpu, peak = (statistics.median(column) for column in zip(*figures, strict=True))
        print(f"{name:24}{rate:>12,.0f}{cpu:>10.2f}{peak:>10.0f}")


if __name__ == "__main__":
    main()
