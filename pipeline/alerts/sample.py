"""What one query returns for one tick: the counts of every leaf and what was to be expected of it.

A leaf is the smallest thing that is judged: (académie, plateforme, exploitant, famille). Profils would make six times
as many leaves, most of them too small to say anything, so they have a second, small table of (académie, profil).

    t - 70 min                              t - 10 min   t - 5   t - 1    t
    ├────────┬────┬─────────┬─────────┬──────┬──────┬─────┬───────┬───────┤
    │   7    │  6 │    5    │    4    │  3   │  2   │  1  │   0   │ spans, half-open, newest first
   4200     2100 1800      1200      900    600    300    60      0   seconds before t

Counts of spans are disjoint, so that any window the detector wants is a sum of a few columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TICK_SECONDS = 20
"""Event time between two ticks; every t is a multiple of it."""
SPAN_EDGES: tuple[int, ...] = (0, 60, 300, 600, 900, 1200, 1800, 2100, 4200)
"""Seconds before t. Span i holds the events with `t - SPAN_EDGES[i + 1] <= event_time < t - SPAN_EDGES[i]`."""
SPANS = len(SPAN_EDGES) - 1
SLOPE_SECONDS = 120
"""How far apart from t the two windows of `Counts.slope` end."""
SILENCE_LOOKBACK = 36 * 3600
"""Seconds; a leaf that has had no hit for so long counts as never seen."""
ALONE = -1
"""Group of the leaves that have no peers on the same clock: overseas."""


@dataclass(frozen=True, eq=False)
class Leaves:
    """Who the rows of `Counts` are. Make it once and hand the same object to every tick until a leaf or a day changes.

    All arrays have one entry for each leaf.
    """

    keys: tuple[tuple[str, str, str, str, str], ...]
    """(academie, plateforme, exploitant, famille, profil), '' where the table does not tell them apart: `profil` in
    the main table; plateforme, exploitant and famille in the table of profils. Names as the counts have them
    (académie by its name, `Lyon`; profil by its code, `ELEVE`)."""
    group: Ints
    """(leaves,) Peers: leaves of one number have the same kind of day and clock. `ALONE` overseas (`days.group`)."""
    utc_offset: Ints
    """(leaves,) Seconds that the leaf's local time is ahead of UTC."""

    def __len__(self) -> int:
        return len(self.keys)


@dataclass(frozen=True, eq=False)
class Counts:
    """Counts of one table of leaves at one tick, whole arrays; hits are pages."""

    leaves: Leaves
    hits: Floats
    """(leaves, SPANS) Distinct events in each span."""
    reference: Floats
    """(leaves, SPANS) What the leaf's comparable days had in the same spans of local time (`days`); 0 if none."""
    slope: Floats
    """(leaves, 2) The reference in the 300 s that end `SLOPE_SECONDS` before t, and in those that end as much after."""
    days: Ints
    """(leaves,) Comparable days behind the reference; under `days.ENOUGH` (and on a rentrée) the leaf is learning."""
    visits: Floats
    """(leaves,) Distinct visits of each minute, added over the last 300 s."""
    reference_visits: Floats
    """(leaves,) The same on the comparable days."""
    silent: Floats
    """(leaves,) Seconds from the leaf's last hit (start of its minute, or finer) to t; `SILENCE_LOOKBACK` if older."""
    missed: Floats
    """(leaves,) The reference's hits over these `silent` seconds, before t; 0 where there is no reference."""
    closure: Ints
    """(leaves,) Index into `Sample.closures` of the planned closure that covers t or ended under 70 min before; -1."""


@dataclass(frozen=True, eq=False)
class Sample:
    """Everything the detector reads at one tick."""

    t: int
    """Seconds since 1970, a multiple of `TICK_SECONDS`; all event time before it is complete by the watermark."""
    main: Counts
    """Leaves with académie, plateforme, exploitant and famille."""
    profils: Counts
    """Leaves with académie and profil. May be empty."""
    measured_seconds: float
    """How long before t counting began, at most the last edge: a fresh store has seen less than 70 minutes."""
    learning: bool
    """Today is a rentrée (`days.is_rentree`): references only tell the shape of the day, not its level."""
    data_age_seconds: float
    """From the arrival of the newest record that is counted to now, while records wait unread; 0 when none waits.
    Arrival, not event time: a replay of an old morning is not late."""
    watermark_lag_seconds: float
    """From t (and the settling time) to the newest event time of any partition: how far the slowest partition, which
    holds t back, is behind the others. With the above: the gate."""
    closures: tuple[str, ...] = ()
    """Why-texts of planned closures, as `Counts.closure` numbers them."""
