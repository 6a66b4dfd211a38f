"""What is usually built instead: the ratio to the same minutes of a week before, and an exponential moving average.

Each series by itself, on windows of five minutes, with a minimum volume, some ticks in a row, and hysteresis.
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import numpy.typing as npt

from pipeline.alerts import days
from pipeline.alerts.sample import TICK_SECONDS
from tests.bench.alerts.country import MINUTES, PROFILS, Doubles, Floats
from tests.bench.alerts.judged import FIRST_TICK, LAST_TICK, Counted, midnight
from tests.bench.alerts.score import Alarm
from tests.bench.alerts.series import keys_of, members
from tests.bench.alerts.world import BUCKET, PER_MINUTE, World

_WINDOW = 300
_LEAST, _LEAST_OF_A_SPIKE = 20.0, 80.0
"""Hits expected in the window; hits seen, to be called a spike."""
_DROP, _SPIKE = 0.5, 2.0
_Z = 4.0
_AVERAGED = 1_800.0
"""Time constant of the moving average, seconds."""
_IN_A_ROW = {"academie_famille": 6, "plateforme_famille": 6, "academie": 4}
"""Ticks of breach before an alarm, by kind of series; 3 for the others."""
_CALM = 9
"""Ticks without breach that end it."""
_KINDS = ("national", "famille", "academie", "academie_famille", "plateforme", "exploitant", "plateforme_famille")
_SECONDS = np.arange(FIRST_TICK, LAST_TICK, TICK_SECONDS)

Bools = npt.NDArray[np.bool_]


class Baselines:
    """Both of them, for one world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.series = [(kind, key) for kind in _KINDS for key in keys_of(kind)]
        self._members = np.stack([members(*each) for each in self.series]).astype(np.float32)
        self.series += [("profil", profil) for profil in PROFILS]
        self._patience = np.array([_IN_A_ROW.get(kind, 3) for kind, _ in self.series])
        self._before = self._week_before()

    def _week_before(self) -> Doubles:
        """Hits of the same five minutes a week ago: array (series, ticks)."""
        past = self.world.history(self.world.today - timedelta(days=7))
        zero = midnight(self.world.today)
        local = np.array([days.utc_offset(name, zero + 43_200) for name in self.world.academies]) + zero
        minutes = (local[:, None] // 60 + np.arange(MINUTES)) % MINUTES
        main = np.take_along_axis(past.hits, minutes[self.world.leaf_academie], axis=1)
        profils = np.take_along_axis(past.profil_hits, np.repeat(minutes, len(PROFILS), axis=0), axis=1)
        fine = [np.repeat(each / np.float32(PER_MINUTE), PER_MINUTE, axis=1) for each in (main, profils)]
        return self._windows(fine[0], fine[1])

    def _windows(self, main: Floats, profils: Floats) -> Doubles:
        """Sums over the window before each tick: (leaves, buckets) twice to (series, ticks)."""
        rows = []
        for of in (main, profils):
            total = np.zeros((of.shape[0], of.shape[1] + 1))
            np.cumsum(of, axis=1, out=total[:, 1:])
            rows.append((total[:, _SECONDS // BUCKET] - total[:, (_SECONDS - _WINDOW) // BUCKET]).astype(np.float32))
        by_profil = rows[1].reshape(-1, len(PROFILS), rows[1].shape[1]).sum(axis=0)
        windows: Doubles = np.concatenate([self._members @ rows[0], by_profil]).astype(np.float64)
        return windows

    def alarms(self, counted: Counted) -> dict[str, list[Alarm]]:
        """What each of them says of a day, by its name."""
        seen = self._windows(counted.hits, counted.profil_hits)
        least = self._before >= _LEAST
        ratio = self._alarms(
            least & (seen < _DROP * self._before),
            least & (seen > _SPIKE * self._before) & (seen >= _LEAST_OF_A_SPIKE),
        )
        z, mean = _scores(seen)
        ewma = self._alarms((z < -_Z) & (mean >= _LEAST), (z > _Z) & (mean >= _LEAST) & (seen >= _LEAST_OF_A_SPIKE))
        return {"J-7 ratio": ratio, "EWMA": ewma}

    def _alarms(self, low: Bools, high: Bools) -> list[Alarm]:
        found = []
        for direction, breach in (("drop", low), ("spike", high)):
            run = np.zeros(len(self.series), np.int64)
            calm = np.zeros(len(self.series), np.int64)
            is_open = np.zeros(len(self.series), np.bool_)
            for tick, now in enumerate(breach.T):
                run = np.where(now, run + 1, 0)
                calm = np.where(now, 0, calm + 1)
                opens = (run >= self._patience) & ~is_open
                is_open = (is_open | opens) & (calm < _CALM)
                for number in np.flatnonzero(opens):
                    found.append(Alarm(int(_SECONDS[tick]), *self.series[number], direction))
        return found


def _scores(seen: Doubles) -> tuple[Doubles, Doubles]:
    """How far each window is from its moving average, in moving standard deviations, and that average."""
    step = 1 - np.exp(-TICK_SECONDS / _AVERAGED)
    mean, variance = seen[:, 0].copy(), np.maximum(seen[:, 0], 1.0)
    z, means = np.empty_like(seen), np.empty_like(seen)
    for tick, now in enumerate(seen.T):
        off = now - mean
        z[:, tick] = off / np.sqrt(np.maximum(variance, 1.0))
        means[:, tick] = mean
        mean = mean + step * off
        variance = (1 - step) * (variance + step * off * off)
    return z, means
