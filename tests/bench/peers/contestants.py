"""Who takes part, how each is started, and what it does of itself."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from pipeline.topics import VISITS
from tests.bench.peers.environments import peers_python, streams_classpath

SHORT = "bench.short"
"""The topic with the first events only, for those that would take minutes for all."""
PROJECT = Path(__file__).parents[3]


class Start(NamedTuple):
    """One run of one contestant."""

    address: str
    topic: str
    events: int
    group: str
    state: Path
    """A folder of its own, which exists."""
    session_timeout: float


class Entry(NamedTuple):
    """A contestant."""

    key: str
    """For `--only`."""
    name: str
    command: Callable[[Start], list[str]]
    note: str
    """What it does natively, and where that differs."""
    topic: str = VISITS


def _ours(module: str) -> Callable[[Start], list[str]]:
    return lambda start: [sys.executable, "-m", module]


def _python(module: str) -> Callable[[Start], list[str]]:
    return lambda start: [str(peers_python()), "-m", f"tests.bench.peers.{module}"]


def _streams(mode: str) -> Callable[[Start], list[str]]:
    def command(start: Start) -> list[str]:
        java = ["java", "-Xmx2g", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", streams_classpath()]
        return [*java, "peers.Main", mode, start.address, start.topic, start.group, str(start.events), str(start.state)]

    return command


ENTRIES = (
    Entry(
        "ours",
        "instant-t, record batches",
        _ours("tests.bench.null_worker"),
        "one Faust event per fetched batch; also rejects bad events, and counts by projet, exploitant and plateforme",
    ),
    Entry(
        "faust",
        "stock Faust, take(5000)",
        _ours("tests.bench.stock_worker"),
        "one Faust event per record; our core",
        SHORT,
    ),
    Entry("arroyo", "sentry-arroyo, strategy", _python("arroyo_strategy"), "one call per record; our core"),
    Entry("quix", "quixstreams, callback", _python("quix_callback"), "one call per record; our core"),
    Entry("bytewax", "bytewax, flat_map_batch", _python("bytewax_batches"), "one call per poll of 5,000; our core"),
    Entry(
        "streams",
        "Kafka Streams, by hand",
        _streams("memory"),
        "a processor with a map of sets of 64-bit numbers in memory, nothing restored after a crash",
    ),
    Entry(
        "quix-windows",
        "quixstreams, windows",
        _python("quix_windows"),
        "group_by through a topic, tumbling windows in RocksDB; lists of ids as JSON; within a day of grace",
        SHORT,
    ),
    Entry(
        "bytewax-windows",
        "bytewax, fold_window",
        _python("bytewax_windows"),
        "keyed windows of sets, in memory; they come out once, when closed",
        SHORT,
    ),
    Entry(
        "streams-windows",
        "Kafka Streams, windows",
        _streams("windows"),
        "groupByKey through a topic, TimeWindows in memory with a changelog; within a day of grace",
    ),
)


def environment(start: Start) -> dict[str, str]:
    """The variables of any contestant."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("INSTANT_T_", "BENCH_"))}
    return inherited | {
        "PYTHONPATH": str(PROJECT),
        # What the worker tells malloc of itself (`pipeline.transport.memory`), for everybody.
        "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
        "MALLOC_TRIM_THRESHOLD_": str(64 << 20),
        "BENCH_KAFKA": start.address,
        "BENCH_TOPIC": start.topic,
        "BENCH_GROUP": start.group,
        "BENCH_EVENTS": str(start.events),
        "BENCH_STATE": str(start.state),
        "BENCH_SINK": "cells",
        "BENCH_PROVE": "1",
        "INSTANT_T_KAFKA": start.address,
        "INSTANT_T_GROUP": start.group,
        "INSTANT_T_SESSION_TIMEOUT": str(start.session_timeout),
    }
