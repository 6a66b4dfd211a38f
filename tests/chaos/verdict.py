"""The verdict: every view against the ledger of what Kafka acknowledged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from kafka import KafkaConsumer

from pipeline.store.client import Store
from pipeline.topics import REJECTS
from tests.acceptance.views import KEYS, expected, expected_minutes, shown
from tests.chaos.flow import LATEST_S, Acknowledged
from tests.core.oracle import Counted, verdict

MOST_DETAILS = 40
APPROXIMATE_ABOVE = 4_000
"""Visits and visitors of a row are exact up to here, within 1 % above."""


@dataclass(frozen=True)
class Verdict:
    """How the figures differ from the ledger; all zero and empty when they do not."""

    lost: int
    """Hits of the ledger that `bi.traffic_minute` lacks, and rejected records missing from the dead letters."""
    doubled: int
    """Hits too many, and dead letters for records that were good."""
    differing_views: tuple[str, ...]
    repeated_letters: int
    """Dead letters sent more than once: allowed, they carry where they came from."""
    details: tuple[str, ...] = ()
    """Where the figures differ: rows of the minutes, counts of letters; the first few."""

    @property
    def is_clean(self) -> bool:
        """Nothing lost, nothing doubled, and every view right."""
        return not (self.lost or self.doubled or self.differing_views)


def judge_campaign(
    store: Store, broker: str, ledger: Sequence[Acknowledged], started: datetime, ended: datetime
) -> Verdict:
    """Compare every contract view, each minute, and the dead letters with the ledger.

    Args:
        store: the reader's.
        broker: address.
        ledger: every record that was acknowledged.
        started, ended: around the campaign.
    """
    counted, good, rejected = [], set(), set()
    for record in ledger:
        judged = verdict(record.value, record.stamp_ms, record.stamp_ms)
        if isinstance(judged, Counted):
            counted.append(judged)
            good.add((record.partition, record.offset))
        else:
            rejected.add((record.partition, record.offset))
    ended = ended.replace(second=0, microsecond=0) + timedelta(minutes=1)
    minutes = int((ended - started).total_seconds()) // 60 + LATEST_S // 60 + 2
    rows = _minutes(store, counted)
    lost, doubled = -sum(n for n in rows.values() if n < 0), sum(n for n in rows.values() if n > 0)
    missing, surplus, repeated = _letters(broker, rejected, good)
    end = int(ended.timestamp())
    differing = tuple(
        f"instant_t_{view}"
        for view in KEYS
        if not _same(shown(store, view, ended, minutes), expected(counted, view, end - minutes * 60, end))
    )
    details = [f"{datetime.fromtimestamp(key[0], UTC):%H:%M} {key[1:]}: {n:+d}" for key, n in sorted(rows.items()) if n]
    if missing or surplus:
        details.insert(0, f"dead letters: {missing} missing, {surplus} too many")
    return Verdict(lost + missing, doubled + surplus, differing, repeated, tuple(details[:MOST_DETAILS]))


def _minutes(store: Store, counted: Sequence[Counted]) -> Counter[tuple[Any, ...]]:
    """Hits of each row of `bi.traffic_minute` minus those of the ledger."""
    rows = store.execute(
        "SELECT toUnixTimestamp(minute), service, famille, domaine, region, academie, departement,"
        " projet, plateforme, exploitant, profil, hits FROM bi.traffic_minute"
    )
    difference: Counter[tuple[Any, ...]] = Counter()
    for *key, hits in rows:
        difference[tuple(key)] += hits
    for *key, hits, _visits, _visitors in expected_minutes(counted):
        difference[tuple(key)] -= hits
    return difference


def _letters(broker: str, rejected: set[tuple[int, int]], good: set[tuple[int, int]]) -> tuple[int, int, int]:
    """Rejected records without a letter, letters for good records, repeated letters; a record is (partition, offset).

    A letter for a record that is neither comes from a send that was made again: its first try is in the log as well.
    """
    consumer = KafkaConsumer(REJECTS, bootstrap_servers=broker, auto_offset_reset="earliest", consumer_timeout_ms=4000)
    try:
        letters: Counter[tuple[int, int]] = Counter()
        for letter in consumer:
            headers = {name: content.decode() for name, content in letter.headers}
            letters[int(headers["partition"]), int(headers["offset"])] += 1
    finally:
        consumer.close()
    return len(rejected - set(letters)), len(good & set(letters)), sum(letters.values()) - len(letters)


def _same(rows: set[tuple[Any, ...]], wanted: set[tuple[Any, ...]]) -> bool:
    found = {row[:-3]: row[-3:] for row in rows}
    told = {row[:-3]: row[-3:] for row in wanted}
    return found.keys() == told.keys() and all(
        found[key][0] == told[key][0] and all(map(_near, found[key][1:], told[key][1:])) for key in told
    )


def _near(found: int, told: int) -> bool:
    return found == told if told <= APPROXIMATE_ABOVE else abs(found - told) <= 0.01 * told
