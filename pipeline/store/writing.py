"""What the worker writes beside its cells: marks on the minutes it touched, and how far it is.

Order of a flush: cells, then `mark_touched`, then the acknowledgement to Kafka. A crash between two of them leaves
a replay to do, never a figure that is wrong for good.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from pipeline.core.native import Column, date_times, encode_block
from pipeline.store.client import Store


@dataclass(frozen=True)
class Progress:
    """Where a worker is in one partition of a topic."""

    topic: str
    partition: int
    position: int
    """Next offset to be acknowledged."""
    newest_event_time: datetime | None
    """Latest event time counted by this worker, aware; None when it has counted none."""
    newest_arrival: datetime | None
    """Latest timestamp in Kafka of a record it has handled, aware; None when it has handled none."""
    lag_records: int
    """Records of the partition that it has not read yet; under 0 (the broker's answers cross) counts as 0."""


def mark_touched(store: Store, minutes: Iterable[int]) -> None:
    """Say that cells of these minutes have been inserted: they are read from the cells until they are sealed again.

    Call it after the cells' insert has returned and before anything is acknowledged. The server's own clock, read
    during this insert, dates the mark; no clock of ours takes part.

    Args:
        store: the worker's.
        minutes: epoch seconds; any second of the minute.

    Raises:
        StoreUnavailable, StoreRefused: as `Store.insert_block`.
    """
    seconds = np.fromiter(minutes, np.int64)
    starts = np.unique(seconds - seconds % 60)
    if not starts.size:
        return
    block = [Column("start", "DateTime('UTC')", date_times(starts))]
    store.insert_block("ent.marks", ("start",), lambda revision: encode_block(block, starts.size, revision))


_PROGRESS_COLUMNS = "topic, partition, newest_event_time, newest_arrival, latest"
_NEVER = datetime.fromtimestamp(0, UTC)


def write_progress(store: Store, progress: Sequence[Progress], at: datetime) -> None:
    """Tell how far the workers are, for `bi.freshness`; one insert, whatever the number of partitions.

    Args:
        store: the worker's.
        progress: one for each partition the worker owns; the times kept never go back.
        at: now, aware; the row with the latest one gives position and lag.

    Raises:
        StoreUnavailable, StoreRefused: as `Store.execute`.
    """
    rows = [
        (
            p.topic,
            p.partition,
            p.newest_event_time or _NEVER,
            p.newest_arrival or _NEVER,
            (at, p.position, max(0, p.lag_records)),
        )
        for p in progress
    ]
    if rows:
        store.execute(f"INSERT INTO ent.progress ({_PROGRESS_COLUMNS}) VALUES", rows)
