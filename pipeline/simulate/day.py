"""The shape of the days: how busy each profil is at each local hour of each kind of day, and how busy the country is.

Pupils and teachers are there by day, parents before school and in the evening (inference from the field). The numbers
of the curves are ours; `calibration.py` says how much of a school day each other kind of day holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache

import numpy as np

from pipeline.simulate import calibration, places, school_days
from pipeline.simulate.dice import Floats, Ints

OPENS_HOUR = 7.5
"""Local time in Paris at which the mornings begin."""
MORNING_HOURS = 3.0
"""The ramp and the first lessons, 07:30 to 10:30: shares of profils are theirs."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


@dataclass(frozen=True)
class Group:
    """Schools that share a clock and a calendar."""

    clock: int
    """Place in `places.CLOCKS`."""
    zone: str
    """School zone A, B or C; "" overseas."""


GROUPS = tuple(
    Group(i, zone) for i, clock in enumerate(places.CLOCKS) for zone in (("",) if clock.departements else "ABC")
)


def _step(hour: Floats, centre: float, width: float) -> Floats:
    step: Floats = 1.0 / (1.0 + np.exp(-np.clip((hour - centre) / width, -40.0, 40.0)))
    return step


def _bump(hour: Floats, centre: float, width: float) -> Floats:
    bump: Floats = np.exp(-0.5 * ((hour - centre) / width) ** 2)
    return bump


def _lessons(hour: Floats) -> Floats:
    """A day with lessons, lunch break, end of school and the bells: array (profils, hours)."""
    lunch = 1 - 0.35 * _step(hour, 12.25, 0.13) + 0.30 * _step(hour, 13.75, 0.13)
    pupils = 0.06 + _step(hour, 8.0, 0.25) * lunch * (1 - 0.5 * _step(hour, 17.0, 0.25)) + 0.35 * _bump(hour, 18.5, 1.0)
    parents = 0.08 + 0.7 * _bump(hour, 7.9, 0.5) + 0.4 * _step(hour, 8.2, 0.2) * (1 - 0.4 * _step(hour, 10.0, 0.5))
    parents += 0.3 * _bump(hour, 12.5, 0.7) + 0.8 * _bump(hour, 19.0, 1.5)
    teachers = 0.08 + _step(hour, 7.7, 0.25) * (1 - 0.6 * _step(hour, 17.5, 0.4)) + 0.3 * _bump(hour, 20.5, 1.0)
    staff = 0.05 + _step(hour, 7.9, 0.2) * (1 - 0.95 * _step(hour, 18.0, 0.3))
    bells = 1 + 0.25 * (_bump(hour, 8.0, 0.05) + _bump(hour, 8.92, 0.05) + _bump(hour, 10.08, 0.05))
    by_profil = {"ELEVE": pupils * bells, "PARENT": parents, "ENSEIGNANT": teachers * bells}
    return np.stack([by_profil.get(profil, staff) for profil in calibration.PROFILS]) * _night(hour)


def _half_day(hour: Floats) -> Floats:
    """A Wednesday: lessons until noon; in the afternoon teachers stay a little, pupils do some homework."""
    afternoon = _step(hour, 12.6, 0.2) * _step(-hour, -17.0, 0.5)
    left = {"ELEVE": 0.65, "ENSEIGNANT": 0.45, "PARENT": 0.1}
    cut = np.array([left.get(profil, 0.3) for profil in calibration.PROFILS])
    half: Floats = _lessons(hour) * (1 - cut[:, None] * afternoon)
    return half


def _rest(hour: Floats) -> Floats:
    """A day without lessons: late up, a little in the morning, most in the late afternoon and evening."""
    shape = 0.1 + 0.5 * _bump(hour, 10.8, 1.5) + 0.35 * _bump(hour, 15.5, 1.8) + 0.8 * _bump(hour, 18.8, 1.9)
    return np.tile(shape, (len(calibration.PROFILS), 1)) * _night(hour)


