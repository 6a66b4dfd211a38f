"""When a series is far enough from its expectation: every threshold, by kind of series.

They were set on simulated days (`python -m tests.bench alerts`), on seeds other than those that are reported.
"""

from __future__ import annotations

import numpy as np

from pipeline.alerts.catalogue import KIND_CODES, Catalogue
from pipeline.alerts.chance import sigmas
from pipeline.alerts.expectation import FAR, NEAR, UNEXPLAINED, Bools, Expected
from pipeline.alerts.sample import Floats, Ints


def _by_kind(**values: float) -> Floats:
    """One value for each kind code, in the order of `KIND_CODES`."""
    table = np.zeros(len(KIND_CODES))
    for kind, value in values.items():
        table[KIND_CODES[kind]] = value  # type: ignore[index]
    return table


def _levels(n: float, p: float, f: float, a: float, pf: float, af: float, profil: float) -> Floats:
    return _by_kind(national=n, plateforme=p, exploitant=p, famille=f, academie=a, plateforme_famille=pf,
                    academie_famille=af, profil=profil)  # fmt: skip


# Relative error of a large expectation: what the counts of a healthy day show, by how old the level is.
NOISE = np.stack([
    _levels(n=0.034, p=0.040, f=0.043, a=0.056, pf=0.056, af=0.085, profil=0.058),
    _levels(n=0.050, p=0.058, f=0.062, a=0.078, pf=0.090, af=0.120, profil=0.088),
])  # fmt: skip
"""(2, kinds): with the near level, with the far one."""
CLUMPING = np.array([2.0, 4.0, 6.0, 7.0])
"""(WINDOWS,) Variance over mean of small counts: a visit is several pages, the longer the window, the more of it."""

SIGMAS_DROP = _levels(n=4.8, p=4.8, f=4.8, a=4.8, pf=5.3, af=5.3, profil=5.0)
SIGMAS_SPIKE = _levels(n=5.0, p=5.2, f=5.2, a=5.4, pf=5.8, af=6.2, profil=5.4)
DROP = np.stack([
    _levels(n=0.18, p=0.16, f=0.17, a=0.20, pf=0.28, af=0.33, profil=0.20),
    _levels(n=0.25, p=0.20, f=0.20, a=0.22, pf=0.35, af=0.40, profil=0.25),
])  # fmt: skip
"""(2, kinds) Least relative loss that is worth an alert, near and far."""
SPIKE = np.stack([
    _levels(n=1.30, p=1.30, f=1.30, a=1.36, pf=1.45, af=1.55, profil=1.35),
    _levels(n=1.40, p=1.35, f=1.35, a=1.40, pf=1.60, af=1.70, profil=1.45),
])  # fmt: skip
"""(2, kinds) Least ratio that is."""
ALONE_SPIKE = 1.6
"""Least ratio of a spike for a series without peers."""
ALONE_NOISE = 1.12
"""How much wider a territory without peers is judged: what moves it today is in nobody else's figures."""
RETURN = 0.07
"""By how much the reference itself has to be left, in the same direction, for the near level to be believed; and for
any surge."""
TICKS_DROP = _levels(n=3, p=3, f=3, a=3, pf=5, af=5, profil=3)
TICKS_SPIKE = _levels(n=3, p=3, f=3, a=4, pf=6, af=7, profil=4)
"""Ticks in a row before an alert opens, of a loss and of a surge; twice as many where chance may make one of them."""
SMALL_HITS, SMALL_TICKS = 60.0, 2
"""Hits a minute below which a series has to breach for so many ticks more: a dozen visits may well pause together."""
STRONG = 2
PATIENT_SIGMAS = _levels(n=3.4, p=3.4, f=4.4, a=3.4, pf=3.4, af=3.4, profil=3.4)
"""Standard deviations of chance alone from which on a low minute counts towards an alert at all: visits of a small
famille, such as lessons by video, begin and end together."""
PATIENT_ALONE = 3.9
"""The least of these for a series without peers."""
PATIENT_NOISE = 1.2
"""The same of noise, over those that a sure minute needs."""
DAY_FROM, DAY_TO = 6.75 * 3600, 23.0 * 3600
"""Seconds of the local day outside of which a handful of people is all there is, and each of them many pages."""
NIGHT_SIGMAS = 1.5
"""How many more standard deviations it takes at night."""
LEARNING_DROP = np.stack([
    _levels(n=0.40, p=0.25, f=0.25, a=0.27, pf=0.38, af=0.42, profil=0.33),
    _levels(n=0.40, p=0.32, f=0.32, a=0.34, pf=0.45, af=0.48, profil=0.38),
])  # fmt: skip
ENDLESS = 1e9
"""A ratio that no series can have."""
LEARNING_SPIKE = np.stack([
    _levels(n=ENDLESS, p=1.40, f=1.40, a=1.45, pf=1.60, af=1.70, profil=1.55),
    _levels(n=ENDLESS, p=1.60, f=1.60, a=1.65, pf=1.85, af=1.95, profil=1.80),
])  # fmt: skip
"""(2, kinds) The same for a learning series."""
CLIMB, CLIMB_FREE = 3.5, 0.04
"""How much wider these margins get for each e-fold of the country within ten minutes, and what is free of it."""
LEARNING_DROP_MOST = 0.60
NARROW = _levels(n=0, p=1, f=1, a=1, pf=1, af=1, profil=1) > 0
LEARNING_PAST = _levels(n=300, p=300, f=300, a=300, pf=900, af=900, profil=300)
"""Hits of its own half hour below which a learning series is not judged."""
LEARNING_NOISE = 1.5
LEARNING_ALONE_DROP, LEARNING_ALONE_SPIKE = 0.75, 3.5
LEARNING_FROM, LEARNING_TO = 7.25 * 3600, 21.75 * 3600
"""Seconds of the local day between which a learning series is judged: nights have no level."""
CROWD = 20.0
"""Times `LEARNING_PAST` from which on one with peers is judged at any hour, for losses of `LEARNING_DROP_MOST`: hardly
any has so much in the dead of night, but a simulated morning at that hour, or great news."""

