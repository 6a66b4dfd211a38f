"""When a series is far enough from its expectation: every threshold, by kind of series.

They were set on simulated days (`python -m tests.bench alerts`), on seeds other than those that are reported.
"""

from __future__ import annotations

import numpy as np

from pipeline.alerts.catalogue import KIND_CODES
from pipeline.alerts.expectation import Expected, sigmas
from pipeline.alerts.sample import Floats


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
    _levels(n=0.034, p=0.036, f=0.042, a=0.054, pf=0.056, af=0.085, profil=0.050),
    _levels(n=0.050, p=0.052, f=0.060, a=0.078, pf=0.090, af=0.120, profil=0.080),
])  # fmt: skip
"""(2, kinds): with the near level, with the far one."""
CLUMPING = np.array([2.0, 4.0, 6.0, 7.0])
"""(WINDOWS,) Variance over mean of small counts: a visit is several pages, the longer the window, the more of it."""

SIGMAS_DROP = _levels(n=4.8, p=4.8, f=4.8, a=4.8, pf=5.0, af=5.0, profil=4.8)
SIGMAS_SPIKE = _levels(n=4.8, p=4.8, f=4.8, a=5.0, pf=5.6, af=5.6, profil=5.0)
DROP = np.stack([
    _levels(n=0.18, p=0.16, f=0.17, a=0.20, pf=0.28, af=0.33, profil=0.20),
    _levels(n=0.25, p=0.20, f=0.20, a=0.22, pf=0.35, af=0.40, profil=0.25),
])  # fmt: skip
"""(2, kinds) Least relative loss that is worth an alert, near and far."""
SPIKE = np.stack([
    _levels(n=1.28, p=1.26, f=1.27, a=1.32, pf=1.45, af=1.55, profil=1.35),
    _levels(n=1.40, p=1.35, f=1.35, a=1.40, pf=1.60, af=1.70, profil=1.45),
])  # fmt: skip
"""(2, kinds) Least ratio that is."""
TICKS = _levels(n=3, p=3, f=3, a=4, pf=6, af=6, profil=4)
"""Ticks in a row before an alert opens."""
LEARNING_DROP = _levels(n=0.40, p=0.35, f=0.35, a=0.35, pf=0.50, af=0.50, profil=0.40)
LEARNING_SPIKE = _levels(n=np.inf, p=1.70, f=1.70, a=1.70, pf=2.20, af=2.20, profil=1.90)
LEARNING_PAST = _levels(n=300, p=300, f=300, a=300, pf=900, af=900, profil=300)
"""Hits of its own half hour below which a learning series is not judged."""
LEARNING_NOISE = 1.5
LEARNING_ALONE_DROP = 0.75
LEARNING_FROM, LEARNING_TO = 7.25 * 3600, 21.75 * 3600
"""Seconds of the local day between which a learning series is judged: nights have no level."""

LEAST_DUE, LEAST_PAST = 20.0, 100.0
"""Hits that must be expected in the window, and in the last hour, for a drop."""
SPIKE_HITS, SPIKE_DUE, SPIKE_PAST = 80.0, 15.0, 20.0
"""Hits seen, and expected in the window and in the last hour, for a spike."""
NEVER = 2.0
"""A loss that no series can have."""
LEAK = _levels(n=NEVER, p=0.35, f=0.35, a=0.40, pf=NEVER, af=NEVER, profil=NEVER)
LEAK_SIGMAS, LEAK_DUE, LEAK_TICKS, LEAK_NOISE = 3.5, 500.0, 9, 1.5
"""A slow leak: half an hour that far below the reference itself, whatever q says."""

RETRIES = 1.5
"""Pages a visit over what they should be from which on a spike is called retries."""

SILENCE_HITS = 75.0
"""Hits that should have come since the last one: about twelve visits, none of which came."""
SILENCE_SECONDS = 900.0

CALM_TICKS = 9
"""Ticks in a row back to ordinary before an alert closes."""
CAP_NATIONAL, CAP = 3600, 4 * 3600
"""Seconds after which an alert is closed for having become the level of the day."""
LATE_SECONDS, LATE_TICKS, IN_TIME_TICKS = 60.0, 2, 3
UPDATE_SECONDS = 300
"""Least event time between two revisions that only update."""


class Verdict:
    """Which series breach at one tick.

    Attributes:
        drop: (series,) Whether any window breaches downwards.
        spike: (series,) The same upwards.
        leak: (series,) Whether the half hour leaks.
        window: (series,) Shortest window that breaches, as an index of `WINDOWS`; 3 where only the half hour does.
        memory: (series,) Which level that was held against: `NEAR` or `FAR`.
    """

    def __init__(self, found: Expected, codes: np.ndarray, local_seconds: Floats, alone: np.ndarray) -> None:
        learning = found.learning
        widen = np.where(learning, LEARNING_NOISE, 1.0)
        series = len(codes)
        x = found.x[:, None, :3]
        mu = found.base[:, None, :3] * found.q[:, :, None]
        noise = NOISE.T[codes] * widen[:, None] * np.where(found.known | learning[:, None], 1.0, 1.6)
        noise = np.sqrt(noise * noise + (found.steep * found.steep)[:, None])
        z = sigmas(x, mu, CLUMPING[None, None, :3], noise[:, :, None])
        drop_by = np.where(learning[:, None], LEARNING_DROP[codes][:, None], DROP.T[codes])
        drop_by = np.where((learning & alone)[:, None], LEARNING_ALONE_DROP, drop_by)
        spike_by = np.where(learning[:, None], LEARNING_SPIKE[codes][:, None], SPIKE.T[codes])
        spike_by = np.where((learning & alone)[:, None], np.inf, spike_by)
        awake = ~learning | (
            (found.past >= LEARNING_PAST[codes]) & (local_seconds >= LEARNING_FROM) & (local_seconds <= LEARNING_TO)
        )
        drop = (z <= -SIGMAS_DROP[codes][:, None, None]) & (x <= (1 - drop_by[:, :, None]) * mu)
        drop &= (mu >= LEAST_DUE) & (awake & (found.past >= LEAST_PAST))[:, None, None]
        spike = (z >= SIGMAS_SPIKE[codes][:, None, None]) & (x >= spike_by[:, :, None] * mu)
        spike &= (x >= SPIKE_HITS) & (mu >= SPIKE_DUE) & (awake & (found.past >= SPIKE_PAST))[:, None, None]
        # A return to the ordinary after something passing is neither: the far level has to agree by half.
        far = mu[:, 1]
        drop[:, 0] &= x[:, 0] <= (1 - drop_by[:, 1, None] / 2) * far
        spike[:, 0] &= x[:, 0] >= (1 + (spike_by[:, 1, None] - 1) / 2) * far
        spike[0, :, 0] = False  # a bell that rings in all schools at once
        due = found.base[:, 3]
        z_leak = sigmas(found.x[:, 3], due, CLUMPING[3], noise[:, 1] * LEAK_NOISE)
        self.leak = (
            (found.x[:, 3] <= (1 - LEAK[codes]) * due) & (z_leak <= -LEAK_SIGMAS) & (due >= LEAK_DUE) & ~learning
        )
        either = drop | spike  # (series, memory, window)
        flat = either.transpose(0, 2, 1).reshape(series, 6)
        first = flat.argmax(axis=1)
        any_ = flat.any(axis=1)
        self.drop, self.spike = drop.any(axis=(1, 2)), spike.any(axis=(1, 2))
        self.window = np.where(any_, first // 2, 3)
        self.memory = np.where(any_, first % 2, 1)
        self.noise = noise
