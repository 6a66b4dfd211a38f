"""A national rentrée day published as fast as it goes, with a ledger that is exact in some fifty megabytes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from multiprocessing.sharedctypes import Synchronized
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from pipeline.broker.publish import Publisher
from pipeline.simulate.scenario import scenario
from pipeline.simulate.traffic import Traffic
from pipeline.simulate.walks import Hits
from pipeline.topics import VISITS

DAY = 86_400
HOUR = 3600
_PLAYED = datetime(2026, 9, 1, tzinfo=ZoneInfo("Europe/Paris"))


class DayLedger(NamedTuple):
    """What was published; Kafka has acknowledged all of it."""

    records: int
    bad: int
    hits: dict[int, int]
    """Hour (epoch seconds) → distinct good events that happened in it."""
    seconds: float
    """That it took."""


class Distinct:
    """Which events have been seen: a bit for each page of each visit, since visits and pages are numbered."""

    def __init__(self) -> None:
        self._pages = np.zeros(1 << 16, dtype=np.uint64)

    def first_times(self, hits: Hits) -> npt.NDArray[np.int64]:
        """Places of the hits that have not been seen before; now they have."""
        visit, step = hits["visit"].astype(np.int64), hits["step"].astype(np.int64)
        bit = np.uint64(1) << step.astype(np.uint64)
        if visit.size and (needed := int(visit.max()) + 1) > self._pages.size:
            self._pages = np.concatenate([self._pages, np.zeros(max(needed, self._pages.size), dtype=np.uint64)])
        _, first = np.unique(visit * 64 + step, return_index=True)
        fresh: npt.NDArray[np.int64] = first[(self._pages[visit[first]] & bit[first]) == 0].astype(np.int64)
        np.bitwise_or.at(self._pages, visit[fresh], bit[fresh])
        return fresh


class Counting(Traffic):
    """Traffic that counts what it makes."""

    def __init__(self, start: datetime, events: float) -> None:
        # The scenario's midnight falls on `start`: the whole day is played, whatever the hour now.
        super().__init__(scenario("rentree-2026"), start, DAY, events / DAY, seed=1, played=_PLAYED)
        self._start_ms = int(start.timestamp() * 1000)
        self._seen = Distinct()
        self.bad = 0
        self.hits: dict[int, int] = {}

    def batches(self) -> Iterator[list[bytes]]:
        """The records, some thousands at a time; counted once they are asked for."""
        for _, _, arrived, encoder in self._blocks():
            good = arrived[arrived["fault"] == 0]
            self.bad += len(arrived) - len(good)
            fresh = self._seen.first_times(good)
            hours, counts = np.unique(
                (good["event"][fresh] + self._start_ms) // 1000 // HOUR * HOUR, return_counts=True
            )
            for hour, count in zip(hours.tolist(), counts.tolist(), strict=True):
                self.hits[hour] = self.hits.get(hour, 0) + count
            yield encoder.records(arrived)


def publish(address: str, events: float, sent: Synchronized[int], pipe: Connection) -> None:
    """Publish the 24 hours up to now; `sent` tells how far it is, and the ledger goes through `pipe`."""
    traffic = Counting(datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=DAY), events)
    began = time.monotonic()
    records = 0
    with Publisher([address], VISITS) as publisher:
        for batch in traffic.batches():
            for record in batch:
                publisher.send(record)
            records += len(batch)
            sent.value = records
        publisher.flush()
    pipe.send(DayLedger(records, traffic.bad, traffic.hits, time.monotonic() - began))
