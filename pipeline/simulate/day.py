"""The shape of the rentrée day: how busy each profil is at each local hour, and each clock's part in it."""

from __future__ import annotations

from functools import cache

import numpy as np

from pipeline.simulate import calibration, places
from pipeline.simulate.dice import Floats

OPENS_HOUR = 7.5
"""Local time in Paris at which the scenario begins."""
MORNING_HOURS = 3.0
"""The ramp and the first lessons, 07:30 to 10:30: shares of profils and the mean rate of an endless run are theirs."""


def _step(hour: Floats, centre: float, width: float) -> Floats:
    step: Floats = 1.0 / (1.0 + np.exp(-np.clip((hour - centre) / width, -40.0, 40.0)))
    return step


def _bump(hour: Floats, centre: float, width: float) -> Floats:
    bump: Floats = np.exp(-0.5 * ((hour - centre) / width) ** 2)
    return bump


def curves(hour: Floats) -> Floats:
    """Activity at local hours: one row for each profil, each with mean 1 over the morning in its own time.

    Pupils and teachers are there by day, parents before school and in the evening (inference from the field); the
    levels are ours, with the lunch break, the end of school, and the night.
    """
    shape: Floats = _raw(hour % 24.0) / _morning_means()[:, None]
    return shape


@cache
def _morning_means() -> Floats:
    means: Floats = _raw(np.arange(OPENS_HOUR, OPENS_HOUR + MORNING_HOURS, 1 / 60)).mean(axis=1)
    return means


def _raw(hour: Floats) -> Floats:
    lunch = 1 - 0.35 * _step(hour, 12.25, 0.13) + 0.30 * _step(hour, 13.75, 0.13)
    pupils = 0.06 + _step(hour, 8.0, 0.25) * lunch * (1 - 0.5 * _step(hour, 17.0, 0.25)) + 0.35 * _bump(hour, 18.5, 1.0)
    parents = 0.08 + 0.7 * _bump(hour, 7.9, 0.5) + 0.4 * _step(hour, 8.2, 0.2) * (1 - 0.4 * _step(hour, 10.0, 0.5))
    parents += 0.3 * _bump(hour, 12.5, 0.7) + 0.8 * _bump(hour, 19.0, 1.5)
    teachers = 0.08 + _step(hour, 7.7, 0.25) * (1 - 0.6 * _step(hour, 17.5, 0.4)) + 0.3 * _bump(hour, 20.5, 1.0)
    staff = 0.05 + _step(hour, 7.9, 0.2) * (1 - 0.95 * _step(hour, 18.0, 0.3))
    bells = 1 + 0.25 * (_bump(hour, 8.0, 0.05) + _bump(hour, 8.92, 0.05) + _bump(hour, 10.08, 0.05))
    night = 1 - 0.95 * _step(hour, 22.3, 0.4) - 0.9 * _step(-hour, -5.0, 0.3)
    by_profil = {"ELEVE": pupils * bells, "PARENT": parents, "ENSEIGNANT": teachers * bells}
    return np.stack([by_profil.get(profil, staff) for profil in calibration.PROFILS]) * np.clip(night, 0.02, 1.0)


def activity(elapsed_s: Floats, clock_share: Floats) -> Floats:
    """Relative activity by clock, profil and instant: array (clocks, profils, instants).

    Args:
        elapsed_s: Seconds since the scenario's start (07:30 in Paris).
        clock_share: Each clock's share of the schools' weight; sums to 1.

    The sum over clocks and profils is about 1 on average over the morning.
    """
    shifts = np.array([clock.hours_after_paris for clock in places.CLOCKS])
    hours = OPENS_HOUR + elapsed_s[None, :] / 3600.0 + shifts[:, None]
    shape = curves(hours.ravel()).reshape(len(calibration.PROFILS), *hours.shape)
    shares = np.array(list(calibration.PROFILS.values()))
    busy: Floats = clock_share[:, None, None] * shares[None, :, None] * shape.transpose(1, 0, 2)
    return busy
