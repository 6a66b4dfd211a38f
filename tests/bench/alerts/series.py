"""Series by name: which leaves each one holds."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from pipeline.alerts.change import KEY_SEPARATOR
from tests.bench.alerts.country import FAMILLES, PROFILS, academies, portals

Bools = npt.NDArray[np.bool_]
LeafKey = tuple[str, str, str, str, str]

_FIELDS = ("academie", "plateforme", "exploitant", "famille")


@cache
def leaf_keys() -> tuple[LeafKey, ...]:
    """(academie, plateforme, exploitant, famille, '') of each leaf: portal by portal, famille by famille."""
    places = ((portal.academie, portal.plateforme, portal.exploitant) for portal in portals())
    return tuple((*place, famille, "") for place in places for famille in FAMILLES)


@cache
def profil_keys() -> tuple[LeafKey, ...]:
    """(academie, '', '', '', profil): académie by académie."""
    return tuple((academie, "", "", "", profil) for academie in academies() for profil in PROFILS)


@cache
def members(series: str, key: str) -> Bools:
    """The leaves of a series, by its name: array (leaves). For a profil, all of them."""
    inside = np.ones(len(leaf_keys()), dtype=np.bool_)
    if series not in ("national", "profil"):
        for name, value in zip(series.split("_"), key.split(KEY_SEPARATOR), strict=True):
            at = _FIELDS.index(name)
            inside &= np.array([leaf[at] == value for leaf in leaf_keys()])
    inside.setflags(write=False)
    return inside


@cache
def keys_of(series: str) -> tuple[str, ...]:
    """The keys of a kind of series, sorted."""
    if series == "national":
        return ("",)
    if series == "profil":
        return PROFILS
    at = [_FIELDS.index(name) for name in series.split("_")]
    return tuple(sorted({KEY_SEPARATOR.join(leaf[i] for i in at) for leaf in leaf_keys()}))
