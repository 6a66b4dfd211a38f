"""Everything one page is made from, whether it shows the present or an instant of the past."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pipeline.wall.alerts import Watch
from pipeline.wall.asking import Counts
from pipeline.wall.expected import Reference
from pipeline.wall.series import Series


@dataclass(frozen=True)
class Trust:
    """Whether the picture itself can be trusted."""

    state: str
    """`direct`, `calme`, `attente`, `retard`, `fige` or `passe`."""
    headline: str
    """One sentence, French."""
    is_stale: bool
    """All figures are greyed: they are not those of the present."""
    details: tuple[tuple[str, str, str], ...] = ()
    """(name, words, `bien` | `mal` | `inconnu`) of each part of the pipeline."""


@dataclass(frozen=True)
class Facts:
    """What is known of one instant."""

    at: datetime
    """End of the window, aware."""
    read_until: float
    """Epoch seconds up to which the minutes are known; ratios and curves end there."""
    window: int
    """Minutes; 60 where only hours are kept."""
    series: Series
    """Of what the page is about."""
    counts: Mapping[str, Mapping[str, Counts]]
    """Kind → value → counts, of the country; `total` → ''."""
    national: Series
    """Of the country: the same as `series` on a page about it."""
    reference: Reference | None = None
    national_reference: Reference | None = None
    reference_words: str = ""
    """What the present is compared with, or why it is with nothing."""
    seen: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Kind → value → pages within a day."""
    closed_zones: Mapping[str, str] = field(default_factory=dict)
    by_hours: bool = False
    is_known: bool = True
    """False before anything was read: names without figures."""
    watch: Watch = field(default_factory=Watch)
