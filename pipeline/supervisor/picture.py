"""The picture of the last fifteen minutes, fetched every two seconds beside the watching, and never waited for."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import UTC, datetime

from pipeline.core.columns import BUCKET_SECONDS
from pipeline.errors import InstantTError
from pipeline.store.client import Store

EVERY_SECONDS = 2.0
"""The views take a tenth of a second of a core each; a screen need not cost more than a tenth of one."""


@dataclass(frozen=True)
class Counts:
    """One row of a view."""

    hits: int
    visits: int
    visitors: int


@dataclass(frozen=True)
class Picture:
    """What the views of `bi` answered at one instant."""

    at: datetime
    hits_per_second: float
    """Mean over the last full minute, or over what there is of it since `since`."""
    total: Counts
    by_service: tuple[tuple[str, str, Counts], ...]
    """(service, famille, counts), most hits first."""
    by_academie: tuple[tuple[str, Counts], ...]
    data_age: float
    """Seconds."""
    lag: int
    """Records."""


def fetch(store: Store, since: datetime) -> Picture:
    """Ask the views; the reader's login suffices.

    Args:
        store: a connection of its own.
        since: when counting began, aware.

    Raises:
        StoreUnavailable, StoreRefused: as every call.
    """
    now = datetime.now(UTC)
    ((last_minute, _, _),) = store.execute(
        "SELECT * FROM bi.instant_t_total(at = %(at)s, minutes = 1)", {"at": f"{now:%Y-%m-%d %H:%M:%S}"}
    )
    (total,) = store.execute("SELECT * FROM bi.now_total")
    services = store.execute(
        "SELECT service, famille, hits, visits, visitors FROM bi.now_by_service ORDER BY hits DESC"
    )
    academies = store.execute("SELECT academie, hits, visits, visitors FROM bi.now_by_academie ORDER BY hits DESC")
    ((age, lag),) = store.execute("SELECT data_age_seconds, lag_records FROM bi.freshness")
    return Picture(
        now,
        last_minute / min(60.0, max(BUCKET_SECONDS, (now - since).total_seconds() - BUCKET_SECONDS / 2)),
        Counts(*total),
        tuple((service, famille, Counts(*counts)) for service, famille, *counts in services),
        tuple((academie, Counts(*counts)) for academie, *counts in academies),
        float(age),
        int(lag),
    )


class PictureTaker:
    """Takes pictures in a thread of its own; `latest` is None while the store does not answer."""

    def __init__(self, url: str) -> None:
        self.latest: Picture | None = None
        self._store = Store(url, timeout=5.0)
        self._since = datetime.now(UTC)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="picture", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stopping.wait(EVERY_SECONDS):
            try:
                self.latest = fetch(self._store, self._since)
            except InstantTError:
                self.latest = None  # an old figure is never shown as a live one
        self._store.close()

    def close(self) -> None:
        """Stop taking pictures."""
        self._stopping.set()
        self._thread.join(6.0)
