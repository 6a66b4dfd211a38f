"""How long any T of a whole national day takes, by view, window, readers and amount of history beside it.

    python -m tests.bench queries [--day-events 5e6] [--history-days 1,30] [--samples 20] [--late 0.01] [--full-history]

Fills a store of its own with the 24 hours before now (the busiest ones last) and seals them; then asks for instants
drawn from that day while inserts, late events and sealing go on at the rate of the peak, and without. A new T for each
question, so that no answer is one given before; only the lines of a wall ask all the same. Then the same with more
days of history in the store. Prints p50 / p99 in milliseconds, as the client sees them.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, nullcontext
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from pipeline.store import migrate
from pipeline.store.client import Store
from tests.bench.national_day import DAY, add_history, fill, seal_all
from tests.bench.simulator import measure_simulator
from tests.bench.traffic import live_traffic
from tests.support.gateway import GatewayHandle, running_gateway

WINDOWS = (1, 5, 15, 60, 1440)
MAIN_VIEWS = ("total", "by_service", "by_departement")
OTHER_VIEWS = (
    "by_famille", "by_domaine", "by_region", "by_academie", "by_projet", "by_plateforme", "by_exploitant", "by_profil",
)  # fmt: skip
LIVE = "live, late events"
QUIET = "nothing else"


def question(view: str, minutes: int, at: float) -> str:
    """The statement a dashboard would send; `at` in epoch seconds."""
    text = f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S}"
    return f"SELECT * FROM bi.instant_t_{view}(at='{text}', minutes={minutes})"


def any_instant(minutes: int) -> float:
    """An instant of the day whose window lies in it; of the last hour for windows of a day."""
    return time.time() - random.uniform(0, max(3600, DAY - minutes * 60 - 3600))


def ask(reader: Store, view: str, minutes: int, samples: int) -> list[float]:
    """Seconds of so many answers, a new T each."""
    took = []
    for _ in range(samples):
        sql = question(view, minutes, any_instant(minutes))
        start = time.perf_counter()
        reader.execute(sql)
        took.append(time.perf_counter() - start)
    return took


def ask_together(
    gateway: GatewayHandle, view: str, minutes: int, samples: int, readers: int, same: bool
) -> list[float]:
    """As `ask`, by several readers at once: each its own T, or all the same one, as the viewers of a wall."""
    barrier = threading.Barrier(readers, timeout=300)
    took: list[float] = []
    instants = [any_instant(minutes) for _ in range(samples * readers)]

    def work(number: int) -> None:
        reader = Store(gateway.url("default"), timeout=120)
        for turn in range(samples):
            barrier.wait()
            at = instants[turn * readers + (0 if same else number)]
            start = time.perf_counter()
            reader.execute(question(view, minutes, at))
            took.append(time.perf_counter() - start)
        reader.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(readers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return took


def cell(seconds: list[float]) -> str:
    """p50 / p99 in ms."""
    p50, p99 = np.percentile(np.array(seconds) * 1000, (50, 99))
    return f"{p50:5.0f} /{p99:5.0f}"


def line(title: str, cells: list[str]) -> None:
    """One line of a table."""
    print(f"{title:46}" + "".join(f"{text:>14}" for text in cells), flush=True)


def heading(title: str) -> None:
    """The windows, above their columns."""
    print()
    line(title, [f"{minutes} min" if minutes < DAY // 60 else "24 h" for minutes in WINDOWS])


def noise() -> str:
    """What the machine does with the same work, twenty times: how far the figures can be trusted."""
    took = []
    for _ in range(20):
        start = time.perf_counter()
        np.sort(np.random.default_rng(1).random(400_000))
        took.append(time.perf_counter() - start)
    fastest, middle, slowest = np.percentile(np.array(took) * 1000, (0, 50, 100))
    load = os.getloadavg()[0]
    return (
        f"load {load:.1f} on {os.cpu_count()} cores; a fixed task took"
        f" {fastest:.0f} / {middle:.0f} / {slowest:.0f} ms (best / middle / worst)"
    )


def bytes_of_tiers(admin: Store, events: int) -> None:
    """What each table of the day takes on disk."""
    rows = admin.execute(
        "SELECT table, sum(rows), sum(bytes_on_disk) FROM system.parts WHERE active AND database = 'ent'"
        " AND (table LIKE 'keys%' OR table IN ('cells', 'minutes', 'marks') OR table LIKE 'counts%')"
        " GROUP BY table ORDER BY table"
    )
    print(f"\non disk, {events:,} events of one day (cells stay two days, the others 35 or more)")
    for table, count, size in rows:
        print(f"    {table:14} {count:12,} rows {size / 2**20:9.1f} MiB")


def measure(gateway: GatewayHandle, rate: float, late: float, samples: int, days: int, everything: bool) -> None:
    """The tables for one amount of history."""
    with ExitStack() as stack:
        worker, sealer, reader = (Store(gateway.url(login), timeout=120) for login in ("writer", "writer", "default"))
        for store in (worker, sealer, reader):
            stack.callback(store.close)
        for condition in (QUIET, LIVE):
            beside = live_traffic(worker, sealer, rate, late) if condition == LIVE else nullcontext()
            with beside:
                heading(f"1 reader, any T; {condition}; {days} days")
                for view in MAIN_VIEWS + (OTHER_VIEWS if everything and condition == LIVE else ()):
                    line(view, [cell(ask(reader, view, minutes, samples)) for minutes in WINDOWS])
                if condition == QUIET:
                    continue
                for same, who in ((True, "8 readers, the same T"), (False, "8 readers, each its own T")):
                    heading(f"{who}; {condition}; {days} days")
                    for view in MAIN_VIEWS if everything else MAIN_VIEWS[:1]:
                        turns = max(3, samples // 4)
                        line(view, [cell(ask_together(gateway, view, m, turns, 8, same)) for m in WINDOWS])


def main() -> None:
    """Run it all; see the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--day-events", type=lambda text: int(float(text)), default=5_000_000, help="events of the day")
    parser.add_argument("--history-days", default="1,30", help="days in the store, one run of questions for each")
    parser.add_argument("--full-history", action="store_true", help="copy the days' sketches too (much disk and time)")
    parser.add_argument("--samples", type=int, default=20, help="questions for each figure")
    parser.add_argument("--late", type=float, default=0.01, help="share of late events while inserts go on, 0 to 0.5")
    options = parser.parse_args()
    print(f"machine at the start: {noise()}")
    print(measure_simulator(), flush=True)
    with tempfile.TemporaryDirectory() as state, running_gateway(Path(state)) as gateway:
        admin, worker = Store(gateway.url("admin"), timeout=600), Store(gateway.url("writer"), timeout=600)
        migrate.apply(admin)
        start = time.perf_counter()
        rate = fill(worker, options.day_events)
        print(f"\n{options.day_events:,} events of 24 hours written in {time.perf_counter() - start:.0f} s", end="")
        minutes, took = seal_all(worker)
        print(f", {minutes} minutes sealed in {took:.0f} s; peak and live rate {rate:,.0f} events/s")
        bytes_of_tiers(admin, options.day_events)
        behind = 0
        for number, days in enumerate(sorted(int(text) for text in options.history_days.split(","))):
            if days - 1 > behind:
                add_history(admin, days - 1 - behind, behind, options.full_history)
                behind = days - 1
            measure(gateway, rate, options.late, options.samples, days, everything=number == 0)
        print(f"\np50 / p99 in ms of {options.samples} questions each. Machine at the end: {noise()}")
        sys.stdout.flush()
        admin.close()
        worker.close()


if __name__ == "__main__":
    main()
