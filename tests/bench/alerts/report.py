"""What a run found, as tables and in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from rich.console import Console
from rich.table import Table

from tests.bench.alerts.incidents import KINDS
from tests.bench.alerts.score import Finding, Verdict
from tests.bench.alerts.trial import DAYS, OURS, Outcome

SCHOOL = DAYS[:3]
RENTREES = DAYS[3:]
_CONSOLE_WIDTH = 150


def findings(outcomes: Iterable[Outcome], detector: str, kind: str = "", days: Sequence[str] = DAYS) -> list[Finding]:
    """All findings of a detector, of one kind of incident and some kinds of day."""
    return [
        finding
        for outcome in outcomes
        if outcome.day in days and detector in outcome.verdicts
        for finding in outcome.verdicts[detector].found
        if kind in ("", finding.kind)
    ]


def recall(found: Sequence[Finding]) -> float:
    """Share that was found; NaN of none."""
    return sum(f.seconds is not None for f in found) / len(found) if found else float("nan")


def seconds(found: Sequence[Finding], percent: float) -> float:
    """Percentile of the times to detect of what was found; NaN of none."""
    times = [f.seconds for f in found if f.seconds is not None]
    return float(np.percentile(times, percent)) if times else float("nan")


def false_alarms(outcomes: Iterable[Outcome], detector: str, draws: Sequence[str], days: Sequence[str] = DAYS) -> float:
    """False alarms a day; NaN without such days."""
    verdicts = [o.verdicts[detector] for o in outcomes if o.draw in draws and o.day in days and detector in o.verdicts]
    return float(np.mean([len(verdict.false) for verdict in verdicts])) if verdicts else float("nan")


def _cell(found: Sequence[Finding]) -> str:
    if not found:
        return "-"
    hit = [f for f in found if f.seconds is not None]
    text = f"{len(hit)}/{len(found)}"
    return f"{text} {seconds(found, 50):.0f}/{seconds(found, 95):.0f}" if hit else text


def show(outcomes: list[Outcome], cases: bool = False) -> None:
    """Print the tables, and what became of the goals.

    Args:
        outcomes: Of all trials.
        cases: Name each miss and each false alarm too: for tuning.
    """
    console = Console(width=_CONSOLE_WIDTH)
    detectors = list(outcomes[0].verdicts)
    days = [day for day in DAYS if any(outcome.day == day for outcome in outcomes)]
    if cases:
        _cases(console, outcomes)
    table = Table(title="Found / planted, seconds to detect p50/p95 (from its start, the watermark's 20 s included)")
    table.add_column("incident")
    for day in days:
        table.add_column(day, justify="right")
    if any(day in SCHOOL for day in days):
        for detector in detectors:
            table.add_column(f"{detector}, school days", justify="right")
    for kind in KINDS:
        if not findings(outcomes, OURS, kind.name):
            continue
        row = [_cell(findings(outcomes, OURS, kind.name, (day,))) for day in days]
        if any(day in SCHOOL for day in days):
            row += [_cell(findings(outcomes, detector, kind.name, SCHOOL)) for detector in detectors]
        table.add_row(kind.name, *row)
    console.print(table)
    table = Table(title="False alarms a day, over all series (days drawn)")
    table.add_column("days")
    for detector in detectors:
        table.add_column(detector, justify="right")
    for draw in dict.fromkeys(outcome.draw for outcome in outcomes):
        for day in days:
            count = sum(outcome.draw == draw and outcome.day == day for outcome in outcomes)
            if count:
                cells = [f"{false_alarms(outcomes, detector, (draw,), (day,)):.2f}" for detector in detectors]
                table.add_row(f"{day}, {draw} ({count})", *cells)
    console.print(table)
    for detector in detectors:
        found = [f for f in findings(outcomes, detector) if f.seconds is not None]
        if found:
            more = sum(f.alarms for f in findings(outcomes, detector)) - len(found)
            print(
                f"{detector}: first alarm names the cause {np.mean([f.named for f in found]):.0%}, "
                f"{more / len(found):.2f} redundant alarms an incident"
            )
    steps = [outcome.step_ms for outcome in outcomes]
    print(f"one step of the detector: {np.mean(steps):.2f} ms of CPU (worst day {max(steps):.2f})")


def _cases(console: Console, outcomes: list[Outcome]) -> None:
    for outcome in outcomes:
        verdict: Verdict = outcome.verdicts[OURS]
        title = f"seed {outcome.seed} {outcome.day} {outcome.date} {outcome.draw}"
        for finding in verdict.found:
            if finding.seconds is None:
                at = f"{finding.start // 3600:02d}:{finding.start // 60 % 60:02d}"
                console.print(
                    f"{title}: missed {finding.kind} {finding.series} {finding.key!r} {at} {finding.size}/min"
                )
        for alarm in verdict.false:
            at = f"{alarm.second // 3600:02d}:{alarm.second // 60 % 60:02d}:{alarm.second % 60:02d}"
            console.print(f"{title}: false {alarm.direction} {alarm.kind} {alarm.key!r} {at}")
