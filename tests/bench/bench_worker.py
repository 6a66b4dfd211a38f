"""Kafka to acknowledged rows in ClickHouse: one worker, beside stock Faust doing the same through the same sink.

    python -m tests.bench worker [--events N] [--rounds R] [--broker embedded|apache]

Broker, store and worker share this machine's processors. The same records, read by a new group each time, into emptied
tables; the two take turns. Prints medians.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from typing import NamedTuple

from pipeline.topics import VISITS
from tests.acceptance.stack import Stack
from tests.bench.loading import publish, simulated
from tests.bench.processes import cpu_seconds, peak_mb
from tests.bench.stacks import add_broker_option, bench_stack
from tests.support.brokers import free_port

LOOK_EVERY = 0.25
"""Seconds; each look at /metrics costs the worker some milliseconds of CPU."""
SYSTEMS = {"instant-t worker": "pipeline", "stock Faust, take(5000)": "tests.bench.stock_worker"}


class Figures(NamedTuple):
    """One run of one system."""

    events_per_second: float
    worker_cpu: float
    """CPU seconds per million events."""
    store_cpu: float
    broker_cpu: float
    peak_mb: float


def run(stack: Stack, module: str, group: str, records: int, **variables: str) -> Figures:
    """Let one system read everything; its figures. `variables` are added to its environment."""
    admin = stack.store("admin")
    for table in ("cells", "marks", "keys_minute", "keys_ten", "keys_hour", "minutes", "progress", "school_events"):
        admin.execute(f"TRUNCATE TABLE ent.{table}")
    admin.close()
    port = free_port()
    environment = stack.environment() | {"INSTANT_T_METRICS_PORT": str(port), "INSTANT_T_GROUP": group}
    environment |= variables
    command = [sys.executable, "-m", module, *(["worker"] if module == "pipeline" else [])]
    with (stack.folder / f"{group}.log").open("wb") as log:
        worker = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    stack.workers.append(worker)
    stack.metrics_ports.append(port)
    number = len(stack.workers) - 1
    parts = {"worker": worker.pid, "store": stack.gateway.process.pid, "broker": _pid(stack)}
    first: tuple[float, float, dict[str, float]] | None = None
    deadline = time.monotonic() + 600
    while True:
        time.sleep(LOOK_EVERY)
        if worker.poll() is not None or time.monotonic() > deadline:
            raise SystemExit((stack.folder / f"{group}.log").read_text()[-3000:])
        try:
            samples = stack.metrics(number)
        except OSError:
            continue
        done = sum(value for name, value in samples.items() if name.startswith("ent_events_total"))
        now = time.monotonic()
        if done and first is None:
            first = (now, done, {name: cpu_seconds(pid) for name, pid in parts.items()})
        if first is not None and done >= records:
            break
    since, before, cpu = first
    if before >= records or now <= since:
        raise SystemExit(f"all {records} records were counted at the first look: give more --events")
    share = 1e6 / (records - before)
    used = {name: (cpu_seconds(pid) - cpu[name]) * share for name, pid in parts.items()}
    figures = Figures(
        (records - before) / (now - since), used["worker"], used["store"], used["broker"], peak_mb(worker.pid)
    )
    worker.kill()
    worker.wait(10)
    return figures


def _pid(stack: Stack) -> int:
    assert stack.broker.process is not None
    return stack.broker.process.pid


def main() -> None:
    """Print one line for each system."""
    parser = argparse.ArgumentParser(prog="bench worker", description=__doc__)
    parser.add_argument("--events", type=int, default=1_500_000)
    parser.add_argument("--stock-events", type=int, default=0, help="stop stock Faust after so many (0: all)")
    parser.add_argument("--rounds", type=int, default=3)
    add_broker_option(parser)
    options = parser.parse_args()
    with bench_stack(options.broker) as stack:
        begun = time.monotonic()
        records = publish(stack.broker.address, VISITS, simulated(options.events))
        print(f"{records} records published in {time.monotonic() - begun:.0f} s", flush=True)
        results: dict[str, list[Figures]] = {system: [] for system in SYSTEMS}
        for number in range(options.rounds):
            for system, module in SYSTEMS.items():
                wanted = min(records, options.stock_events or records) if module != "pipeline" else records
                figures = run(stack, module, f"bench-{module}-{number}", wanted)
                results[system].append(figures)
                print(f"  {system}: {figures.events_per_second:,.0f} events/s", flush=True)
        print(f"{'':26}{'events/s':>12}{'CPU s/M worker':>16}{'store':>8}{'broker':>8}{'peak MiB':>10}")
        for system, runs in results.items():
            median = Figures(*(statistics.median(column) for column in zip(*runs, strict=True)))
            print(
                f"{system:26}{median.events_per_second:>12,.0f}{median.worker_cpu:>16.2f}"
                f"{median.store_cpu:>8.2f}{median.broker_cpu:>8.2f}{median.peak_mb:>10.0f}"
            )
        ours, stock = (statistics.median(r.events_per_second for r in runs) for runs in results.values())
        print(f"ratio: {ours / stock:.1f}")


if __name__ == "__main__":
    main()