LEAST_SHARE = 0.4
"""Of what is expected of a series: with more of it under open alerts, its rest is judged by the parts it has."""
COARSE_DROP, COARSE_SPIKE = 0.6, 2.5
"""Least loss and ratio of series that hold a profil under an alert, in unknown shares."""

LEAST_DUE, LEAST_PAST = 20.0, 100.0
"""Hits that must be expected in the window, and in the last hour, for a drop."""
SPIKE_HITS, SPIKE_DUE, SPIKE_PAST = 80.0, 15.0, 20.0
"""Hits seen, and expected in the window and in the last hour, for a spike."""
NEVER = 2.0
"""A loss that no series can have."""
LEAK = _levels(n=NEVER, p=0.35, f=0.35, a=0.40, pf=NEVER, af=NEVER, profil=NEVER)
LEAK_ALONE = 0.65
LEAK_SIGMAS, LEAK_DUE, LEAK_TICKS, LEAK_NOISE = 3.5, 500.0, 9, 1.5
"""A slow leak: half an hour that far below the reference itself, whatever q says; further, where no peers move it."""

RETRIES = 1.5
"""Pages a visit over what they should be from which on a spike is called retries."""

SILENCE_HITS = 80.0
"""Hits that should have come since the last one: about twelve visits, none of which came."""
SILENCE_SECONDS = 900.0

SILENCE_EVERY, SILENCE_TICKS = 60, 2
"""Seconds between two looks at silence, which is a matter of hours, and looks in a row before an alert."""
OPEN_SHARE, SHUT_SHARE = 0.5, 0.005
"""A territory without a known calendar is not open until it has been at half of its level today; unless there is next
to nothing at all, which is no holiday either."""
SHUT_DUE = 2000.0
"""Hits of a school day's half hour from which on next to nothing is: of that many, holidays leave some eight visits."""
OPEN_FROM, OPEN_TO = 8.25 * 3600, 17.0 * 3600
"""Seconds of the local day between which that tells a school day: early and late, holidays are much like it."""

CALM_TICKS = 9
"""Ticks in a row back to ordinary before an alert closes."""
CAP_NATIONAL, CAP_LEARNING, CAP = 3600, 5400, 4 * 3600
"""Seconds after which an alert is closed for having become the level of the day."""
LATE_SECONDS, LATE_TICKS, IN_TIME_TICKS = 60.0, 2, 3
UPDATE_SECONDS = 300
"""Least event time between two revisions that only update."""


def _reloading(found: Expected) -> float:
    """How many times more pages a visit the country loads than it should: in a storm, counts are as much rougher."""
    return max(float(found.pages[0] / max(found.expected_pages[0], 1e-9)), 1.0) if len(found.pages) else 1.0


def _far_off(found: Expected, codes: Ints) -> Ints:
    """The series that any rule may call far off: by the least margins and volumes there are."""
    x, mu = found.x[:, None, :3], found.base[:, None, :3] * found.q[:, :, None]
    low = (x <= (1 - DROP.T[codes][:, :, None]) * mu) & (mu >= LEAST_DUE)
    high = (x >= SPIKE.T[codes][:, :, None] * mu) & (x >= SPIKE_HITS)
    return np.flatnonzero((low | high).any(axis=(1, 2)))


