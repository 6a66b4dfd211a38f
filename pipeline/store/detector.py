"""The detector at work: ticks of event time, what it was told of each, and where it goes on after a crash.

A tick is: read a sample, judge it, write the changes. Then the caller publishes them, and only then is the state kept.
So whatever is cut short is either judged again, with the same outcome, or found written and published again: ids and
revisions tell whoever reads the topic that it is the same.
"""

from __future__ import annotations

import logging
from collections import Counter

from pipeline.alerts.change import Change
from pipeline.alerts.machine import Machine
from pipeline.alerts.sample import TICK_SECONDS
from pipeline.store.alerts import Snapshot, read_changes, read_last_tick, read_snapshot, write_changes, write_snapshot
from pipeline.store.client import Store
from pipeline.store.levels import LevelReader, Watermark, read_watermark

log = logging.getLogger(__name__)

MOST_BEHIND = 6
"""Ticks that are made up for one by one; further behind, only the newest is judged: an operator asks about now."""
REBUILD_SECONDS = 12 * 3600
"""Alerts that opened longer ago have been closed by their caps."""
SNAPSHOT_SECONDS = 6 * 3600
"""A state older than this tells nothing of now: windows, and what was counted down, are of another part of the day."""


class AlertDetector:
    """Implements `agents.watch_alerts.Detector`. For one thread at a time.

    Args:
        store: a connection of its own, the worker's login.
        topic: whose progress makes the watermark.
    """

    def __init__(self, store: Store, topic: str) -> None:
        self._store = store
        self._topic = topic
        self._machine = Machine()
        self._reader: LevelReader | None = None
        self._kept = 0
        """The tick of the last state that this process wrote or read."""
        self._strange = 0
        """The tick of a state that is of the future; 0 where there is none."""
        self.skipped = 0
        """Ticks that were not judged, since the process began."""

    def take_over(self) -> list[Change]:
        """Become the one that judges: go on where the last one was.

        Returns:
            Changes that were written after the last state that was kept: they may not have been published, and are to
            be published (again).

        Raises:
            StoreUnavailable, StoreRefused: try again.
        """
        snapshot = read_snapshot(self._store)
        mark = read_watermark(self._store, self._topic)
        self._strange = 0
        if snapshot is not None and snapshot.tick > mark.t > 0:  # what was counted was emptied, and began earlier
            log.warning("Alerts: the last state is of an instant that has not come yet; until then none is kept.")
            self._strange = snapshot.tick
        usable = snapshot is not None and 0 <= mark.t - snapshot.tick < SNAPSHOT_SECONDS
        after = snapshot.tick if snapshot is not None and usable else mark.t - REBUILD_SECONDS
        since = max(0, min(after, mark.t - REBUILD_SECONDS))
        recent = [change for change in read_changes(self._store, since) if usable or change.changed_at <= mark.t]
        unpublished = [change for change in recent if usable and change.changed_at > after]
        if snapshot is None or not usable or unpublished:
            self._machine = Machine.rebuild(recent)
        else:
            self._machine = Machine.restore(snapshot.state)
        self._kept = max(self._machine.t, after if usable else 0)
        return unpublished

    def due(self) -> tuple[list[int], Watermark]:
        """The ticks that are to be judged, oldest first, and the watermark; another worker's ticks are not.

        Raises:
            StoreUnavailable, StoreRefused: try again.
        """
        mark = read_watermark(self._store, self._topic)
        last = max(self._machine.t, self._kept)
        if not mark.t or mark.t <= last:
            return [], mark
        ticks = list(range(last + TICK_SECONDS, mark.t + TICK_SECONDS, TICK_SECONDS)) if last else [mark.t]
        if len(ticks) > MOST_BEHIND:
            left_out = ticks[:-1]
            self.skipped += len(left_out)
            if len(left_out) * TICK_SECONDS < SNAPSHOT_SECONDS:
                log.info("Alerts: %d ticks from %d on are skipped to catch up.", len(left_out), left_out[0])
            ticks = ticks[-1:]
        return ticks, mark

    def judge(self, t: int, mark: Watermark) -> list[Change]:
        """Judge one tick and write its changes.

        Raises:
            StoreUnavailable, StoreRefused: nothing was judged, or what was is not written: take over again.
        """
        if self._reader is None:
            self._reader = LevelReader(self._store)
        sample = self._reader.sample(t, mark)
        if not sample.main.leaves.keys:  # nothing has come for a day and a half: there is nobody to judge
            self._machine.t = t
            return []
        changes = self._machine.step(sample)
        write_changes(self._store, changes)
        return changes

    def say_late(self, mark: Watermark) -> list[Change]:
        """Say, where no tick comes any more because the pipeline stands still, that data are late; write it.

        Raises:
            StoreUnavailable, StoreRefused: take over again.
        """
        changes = self._machine.stalled(mark.data_age_seconds, mark.lag_seconds)
        write_changes(self._store, changes)
        return changes

    def keep(self) -> bool:
        """Keep the state, once the changes are published; False when another worker has gone further meanwhile.

        Raises:
            StoreUnavailable, StoreRefused: take over again.
        """
        latest = read_last_tick(self._store)
        if latest > max(self._kept, self._machine.t):
            return latest == self._strange
        write_snapshot(self._store, Snapshot(self._machine.t, self._machine.snapshot()))
        self._kept = self._machine.t
        return True

    def active(self) -> dict[str, int]:
        """How many alerts are open, by direction; directions without any are left out."""
        return dict(Counter(direction for direction, _, _ in self._machine.open_alerts))
