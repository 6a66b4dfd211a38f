"""What a worker shows of itself: the metrics and the pulse, fed by the agents and the sink."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from agents.ports import Letter
from pipeline.alerts.change import DIRECTIONS
from pipeline.core.columns import Columns
from pipeline.health import Pulse
from pipeline.metrics import Metrics


class WorkerBoard:
    """Implements `agents.ports.Meter`, `agents.report_progress.Board` and `pipeline.store.sink.InsertMeter`.

    Args:
        metrics: the worker's.
        pulse: where signs of life go.
        clock: now, epoch seconds.
    """

    def __init__(self, metrics: Metrics, pulse: Pulse, clock: Callable[[], float] = time.time) -> None:
        self.metrics = metrics
        self.pulse = pulse
        self._partitions: set[int] = set()
        self._newest_arrival = clock()
        metrics.data_age.set_function(lambda: max(0.0, clock() - self._newest_arrival))
        metrics.stall.set_function(pulse.silent_for)
        self._ticked_at: float | None = None
        self._skipped = 0
        metrics.tick_age.set_function(self._tick_age)

    def flushed(self, counted: Columns, rejected: Sequence[Letter], seconds: float, newest_arrival_ms: int) -> None:
        """One flush has been acknowledged."""
        self.metrics.record(counted.tally, [letter.rejected.reason for letter in rejected])
        self.metrics.batch_seconds.observe(seconds)
        self._newest_arrival = max(self._newest_arrival, newest_arrival_ms / 1000)
        self.pulse.progress()

    def beat(self, lags: Mapping[tuple[str, int], int], heard: bool, joined: bool = True) -> None:
        """The event loop runs; these are the lags of the assigned partitions."""
        partitions = {partition for _, partition in lags}
        for gone in self._partitions - partitions:
            self.metrics.lag.remove(str(gone))
        for (_, partition), lag in lags.items():
            self.metrics.lag.labels(str(partition)).set(lag)
        self._partitions = partitions
        self.pulse.beat(sum(lags.values()), heard, joined)

    def inserted(self, rows: int, seconds: float) -> None:
        """Rows of cells have been inserted."""
        self.metrics.insert_rows.inc(rows)
        self.metrics.insert_seconds.observe(seconds)

    def damaged(self, mended: int, lost: int) -> None:
        """Parts that ClickHouse had set aside as broken (`pipeline.store.sealer.DamageMeter`)."""
        self.metrics.broken_parts.labels("mended").inc(mended)
        self.metrics.broken_parts.labels("lost").inc(lost)

    def delivered(self, target: str, outcome: str) -> None:
        """A change of an alert was told to a receiver, or was not (`agents.deliver_alerts.Outcome`)."""
        self.metrics.deliveries.labels(target, outcome).inc()

    def leads(self, leading: bool) -> None:
        """Whether this worker watches for alerts (`agents.watch_alerts.Board`); where it does not, none is active."""
        self._ticked_at = time.monotonic() if leading else None
        if not leading:
            self._show_active({})

    def ticked(self, active: Mapping[str, int], skipped: int) -> None:
        """A tick was judged; `skipped` counts from the start of the process."""
        self._ticked_at = time.monotonic()
        self._show_active(active)
        self.metrics.ticks_skipped.inc(skipped - self._skipped)
        self._skipped = skipped

    def _show_active(self, active: Mapping[str, int]) -> None:
        for direction in DIRECTIONS:
            self.metrics.alerts_active.labels(direction).set(active.get(direction, 0))

    def _tick_age(self) -> float:
        return 0.0 if self._ticked_at is None else time.monotonic() - self._ticked_at

    def insert_failed(self) -> None:
        """A try failed; the rows will be sent again."""
        self.metrics.insert_failures.inc()
        self.pulse.insert_failed()