class Verdict:
    """Which series breach at one tick.

    Attributes:
        drop: (series,) Whether any window breaches downwards.
        spike: (series,) The same upwards.
        leak: (series,) Whether the half hour leaks.
        weight: (series,) What the tick counts: `STRONG`, or 1 for a loss that has to last.
        window: (series,) Shortest window that breaches, as an index of `WINDOWS`; 3 where only the half hour does.
        memory: (series,) Which level that was held against: `NEAR` or `FAR`.
    """

    def __init__(self, found: Expected, catalogue: Catalogue, local_seconds: Floats) -> None:
        size = len(catalogue)
        self.drop: Bools = np.zeros(size, dtype=bool)
        self.spike: Bools = np.zeros(size, dtype=bool)
        self.weight = np.zeros(size, dtype=np.int64)
        self.window = np.full(size, 3)
        self.memory = np.full(size, FAR)
        by_day = (local_seconds >= DAY_FROM) & (local_seconds <= DAY_TO)
        self.leak = self._leak(found, catalogue.levels, catalogue.alone) & by_day
        # Hardly any series is far enough off at a tick: all else is asked of those only.
        rows = _far_off(found, catalogue.levels)
        if rows.size:
            self._judge(found.only(rows), rows, catalogue, local_seconds[rows], _reloading(found))

    def _judge(
        self, found: Expected, rows: Ints, catalogue: Catalogue, local_seconds: Floats, reloading: float
    ) -> None:
        """Which of some series breach; `found` and `local_seconds` are theirs only."""
        codes, alone, learning = catalogue.levels[rows], catalogue.alone[rows], found.learning
        country, profil = rows == 0, rows >= catalogue.main
        x = found.x[:, None, :3]
        mu = found.base[:, None, :3] * found.q[:, :, None]
        drop_by, spike_by = DROP.T[codes], SPIKE.T[codes]
        spike_by = np.where(alone[:, None], np.maximum(spike_by, ALONE_SPIKE), spike_by)
        awake: Bools = np.ones(len(codes), dtype=bool)
        crowded: Bools = np.zeros(len(codes), dtype=bool)
        if learning.any():
            # Where the country climbs fast, each series does so in its own way.
            wider = 1 + CLIMB * max(found.climb - CLIMB_FREE, 0.0)
            narrow = np.minimum(LEARNING_DROP * np.where(NARROW, wider, 1.0), LEARNING_DROP_MOST)
            drop_by = np.where(learning[:, None], narrow.T[codes], drop_by)
            drop_by = np.where((learning & alone)[:, None], LEARNING_ALONE_DROP, drop_by)
            spike_by = np.where(learning[:, None], 1 + (LEARNING_SPIKE.T[codes] - 1) * wider, spike_by)
            spike_by = np.where((learning & alone)[:, None], LEARNING_ALONE_SPIKE, spike_by)
            by_day = (local_seconds >= LEARNING_FROM) & (local_seconds <= LEARNING_TO)
            awake = ~learning | ((found.past >= LEARNING_PAST[codes]) & by_day)
            crowded = ~awake & ~alone & NARROW[codes] & (found.past >= CROWD * LEARNING_PAST[codes])
            crowded &= ~profil  # a profil goes to bed all at once
            drop_by = np.where(crowded[:, None], np.maximum(drop_by, LEARNING_DROP_MOST), drop_by)
        if found.coarse:
            others = (~country & ~profil)[:, None]
            drop_by = np.where(others, np.maximum(drop_by, COARSE_DROP), drop_by)
            spike_by = np.where(others, np.maximum(spike_by, COARSE_SPIKE), spike_by)
        drop: Bools = (x <= (1 - drop_by[:, :, None]) * mu) & (mu >= LEAST_DUE)
        drop &= ((awake | crowded) & (found.past >= LEAST_PAST))[:, None, None]
        spike: Bools = (x >= spike_by[:, :, None] * mu) & (x >= SPIKE_HITS) & (mu >= SPIKE_DUE)
        spike &= (awake & (found.past >= SPIKE_PAST))[:, None, None]
        # A return to the ordinary after something passing is neither: the far level has to agree by half, and the
        # reference itself a little.
        far = mu[:, 1]
        drop[:, 0] &= x[:, 0] <= (1 - drop_by[:, 1, None] / 2) * far
        spike[:, 0] &= x[:, 0] >= (1 + (spike_by[:, 1, None] - 1) / 2) * far
        # Nor is what only the peers do: where one platform is most of a zone, the others seem to fall when it surges.
        for level in (NEAR, FAR):
            steady = (found.steady[:, level] * found.q[:, level, None])[:, None, :3]
            unknown = ~found.known[:, level, None, None]
            drop &= unknown | (x <= (1 - drop_by[:, :, None] / 2) * steady)
            spike &= unknown | (x >= (1 + (spike_by[:, :, None] - 1) / 2) * steady)
        # Nor is what only a drift says that is remembered from before an alert, and may be of that alert's making.
        remembered = ~found.known[:, :, None]
        drop &= ~remembered | (x <= (1 - drop_by[:, :, None] / 2) * found.base[:, None, :3])
        spike &= ~remembered | (x >= (1 + (spike_by[:, :, None] - 1) / 2) * found.base[:, None, :3])
        if learning.any():
            before = (found.base * found.old[:, None])[:, None, :3]
            agreed = x <= (1 - 0.9 * drop_by[:, 0, None, None]) * before
            drop &= agreed | ~learning[:, None, None]
            agreed = x >= (1 + 0.9 * (spike_by[:, 0, None, None] - 1)) * before
            spike &= agreed | ~learning[:, None, None]
        own = learning[:, None]
        drop[:, 0] &= own | (x[:, 0] <= (1 - RETURN) * found.base[:, :3])
        # Upwards the far level says no more: it follows a loss that creeps over hours, whose end is no surge.
        spike &= own[:, :, None] | (x >= (1 + RETURN) * found.base[:, None, :3])
        spike[country, :, 0] = False  # a bell that rings in all schools at once
        rest = found.share >= LEAST_SHARE
        drop &= rest[:, None, None]
        spike &= rest[:, None, None]
        if found.coarse:
            drop[country & learning] = spike[country & learning] = False
        # What is far enough off is seldom; only for that are deviations reckoned.
        series, memory, window = np.nonzero(drop | spike)
        noise = NOISE[memory, codes[series]] * np.where(learning[series], LEARNING_NOISE, 1.0)
        noise *= np.where(found.known[series, memory] | learning[series], 1.0, UNEXPLAINED)
        noise *= np.where((alone & ~country)[series], ALONE_NOISE, 1.0)
        noise = np.sqrt(noise * noise + found.steep[series] ** 2)
        clumping = CLUMPING[window] * reloading
        z = sigmas(found.x[series, window], mu[series, memory, window], clumping, noise)
        night = (local_seconds[series] < DAY_FROM) | (local_seconds[series] > DAY_TO)
        need = np.where(z < 0, SIGMAS_DROP[codes[series]], SIGMAS_SPIKE[codes[series]]) + NIGHT_SIGMAS * night
        strong = np.abs(z) >= need
        # A minute so low that chance alone seldom makes it, and far beyond the noise of a level: several in a row are
        # as sure. Not so upwards: one class that opens one page together makes several such minutes.
        by_chance = sigmas(found.x[series, window], mu[series, memory, window], clumping, 0.0 * noise)
        ratio = found.x[series, window] / np.maximum(mu[series, memory, window], 1e-9)
        enough = np.where(alone[series], PATIENT_ALONE, PATIENT_SIGMAS[codes[series]])
        patient = (window == 0) & ~night & (by_chance <= -enough) & (1 - ratio >= PATIENT_NOISE * need * noise)
        unsure = ~(strong | patient)
        drop[series[unsure], memory[unsure], window[unsure]] = False
        spike[series[unsure], memory[unsure], window[unsure]] = False
        weight = np.zeros(rows.size, dtype=np.int64)
        np.maximum.at(weight, series, np.where(strong, STRONG, np.where(patient, 1, 0)))
        flat = (drop | spike).transpose(0, 2, 1).reshape(rows.size, 6)
        first, breached = flat.argmax(axis=1), flat.any(axis=1)
        self.drop[rows], self.spike[rows] = drop.any(axis=(1, 2)), spike.any(axis=(1, 2))
        self.weight[rows] = weight
        self.window[rows] = np.where(breached, first // 2, 3)
        self.memory[rows] = np.where(breached, first % 2, FAR)

    @staticmethod
    def _leak(found: Expected, codes: Ints, alone: Bools) -> Bools:
        due, least = found.base[:, 3], np.where(alone, np.maximum(LEAK[codes], LEAK_ALONE), LEAK[codes])
        leak: Bools = (
            (found.share >= LEAST_SHARE)
            & (found.x[:, 3] <= (1 - least) * due)
            & (~found.known[:, FAR] | (found.x[:, 3] <= (1 - least / 2) * found.steady[:, FAR, 3]))
            & (due >= LEAK_DUE)
            & ~found.learning
            & ~found.freed
        )
        at = np.flatnonzero(leak)
        noise = NOISE[FAR, codes[at]] * LEAK_NOISE
        noise = np.sqrt(noise * noise + found.steep[at] ** 2)
        leak[at] = sigmas(found.x[at, 3], due[at], CLUMPING[3], noise) <= -LEAK_SIGMAS
        return leak
