"""One worker beside other stream processors: the same events, the same counting of 10-second cells, in turns.

    python -m tests.bench peers [--events N] [--short N] [--rounds R] [--only KEY,…] [--no-store] [--json FILE]

Apache Kafka and one contestant share this machine's processors. Each reads the same records from their beginning, and
its sums of hits, visits and visitors are held against those of an oracle: one that miscounts is shown as such, one that
cannot be installed here is named with the reason. Prints medians of the rounds.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from pipeline.broker.topics_admin import open_admin
from pipeline.topics import VISITS
from tests.acceptance.stack import Stack
from tests.bench import bench_worker
from tests.bench.contestant import Contestant, ContestantFailed, Sample, speed
from tests.bench.loading import PARTITIONS, publish
from tests.bench.peers.contestants import ENTRIES, PROJECT, SHORT, Entry, Start, environment
from tests.bench.peers.environments import NotHereError
from tests.bench.peers.events import Expected, expected, prepare
from tests.bench.stacks import bench_stack

STORE = {
    "ours": ("instant-t, to ClickHouse", "pipeline", VISITS),
    "faust": ("stock Faust, to ClickHouse", "tests.bench.stock_worker", SHORT),
}
"""Those that go through to ClickHouse: name, module and topic."""
_runs = itertools.count()


class Result(NamedTuple):
    """One run of one contestant."""

    events_per_second: float
    cpu: float
    """CPU seconds per million events, user and system, of all its processes."""
    peak_mb: float
    counted: Expected


class Race:
    """The prepared topics and what is in them."""

    def __init__(self, stack: Stack, events: int, short: int) -> None:
        self.stack = stack
        self.short = min(short, events) // 5000 * 5000  # `take(5000)` must not wait for a rest
        records = prepare(events)
        self.events = {VISITS: len(records), SHORT: self.short}
        self.expected = {VISITS: expected(records), SHORT: expected(records[: self.short])}
        with open_admin(stack.settings) as admin:
            admin.create_topics({SHORT: {"num_partitions": PARTITIONS, "replication_factor": 1}})
        publish(stack.broker.address, VISITS, records)
        publish(stack.broker.address, SHORT, records[: self.short])
        self.bytes_each = sum(map(len, records)) / len(records)

    def run(self, entry: Entry) -> Result:
        """One contestant once, into a null sink.

        Raises:
            NotHereError: it cannot be installed.
            ContestantFailed: it did not get to the end.
        """
        number = next(_runs)
        state = self.stack.folder / f"run-{number}"
        state.mkdir()
        events, session = self.events[entry.topic], self.stack.broker.session_timeout
        start = Start(self.stack.broker.address, entry.topic, events, f"run-{number}", state, session)
        running = Contestant(entry.command(start), state / "log", environment(start), PROJECT)
        try:
            running.wait(events, figures=True)
            assert running.figures is not None
            counted = Expected(**running.figures)
            return Result(*warm_speed(running.samples, events), running.peak_mb, counted)
        finally:
            running.end()

    def store(self, module: str, topic: str) -> Result:
        """One worker once, through to acknowledged rows in ClickHouse."""
        figures = bench_worker.run(self.stack, module, f"run-{next(_runs)}", self.events[topic], BENCH_TOPIC=topic)
        reader = self.stack.store("admin")
        counted = Expected(*reader.execute((Path(__file__).parent / "figures.sql").read_text())[0])
        reader.close()
        return Result(figures.events_per_second, figures.worker_cpu, figures.peak_mb, counted)


def warm_speed(samples: list[Sample], events: int) -> tuple[float, float]:
    """Events per second and CPU seconds per million after a third of the events.

    By then a virtual machine has compiled what it runs (Kafka Streams takes some 250,000 events for that, at a fourth
    of its later speed), and everybody's look-ups are warm. All of the run where it is too short to be cut.
    """
    last = next(sample for sample in samples if sample.events >= events)
    warm = next(sample for sample in samples if sample.events >= events / 3)
    return speed(warm if warm.events < last.events else samples[0], last)


def attempt(name: str, run: Callable[[], Result], results: dict[str, list[Result]], out: dict[str, str]) -> None:
    """Run once and say so; a contestant that is out once stays out."""
    if name in out:
        return
    try:
        result = run()
    except (NotHereError, ContestantFailed) as error:
        out[name] = str(error)
        print(f"  {name}: {error}", flush=True)
        return
    results.setdefault(name, []).append(result)
    print(f"  {name}: {result.events_per_second:,.0f} events/s, {result.cpu:.2f} CPU s/M", flush=True)


def summary(name: str, runs: list[Result], want: Expected) -> dict[str, Any]:
    """Medians of one contestant, and whether all its runs counted right."""
    wrong = [run.counted for run in runs if run.counted != want]
    return {
        "name": name,
        "events_per_second": statistics.median(run.events_per_second for run in runs),
        "cpu_seconds_per_million": statistics.median(run.cpu for run in runs),
        "peak_mib": statistics.median(run.peak_mb for run in runs),
        "runs": len(runs),
        "exact": not wrong,
        "off_by": [got - wanted for got, wanted in zip(wrong[-1], want, strict=True)] if wrong else None,
    }


def table(title: str, rows: list[dict[str, Any]]) -> None:
    """Print the medians side by side."""
    print(f"\n{title:28}{'events/s':>10}{'CPU s/M':>9}{'peak MiB':>10}  counted")
    for row in rows:
        verdict = "exactly" if row["exact"] else f"WRONG: hits, visits, visitors off by {row['off_by']}"
        print(
            f"{row['name']:28}{row['events_per_second']:>10,.0f}{row['cpu_seconds_per_million']:>9.2f}"
            f"{row['peak_mib']:>10,.0f}  {verdict}"
        )


def race(options: argparse.Namespace, entries: list[Entry], stack: Stack) -> dict[str, Any]:
    """All rounds; returns what is printed, for `--json`."""
    ready = time.monotonic()
    contest = Race(stack, options.events, options.short)
    load_before = os.getloadavg()[0]
    print(
        f"{options.events:,} events of {contest.bytes_each:.0f} bytes, lz4, {PARTITIONS} partitions, "
        f"the first {contest.short:,} for the slow; ready in {time.monotonic() - ready:.0f} s; load {load_before:.1f}",
        flush=True,
    )
    stored = [STORE[entry.key] for entry in entries if options.store and entry.key in STORE]
    null: dict[str, list[Result]] = {}
    through: dict[str, list[Result]] = {}
    out: dict[str, str] = {}
    for number in range(options.rounds):
        print(f"round {number + 1}", flush=True)
        for entry in entries:
            attempt(entry.name, lambda entry=entry: contest.run(entry), null, out)  # type: ignore[misc]
        for name, module, topic in stored:
            attempt(
                name,
                lambda module=module, topic=topic: contest.store(module, topic),  # type: ignore[misc]
                through,
                out,
            )
    want = {entry.name: contest.expected[entry.topic] for entry in entries}
    want |= {name: contest.expected[topic] for name, _, topic in stored}
    found = {
        "events": options.events,
        "short": contest.short,
        "load": [load_before, os.getloadavg()[0]],
        "null_sink": [summary(name, runs, want[name]) for name, runs in null.items()],
        "to_clickhouse": [summary(name, runs, want[name]) for name, runs in through.items()],
        "not_here": out,
    }
    table("into a null sink", found["null_sink"])
    if through:
        table("through to ClickHouse", found["to_clickhouse"])
    for name, reason in out.items():
        print(f"{name}: not measured: {reason}")
    print("\nwhat each does:")
    for entry in entries:
        print(f"  {entry.name}: {entry.note}{' (the first events only)' if entry.topic == SHORT else ''}")
    return found


def main() -> None:
    """Print what was found."""
    parser = argparse.ArgumentParser(prog="bench peers", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--short", type=int, default=150_000, help="events for those that are slow")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help=f"some of {','.join(entry.key for entry in ENTRIES)}")
    parser.add_argument("--no-store", dest="store", action="store_false", help="into the null sink only")
    parser.add_argument("--json", type=Path, help="also write the figures there")
    options = parser.parse_args()
    asked = [key for key in options.only.split(",") if key]
    if unknown := set(asked) - {entry.key for entry in ENTRIES}:
        parser.error(f"nobody is called {', '.join(sorted(unknown))}")
    entries = [entry for entry in ENTRIES if not asked or entry.key in asked]
    if options.short < 5000:
        parser.error("--short: at least 5,000")
    try:
        with bench_stack("apache") as stack:
            found = race(options, entries, stack)
    except pytest.skip.Exception as missing:
        raise SystemExit(f"nothing can be compared here: {missing}") from None
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    if any(not row["exact"] for row in found["null_sink"] + found["to_clickhouse"]):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
