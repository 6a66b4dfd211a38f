"""Growth that is planted in the traffic: how many visits each key has in a stretch of time, against an ordinary one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from pipeline.errors import UserError
from pipeline.simulate import calibration, day, schools
from pipeline.simulate.dice import Bools, Floats
from pipeline.simulate.schools import Schools
from pipeline.simulate.taste import PROFIL_CODES, SERVICE_KINDS, Taste, touching

TOTAL = ("total", "")
PLACE_KINDS = schools.KEYS
KINDS = ("total", *PLACE_KINDS, "profil", *SERVICE_KINDS)
_ROUNDS = 600
_STUCK_AFTER = 30
"""Rounds in which the fit must have halved what is wrong."""
_CLOSE_ENOUGH = 1e-7


@dataclass(frozen=True)
class Level:
    """What is expected of one stretch of time. Stretches without a level are ordinary."""

    start: datetime
    """Aware; the stretch is half-open."""
    end: datetime
    factors: Mapping[tuple[str, str], float] = field(default_factory=dict)
    """By kind and key (see `KINDS`): the visits of that key (for a service, famille or domaine: those that touch it)
    are so many times those of the same hours of ordinary days, as `day.py` and `calibration.py` have them. What is not
    named takes what `("total", "")` leaves to it; without a total, it stays as it is."""
    pages: float = calibration.MEAN_PAGES
    """Pages a visit."""


class Phase:
    """A level, ready to draw from: who comes, and what they like.

    Raises:
        UserError: the factors cannot all hold, or name what does not exist.
    """

    def __init__(self, level: Level | None, of: Schools) -> None:
        factors = dict(level.factors) if level else {}
        for (kind, key), factor in factors.items():
            if kind not in KINDS or not 0 < factor < 1e6:
                raise UserError(f"A growth of {kind} {key!r} by {factor:g} cannot be planted.")
        self.pages = level.pages if level else calibration.MEAN_PAGES
        busy = _typical(level)
        self._profil_factor = np.ones(len(PROFIL_CODES))
        weights = of.weights
        places = {name: factor for name, factor in factors.items() if name[0] not in SERVICE_KINDS}
        if places:
            weights = self._rake(places, of, busy)
        self.edges = np.cumsum(weights)
        """Cumulative weight of the schools, whose sum over an ordinary time is 1."""
        bounds = np.searchsorted(of.group, np.arange(len(day.GROUPS) + 1))
        self.group_from = np.concatenate([[0.0], self.edges])[bounds][:-1]
        self.group_share = np.diff(np.concatenate([[0.0], self.edges])[bounds])
        reference = np.bincount(of.group, of.weights, len(day.GROUPS)) @ busy
        planned = (self.group_share @ busy) * self._profil_factor
        self.taste = Taste(self.pages, _ratios(factors, reference, planned))

    def busy(self, activity: Floats) -> Floats:
        """Visits by instant, group and profil, in units of an ordinary morning's: array like `activity`."""
        weighted: Floats = activity * self.group_share[:, None] * self._profil_factor
        return weighted

    def _rake(self, factors: Mapping[tuple[str, str], float], of: Schools, busy: Floats) -> Floats:
        """Fit the schools' weights and the profils' factors to all the factors at once, by proportional fitting."""
        profils = self._profil_factor
        weights = of.weights.copy()
        by_school = busy[of.group]  # (schools, profils)
        ordinary = of.weights @ by_school
        masks: list[tuple[Bools, float]] = []
        for (kind, key), factor in factors.items():
            if kind in PLACE_KINDS:
                mask = of.having(kind, key)
                masks.append((mask, factor * float(of.weights[mask] @ by_school[mask].sum(axis=1))))
        history: list[float] = []
        while len(history) < _ROUNDS and (len(history) < _STUCK_AFTER or history[-1] < history[-_STUCK_AFTER] / 2):
            off = 0.0
            if TOTAL in factors:
                ratio = factors[TOTAL] * ordinary.sum() / float((weights @ by_school) @ profils)
                weights *= ratio
                off = max(off, abs(ratio - 1))
            for (kind, key), factor in factors.items():
                if kind == "profil":
                    p = PROFIL_CODES.index(key)
                    ratio = factor * ordinary[p] / (float(weights @ by_school[:, p]) * profils[p])
                    profils[p] *= ratio
                    off = max(off, abs(ratio - 1))
            visits = by_school @ profils
            for mask, wanted in masks:
                ratio = wanted / float(weights[mask] @ visits[mask])
                weights[mask] *= ratio
                off = max(off, abs(ratio - 1))
            if off < _CLOSE_ENOUGH:
                return weights
            history.append(off)
        names = ", ".join(f"{kind} {key} ×{factor:g}".replace("  ", " ") for (kind, key), factor in factors.items())
        raise UserError(f"These growths cannot hold at once: {names}.")


def _typical(level: Level | None) -> Floats:
    """Mean activity by group and profil over a level's time: array (groups, profils)."""
    if level is None:
        first, last = day.TYPICAL_DAY
    else:
        first, last = day.seconds(level.start), day.seconds(level.end)
    grid = first + (np.arange(2_000) + 0.5) / 2_000 * (last - first)
    mean: Floats = day.activity(grid).mean(axis=0)
    return mean


def _ratios(
    factors: Mapping[tuple[str, str], float], reference: Floats, planned: Floats
) -> tuple[tuple[Bools, float], ...]:
    """By how much the share of visits that touch a set of services must change, for the visits to grow as asked."""
    ratios = []
    for (kind, key), factor in factors.items():
        if kind in SERVICE_KINDS:
            services = touching(kind, key)
            ordinary = Taste(calibration.MEAN_PAGES, ()).touched(services)
            ratios.append((services, factor * float(ordinary @ reference) / float(ordinary @ planned)))
    return tuple(ratios)


class Plan:
    """The phases of a run by time.

    Raises:
        UserError: two levels overlap, or one cannot be planted.
    """

    def __init__(self, levels: tuple[Level, ...], of: Schools, first: float, last: float) -> None:
        met = [level for level in levels if day.seconds(level.start) < last and day.seconds(level.end) > first]
        met.sort(key=lambda level: level.start)
        ordinary: Phase | None = None
        self.parts: list[tuple[float, float, Phase]] = []
        """Start, end (seconds since 1970) and phase; they follow each other without a gap."""
        at = -np.inf
        for level in met:
            start, end = day.seconds(level.start), day.seconds(level.end)
            if start < at or start >= end:
                raise UserError(f"The level of {level.start:%Y-%m-%d} overlaps another one, or ends before it begins.")
            if start > at:
                ordinary = ordinary or Phase(None, of)
                self.parts.append((at, start, ordinary))
            self.parts.append((start, end, Phase(level, of)))
            at = end
        self.parts.append((at, np.inf, ordinary or Phase(None, of)))
