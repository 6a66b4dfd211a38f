"""The country of the evaluation: its portals, who uses what, and how busy it is at each local minute of each day.

Territories, familles, platforms, their shares and the curves of the days are those of the product's own simulator
(`pipeline.simulate`); what it does not have (bells, the rush of a rentrée, holidays overseas) is added here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

import numpy as np
import numpy.typing as npt

from pipeline.simulate import calibration, day, places, school_days, schools
from schemas import reference

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MINUTES = 1_440
PEAK = 1_000.0
"""Hits a second of the country in the busiest minute of an ordinary school day (580 to 920 is the busiest hour)."""
PROFILS = tuple(calibration.PROFILS)
FAMILLES = tuple(sorted({service.famille for service in reference.services()}))
RENTREE = 6
"""A kind of day beside those of `school_days`: the first one after the summer."""
_BELLS = (8.0, 8 + 55 / 60, 10 + 5 / 60, 11.0, 13.5, 14 + 25 / 60, 15 + 35 / 60, 16.5)
"""Local hours at which lessons change: a burst of everybody's pages within a minute or two (ours)."""
_RENTREE_LEVEL = 1.75
"""Against an ordinary school day, beside what parents do on top of it (the article of 2021 has ×2)."""
_RENTREE_TASTE = {"accueil": 1.3, "communication": 1.4, "cahier_textes": 0.35, "parcours": 0.6, "ressources": 0.6,
                  "stockage": 0.8, "organisation": 1.3, "visio": 0.8}  # fmt: skip


@dataclass(frozen=True)
class Portal:
    """The schools of one académie on one platform of one operator."""

    academie: str
    plateforme: str
    exploitant: str
    share: float
    """Of the country's visits."""


@cache
def portals() -> tuple[Portal, ...]:
    """Every portal of the simulated schools, by académie: some 150."""
    built = schools.build(1)
    shares: dict[tuple[str, str, str], float] = {}
    columns = (built.keys["academie"], built.keys["plateforme"], built.keys["exploitant"], built.weights)
    for academie, plateforme, exploitant, weight in zip(*columns, strict=True):
        key = (str(academie), str(plateforme), str(exploitant))
        shares[key] = shares.get(key, 0.0) + float(weight)
    return tuple(Portal(*key, share) for key, share in sorted(shares.items()))


@cache
def academies() -> tuple[str, ...]:
    """Their names, sorted."""
    return tuple(sorted({portal.academie for portal in portals()}))


@cache
def territory(academie: str) -> tuple[str, int]:
    """School zone (A, B, C, `Corse`, or '' overseas) and place in `places.CLOCKS` of an académie."""
    one = next(t for t in reference.territories() if t.academie_name == academie)
    clock = next((i for i, c in enumerate(places.CLOCKS) if one.departement_code in c.departements), 0)
    return (one.zone if clock == 0 else ""), clock


def ahead(academie: str, on: date) -> int:
    """Minutes that its clock is ahead of Paris on a day."""
    number = (on - date(1970, 1, 1)).days
    return places.offset(territory(academie)[1], number) - places.offset(0, number)


@cache
def kind_of(zone: str, on: date) -> int:
    """The kind of a local day: one of `school_days`, or `RENTREE`.

    Corse lives by zone B's holidays, as in the simulator; overseas schools are closed from July to mid-August, and
    were back for two weeks when those of metropolitan France begin.
    """
    if zone == "":
        summer = on.month == 7 or (on.month == 8 and on.day < 17)
        kind = school_days.kind_of(zone, (on if on.month not in (7, 8) else on.replace(month=6, day=2)).toordinal())
        if on.month == 8 and not summer:
            kind = (0, 0, 1, 0, 0, 2, 3)[on.weekday()]
        return school_days.VACANCES if summer else kind
    zone = "B" if zone == "Corse" else zone
    kind = school_days.kind_of(zone, on.toordinal())
    if kind in (school_days.ECOLE, school_days.MERCREDI) and on.month in (8, 9) and on.day in (*range(1, 5), 31):
        before = on - timedelta(days=1)
        while school_days.kind_of(zone, before.toordinal()) in (school_days.SAMEDI, school_days.DIMANCHE):
            before -= timedelta(days=1)
        if school_days.kind_of(zone, before.toordinal()) == school_days.VACANCES:
            return RENTREE
    return kind


