"""How long the instant T takes at 2,000 events a second, while events come in and minutes are sealed.

    python -m tests.bench store [--minutes 65] [--seconds 60] [--late 0.01]

Fills a store of its own with traffic up to now, seals it, then goes on inserting and sealing while one reader asks. By
default a hundredth of the events is late, by up to 15 minutes: then the last quarter of an hour is never clean, and
is read from the cells. Prints p50 and p99 for each question, and what sealing costs.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from pipeline.core.native import Column, arrays, date_times, encode_block, low_cardinality
from pipeline.store import migrate
from pipeline.store.client import Store
from pipeline.store.sealing import seal
from pipeline.store.writing import mark_touched
from schemas.reference import profils, services, territories
from tests.support.gateway import running_gateway

RATE = 2000
FLUSH_SECONDS = 0.5
ACTIVE_VISITS = 150_000  # 250 new visits a second, of ten minutes each
WORDS = {
    "departement": [t.departement_code for t in territories()],
    "service": [s.service for s in services()],
    "profil": [p.profil_code for p in profils()],
    "projet": ["P1", "P2", "P3", "P4"],
    "exploitant": ["X1", "X2"],
    "plateforme": ["A", "B", "C"],
}


def flush(store: Store, rng: np.random.Generator, seconds: np.ndarray[tuple[int], np.dtype[np.int64]]) -> None:
    """Insert one event for each event time given, as a worker does."""
    size = seconds.size
    origin = rng.integers(0, 4, size)
    codes = {
        "departement": (rng.random(size) ** 2 * len(WORDS["departement"])).astype(np.int64),
        "service": (rng.random(size) ** 2 * len(WORDS["service"])).astype(np.int64),
        "profil": (rng.random(size) ** 2 * len(WORDS["profil"])).astype(np.int64),
        "projet": origin,
        "exploitant": origin % 2,
        "plateforme": origin % 3,
    }
    key = seconds // 10
    for name, words in WORDS.items():
        key = key * len(words) + codes[name]
    order = np.argsort(key, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(key[order])) + 1, size)
    heads = order[np.append(0, ends[:-1])]
    visits = (rng.integers(0, ACTIVE_VISITS, size) + seconds // 600 * ACTIVE_VISITS).astype(np.uint64)
    spread = np.uint64(0x9E3779B97F4A7C15)
    ids = {
        "hits": rng.integers(0, 2**64, size, np.uint64),
        "visits": visits * spread,
        "visitors": visits * spread + np.uint64(1),
    }
    columns = [Column("bucket", "DateTime('UTC')", date_times(seconds[heads] // 10 * 10))]
    columns += [
        Column(name, "LowCardinality(String)", low_cardinality(words, codes[name][heads]))
        for name, words in WORDS.items()
    ]
    columns += [Column(name, "Array(UInt64)", arrays(ends, values[order])) for name, values in ids.items()]
    store.insert_block(
        "ent.cells", [c.name for c in columns], lambda revision: encode_block(columns, heads.size, revision)
    )
    mark_touched(store, seconds.tolist())


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
        measure(worker, sealer, reader, rng, options.seconds, options.late)
        for store in (worker, sealer, reader):
            store.close()


def measure(worker: Store, sealer: Store, reader: Store, rng: np.random.Generator, seconds: float, late: float) -> None:
    """Ask while events come in and minutes are sealed."""
    stop = threading.Event()
    inserts: list[float] = []
    seals: list[float] = []

    def insert() -> None:
        while not stop.wait(max(0.0, FLUSH_SECONDS - (inserts[-1] if inserts else 0))):
            start = time.perf_counter()
            times = np.full(int(RATE * FLUSH_SECONDS), int(time.time()))
            times[: int(times.size * late)] -= rng.integers(60, 900, int(times.size * late))
            flush(worker, rng, times)
            inserts.append(time.perf_counter() - start)

    def keep_sealed() -> None:
        while not stop.wait(5):
            start = time.perf_counter()
            seal(sealer, datetime.now(UTC))
            seals.append(time.perf_counter() - start)

    threads = [threading.Thread(target=insert), threading.Thread(target=keep_sealed)]
    for thread in threads:
        thread.start()
    asked: dict[str, list[float]] = {}
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for view in ("total", "by_service"):
            for minutes in (15, 60):
                start = time.perf_counter()
                reader.execute(
                    f"SELECT * FROM bi.instant_t_{view}(at='{datetime.now(UTC):%Y-%m-%d %H:%M:%S}', minutes={minutes})"
                )
                asked.setdefault(f"{view}, {minutes} min", []).append(time.perf_counter() - start)
        time.sleep(0.2)
    stop.set()
    for thread in threads:
        thread.join()
    for question, answers in asked.items():
        print(f"{question:20} {percentiles(answers)}")
    print(f"{'insert and mark':20} {percentiles(inserts)}")
    print(f"{'a round of sealing':20} {percentiles(seals)}")


if __name__ == "__main__":
    main()
