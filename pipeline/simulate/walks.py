"""Visits as walks through services, as columns of hits."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from pipeline.simulate import calibration
from pipeline.simulate.dice import TABLE_SIZE, Dice, Floats, Ints, geometric, log_uniform, lognormal
from pipeline.simulate.faults import FAULTS
from pipeline.simulate.levels import Phase
from pipeline.simulate.schools import Schools
from pipeline.simulate.taste import PROFIL_CODES, SERVICE_CODES, Lottery

Hits = npt.NDArray[np.void]
"""Rows of dtype `HIT`."""

HIT = np.dtype(
    [
        ("arrival", np.int64),  # milliseconds since the start of the run, as the event time
        ("event", np.int64),
        ("visit", np.uint64),  # number of the visit in the run
        ("school", np.int32),
        ("person", np.int32),  # number of the account in its school and profil
        ("step", np.uint8),  # number of the page in the visit
        ("service", np.uint8),
        ("page", np.uint8),
        ("profil", np.uint8),  # from len(PROFIL_CODES) up: an unknown one
        ("device", np.uint8),
        ("fault", np.uint8),  # 0: a good event; otherwise 1 + its place in FAULTS
    ]
)
"""One page seen, 40 bytes: what is kept until it arrives."""

_GAPS = lognormal(calibration.GAP_MEDIAN_S * 1000, calibration.GAP_SIGMA, calibration.GAP_MAX_S * 1000)
_DELAYS = lognormal(calibration.DELAY_MEDIAN_MS, calibration.DELAY_SIGMA, calibration.DELAY_MAX_MS)
_LATE = log_uniform(calibration.LATE_MIN_S * 1000, calibration.LATE_MAX_S * 1000)
_REPEAT = log_uniform(calibration.DUPLICATE_MIN_S * 1000, calibration.DUPLICATE_MAX_S * 1000)


@cache
def _lengths(pages: float) -> Ints:
    """Table of the pages a visit, long visits first."""
    return geometric(pages, calibration.MAX_PAGES)[::-1].copy()


def mean_pages(pages: float) -> float:
    """What visits of a geometric mean of `pages` have on average, cut as they are."""
    return float(_lengths(pages).mean())


def _mean_age() -> float:
    lengths = _lengths(calibration.MEAN_PAGES)
    return float(_GAPS.mean() * (lengths * (lengths - 1) / 2).mean() / lengths.mean() / 1000)


MEAN_AGE_S = _mean_age()
"""Mean seconds from the start of a visit to one of its hits: visits must run ahead of the hits by it."""
_ACCOUNTS = np.array([calibration.PERSONS_PER_PUPIL[profil] for profil in PROFIL_CODES])
_DEVICE_EDGES = np.cumsum(
    [calibration.DEVICE_SHARES.get(profil, calibration.DEVICE_SHARES["ENSEIGNANT"])[:2] for profil in PROFIL_CODES],
    axis=1,
)


class Walks:
    """Makes the hits of the visits that begin in a stretch of time, deterministically and in order."""

    def __init__(self, schools: Schools, dice: Dice) -> None:
        self._schools = schools
        self._dice = dice
        self._visits = 0

    def visits(self, n: int, start_s: float, step_s: float, busy: Floats, phase: Phase, drift_h: float) -> Hits:
        """All hits of `n` visits that begin in a stretch of time, of dtype `HIT`, unordered.

        Page counts are stratified: any two stretches with as many visits have nearly as many hits, so that the mean
        rate of a run is the one asked for.

        Args:
            n: How many visits.
            start_s: Start of the stretch, in seconds since the start of the run.
            step_s: Length of its steps, in seconds.
            busy: Expected visits by step, group and profil, in any unit.
            phase: Who comes, and what they like.
            drift_h: For how long the tastes of the day have drifted.
        """
        dice, schools = self._dice, self._schools
        cell = dice.pick(n, busy.ravel())
        step, cell = np.divmod(cell, busy.shape[1] * busy.shape[2])
        group, profil = np.divmod(cell, busy.shape[2])
        where = phase.group_from[group] + dice.uniform(n) * phase.group_share[group]
        school = np.minimum(np.searchsorted(phase.edges, where, side="right"), len(phase.edges) - 1)
        accounts = _ACCOUNTS[profil] * schools.pupils[school]
        stratum = (np.arange(n) + dice.uniform(n)) / max(n, 1) * TABLE_SIZE
        lengths = _lengths(phase.pages)
        pages = lengths[np.minimum(stratum.astype(np.int64), TABLE_SIZE - 1)]
        # Visits of the same length lie side by side, which is why everything else about them is drawn apart.
        visit = np.zeros(n, dtype=HIT)
        visit["visit"] = self._visits + np.arange(n)
        visit["event"] = np.floor((start_s + (step + dice.uniform(n)) * step_s) * 1000).astype(np.int64)
        visit["school"] = school
        visit["person"] = (dice.uniform(n) * (accounts + 1.0)).astype(np.int64)
        odd = dice.uniform(n)
        unknown = len(PROFIL_CODES) + (odd * 1e6).astype(np.int64) % len(calibration.UNKNOWN_PROFILS)
        visit["profil"] = np.where(odd < calibration.UNKNOWN_PROFIL_SHARE, unknown, profil)
        visit["device"] = (dice.uniform(n)[:, None] >= _DEVICE_EDGES[profil]).sum(axis=1)
        self._visits += n
        return self._walk(visit, profil, pages, *phase.taste.lotteries(drift_h))

    def _walk(self, visit: Hits, profil: Ints, pages: Ints, landing: Lottery, following: Lottery) -> Hits:
        dice = self._dice
        row = profil * len(SERVICE_CODES)
        steps: list[Hits] = []
        service = landing.draw(profil, dice.uniform(len(visit)))
        for step in range(int(pages[0]) if len(pages) else 0):
            still = int(np.searchsorted(-pages, -step, side="left"))  # pages > step: they come first
            visit = visit[:still].copy()
            if step:
                service = following.draw(row[:still] + service[:still], dice.uniform(still))
                visit["event"] += _GAPS[dice.slots(still)]
            visit["step"] = step
            visit["service"] = service
            steps.append(visit)
        hits = np.concatenate(steps) if steps else visit
        hits["page"] = dice.words(len(hits)) % np.uint64(3)
        bad = np.flatnonzero(dice.uniform(len(hits)) < calibration.BAD_SHARE)
        hits["fault"][bad] = 1 + dice.pick(len(bad), [fault.share for fault in FAULTS])
        hits["arrival"] = hits["event"] + _DELAYS[dice.slots(len(hits))]
        late = np.flatnonzero(dice.uniform(len(hits)) < calibration.LATE_SHARE)
        hits["arrival"][late] += _LATE[dice.slots(len(late))]
        again = hits[dice.uniform(len(hits)) < calibration.DUPLICATE_SHARE]
        again["arrival"] += _REPEAT[dice.slots(len(again))]
        return np.concatenate([hits, again])
