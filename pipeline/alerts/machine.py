"""The decisions: a state machine over all series, stepped once a tick."""

from __future__ import annotations

from pipeline.alerts.change import Change
from pipeline.alerts.sample import Sample


class Machine:
    """Opens, updates and closes alerts. The same samples from the same state give the same changes, on any worker."""

    def __init__(self) -> None:
        self.t = 0

    def step(self, sample: Sample) -> list[Change]:
        """Judge one tick.

        Args:
            sample: The next tick; ticks may be skipped, never repeated or taken backwards.

        Returns:
            The changes of this tick, in the order in which they are to be published; sentences are filled in.
        """
        self.t = sample.t
        return []

    def snapshot(self) -> bytes:
        """The whole state as JSON (a few KB). `restore` of it goes on exactly as this machine would."""
        return b"{}"

    @classmethod
    def restore(cls, snapshot: bytes) -> Machine:
        """The machine that `snapshot` was taken of."""
        return cls()

    @classmethod
    def rebuild(cls, changes: list[Change]) -> Machine:
        """Where no snapshot is left: a machine that goes on with the alerts whose last change is not `closed`.

        Args:
            changes: The changes of the last 12 hours, at least the last of each open alert.
        """
        return cls()
