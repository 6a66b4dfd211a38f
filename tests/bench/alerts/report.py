"""What a run found, as tables and in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich.console import Console
from rich.table import Table

from tests.bench.alerts import tally
from tests.bench.alerts.goals import ENOUGH, goals
from tests.bench.alerts.incidents import KINDS, RETRIES
from tests.bench.alerts.score import LATE, Finding
from tests.bench.alerts.tally import SCHOOL
from tests.bench.alerts.trial import DAYS, OURS, Outcome

_WIDTH = 170


def show(outcomes: list[Outcome], cases: bool = False) -> None:
    """Print the tables, and what became of the goals.

    Args:
        outcomes: Of all trials.
        cases: Name each miss and each false alarm too: for tuning.
    """
    console = Console(width=_WIDTH, highlight=False)
    if cases:
        _cases(console, outcomes)
    console.print(_by_incident(outcomes))
    console.print(_false(outcomes))
    for detector in outcomes[0].verdicts:
        found = tally.findings(outcomes, detector)
        if any(f.seconds is not None for f in found):
            console.print(
                f"{detector}: the first alarm names the cause in {tally.named(found):.0%}; "
                f"{tally.redundant(found):.2f} redundant alarms an incident"
            )
    storms = [f for f in tally.findings(outcomes, OURS, RETRIES.name) if f.seconds is not None]
    if storms:
        named = sum(f.direction == "retries" for f in storms)
        console.print(f"Retry storms whose first alarm says that it is retries: {named} of the {len(storms)} found.")
    steps = [outcome.step_ms for outcome in outcomes]
    console.print(f"One step of the detector: {np.mean(steps):.2f} ms of CPU; {max(steps):.2f} on the worst day.")
    for goal in goals(outcomes):
        few = "" if goal.of >= ENOUGH or "a day" in goal.what else " (few)"
        verdict = "met   " if goal.met else "MISSED"
        console.print(f"{verdict}  {goal.what}: {goal.measured}, wanted {goal.wanted}; of {goal.of}{few}")


def _by_incident(outcomes: Sequence[Outcome]) -> Table:
    days = [day for day in DAYS if any(outcome.day == day for outcome in outcomes)]
    detectors = list(outcomes[0].verdicts) if set(days) & set(SCHOOL) else []
    table = Table(
        title="Found / planted, and seconds from start to alarm, p50/p95, with the 20 s that the watermark waits"
    )
    table.add_column("incident")
    for column in (*days, *(f"{detector}, school days" for detector in detectors)):
        table.add_column(column, justify="right")
    for name in (*(kind.name for kind in KINDS), LATE):
        if tally.findings(outcomes, OURS, name):
            row = [_cell(tally.findings(outcomes, OURS, name, (day,))) for day in days]
            row += [_cell(tally.findings(outcomes, detector, name, SCHOOL)) for detector in detectors]
            table.add_row(name, *row)
    return table


def _cell(found: Sequence[Finding]) -> str:
    if not found:
        return "-"
    hits = sum(f.seconds is not None for f in found)
    times = f" {tally.seconds(found, 50):.0f}/{tally.seconds(found, 95):.0f}" if hits else ""
    return f"{hits}/{len(found)}{times}"


def _false(outcomes: Sequence[Outcome]) -> Table:
    detectors = list(outcomes[0].verdicts)
    table = Table(title="False alarms a day, over all series")
    for column in ("day", "what is in it", "days", *detectors):
        table.add_column(column, justify="left" if column in ("day", "what is in it") else "right")
    for day in DAYS:
        for draw in dict.fromkeys(outcome.draw for outcome in outcomes):
            some = [outcome for outcome in outcomes if (outcome.day, outcome.draw) == (day, draw)]
            if some:
                cells = (f"{tally.false_alarms(some, detector):.2f}" for detector in detectors)
                table.add_row(day, draw, str(len(some)), *cells)
    return table


def _cases(console: Console, outcomes: Sequence[Outcome]) -> None:
    for outcome in outcomes:
        title = f"{outcome.seed} {outcome.day} {outcome.date} {outcome.draw}:"
        verdict = outcome.verdicts[OURS]
        for f in verdict.found:
            series = f"{f.series} {f.key!r} {_clock(f.start)} {f.size:g}/min"
            if f.seconds is None:
                console.print(f"{title} missed {f.kind}: {series}")
            elif not f.named or f.alarms > 1:
                console.print(f"{title} {f.kind}: {series} took {f.seconds} s, {f.alarms} alarms, named {f.named}")
        for alarm in verdict.false:
            console.print(f"{title} false {alarm.direction} {alarm.kind} {alarm.key!r} {_clock(alarm.second)}")


def _clock(second: int) -> str:
    return f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
