"""How far one partition has been counted."""

from __future__ import annotations

from typing import NamedTuple


class Position(NamedTuple):
    """One partition of a topic, as far as a worker has counted it."""

    topic: str
    partition: int
    next_offset: int
    """The first offset not yet counted or rejected; 0 while the worker has counted nothing of the partition."""
    newest_event_us: int
    """Newest event time counted, microseconds since the epoch; 0 when none."""
    newest_arrival_ms: int
    """Newest record timestamp, epoch milliseconds; 0 when none."""
    lag_records: int
    """Records from `next_offset` to the end of the partition."""
