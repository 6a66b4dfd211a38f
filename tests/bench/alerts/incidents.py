"""What is planted in a judged day: outages, partial losses, surges, retry storms, leaks, silence; and where, and when.

An incident strikes the leaves of one series by one factor. The days are fuller than any real one, so that a run has
enough of each kind; two that share most of their leaves are kept apart in time.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from tests.bench.alerts.country import FAMILLES, MINUTES, PROFILS, Doubles, Floats
from tests.bench.alerts.judged import Closed, Counted
from tests.bench.alerts.series import keys_of, members
from tests.bench.alerts.world import BUCKET, BUCKETS, PER_MINUTE, Rates, World, pages

Bools = npt.NDArray[np.bool_]

_LARGE, _SMALL = 60.0, 6.0
"""Hits a minute that divide the size classes."""
_KEPT_APART = 80 * 60
"""Seconds between two incidents that share most of their leaves."""
_KEPT_FROM_NATIONAL = 40 * 60
"""The same where one of them is national: its parts must not have to wait."""
_SLOTS = 16
"""Of a full day, 54 minutes each: two more than wide incidents, since a national one keeps others away."""


@dataclass(frozen=True)
class Kind:
    """A row of the table of results."""

    name: str
    left: tuple[float, float]
    """What is left of the pages: a factor drawn between the two."""
    kinds: tuple[str, ...]
    """Kinds of series it may strike."""
    size: tuple[float, float] = (_LARGE, float("inf"))
    """Expected pages a minute of the series when it starts."""
    minutes: tuple[int, int] = (20, 35)
    """How long it lasts."""
    retries: bool = False
    """The same people load each page again: pages a visit rise, visits do not."""
    ramp: int = 0
    """Minutes over which it comes, instead of at once."""
    patience: int = 120
    """Seconds after its end within which an alert still counts as having found it."""

    @property
    def direction(self) -> str:
        """`drop` or `spike`."""
        return "drop" if self.left[1] < 1 else "spike"


_TERRITORY = ("academie", "famille", "plateforme", "exploitant", "profil")
DEAD = Kind("N/P/F/A down >= 90 %", (0.0, 0.1), _TERRITORY)
HALF = Kind("N/P/F/A -50 %", (0.5, 0.5), _TERRITORY)
THIRD = Kind("N/P/F/A -30 %", (0.7, 0.7), _TERRITORY)
HALF_MORE = Kind("N/P/F/A x1.5", (1.5, 1.5), _TERRITORY)
DOUBLE = Kind("N/P/F/A x2", (2.0, 2.0), _TERRITORY)
FIVEFOLD = Kind("N/P/F/A x5", (5.0, 5.0), _TERRITORY)
RETRIES = Kind("retry storm x3", (3.0, 3.0), _TERRITORY, retries=True)
WIDE_KINDS = (DEAD, HALF, THIRD, HALF_MORE, DOUBLE, FIVEFOLD, RETRIES)

_AF, _PF = ("academie_famille",), ("plateforme_famille",)
AF_DEAD = Kind("AF >= 60/min down >= 90 %", (0.0, 0.1), _AF)
AF_DEAD_MID = Kind("AF 6-60/min down >= 90 %", (0.0, 0.1), _AF, (_SMALL, _LARGE))
AF_DEAD_SMALL = Kind("AF < 6/min down >= 90 %", (0.0, 0.1), _AF, (0.5, _SMALL))
AF_DOUBLE = Kind("AF >= 60/min x2", (2.0, 2.0), _AF)
AF_DOUBLE_MID = Kind("AF 6-60/min x2", (2.0, 2.0), _AF, (_SMALL, _LARGE))
PF_DEAD = Kind("PF >= 60/min down >= 90 %", (0.0, 0.1), _PF)
PF_DOUBLE = Kind("PF >= 60/min x2", (2.0, 2.0), _PF)
NARROW_KINDS = (AF_DEAD, AF_DOUBLE, AF_DEAD_MID, PF_DEAD, AF_DOUBLE_MID, AF_DEAD_SMALL, PF_DOUBLE)

LEAK = Kind("leak to -60 % over 2 h", (0.4, 0.4), ("academie", "famille", "plateforme"), (_LARGE, 3_000.0), (150, 160),
            ramp=120)  # fmt: skip
SILENCE = Kind("small service silent for hours", (0.0, 0.0), _AF, (0.7, _SMALL), (270, 280))
_NARROW_NAMES = frozenset(kind.name for kind in (*NARROW_KINDS, LEAK, SILENCE))
KINDS = (*WIDE_KINDS, *NARROW_KINDS, LEAK, SILENCE)


@dataclass(frozen=True, eq=False)
class Incident:
    """One planted incident. Seconds since midnight in Paris."""

    kind: Kind
    series: str
    """Kind of series (`pipeline.alerts.change.Kind`)."""
    key: str
    start: int
    end: int
    left: float
    weight: Doubles
    """(leaves,) Share of each leaf's pages that it strikes: 0 or 1, between them for a profil."""
    size: float
    """Expected pages a minute at its start."""

    @property
    def named(self) -> tuple[str, str, Doubles]:
        """What it strikes, as `common` takes it."""
        return self.series, self.key, self.weight


