"""Pages seen, minute by minute: what curves are drawn from and ratios are made of; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

MINUTE = 60

A_BEGINNING = 0.05
"""Of the busiest minute: what a minute has to hold for traffic to have begun (ours)."""

Key = tuple[str, str]
"""(kind, value): ('academie', 'Lyon'); the whole is ('total', '')."""
TOTAL: Key = ("total", "")


@dataclass(frozen=True)
class Series:
    """Hits of whole minutes by key; never changed, so that a thread can draw what another one goes on from."""

    until: float = 0.0
    """Epoch seconds at which it was read: the minute that holds it is not over."""
    hits: Mapping[Key, Mapping[int, int]] = field(default_factory=dict)
    """Key → start of the minute (epoch seconds) → hits; a minute that is missing had none."""

    def updated(self, rows: Iterable[tuple[int, str, str, int]], since: int, until: float, keep: int) -> Series:
        """The series with the minutes from `since` on read again.

        Args:
            rows: (minute, kind, value, hits); all there is from `since` to `until`.
            since: epoch seconds, a whole minute.
            until: epoch seconds.
            keep: minutes before this one (epoch seconds) are forgotten.
        """
        hits: dict[Key, dict[int, int]] = {}
        for key, minutes in self.hits.items():
            left = {minute: count for minute, count in minutes.items() if keep <= minute < since}
            if left:
                hits[key] = left
        for minute, kind, value, count in rows:
            hits.setdefault((kind, value), {})[minute] = count
        return Series(until, hits)

    def keys(self, kind: str) -> list[str]:
        """The values of a kind that had hits."""
        return [value for found, value in self.hits if found == kind]

    def first_minute(self) -> int | None:
        """The first minute of traffic worth the name, epoch seconds; a few late events do not begin a day."""
        minutes = self.hits.get(TOTAL, {})
        least = max(minutes.values(), default=0) * A_BEGINNING
        return min((minute for minute, count in minutes.items() if count >= least), default=None)

    def at(self, key: Key, minute: int) -> int:
        """Hits of one minute."""
        return self.hits.get(key, {}).get(minute, 0)

    def over(self, key: Key, start: float, end: float) -> float:
        """Hits in [start, end), epoch seconds; a minute that is cut gives its part, the one that passes what it has."""
        minutes = self.hits.get(key)
        if not minutes:
            return 0.0
        counted = 0.0
        for minute in range(int(start) // MINUTE * MINUTE, int(-(-end // 1)), MINUTE):
            count = minutes.get(minute)
            if count:
                over_at = min(minute + MINUTE, self.until) if minute < self.until else minute + MINUTE
                inside = min(end, over_at) - max(start, minute)
                if inside > 0:
                    counted += count * min(1.0, inside / max(1.0, over_at - minute))
        return counted
