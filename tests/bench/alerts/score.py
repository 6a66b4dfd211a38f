"""Alarms held against what was planted: found or missed, how soon, under which name, and how many cried wolf."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tests.bench.alerts.incidents import Incident, common, weight_of
from tests.bench.alerts.judged import Late
from tests.bench.alerts.series import members
from tests.bench.alerts.world import Rates, World

SETTLE_SECONDS = 20
"""What the watermark waits: a tick says at t + 20 s what happened before t."""
LATE = "late data, said to be late"
"""Row of the stretches in which data is late and the pipeline knows it."""
_MOVED = 0.1
"""An alarm is explained when what was planted moves its series by at least so much."""
_MOSTLY = 0.5
_SAME = 0.9
_AFTER = 300
"""Seconds after an incident within which an alarm may still be owed to it: windows reach back."""
_ALIKE = 600
"""Seconds within which an alarm of the same series is the same one, on the same day without what is suspected."""
_UP = {"drop": "drop", "silence": "drop", "spike": "spike", "retries": "spike"}


@dataclass(frozen=True)
class Alarm:
    """One alert, as it was opened."""

    second: int
    """Of the tick, since midnight in Paris."""
    kind: str
    key: str
    direction: str


@dataclass(frozen=True)
class Finding:
    """What became of one planted incident."""

    kind: str
    """Name of its row."""
    series: str
    key: str
    start: int
    size: float
    seconds: int | None
    """From its start to the alarm, the watermark's wait included; None: missed."""
    named: bool
    """The first alarm names just what was struck."""
    direction: str
    """Of the first alarm; '' if missed."""
    alarms: int
    """How many alarms it set off."""


@dataclass(frozen=True)
class Verdict:
    """One detector on one day."""

    found: tuple[Finding, ...]
    false: tuple[Alarm, ...]


def judge(
    world: World, rates: Rates, planted: list[Incident], alarms: list[Alarm], late: Sequence[Late] = ()
) -> Verdict:
    """Hold a day's alarms against what was planted in it.

    An alarm is *explained* by the incidents of its direction that together move its series by a tenth or more, while
    they last and for 300 s. It has *found* the one of them that moves it most if that is at least half of the series,
    or the series holds at least half of what was struck. An alarm that data is late is owed to a stretch of `late` that
    the pipeline knows of. All others are false.
    """
    said = [each for each in late if each.said]
    lates: dict[int, Alarm] = {}
    firsts: dict[int, Alarm] = {}
    owed = [0] * len(planted)
    false = []
    for alarm in sorted(alarms, key=lambda each: each.second):
        if alarm.direction == "late":
            owing = [n for n, each in enumerate(said) if each.start <= alarm.second < each.end]
            if owing and owing[0] not in lates:
                lates[owing[0]] = alarm
            else:
                false.append(alarm)
            continue
        struck = weight_of(world, rates, alarm.kind, alarm.key, alarm.second)
        named = (alarm.kind, alarm.key, struck)
        busy = rates.hits[:, min(alarm.second // 60, rates.hits.shape[1] - 1)]
        total = max(float(struck @ busy), 1e-9)
        moves: dict[int, float] = {}
        for number, each in enumerate(planted):
            during = each.start < alarm.second <= each.end + max(_AFTER, each.kind.patience)
            if during and _UP.get(alarm.direction) == each.kind.direction:
                moves[number] = abs(each.left - 1) * float(common(named, each.named) @ busy) / total
        if sum(moves.values()) < _MOVED:
            false.append(alarm)
            continue
        number = max(moves, key=lambda n: moves[n])
        each = planted[number]
        owed[number] += 1
        both = float(common(named, each.named) @ busy)
        mostly = max(both / total, both / max(float(each.weight @ busy), 1e-9)) >= _MOSTLY
        if mostly and alarm.second <= each.end + each.kind.patience:
            firsts.setdefault(number, alarm)
    found = []
    for number, each in enumerate(planted):
        first = firsts.get(number)
        found.append(
            Finding(
                kind=each.kind.name,
                series=each.series,
                key=each.key,
                start=each.start,
                size=round(each.size, 1),
                seconds=None if first is None else first.second - each.start + SETTLE_SECONDS,
                named=first is not None and _names(rates, first, each),
                direction="" if first is None else first.direction,
                alarms=owed[number],
            )
        )
    for number, stretch in enumerate(said):
        hit = lates.get(number)
        spent = None if hit is None else hit.second - stretch.start + SETTLE_SECONDS
        found.append(
            Finding(LATE, "national", "", stretch.start, 0.0, spent, hit is not None, "late", int(hit is not None))
        )
    return Verdict(tuple(found), tuple(false))


def _names(rates: Rates, alarm: Alarm, each: Incident) -> bool:
    """Whether an alarm's series is just what was struck: an operator of one platform may be named for it."""
    if "profil" in (alarm.kind, each.series):
        return (alarm.kind, alarm.key) == (each.series, each.key)
    busy = rates.hits[:, each.start // 60]
    theirs = members(alarm.kind, alarm.key).astype(np.float64)
    both = float((theirs * each.weight) @ busy)
    return both >= _SAME * max(float(theirs @ busy), float(each.weight @ busy))


def made_by(alarms: Sequence[Alarm], anyway: Sequence[Alarm]) -> int:
    """How many alarms do not come on the same day without what is suspected of having made them."""
    return sum(
        not any(
            (other.kind, other.key, other.direction) == (alarm.kind, alarm.key, alarm.direction)
            and abs(other.second - alarm.second) <= _ALIKE
            for other in anyway
        )
        for alarm in alarms
    )
