"""A worker's share of the sealing: one bounded round at a time; old days and damaged parts now and then."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

from pipeline.errors import StoreUnavailable
from pipeline.store.client import Store
from pipeline.store.mending import mend
from pipeline.store.retention import drop_expired
from pipeline.store.schools import seal_schools
from pipeline.store.sealing import close_days, seal, seal_days

log = logging.getLogger(__name__)

HOUSEKEEPING_SECONDS = 300.0
FIRST_HOUSEKEEPING_SECONDS = 10.0
"""The first one comes early: after an upgrade there may be integers to make up for."""
SCHOOLS_SECONDS = 60.0
"""An hour of schools falls due so seldom that it need not be asked for with every round."""
PARTS_SECONDS = 60.0
"""The server looks for broken parts when it starts, so it is asked for them after each silence of its own as well."""
BUSIEST_SECONDS = 4.0
"""A round that finds more and more to seal (catching up) ends after this long."""


class DamageMeter(Protocol):
    """Receives what became of parts that the server had set aside as broken."""

    def damaged(self, mended: int, lost: int) -> None:
        """Parts whose rows are made again, and parts whose rows cannot be."""


class StoreSealer:
    """Implements `agents.seal_minutes.Sealer`. For one thread.

    Args:
        store: a connection of its own.
        retention_days: how long sealed minutes are kept.
        history_days: how long integers by hour and day are kept.
        meter: told of broken parts.
        clock: now, aware.
    """

    def __init__(
        self,
        store: Store,
        retention_days: int,
        history_days: int,
        meter: DamageMeter,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._retention_days = retention_days
        self._history_days = history_days
        self._meter = meter
        self._clock = clock
        self._parts_at = float("-inf")
        self._schools_at = time.monotonic()
        self._housekeeping_at = self._schools_at - HOUSEKEEPING_SECONDS + FIRST_HOUSEKEEPING_SECONDS

    def round(self) -> None:
        """Seal what is due; close and drop what is old; look into parts that the server has set aside as broken.

        Raises:
            StoreUnavailable, StoreRefused: the next round tries again.
        """
        try:
            self._seal()
            if time.monotonic() - self._parts_at >= PARTS_SECONDS:
                self._parts_at = time.monotonic()
                self._mend()
        except StoreUnavailable:
            self._parts_at = float("-inf")  # the server may be starting again
            raise

    def _mend(self) -> None:
        report = mend(self._store)
        for part in report.mended:
            log.warning("ClickHouse has set aside a broken part, %s: its rows are made again; nothing is lost.", part)
        for part in report.lost:
            log.error(
                "ClickHouse has set aside a broken part, %s: what it held%s cannot be made again from what is left. "
                "See EntPartsLost in deploy/runbook.md.",
                part,
                f" of {part.day}" if part.day else "",
            )
        self._meter.damaged(len(report.mended), len(report.lost))

    def _seal(self) -> None:
        start = time.monotonic()
        while seal(self._store, self._clock()).is_behind and time.monotonic() - start < BUSIEST_SECONDS:
            pass
        if start - self._schools_at >= SCHOOLS_SECONDS:
            self._schools_at = start
            seal_schools(self._store, self._clock())
        if start - self._housekeeping_at >= HOUSEKEEPING_SECONDS:
            self._housekeeping_at = start
            seal_days(self._store, self._clock())
            closed = close_days(self._store, self._clock())
            if closed.closed or closed.dropped:
                log.info("Days closed: %s; cells dropped: %s.", closed.closed, closed.dropped)
            expired = drop_expired(self._store, self._clock(), self._retention_days, self._history_days)
            if expired.minutes:
                log.info("Minutes past their %d days dropped: %s.", self._retention_days, expired.minutes)
            if expired.levels:
                log.info("Levels that no day is compared with any more dropped: %s.", expired.levels)
            if expired.history:
                log.info("Hours and days past their %d days dropped: %s.", self._history_days, expired.history)
