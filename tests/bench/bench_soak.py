"""Half an hour of a steady flow: whether memory, freshness or the parts of the store drift.

    python -m tests.bench soak [--minutes M] [--rate R] [--broker apache|embedded] [--json FILE]

Every ten seconds: the resident memory of each process, how old the oldest event is that the view does not show yet
(five looks), how long the view takes, the lag, the active parts of the store and its bytes. A line is fitted through
each series behind the warm-up. At the end each minute and service of the view is compared with what was sent.
"""

from __future__ import annotations

import contextlib
import json
import statistics
import time
from collections.abc import Callable

import numpy as np

from pipeline.store.client import Store
from tests.acceptance.stack import Stack
from tests.bench.bench_outage import compare
from tests.bench.live_edge import LiveEdge
from tests.bench.processes import cpu_seconds, resident_mb
from tests.bench.stacks import bench_stack
from tests.bench.steady_flow import SteadyFlow, steady_options
from tests.support.machine import machine

EVERY = 10.0
LOOKS = 5
WARM_UP_SHARE = 0.2
"""Of the samples, left out of the fit: caches and code fill up."""

Series = dict[str, list[float]]
"""Name with its unit → a value for each sample; "seconds" is the time since the flow began."""


def play(stack: Stack, rate: int, seconds: float, say: Callable[[str], None], every: float = EVERY) -> Series:
    """Run the flow through one worker for so long; the samples.

    Raises:
        SystemExit: an event was lost or doubled.
    """
    stack.start_worker()
    assert stack.broker.process is not None
    pids = {"worker": stack.workers[0].pid, "store": stack.gateway.process.pid, "broker": stack.broker.process.pid}
    series: Series = {}
    steady = SteadyFlow(stack.broker.address, rate)
    with (
        contextlib.closing(stack.store()) as reader,
        contextlib.closing(stack.store("admin")) as admin,
        LiveEdge(reader, steady) as edge,
        steady as flow,
    ):
        pids["flow"] = flow.pid
        began = due = time.monotonic()
        cpu = {name: cpu_seconds(pid) for name, pid in pids.items()}
        while due - began < seconds:
            due += every
            looks = []
            for number in range(LOOKS):
                time.sleep(max(0.0, due - every * (1 - (number + 1) / LOOKS) - time.monotonic()))
                looks.append(edge.look())
            sample = {"seconds": time.monotonic() - began}
            sample |= {f"{name}, MiB": resident_mb(pid) for name, pid in pids.items()}
            sample["freshness p50, ms"] = 1000 * statistics.median(look.age for look in looks)
            sample["freshness worst, ms"] = 1000 * max(look.age for look in looks)
            sample["view, ms"] = 1000 * statistics.median(look.query for look in looks)
            sample["lag, records"] = _lag(stack)
            sample |= _store_sizes(admin)
            used = {name: cpu_seconds(pid) for name, pid in pids.items()}
            sample |= {f"{name}, % of a core": 100 * (used[name] - cpu[name]) / every for name in pids}
            cpu = used
            for name, value in sample.items():
                series.setdefault(name, []).append(value)
            say(_line(sample))
        ledger = flow.stop()
        _wait_durable(stack, ledger.records)
        lost, doubled = compare(stack, ledger)
    say(f"{ledger.records:,} events sent; lost {lost}, doubled {doubled}")
    if lost or doubled:
        raise SystemExit(1)
    return series


def _lag(stack: Stack) -> float:
    return sum(value for name, value in stack.metrics(0).items() if name.startswith("ent_consumer_lag_records"))


def _store_sizes(admin: Store) -> dict[str, float]:
    ((parts, size),) = admin.execute(
        "SELECT count(), sum(bytes_on_disk) FROM system.parts WHERE active AND database = 'ent'"
    )
    return {"active parts": float(parts), "store on disk, MiB": size / (1 << 20)}


def _wait_durable(stack: Stack, records: int) -> None:
    deadline = time.monotonic() + 120
    while True:
        metrics = stack.metrics(0)
        if sum(value for name, value in metrics.items() if name.startswith("ent_events_total")) >= records:
            break
        if time.monotonic() > deadline:
            raise SystemExit("the worker did not count what was sent within two minutes of its end")
        time.sleep(0.2)
    time.sleep(2.0)  # every view shows an acknowledged batch within two seconds


def _line(sample: dict[str, float]) -> str:
    return (
        f"{sample['seconds']:6.0f} s  worker {sample['worker, MiB']:.0f} MiB, store {sample['store, MiB']:.0f}, "
        f"broker {sample['broker, MiB']:.0f}; fresh in {sample['freshness p50, ms']:.0f} ms; "
        f"{sample['active parts']:.0f} parts; lag {sample['lag, records']:.0f}"
    )


def drift(seconds: list[float], values: list[float]) -> tuple[float, float]:
    """Change an hour, by the line of least squares through what follows the warm-up, and its standard error."""
    first = int(len(seconds) * WARM_UP_SHARE)
    x, y = np.array(seconds[first:]), np.array(values[first:])
    if len(x) < 3:
        return 0.0, float("inf")
    slope, level = np.polyfit(x, y, 1)
    spread = np.sqrt(np.sum((y - slope * x - level) ** 2) / (len(x) - 2) / np.sum((x - x.mean()) ** 2))
    return float(slope) * 3600, float(spread) * 3600


def report(series: Series) -> None:
    """A line for each series: its medians at both ends, and the fit."""
    seconds = series["seconds"]
    first = int(len(seconds) * WARM_UP_SHARE)
    fifth = max(1, (len(seconds) - first) // 5)
    print(f"{'':24} {'first fifth':>12} {'last fifth':>12} {'an hour':>12} {'± (2 s.e.)':>12}")
    for name, values in series.items():
        if name != "seconds":
            slope, error = drift(seconds, values)
            early, late = statistics.median(values[first : first + fifth]), statistics.median(values[-fifth:])
            print(f"{name:24} {early:12,.1f} {late:12,.1f} {slope:+12,.1f} {2 * error:12,.1f}")


def main() -> None:
    """Print the report; the exit status is 1 when anything was lost or doubled."""
    options = steady_options("soak", __doc__, minutes=30.0, kept="every sample")
    with bench_stack(options.broker) as stack:
        series = play(stack, options.rate, options.minutes * 60, lambda line: print(line, flush=True))
    print(machine())
    report(series)
    if options.json:
        options.json.write_text(json.dumps(series, indent=1) + "\n")


if __name__ == "__main__":
    main()
