"""How old the oldest event is that Kafka has acknowledged and the view does not show yet."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import NamedTuple

import numpy as np

from pipeline.store.client import Store
from tests.bench.steady_flow import COUNTED_SHARE, SteadyFlow

_NOTE_EVERY = 0.05


class Look(NamedTuple):
    """One look at the view; seconds."""

    age: float
    """0 when everything acknowledged is shown. The time of the query is part of it."""
    query: float


class LiveEdge:
    """Asks `bi.instant_t_total` from the flow's first minute on; a context manager, entered before the flow is.

    Args:
        store: a reader's connection.
        flow: not started; what the view shows before it starts is not the flow's.
    """

    def __init__(self, store: Store, flow: SteadyFlow) -> None:
        self._store = store
        self._flow = flow
        self._from = datetime.now(UTC).replace(second=0, microsecond=0)
        self._before = self._hits()
        self._times: list[float] = [time.monotonic()]
        self._counts: list[int] = [0]
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._note, name="live-edge", daemon=True)

    def __enter__(self) -> LiveEdge:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()

    def look(self) -> Look:
        """Ask once."""
        asked = time.monotonic()
        shown = (self._hits() - self._before) / COUNTED_SHARE
        now = time.monotonic()
        known = min(len(self._times), len(self._counts))
        counts, times = self._counts[:known], self._times[:known]
        is_behind = shown + 1 < counts[-1]
        return Look(now - float(np.interp(shown + 1, counts, times)) if is_behind else 0.0, now - asked)

    def _hits(self) -> int:
        at = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=2)
        minutes = int((at - self._from).total_seconds()) // 60
        ((hits, _, _),) = self._store.execute(
            f"SELECT * FROM bi.instant_t_total(at='{at:%Y-%m-%d %H:%M:%S}', minutes={minutes})"
        )
        return int(hits)

    def _note(self) -> None:
        while not self._stopping.wait(_NOTE_EVERY):
            self._counts.append(self._flow.acknowledged)
            self._times.append(time.monotonic())
