"""Traffic written straight into the cells, as a worker's flush does: for benches of the store alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np

from pipeline.core.native import Column, arrays, date_times, encode_block, low_cardinality
from pipeline.store.client import Store
from pipeline.store.sealing import seal
from pipeline.store.writing import mark_touched
from schemas.reference import profils, services, territories

RATE = 2000
"""Events a second of the national peak."""

FLUSH_SECONDS = 0.5
SEAL_SECONDS = 5.0
EVENTS_PER_VISIT = 8
VISIT_SECONDS = 600

_WORDS = {
    "departement": [t.departement_code for t in territories()],
    "service": [s.service for s in services()],
    "profil": [p.profil_code for p in profils()],
    "projet": ["P1", "P2", "P3", "P4"],
    "exploitant": ["X1", "X2"],
    "plateforme": ["A", "B", "C"],
}

Seconds = np.ndarray[tuple[int], np.dtype[np.int64]]


def flush(store: Store, rng: np.random.Generator, seconds: Seconds, rate: float = RATE) -> None:
    """Insert and mark one event for each event time given (epoch seconds), as a worker does.

    Args:
        store: the worker's login.
        rng: whose numbers become the dimensions (few services and départements have most of the traffic) and the ids.
        seconds: event times, any number, in any order.
        rate: events a second of the traffic they belong to; decides how many visits share them.
    """
    size = seconds.size
    origin = rng.integers(0, 4, size)
    codes = {
        "departement": (rng.random(size) ** 2 * len(_WORDS["departement"])).astype(np.int64),
        "service": (rng.random(size) ** 2 * len(_WORDS["service"])).astype(np.int64),
        "profil": (rng.random(size) ** 2 * len(_WORDS["profil"])).astype(np.int64),
        "projet": origin,
        "exploitant": origin % 2,
        "plateforme": origin % 3,
    }
    key = seconds // 10
    for name, words in _WORDS.items():
        key = key * len(words) + codes[name]
    order = np.argsort(key, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(key[order])) + 1, size)
    heads = order[np.append(0, ends[:-1])]
    running = max(1, round(rate * VISIT_SECONDS / EVENTS_PER_VISIT))
    visits = (rng.integers(0, running, size) + seconds // VISIT_SECONDS * (RATE * VISIT_SECONDS)).astype(np.uint64)
    spread = np.uint64(0x9E3779B97F4A7C15)
    ids = {
        "hits": rng.integers(0, 2**64, size, np.uint64),
        "visits": visits * spread,
        "visitors": visits * spread + np.uint64(1),
    }
    columns = [Column("bucket", "DateTime('UTC')", date_times(seconds[heads] // 10 * 10))]
    columns += [
        Column(name, "LowCardinality(String)", low_cardinality(words, codes[name][heads]))
        for name, words in _WORDS.items()
    ]
    columns += [Column(name, "Array(UInt64)", arrays(ends, values[order])) for name, values in ids.items()]
    store.insert_block(
        "ent.cells", [c.name for c in columns], lambda revision: encode_block(columns, heads.size, revision)
    )
    mark_touched(store, seconds.tolist())


@dataclass
class Live:
    """What went on beside the questions: seconds of each insert with its mark, and of each round of sealing."""

    inserts: list[float] = field(default_factory=list)
    seals: list[float] = field(default_factory=list)


@contextmanager
def live_traffic(worker: Store, sealer: Store, rate: float, late: float) -> Iterator[Live]:
    """While inside, two threads flush events of this very moment, and seal.

    Args:
        worker: the worker's login, for one thread.
        sealer: another one.
        rate: events a second.
        late: share of events that are late, by one to fifteen minutes, 0 to 1.
    """
    live = Live()
    stop = threading.Event()
    rng = np.random.default_rng()

    def insert() -> None:
        while not stop.wait(max(0.0, FLUSH_SECONDS - (live.inserts[-1] if live.inserts else 0))):
            start = time.perf_counter()
            times = np.full(max(1, int(rate * FLUSH_SECONDS)), int(time.time()))
            belated = int(times.size * late)
            times[:belated] -= rng.integers(60, 900, belated)
            flush(worker, rng, times, rate)
            live.inserts.append(time.perf_counter() - start)

    def keep_sealed() -> None:
        while not stop.wait(SEAL_SECONDS):
            start = time.perf_counter()
            seal(sealer, datetime.now(UTC))
            live.seals.append(time.perf_counter() - start)

    threads = [threading.Thread(target=insert), threading.Thread(target=keep_sealed)]
    for thread in threads:
        thread.start()
    try:
        yield live
    finally:
        stop.set()
        for thread in threads:
            thread.join()
