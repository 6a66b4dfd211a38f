"""One trial: a country on one day, some draws of that day, and what each detector says of them."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Protocol

import numpy as np

from pipeline.alerts.change import Change
from pipeline.alerts.machine import Machine
from pipeline.alerts.sample import Sample
from pipeline.simulate import school_days
from tests.bench.alerts import country
from tests.bench.alerts.baselines import Baselines
from tests.bench.alerts.incidents import (
    DEAD,
    DOUBLE,
    HALF,
    NARROW_KINDS,
    WIDE_KINDS,
    Incident,
    Planner,
    closures,
    count,
)
from tests.bench.alerts.judged import FIRST_TICK, LAST_TICK, JudgedDay, Late, midnight, references
from tests.bench.alerts.score import Alarm, Finding, Verdict, judge, made_by
from tests.bench.alerts.world import Rates, World

DAYS = ("ordinary", "wednesday", "zone", "rentree", "first-rentree")
"""An ordinary school day, a Wednesday, one zone on holiday, a rentrée with last year's counted, one without."""
DRAWS = ("quiet", "full", "slow", "closures", "late", "late-unsaid")
"""Nothing planted; some forty incidents; leaks and silences; planned closures; late data that the pipeline says, or
does not."""
OURS = "instant-t"
_FIRST, _LAST = date(2025, 9, 22), date(2027, 6, 20)
_RENTREE = date(2026, 9, 1)
_BUSY_FROM = 6 * 3_600 + 1_200
"""Seconds after midnight from which on days with incidents are judged; the first comes at 07:40."""


class Detector(Protocol):
    """What is evaluated."""

    def step(self, sample: Sample) -> list[Change]:
        """Judge one tick."""


@dataclass(frozen=True)
class Trial:
    """A country on one kind of day, and the draws of that day; a draw may come several times."""

    seed: int
    day: str
    draws: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """One draw of one trial."""

    seed: int
    day: str
    date: str
    draw: str
    verdicts: dict[str, Verdict]
    """By detector."""
    step_ms: float
    """Processor time of one step of the detector, milliseconds."""
    cpu_seconds: float
    """Of the whole draw."""
    made: int | None = None
    """False alarms of the detector that its closures made, or its late data: they do not come on the same day without
    those. None for other draws."""


def read(text: str) -> Outcome:
    """The outcome that `asdict` and `json.dumps` made a text of."""
    record = json.loads(text)
    record["verdicts"] = {
        name: Verdict(
            tuple(Finding(**each) for each in verdict["found"]), tuple(Alarm(**each) for each in verdict["false"])
        )
        for name, verdict in record["verdicts"].items()
    }
    return Outcome(**record)


@cache
def candidates(day: str) -> tuple[date, ...]:
    """The dates of a kind of day."""
    if day in ("rentree", "first-rentree"):
        return (_RENTREE,)
    school = {"ordinary": (school_days.ECOLE,) * 3, "wednesday": (school_days.MERCREDI,) * 3}
    found = []
    for number in range((_LAST - _FIRST).days):
        on = _FIRST + timedelta(days=number)
        kinds = tuple(sorted(country.kind_of(zone, on) for zone in "ABC"))
        one_away = kinds == (school_days.ECOLE, school_days.ECOLE, school_days.VACANCES)
        if one_away if day == "zone" else kinds == school[day]:
            found.append(on)
    return tuple(found)


def run(trial: Trial, detector: Callable[[], Detector] = Machine, baselines: bool = True) -> list[Outcome]:
    """Draw and judge.

    Args:
        trial: What to draw.
        detector: Makes one that has seen nothing yet.
        baselines: Whether the J-7 ratio and the moving average are tried on the same counts.
    """
    dice = np.random.default_rng([trial.seed, DAYS.index(trial.day), 7])
    dates = candidates(trial.day)
    on = dates[int(dice.integers(len(dates)))]
    world = World(trial.seed, on)
    known = references(world, last_year=trial.day != "first-rentree")
    beside = Baselines(world) if baselines else None
    outcomes = []
    for number, draw in enumerate(trial.draws):
        began = time.process_time()
        dice = world.dice(number)
        rates = world.rates_of_today(dice)
        planted = _plan(world, rates, dice, trial, draw)
        closed = closures(world, rates, dice) if draw == "closures" else ()
        late = _late(dice, said=draw == "late") if draw.startswith("late") else ()
        again = copy.deepcopy(dice)
        counted = count(world, rates, dice, planted, closed)
        judged = JudgedDay(world, known, counted, closed, late)
        alarms, seconds, ticks = watch(judged, detector(), _BUSY_FROM if draw in ("full", "slow") else FIRST_TICK)
        said = {OURS: alarms} | (beside.alarms(counted) if beside else {})
        verdicts = {
            name: judge(world, rates, planted, each, late if name == OURS else ()) for name, each in said.items()
        }
        made = None
        if closed or late:
            made = 0
            if false := verdicts[OURS].false:
                without = JudgedDay(world, known, count(world, rates, again, planted) if closed else counted)
                made = made_by(false, watch(without, detector())[0])
        spent = time.process_time() - began
        outcomes.append(Outcome(trial.seed, trial.day, str(on), draw, verdicts, 1_000 * seconds / ticks, spent, made))
    return outcomes


def watch(
    judged: JudgedDay, detector: Detector, first: int = FIRST_TICK, last: int = LAST_TICK
) -> tuple[list[Alarm], float, int]:
    """Step a detector through a day: what it opened, the processor time of its steps, and how many there were."""
    alarms, seconds, ticks = [], 0.0, 0
    zero = midnight(judged.world.today)
    for sample in judged.samples(first, last):
        before = time.process_time()
        changes = detector.step(sample)
        seconds += time.process_time() - before
        ticks += 1
        for change in changes:
            if change.state == "opened":
                alarms.append(Alarm(sample.t - zero, change.kind, change.key, change.direction))
    return alarms, seconds, ticks


def _plan(world: World, rates: Rates, dice: np.random.Generator, trial: Trial, draw: str) -> list[Incident]:
    planner = Planner(world, rates, dice)
    if draw == "slow":
        return planner.fill_slowly()
    if draw != "full":
        return []
    wide = [*WIDE_KINDS, *WIDE_KINDS]
    if "rentree" in trial.day:
        wide = [DEAD] * 8 + [DOUBLE, HALF] + [kind for kind in WIDE_KINDS if kind not in (DEAD, DOUBLE, HALF)]
    turn = [wide[i] for i in dice.permutation(len(wide))]
    narrow = [*NARROW_KINDS] * 4
    return planner.fill(turn, [narrow[i] for i in dice.permutation(len(narrow))])


def _late(dice: np.random.Generator, said: bool) -> tuple[Late, ...]:
    """Half of the pages eight minutes late, for ten minutes, five times a day."""
    starts = [int(hour * 3_600) + 20 * int(dice.integers(0, 90)) for hour in (8.0, 10.5, 13.5, 16.5, 19.5)]
    return tuple(Late(start, start + 600, 480, said) for start in starts)