def _night(hour: Floats) -> Floats:
    night: Floats = 1 - 0.95 * _step(hour, 22.3, 0.4) - 0.9 * _step(-hour, -5.0, 0.3)
    return np.clip(night, 0.02, 1.0)


def curves(hour: Floats, kinds: Ints) -> Floats:
    """Activity at local hours (0 to 24) of days of those kinds: array (profils, instants).

    Each profil has mean 1 over the morning of a day with lessons, in its own time.
    """
    by_kind, level = _levels()
    shapes = np.stack([_lessons(hour), _half_day(hour), _rest(hour)])  # (shapes, profils, instants)
    picked = np.take_along_axis(shapes, by_kind[kinds][None, None, :], axis=0)[0]
    shaped: Floats = picked * level[:, kinds]
    return shaped


@cache
def _levels() -> tuple[Ints, Floats]:
    """For each kind of day: which shape it has, and the factor on it for each profil: (kinds), (profils, kinds)."""
    morning = np.arange(OPENS_HOUR, OPENS_HOUR + MORNING_HOURS, 1 / 60)
    whole = np.arange(0, 24, 1 / 12)
    unit = 1 / _lessons(morning).mean(axis=1)
    of_a_school_day = _lessons(whole).mean(axis=1) * unit
    rest = of_a_school_day / _rest(whole).mean(axis=1)
    levels = np.empty((len(unit), 6))
    shapes = np.full(6, 2, dtype=np.int64)
    shapes[[school_days.ECOLE, school_days.MERCREDI]] = (0, 1)
    levels[:, [school_days.ECOLE, school_days.MERCREDI]] = unit[:, None]
    for kind, share in (
        (school_days.SAMEDI, calibration.SATURDAY),
        (school_days.DIMANCHE, calibration.SUNDAY),
        (school_days.VACANCES, calibration.SCHOOL_HOLIDAY),
        (school_days.FERIE, calibration.PUBLIC_HOLIDAY),
    ):
        levels[:, kind] = rest * share
    return shapes, levels


def activity(instants: Floats) -> Floats:
    """How busy each group of schools is: array (instants, groups, profils).

    Args:
        instants: Seconds since 1970, UTC.

    Weighted with the groups' shares of the country, the sum over a morning with lessons is 1 on average.
    """
    hours = np.empty((len(GROUPS), len(instants)))
    kinds = np.empty((len(GROUPS), len(instants)), dtype=np.int64)
    for g, group in enumerate(GROUPS):
        local = instants + places.offsets(group.clock, instants)
        days, inverse = np.unique(np.floor(local / 86_400).astype(np.int64), return_inverse=True)
        kinds[g] = np.array([school_days.kind_of(group.zone, int(day) + _EPOCH_ORDINAL) for day in days])[inverse]
        hours[g] = local % 86_400 / 3600
    shares = np.array(list(calibration.PROFILS.values()))
    shape = curves(hours.ravel(), kinds.ravel()).reshape(len(shares), *hours.shape)
    busy: Floats = (shares[:, None, None] * shape).transpose(2, 1, 0)
    return busy


def seconds(instant: datetime) -> float:
    """Seconds since 1970 of an aware instant."""
    return (instant - _EPOCH) / timedelta(seconds=1)


TYPICAL_DAY = (seconds(datetime(2026, 9, 21, 22, 0, tzinfo=UTC)), seconds(datetime(2026, 9, 22, 22, 0, tzinfo=UTC)))
"""24 hours, in Paris, of a Tuesday with lessons in all zones, in seconds since 1970."""


def hits_per_activity(group_share: Floats) -> float:
    """National hits a second that one unit of activity stands for.

    Args:
        group_share: Each group's share of the country; sums to 1.
    """
    minutes = np.arange(TYPICAL_DAY[0] + 30, TYPICAL_DAY[1], 60.0)
    mean = float((activity(minutes) * group_share[:, None]).sum(axis=(1, 2)).mean())
    return calibration.DAY_HITS / 86_400 / mean
