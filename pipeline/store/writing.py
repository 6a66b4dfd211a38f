"""What the worker writes beside its cells: marks on the minutes it touched, and how far it is.

Order of a flush: cells, then `mark_touched`, then the acknowledgement to Kafka. A crash between two of them leaves
a replay to do, never a figure that is wrong for good.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from pipeline.core.native import Column, date_times, encode_block
from pipeline.core.position import Position
from pipeline.store.client import Store
from pipeline.store.sql import LIVE


def mark_touched(store: Store, minutes: Iterable[int], database: str = LIVE) -> None:
    """Say that cells of these minutes have been inserted: they are read from the cells until they are sealed again.

    Call it after the cells' insert has returned and before anything is acknowledged. The server's own clock, read
    during this insert, dates the mark; no clock of ours takes part.

    Args:
        store: the worker's.
        minutes: epoch seconds; any second of the minute.
        database: where the cells went.

    Raises:
        StoreUnavailable, StoreRefused: as `Store.insert_block`.
    """
    seconds = np.fromiter(minutes, np.int64)
    starts = np.unique(seconds - seconds % 60)
    if not starts.size:
        return
    block = [Column("start", "DateTime('UTC')", date_times(starts))]
    store.insert_block(f"{database}.marks", ("start",), lambda revision: encode_block(block, starts.size, revision))


_PROGRESS_COLUMNS = "topic, partition, newest_event_time, newest_arrival, latest"
_EPOCH = datetime.fromtimestamp(0, UTC)


def write_progress(store: Store, positions: Sequence[Position], at: datetime) -> None:
    """Tell how far the workers are, for `bi.freshness`; one insert, whatever the number of partitions.

    Args:
        store: the worker's.
        positions: one for each partition the worker owns. The times kept never go back; a lag under 0 (answers of
            the broker that cross) counts as 0.
        at: now, aware; of several writers, the latest one's position and lag count.

    Raises:
        StoreUnavailable, StoreRefused: as `Store.execute`.
    """
    rows = [
        (
            p.topic,
            p.partition,
            _EPOCH + timedelta(microseconds=p.newest_event_us),
            _EPOCH + timedelta(milliseconds=p.newest_arrival_ms),
            (at, p.next_offset, max(0, p.lag_records)),
        )
        for p in positions
    ]
    if rows:
        store.execute(f"INSERT INTO ent.progress ({_PROGRESS_COLUMNS}) VALUES", rows)
