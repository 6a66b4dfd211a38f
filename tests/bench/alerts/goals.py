"""What was asked of the detector, and whether a run met it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.bench.alerts import tally
from tests.bench.alerts.incidents import AF_DEAD, DEAD, DOUBLE, HALF
from tests.bench.alerts.score import LATE
from tests.bench.alerts.tally import RENTREES, SCHOOL
from tests.bench.alerts.trial import OURS, Outcome

ENOUGH = 60
"""Incidents of a kind from which on a share or a percentile is worth a verdict."""


@dataclass(frozen=True)
class Goal:
    """One goal, and what was measured for it."""

    what: str
    wanted: str
    measured: str
    met: bool
    of: int
    """How many incidents or days it was measured on."""


def goals(outcomes: Sequence[Outcome]) -> list[Goal]:
    """The goals that the run says something about."""
    found: list[Goal] = []

    def at_most(what: str, value: float, limit: float, of: int, unit: str = "") -> None:
        if of:
            found.append(Goal(what, f"<= {limit:g}{unit}", f"{value:.4g}{unit}", value <= limit, of))

    def share(what: str, value: float, limit: float, of: int) -> None:
        if of:
            found.append(Goal(what, f">= {limit:.0%}", f"{value:.1%}", value >= limit, of))

    for days, name, false, least, slowest in (
        (SCHOOL, "school days", 0.5, 0.98, 150),
        (RENTREES, "rentrées", 2.0, 0.95, 480),
    ):
        quiet = [o for o in outcomes if o.draw == "quiet" and o.day in days]
        at_most(f"{name}: false alarms a day, no incident", tally.false_alarms(quiet, OURS), false, len(quiet))
        dead = tally.findings(outcomes, OURS, DEAD.name, days)
        share(f"{name}: {DEAD.name}, found", tally.recall(dead), least, len(dead))
        at_most(f"{name}: {DEAD.name}, p95", tally.seconds(dead, 95), slowest, len(dead), " s")
    half = tally.findings(outcomes, OURS, HALF.name, SCHOOL)
    in_time = sum(f.seconds is not None and f.seconds <= 180 for f in half) / max(len(half), 1)
    share(f"school days: {HALF.name}, found within 180 s", in_time, 0.90, len(half))
    double = tally.findings(outcomes, OURS, DOUBLE.name, SCHOOL)
    at_most(f"school days: {DOUBLE.name}, p95", tally.seconds(double, 95), 200, len(double), " s")
    crossing = tally.findings(outcomes, OURS, AF_DEAD.name, SCHOOL)
    share(f"school days: {AF_DEAD.name}, found", tally.recall(crossing), 0.95, len(crossing))
    at_most(f"school days: {AF_DEAD.name}, p50", tally.seconds(crossing, 50), 160, len(crossing), " s")
    planted = tally.findings(outcomes, OURS, days=SCHOOL)
    hits = [f for f in planted if f.seconds is not None and f.kind != LATE]
    share("school days: first alarm names the cause", tally.named(hits), 0.85, len(hits))
    at_most("school days: redundant alarms an incident", tally.redundant(planted), 0.25, len(hits))
    for draw, what in (("closures", "alarms a day, planned closures only"), ("late", "false alarms a day, data late")):
        days_of = [o for o in outcomes if o.draw == draw]
        at_most(what, tally.false_alarms(days_of, OURS), 0, len(days_of))
        made = [o.made for o in days_of if o.made is not None]
        at_most(f"{what}: those made by it", sum(made) / max(len(made), 1), 0, len(made))
    late = tally.findings(outcomes, OURS, LATE)
    share(LATE, tally.recall(late), 1.0, len(late))
    return found
