"""Shares, percentiles and counts over the outcomes of many trials."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from tests.bench.alerts.score import Finding
from tests.bench.alerts.trial import DAYS, Outcome

SCHOOL, RENTREES = DAYS[:3], DAYS[3:]
_NOTHING = float("nan")


def findings(outcomes: Iterable[Outcome], detector: str, kind: str = "", days: Sequence[str] = DAYS) -> list[Finding]:
    """All findings of a detector, of one kind of incident ('' for all) on some kinds of day."""
    return [
        finding
        for outcome in outcomes
        if outcome.day in days and detector in outcome.verdicts
        for finding in outcome.verdicts[detector].found
        if kind in ("", finding.kind)
    ]


def recall(found: Sequence[Finding]) -> float:
    """Share that was found; NaN of none."""
    return sum(f.seconds is not None for f in found) / len(found) if found else _NOTHING


def seconds(found: Sequence[Finding], percent: float) -> float:
    """Percentile of the times to detect of what was found; NaN of none."""
    times = [f.seconds for f in found if f.seconds is not None]
    return float(np.percentile(times, percent)) if times else _NOTHING


def named(found: Sequence[Finding]) -> float:
    """Share of what was found whose first alarm names the cause; NaN of none."""
    hits = [f.named for f in found if f.seconds is not None]
    return float(np.mean(hits)) if hits else _NOTHING


def redundant(found: Sequence[Finding]) -> float:
    """Alarms beyond the first one, for each incident found; NaN of none."""
    hits = sum(f.seconds is not None for f in found)
    return (sum(f.alarms for f in found) - hits) / hits if hits else _NOTHING


def false_alarms(outcomes: Iterable[Outcome], detector: str) -> float:
    """False alarms a day; NaN without days."""
    counts = [len(o.verdicts[detector].false) for o in outcomes if detector in o.verdicts]
    return float(np.mean(counts)) if counts else _NOTHING
