"""A national rentrée day through everything on one machine: simulator, Kafka, worker, store.

    python -m tests.bench whole-day [--events N] [--broker apache|embedded] [--seal-minutes M] [--json FILE]

The day ends now, and is published as fast as simulator and broker go, while one worker counts and seals beside them.
Told: how long it takes until all of it is counted, and until it is sealed; the peak memory and the processor time of
each part; then, with the day in the store, how fresh live traffic is and how long the views take. Each hour of the
view is compared with what was published.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

from pipeline.store.client import Store
from tests.acceptance.stack import Stack
from tests.bench import day_traffic
from tests.bench.day_traffic import HOUR, DayLedger
from tests.bench.live_edge import LiveEdge
from tests.bench.processes import cpu_seconds, peak_mb, resident_mb
from tests.bench.stacks import bench_stack
from tests.bench.steady_flow import SteadyFlow
from tests.support.machine import machine

DISK_BYTES_PER_EVENT = 250
"""Of Kafka's log and the store together, with room to spare."""
TELL_EVERY = 10.0
STALLED_SECONDS = 300.0
"""Without a record more made durable for so long, the day has failed."""
LIVE_RATE = 2_000
"""Events a second of the live traffic after the day."""
LIVE_SECONDS = 20.0
DIRTY = """
SELECT count() FROM (SELECT tier, start FROM ent.marks GROUP BY tier, start HAVING max(touched) >= max(sealed))
WHERE tier = 'minute'
"""
"""Minutes that are not sealed, those that still run among them."""
RUNNING_MINUTES = 2

Report = dict[str, Any]


def play(stack: Stack, events: float, seal_minutes: float, say: Callable[[str], None]) -> Report:
    """The whole of it.

    Args:
        stack: without workers.
        events: how many the day has, about.
        seal_minutes: how long to wait for the sealing once all is counted.
        say: told how it goes.
    """
    stack.start_worker()
    context = multiprocessing.get_context("spawn")
    sent: Synchronized[int] = context.Value("q", 0)
    here, there = context.Pipe()
    simulator = context.Process(
        target=day_traffic.publish, args=(stack.broker.address, events, sent, there), name="simulator", daemon=True
    )
    began = time.monotonic()
    simulator.start()
    assert simulator.pid is not None
    assert stack.broker.process is not None
    pids = {
        "simulator": simulator.pid,
        "broker": stack.broker.process.pid,
        "worker": stack.workers[0].pid,
        "store": stack.gateway.process.pid,
    }
    try:
        used, ledger = _follow(stack, simulator, here, sent, pids, began, say)
    finally:
        simulator.kill()
        simulator.join()
    counted_after = time.monotonic() - began
    rejected = int(stack.metrics(0)['ent_events_total{outcome="rejected"}'])
    say(f"all {ledger.records:,} records are counted after {counted_after:.0f} s")
    with contextlib.closing(stack.store("admin")) as admin:
        sealed_after = _wait_sealed(admin, began, seal_minutes * 60, say)
        ((disk,),) = admin.execute("SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = 'ent'")
    with contextlib.closing(stack.store()) as reader:
        lost, doubled = compare(reader, ledger)
        views = {
            f"{view}, {minutes} min": _seconds(reader, view, minutes)
            for view in ("total", "by_service", "by_departement")
            for minutes in (15, 1440)
        }
        fresh = _freshness(stack, reader)
    del pids["simulator"]  # it has ended; its last figures were taken while it ran
    used |= {name: {"peak MiB": peak_mb(pid), "CPU s": cpu_seconds(pid)} for name, pid in pids.items()}
    return {
        "records": ledger.records,
        "good distinct": sum(ledger.hits.values()),
        "bad": ledger.bad,
        "rejected": rejected,
        "publish seconds": ledger.seconds,
        "counted after, s": counted_after,
        "sealed after, s": sealed_after,
        "parts": used,
        "store on disk, MiB": disk / (1 << 20),
        "freshness p50, ms": 1000 * statistics.median(fresh),
        "freshness worst, ms": 1000 * max(fresh),
        "views, ms": {name: 1000 * seconds for name, seconds in views.items()},
        "lost": lost,
        "doubled": doubled,
    }


def _follow(
    stack: Stack,
    simulator: SpawnProcess,
    ledger_from: Connection,
    sent: Synchronized[int],
    pids: dict[str, int],
    began: float,
    say: Callable[[str], None],
) -> tuple[dict[str, dict[str, float]], DayLedger]:
    """Watch until all is counted; what the simulator used, and the ledger."""
    used: dict[str, dict[str, float]] = {}
    ledger: DayLedger | None = None
    moved, durable, tell = time.monotonic(), 0, 0.0
    while ledger is None or durable < ledger.records:
        time.sleep(0.5)
        if ledger is None:
            if ledger_from.poll():
                ledger = ledger_from.recv()
                say(f"{ledger.records:,} records published in {ledger.seconds:.0f} s")
            elif not simulator.is_alive():
                raise SystemExit("the simulator ended before the day did")
            else:
                used["simulator"] = {"peak MiB": peak_mb(simulator.pid or 0), "CPU s": cpu_seconds(simulator.pid or 0)}
        if stack.workers[0].poll() is not None:
            raise SystemExit((stack.folder / "worker-0.log").read_text()[-3000:])
        samples = stack.metrics(0)
        now = int(sum(value for name, value in samples.items() if name.startswith("ent_events_total")))
        if now > durable:
            moved, durable = time.monotonic(), now
        elif time.monotonic() - moved > STALLED_SECONDS:
            raise SystemExit(f"nothing became durable for {STALLED_SECONDS:.0f} s: {stack.health(0)}")
        if time.monotonic() - tell > TELL_EVERY:
            tell = time.monotonic()
            memory = ", ".join(f"{name} {_resident(pid):.0f}" for name, pid in pids.items())
            say(f"{tell - began:6.0f} s  {sent.value:>12,} published  {durable:>12,} counted  MiB: {memory}")
    return used, ledger