@cache
def taste() -> Doubles:
    """Shares of familles in the pages of a profil: array (profils, familles), rows sum to 1."""
    famille_of = {s.service: s.famille for s in reference.services()}
    mix = np.zeros((len(PROFILS), len(FAMILLES)))
    landing = calibration.LANDING_SHARE / calibration.MEAN_PAGES
    for p, profil in enumerate(PROFILS):
        for service, traffic in calibration.SERVICES.items():
            famille = "accueil" if service == "" else famille_of.get(service, "non_classe")
            factor = calibration.PROFIL_TASTE[profil].get(service, 1.0)
            mix[p, FAMILLES.index(famille)] += traffic.weight * factor
    mix *= (1 - landing) / mix.sum(axis=1, keepdims=True)
    mix[:, FAMILLES.index("accueil")] += landing
    return mix


@cache
def rentree_taste() -> Doubles:
    """Factors on the familles on the day of a rentrée: array (familles)."""
    return np.array([_RENTREE_TASTE.get(famille, 1.0) for famille in FAMILLES])


def curves(hours: Doubles, kind: int) -> Doubles:
    """Hits a second of the whole country were it all of that kind, by profil: array (profils, instants).

    Args:
        hours: Local hours; taken modulo 24.
        kind: As `kind_of` has it.
    """
    hours = hours % 24.0
    shape = day.curves(hours, np.full(len(hours), min(kind, school_days.FERIE) if kind != RENTREE else 0))
    shape = shape * np.array(list(calibration.PROFILS.values()))[:, None]
    if kind == RENTREE:
        morning = np.exp(-0.5 * ((hours - 9.0) / 1.3) ** 2)
        more = np.ones((len(PROFILS), 1)) * _RENTREE_LEVEL + np.zeros_like(shape)
        more[PROFILS.index("PARENT")] *= 1.3 + 0.8 * morning
        more[PROFILS.index("ELEVE")] *= 1.0 + 0.4 * morning
        shape = shape * more
    rates: Doubles = shape * (PEAK / _busiest())
    return rates


@cache
def pages_of_a_day(kind: int) -> Doubles:
    """Pages of a whole day of that kind were the whole country so: array (profils, familles)."""
    hours = (np.arange(MINUTES) + 0.5) / 60
    mix = taste() * (rentree_taste() if kind == RENTREE else 1.0)
    pages: Doubles = curves(hours, kind).sum(axis=1)[:, None] * 60.0 * mix
    return pages


@cache
def _busiest() -> float:
    hours = np.arange(0, 24, 1 / 60)
    shape = day.curves(hours, np.full(len(hours), school_days.ECOLE))
    return float((shape * np.array(list(calibration.PROFILS.values()))[:, None]).sum(axis=0).max())


def bells(hours: Doubles, kind: int, late: Doubles) -> Doubles:
    """Factor of the bursts at the bells on hits: array (instants).

    Args:
        hours: Local hours.
        kind: Only days with lessons have bells, Wednesdays in the morning only.
        late: Hours by which each bell is late this day; one for each bell.
    """
    factor = np.ones(len(hours))
    if kind not in (school_days.ECOLE, school_days.MERCREDI, RENTREE):
        return factor
    for hour, by in zip(_BELLS, late, strict=True):
        if kind == school_days.MERCREDI and hour > 12.0:
            continue
        since = ((hours - hour - by) % 24.0) * 3_600.0
        factor += np.where(since < 300.0, 0.6 * np.exp(-since / 45.0), 0.0)
    return factor


BELLS = len(_BELLS)
