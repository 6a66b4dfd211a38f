"""What is remembered of one alert while it is open, and for the seventy minutes in which it still bends the past."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pipeline.alerts.catalogue import Catalogue
from pipeline.alerts.change import Change, Direction, Kind
from pipeline.alerts.expectation import WINDOWS, Bools, Muted
from pipeline.alerts.sample import SPAN_EDGES, SPANS

BENDS_SECONDS = SPAN_EDGES[-1]
"""How long after its end an incident is in the windows of the past."""
WIDE_PROFIL = 0.03
"""Share of the country from which on what happens to a profil bends every leaf."""
FREED_SECONDS = 12 * 3600
"""How long a level that was alerted until it became the ordinary is not held against the reference."""


@dataclass
class OpenAlert:
    """One alert; all of it goes into the snapshot."""

    alert_id: str
    direction: Direction
    kind: Kind
    key: str
    opened_at: int
    since: int
    revision: int = 0
    drift: float = 1.0
    """q of the series when it opened: its level in ordinary times."""
    national: float = 1.0
    """Near q of the country when it opened."""
    learning: bool = False
    """Whether the series was its own reference; then `rate` is what is expected, moved as the rest moves."""
    rate: float = 0.0
    """Expected hits a second when it opened."""
    rest: float = 0.0
    """Hits a second of the rest of the country when it opened; 0 if unknown."""
    calm: int = 0
    """Ticks in a row back to ordinary."""
    updated_at: int = 0
    """Tick of the last change said."""
    size: int = 0
    """Class of size last said."""
    scope: tuple[tuple[Kind, str], ...] = ()
    """Last said."""
    window: int = 1
    """Index of the window of the last change."""
    closed_at: int | None = None
    forgotten: bool = False
    """Closed for having become the ordinary: its past counts again."""

    @property
    def name(self) -> tuple[Kind, str]:
        """Kind and key."""
        return self.kind, self.key

    def is_remembered(self, t: int) -> bool:
        """Whether it is open, or still bends what is expected."""
        return self.closed_at is None or self.closed_at > t - (FREED_SECONDS if self.forgotten else BENDS_SECONDS)

    def to_dict(self) -> dict[str, Any]:
        """As plain data, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, found: dict[str, Any]) -> OpenAlert:
        """The alert `to_dict` gave."""
        alert = cls(**found)
        alert.scope = tuple((kind, key) for kind, key in found["scope"])
        return alert

    @classmethod
    def from_change(cls, change: Change) -> OpenAlert:
        """What can be known of an alert from the last thing that was said of it."""
        return cls(
            alert_id=change.alert_id,
            direction=change.direction,
            kind=change.kind,
            key=change.key,
            opened_at=change.opened_at,
            since=change.since,
            revision=change.revision,
            rate=change.expected / 60,
            updated_at=change.changed_at,
            scope=change.scope,
            closed_at=change.closed_at,
            forgotten=change.why_closed == "capped",
        )


def muted(alerts: list[OpenAlert], catalogue: Catalogue, t: int) -> Muted | None:
    """What these alerts, open or closed within `BENDS_SECONDS`, leave out of everything else at an instant."""
    at_work = [each for each in alerts if each.direction != "late" and each.name in catalogue.number]
    if not at_work:
        return None
    leaves = len(catalogue.leaves)
    windows = np.zeros((leaves, len(WINDOWS)), dtype=bool)
    spans = np.zeros((leaves, SPANS), dtype=bool)
    national = np.zeros(SPANS, dtype=bool)
    drift = np.ones(len(catalogue))
    profil_windows = np.zeros((len(catalogue.profils), len(WINDOWS)), dtype=bool)
    profil_spans = np.zeros((len(catalogue.profils), SPANS), dtype=bool)
    everywhere = np.zeros(SPANS, dtype=bool)
    freed = np.zeros(len(catalogue), dtype=bool)
    by_famille = False
    for each in at_work:
        until = t if each.closed_at is None else each.closed_at
        now = np.array([until > t - window or each.closed_at is None for window in WINDOWS])
        past = _overlaps(each.since - 60, until, t)
        at = catalogue.number[each.name]
        if each.forgotten:
            freed |= _inside(at, catalogue)
            continue
        drift[at] = each.drift
        if each.kind == "national":
            national |= past
            if each.closed_at is not None:
                everywhere |= past
            rows = catalogue.leaves.group < 0  # no G takes it out of these
            windows |= rows[:, None] & now
            spans |= rows[:, None] & past
            continue
        if each.kind == "profil":
            of_profil = np.array([leaf[4] == each.key for leaf in catalogue.profils.keys])
            profil_windows |= of_profil[:, None] & now
            profil_spans |= of_profil[:, None] & past
            if each.rest > 0 and each.rate < WIDE_PROFIL * (each.rate + each.rest):
                continue
            # It touches every leaf by an unknown share: beside it only what is far off is judged, and behind it the
            # past of all is void until it has left the windows.
            by_famille |= bool(now[:2].any())
            national |= past
            drift[0] = each.national
            windows |= (catalogue.leaves.group < 0)[:, None] & now
            if each.closed_at is not None:
                everywhere |= past
                spans |= past
                windows |= now
            continue
        rows = catalogue.members[at]
        windows |= rows[:, None] & now
        spans |= rows[:, None] & past
    return Muted(windows, spans, profil_windows, profil_spans, drift, national, everywhere, freed, by_famille)


def _inside(at: int, catalogue: Catalogue) -> Bools:
    """The series half of whose leaves or more are in a series."""
    inside = np.zeros(len(catalogue), dtype=bool)
    inside[at] = True
    if 0 < at < catalogue.main:
        members = catalogue.members
        common = (members & members[at]).sum(axis=1)
        inside[: catalogue.main] |= common >= 0.5 * members.sum(axis=1)
    return inside


def _overlaps(since: int, until: int, t: int) -> Bools:
    """Which spans before t have a part in [since, until)."""
    starts, ends = t - np.array(SPAN_EDGES[1:]), t - np.array(SPAN_EDGES[:-1])
    found: Bools = (starts < until) & (ends > since)
    return found