def weight_of(world: World, rates: Rates, series: str, key: str, second: int) -> Doubles:
    """The share of each leaf's pages that belongs to a series, at a second of the day: array (leaves)."""
    if series == "profil":
        minute = min(second // 60, MINUTES - 1)
        shares = rates.profils[:, PROFILS.index(key), :, minute]  # (académies, familles)
        by_leaf: Doubles = shares[world.academie_of].astype(np.float64).ravel()
        return by_leaf
    return members(series, key).astype(np.float64)


def common(one: tuple[str, str, Doubles], other: tuple[str, str, Doubles]) -> Doubles:
    """The share of each leaf's pages that belongs to both of two series (kind, key, weight): array (leaves)."""
    if one[0] == other[0] == "profil":
        return one[2] if one[1] == other[1] else np.zeros_like(one[2])
    return one[2] * other[2]


class Planner:
    """Lays incidents out over one day.

    Args:
        world: The country.
        rates: What is to be counted on the day; sizes are taken from it.
        dice: Random numbers.
    """

    def __init__(self, world: World, rates: Rates, dice: np.random.Generator) -> None:
        self.world, self.rates, self.dice = world, rates, dice
        self.planted: list[Incident] = []
        self._columns = rates.hits.reshape(len(world.portals), len(FAMILLES), MINUTES)

    def fill(self, wide: list[Kind], narrow: list[Kind]) -> list[Incident]:
        """A full day, from 07:40 to 22:00: each 54 minutes one wide incident, and two narrow ones outside of it.

        One of the wide ones, not before 10:20, is national: it comes first here, as it has no place beside others.

        Args:
            wide: Kinds in the order in which they are to come, 14 at most; what finds no place is tried again later.
            narrow: The same, 28 at most.
        """
        todo, beside = deque(wide), deque(narrow)
        national = int(self.dice.integers(3, 13))
        self.plant(replace(todo.popleft(), kinds=("national",)), _start_of(national))
        for number in range(_SLOTS):
            start = _start_of(number)
            if todo and number != national and not self.plant(todo[0], start + int(self.dice.integers(0, 900))):
                todo.rotate(-1)
            elif todo and number != national:
                todo.popleft()
            for kind in [beside.popleft() for _ in range(min(2, len(beside)))]:
                if not self.plant(kind, start + int(self.dice.integers(0, 1_200))):
                    beside.append(kind)
        return self.planted

    def fill_slowly(self) -> list[Incident]:
        """A day of 12 leaks and 12 small services that fall silent."""
        for hour in (8.0, 13.0, 17.5):
            for _ in range(4):
                self.plant(LEAK, int(hour * 3_600) + int(self.dice.integers(0, 1_800)))
        for hour in (8.2, 13.2):
            for _ in range(6):
                self.plant(SILENCE, int(hour * 3_600) + int(self.dice.integers(0, 1_800)))
        return self.planted

    def plant(self, kind: Kind, start: int) -> bool:
        """Put one incident at a whole minute near `start`, on a series of the right size. False if there is none."""
        start -= start % 60
        end = start + 60 * int(self.dice.integers(*kind.minutes))
        for _ in range(60):
            series = kind.kinds[int(self.dice.choice(len(kind.kinds), p=_chances(kind.kinds)))]
            keys = keys_of(series)
            if series == "exploitant":  # those that are not also one platform
                keys = ("Edifice", "GIP RECIA")
            key = keys[int(self.dice.integers(len(keys)))]
            weight = weight_of(self.world, self.rates, series, key, start)
            size = float(weight @ self.rates.hits[:, start // 60 : start // 60 + 10].mean(axis=1)) * 60.0
            if not kind.size[0] <= size < kind.size[1]:
                continue
            found = Incident(kind, series, key, start, end, float(self.dice.uniform(*kind.left)), weight, size)
            if all(self._compatible(found, other) for other in self.planted):
                self.planted.append(found)
                return True
        return False

    def _compatible(self, one: Incident, other: Incident) -> bool:
        """Whether two may be in the same day: not both the same pages, neither hidden in the other."""
        apart = _KEPT_FROM_NATIONAL if "national" in (one.series, other.series) else _KEPT_APART
        if one.start >= other.end + apart or other.start >= one.end + apart:
            return True
        busy = self.rates.hits[:, one.start // 60]
        both = float(common(one.named, other.named) @ busy)
        share = both / max(min(float(one.weight @ busy), float(other.weight @ busy)), 1e-9)
        together = one.start < other.end and other.start < one.end
        # A narrow one within a wide one cannot be told from it; two wide ones have a crossing in common.
        return share < (0.02 if together and one.kind.name in _NARROW_NAMES else 0.5)


def _start_of(number: int) -> int:
    """The second at which a slot of a full day begins."""
    return int((7 + 40 / 60 + 0.9 * number) * 3_600)


def _chances(kinds: tuple[str, ...]) -> Doubles:
    chance = {"academie": 0.4, "famille": 0.22, "plateforme": 0.22, "exploitant": 0.06, "profil": 0.1}
    weights = np.array([chance.get(kind, 1.0) for kind in kinds])
    shares: Doubles = weights / weights.sum()
    return shares


def count(
    world: World,
    rates: Rates,
    dice: np.random.Generator,
    planted: list[Incident],
    closed: tuple[Closed, ...] = (),
) -> Counted:
    """What is counted on the day with all that happens in it."""
    mean = np.repeat(rates.hits * np.float32(BUCKET), PER_MINUTE, axis=1)
    mean *= rates.bells[world.leaf_academie]
    hits = pages(dice, mean, float(BUCKET))
    shares = rates.profils
    if any(each.series == "profil" for each in planted):
        shares = shares.copy()
    for each in planted:
        if not each.kind.retries:
            _strike(dice, hits, mean, each)
            if each.series == "profil":
                _shift(shares, each)
    for closure in closed:
        hits[closure.leaves, closure.start // BUCKET : closure.end // BUCKET] = 0.0
    visits = world.visits_of(dice, hits)
    profil_visits = world.split(dice, shares, visits)
    for each in planted:
        if each.kind.retries:
            struck = np.flatnonzero(each.weight > 0)
            at = np.ix_(struck, np.arange(each.start // BUCKET, each.end // BUCKET))
            again = dice.binomial(hits[at].astype(np.int64), each.weight[struck][:, None])
            hits[at] += np.float32(each.left - 1) * again
            if each.series == "profil":
                shares = shares.copy() if shares is rates.profils else shares
                _shift(shares, each)
    return Counted(hits, visits, world.split(dice, shares, hits), profil_visits)


def _strike(dice: np.random.Generator, hits: Floats, mean: Floats, each: Incident) -> None:
    """Thin out the pages of an incident, or add those of more visits."""
    struck = np.flatnonzero(each.weight > 0)
    first, last = each.start // BUCKET, min(each.end // BUCKET, BUCKETS)
    at = np.ix_(struck, np.arange(first, last))
    weight = each.weight[struck][:, None]
    ramp = np.ones(last - first)
    if each.kind.ramp:
        ramp = np.minimum(np.arange(last - first) / (each.kind.ramp * PER_MINUTE), 1.0)
    change = weight * (each.left - 1) * ramp
    if each.left < 1:
        hits[at] = dice.binomial(hits[at].astype(np.int64), np.clip(1 + change, 0, 1))
    else:
        hits[at] += pages(dice, (mean[at] * change).astype(np.float32), float(BUCKET))


def _shift(shares: Floats, each: Incident) -> None:
    """Let the shares of the profils follow what one profil lost or gained."""
    during = slice(each.start // 60, each.end // 60)
    shares[:, PROFILS.index(each.key), :, during] *= np.float32(each.left)
    shares[:, :, :, during] /= np.maximum(shares[:, :, :, during].sum(axis=1, keepdims=True), 1e-9)


def closures(world: World, rates: Rates, dice: np.random.Generator) -> tuple[Closed, ...]:
    """Six planned closures of a day: platforms, académies and crossings, for half an hour to four hours."""
    planner = Planner(world, rates, dice)
    kinds = (
        replace(DEAD, kinds=("academie",), minutes=(60, 240)),
        replace(DEAD, kinds=("plateforme",), minutes=(30, 90), size=(_LARGE, 12_000.0)),
        replace(PF_DEAD, minutes=(60, 240)),
    )
    for number, hour in enumerate((7.0, 8.0, 10.0, 12.5, 14.0, 16.0)):
        planner.plant(kinds[number % 3], int(hour * 3_600))
    return tuple(
        Closed(each.weight > 0, each.start, each.end, f"fermeture prévue n° {number}")
        for number, each in enumerate(planner.planted, 1)
    )