def _resident(pid: int) -> float:
    try:
        return resident_mb(pid)
    except (OSError, StopIteration):  # it has ended
        return 0.0


def _wait_sealed(admin: Store, began: float, patience: float, say: Callable[[str], None]) -> float | None:
    """Seconds since `began` until every ended minute is sealed; None when they were not in time."""
    deadline, tell = time.monotonic() + patience, time.monotonic()
    while (dirty := int(admin.execute(DIRTY)[0][0])) > RUNNING_MINUTES:
        now = time.monotonic()
        if now > tell:
            tell = now + TELL_EVERY
            say(f"{now - began:6.0f} s  {dirty} minutes to seal")
        if now > deadline:
            return None
        time.sleep(1.0)
    return time.monotonic() - began


def compare(reader: Store, ledger: DayLedger) -> tuple[int, int]:
    """Hits of the ledger that the view lacks, and hits too many, hour by hour."""
    lost = doubled = 0
    for hour in range(min(ledger.hits) - HOUR, max(ledger.hits) + 2 * HOUR, HOUR):
        at = datetime.fromtimestamp(hour + HOUR, UTC)
        ((hits, _, _),) = reader.execute(f"SELECT * FROM bi.instant_t_total(at='{at:%Y-%m-%d %H:%M:%S}', minutes=60)")
        difference = int(hits) - ledger.hits.get(hour, 0)
        lost, doubled = lost + max(0, -difference), doubled + max(0, difference)
    return lost, doubled


def _seconds(reader: Store, view: str, minutes: int) -> float:
    """The median of five different instants."""
    took = []
    for number in range(5):
        at = datetime.now(UTC) - timedelta(seconds=10 * number + 60)
        start = time.perf_counter()
        reader.execute(f"SELECT * FROM bi.instant_t_{view}(at='{at:%Y-%m-%d %H:%M:%S}', minutes={minutes})")
        took.append(time.perf_counter() - start)
    return statistics.median(took)


def _freshness(stack: Stack, reader: Store) -> list[float]:
    """Ages of the live edge, once the flow has run for a moment."""
    flow = SteadyFlow(stack.broker.address, LIVE_RATE)
    ages = []
    with LiveEdge(reader, flow) as edge, flow:
        began = time.monotonic()
        while (running := time.monotonic() - began) < LIVE_SECONDS:
            time.sleep(0.2)
            look = edge.look()
            if running > LIVE_SECONDS / 4:
                ages.append(look.age)
        flow.stop()
    return ages


def check_disk(events: float) -> None:
    """Raises SystemExit where the temporary folder has no room for the day."""
    free, needed = shutil.disk_usage(tempfile.gettempdir()).free, events * DISK_BYTES_PER_EVENT
    if free < needed:
        raise SystemExit(
            f"{tempfile.gettempdir()} has {free / 1e9:.0f} GB free, a day of {events:,.0f} events may need "
            f"{needed / 1e9:.0f}: set TMPDIR to a larger folder, or give fewer --events"
        )


def main() -> None:
    """Print the report; the exit status is 1 when anything was lost or doubled."""
    parser = argparse.ArgumentParser(prog="bench whole-day", description=__doc__)
    parser.add_argument("--events", type=float, default=50e6, help="of the day, about; a national one has 40 to 60 M")
    parser.add_argument("--broker", choices=("embedded", "apache"), default="apache")
    parser.add_argument("--seal-minutes", type=float, default=30.0, help="how long to wait for the sealing at most")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report there as well")
    options = parser.parse_args()
    check_disk(options.events)
    print(f"{machine()}; {options.broker} broker, {options.events:,.0f} events", flush=True)
    with bench_stack(options.broker) as stack:
        told = play(stack, options.events, options.seal_minutes, lambda line: print(line, flush=True))
    report(told)
    if options.json:
        options.json.write_text(json.dumps(told, indent=1) + "\n")
    raise SystemExit(0 if told["lost"] == told["doubled"] == 0 else 1)


def report(told: Report) -> None:
    """Print it; the last line says what was lost and doubled."""
    records, sealed = told["records"], told["sealed after, s"]
    print(f"\n{records:,} records ({told['good distinct']:,} distinct good events); {machine()}")
    print(
        f"published in {told['publish seconds']:.0f} s ({records / told['publish seconds']:,.0f} a second); all "
        f"counted after {told['counted after, s']:.0f} s ({records / told['counted after, s']:,.0f} a second); "
        + ("not sealed in time" if sealed is None else f"sealed after {sealed:.0f} s")
    )
    print(f"{'part':10} {'peak MiB':>9} {'CPU s':>8} {'CPU s/M':>8}")
    for name, used in told["parts"].items():
        print(f"{name:10} {used['peak MiB']:9,.0f} {used['CPU s']:8,.0f} {used['CPU s'] / records * 1e6:8.2f}")
    print(f"the store has {told['store on disk, MiB']:,.0f} MiB on disk")
    print(
        f"with the day in the store, {LIVE_RATE:,} events/s are fresh in {told['freshness p50, ms']:.0f} ms "
        f"({told['freshness worst, ms']:.0f} at worst)"
    )
    print("views, ms: " + "; ".join(f"{name}: {ms:.0f}" for name, ms in told["views, ms"].items()))
    print(f"rejected {told['rejected']:,}, of {told['bad']:,} bad")
    print(f"lost {told['lost']:,}, doubled {told['doubled']:,}")


if __name__ == "__main__":
    main()
