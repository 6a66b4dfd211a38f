"""Visits as walks through services: a Markov chain for each profil, whose taste drifts over the morning."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from pipeline.simulate import calibration, day
from pipeline.simulate.dice import TABLE_BITS, TABLE_SIZE, Dice, Floats, Ints, geometric, log_uniform, lognormal
from pipeline.simulate.faults import FAULTS
from pipeline.simulate.schools import Schools

Hits = npt.NDArray[np.void]
"""Rows of dtype `HIT`."""
Bytes = npt.NDArray[np.uint8]

SERVICE_CODES = tuple(calibration.SERVICES)
PROFIL_CODES = tuple(calibration.PROFILS)

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

_PAGES = geometric(calibration.MEAN_PAGES, calibration.MAX_PAGES)[::-1].copy()  # long visits first
_GAPS = lognormal(calibration.GAP_MEDIAN_S * 1000, calibration.GAP_SIGMA, calibration.GAP_MAX_S * 1000)
_DELAYS = lognormal(calibration.DELAY_MEDIAN_MS, calibration.DELAY_SIGMA, calibration.DELAY_MAX_MS)
_LATE = log_uniform(calibration.LATE_MIN_S * 1000, calibration.LATE_MAX_S * 1000)
_REPEAT = log_uniform(calibration.DUPLICATE_MIN_S * 1000, calibration.DUPLICATE_MAX_S * 1000)

MEAN_PAGES = float(_PAGES.mean())
MEAN_AGE_S = float(_GAPS.mean() * (_PAGES * (_PAGES - 1) / 2).mean() / MEAN_PAGES / 1000)
"""Mean seconds from the start of a visit to one of its hits: visits must run ahead of the hits by it."""
_TREND_STEP_S = 600
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
        self._tables_of: int | None = None
        self._next = np.empty(0, dtype=np.uint8)
        self._landing = np.empty(0, dtype=np.uint8)

    def visits(self, n: int, start_s: float, length_s: float) -> Hits:
        """All hits of `n` visits that begin between `start_s` and `start_s + length_s`, of dtype `HIT`, unordered.

        Page counts are stratified: any two stretches with as many visits have nearly as many hits, so that the mean
        rate of a run is the one asked for.
        """
        dice, schools = self._dice, self._schools
        middle = start_s + length_s / 2
        self._follow_taste(middle)
        weights = day.activity(np.array([middle]), schools.clock_share)[:, :, 0]
        cell = dice.pick(n, weights.ravel().tolist())
        clock, profil = np.divmod(cell, len(PROFIL_CODES))
        where = schools.clock_from[clock] + dice.uniform(n) * schools.clock_share[clock]
        school = np.minimum(np.searchsorted(schools.edges, where, side="right"), len(schools.edges) - 1)
        accounts = _ACCOUNTS[profil] * schools.pupils[school]
        stratum = (np.arange(n) + dice.uniform(n)) / max(n, 1) * TABLE_SIZE
        pages = _PAGES[np.minimum(stratum.astype(np.int64), TABLE_SIZE - 1)]
        # Visits of the same length lie side by side, which is why everything else about them is drawn apart.
        visit = np.zeros(n, dtype=HIT)
        visit["visit"] = self._visits + np.arange(n)
        visit["event"] = ((start_s + dice.uniform(n) * length_s) * 1000).astype(np.int64)
        visit["school"] = school
        visit["person"] = (dice.uniform(n) * (accounts + 1.0)).astype(np.int64)
        odd = dice.uniform(n)
        unknown = len(PROFIL_CODES) + (odd * 1e6).astype(np.int64) % len(calibration.UNKNOWN_PROFILS)
        visit["profil"] = np.where(odd < calibration.UNKNOWN_PROFIL_SHARE, unknown, profil)
        visit["device"] = (dice.uniform(n)[:, None] >= _DEVICE_EDGES[profil]).sum(axis=1)
        self._visits += n
        return self._walk(visit, profil, pages)

    def _walk(self, visit: Hits, profil: Ints, pages: Ints) -> Hits:
        dice = self._dice
        row = profil * len(SERVICE_CODES)
        steps: list[Hits] = []
        service = self._landing[(profil << TABLE_BITS) + dice.slots(len(visit)).astype(np.int64)]
        for step in range(int(pages[0]) if len(pages) else 0):
            still = int(np.searchsorted(-pages, -step, side="left"))  # pages > step: they come first
            visit = visit[:still].copy()
            if step:
                slot = dice.slots(still).astype(np.int64)
                service = self._next[((row[:still] + service[:still]) << TABLE_BITS) + slot]
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

    def _follow_taste(self, elapsed_s: float) -> None:
        """Rebuild the tables of the chain when the taste has drifted (every ten minutes)."""
        period = math.floor(elapsed_s / _TREND_STEP_S)
        if period == self._tables_of:
            return
        self._tables_of = period
        hours = min(max(period * _TREND_STEP_S / 3600.0, 0.0), 6.0)
        taste = _taste(hours)
        home = SERVICE_CODES.index("PAGE_ENT")
        landing = taste * (1 - calibration.LANDING_SHARE)
        landing[:, home] += calibration.LANDING_SHARE
        self._landing = _slots(landing).ravel()
        self._next = _slots(_chain(taste)).ravel()


def _taste(hours: float) -> Floats:
    """Share of each service for each profil, `hours` after the scenario's start: array (profils, services)."""
    weights = np.array([s.weight * math.exp(s.trend * hours) for s in calibration.SERVICES.values()])
    factors = [
        [calibration.PROFIL_TASTE[profil].get(service, 1.0) for service in SERVICE_CODES] for profil in PROFIL_CODES
    ]
    taste = weights * np.array(factors)
    shares: Floats = taste / taste.sum(axis=1, keepdims=True)
    return shares


def _chain(taste: Floats) -> Floats:
    """Transition probabilities: stay, follow a link, or go where the taste leads; (profils × services, services)."""
    size = len(SERVICE_CODES)
    fixed = np.diag([s.stay for s in calibration.SERVICES.values()])
    for source, (target, probability) in calibration.LINKS.items():
        fixed[SERVICE_CODES.index(source), SERVICE_CODES.index(target)] += probability
    free = 1.0 - fixed.sum(axis=1)
    chain: Floats = fixed[None, :, :] + free[None, :, None] * taste[:, None, :]
    return chain.reshape(-1, size)


def _slots(rows: Floats) -> Bytes:
    """Each row of probabilities as `TABLE_SIZE` slots that hold an index, in proportion."""
    edges = np.rint(np.cumsum(rows, axis=1) / rows.sum(axis=1, keepdims=True) * TABLE_SIZE).astype(np.int64)
    counts = np.diff(edges, axis=1, prepend=0)
    return np.stack([np.repeat(np.arange(rows.shape[1], dtype=np.uint8), count) for count in counts])
