"""The sink of the worker: schools, cells, marks, then progress; sent again, the same, until ClickHouse has them."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Protocol

from pipeline.core import cells as cell_rows
from pipeline.core import school_rows
from pipeline.core.cells import Cells
from pipeline.core.columns import Columns
from pipeline.core.position import Position
from pipeline.core.school_rows import SchoolRows
from pipeline.errors import StoreRefused, StoreUnavailable
from pipeline.store.client import Store
from pipeline.store.sql import LIVE
from pipeline.store.writing import mark_touched, write_progress

log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
"""Seconds between two tries; doubled each time."""

MAX_CELL_AGE = 46 * 3600 + 1800
"""Seconds after which cells are not inserted any more: their day may have been closed. The worker stops instead, reads
the records again, and rejects them as too old: nothing goes missing between the age limit and the closing of a day."""

PROGRESS_SECONDS = 0.9
"""Progress need not be told with every flush."""


class InsertMeter(Protocol):
    """Receives what the sink did."""

    def inserted(self, rows: int, seconds: float) -> None:
        """Rows (cells, or events of schools) have been inserted."""

    def insert_failed(self) -> None:
        """A try failed; the rows will be sent again."""


class ClickHouseSink:
    """Implements `agents.ports.Sink`. For one thread at a time; only `stop` may be called from another.

    Args:
        store: a connection of its own.
        meter: told of every insert and failure.
        clock: now, epoch seconds.
        database: where the counts go: LIVE, or STAGING for days that come from files. Those may be of any age, since
            nothing closes a day there behind the sink's back.
    """

    def __init__(
        self, store: Store, meter: InsertMeter, clock: Callable[[], float] = time.time, database: str = LIVE
    ) -> None:
        self._store = store
        self._meter = meter
        self._clock = clock
        self._database = database
        self._stopping = threading.Event()
        self._progress_at = 0.0

    def write(self, counted: Columns, positions: Sequence[Position]) -> None:
        """See `agents.ports.Sink.write`."""
        cells = cell_rows.from_columns(counted) if len(counted) else None
        schools = school_rows.from_columns(counted) if len(counted) else None
        pause = FIRST_PAUSE
        while True:
            try:
                if cells is not None and schools is not None:
                    self._insert("school_events", schools)
                    self._insert("cells", cells)
                    mark_touched(self._store, cells.minutes, self._database)  # covers whatever was inserted before it
                if self._clock() - self._progress_at >= PROGRESS_SECONDS:
                    self.tell(positions)
                return
            except StoreUnavailable as error:
                self._meter.insert_failed()
                log.warning("%s; nothing is lost, the same rows are sent again in %.1f s.", error, pause)
                if self._stopping.wait(pause * random.uniform(0.8, 1.2)):  # noqa: S311 - jitter, no secret
                    raise
                pause = min(pause * 2, LONGEST_PAUSE)
                if cells is not None and self._may_be_closed(cells):
                    raise StoreRefused(
                        "the rows waited so long for ClickHouse that their day may be closed; "
                        "the records are read and judged again"
                    ) from error

    def tell(self, positions: Sequence[Position]) -> None:
        """Write how far each partition is, for `bi.freshness`; one try.

        Raises:
            StoreUnavailable, StoreRefused: as every call.
        """
        now = self._clock()
        write_progress(self._store, positions, datetime.fromtimestamp(now, UTC))
        self._progress_at = now

    def _insert(self, table: str, rows: Cells | SchoolRows) -> None:
        start = time.perf_counter()
        self._store.insert_block(f"{self._database}.{table}", [column.name for column in rows.columns], rows.encode)
        self._meter.inserted(rows.rows, time.perf_counter() - start)

    def _may_be_closed(self, cells: Cells) -> bool:
        return self._database == LIVE and cells.oldest < self._clock() - MAX_CELL_AGE

    def stop(self) -> None:
        """Wait for an absent store no longer: `write` raises StoreUnavailable instead."""
        self._stopping.set()
