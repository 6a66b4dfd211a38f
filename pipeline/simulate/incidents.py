"""What goes wrong, or is closed on purpose: pages of some schools, profils or services that are lost or repeated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from pipeline.simulate import calibration, day
from pipeline.simulate.dice import Bools, Floats, mix
from pipeline.simulate.schools import Schools
from pipeline.simulate.taste import PROFIL_CODES, touching
from pipeline.simulate.walks import Hits

_RELOAD_S = 3
"""Seconds between two loads of the same page, at most (ours)."""
_STEPS_APART = 64
"""Loads of a page are numbered this far apart; a visit has fewer pages."""
_SALT = 0x5EED


@dataclass(frozen=True)
class Incident:
    """One thing that is wrong for a while, by the scenario's clock."""

    start: datetime
    end: datetime
    """Half-open, aware."""
    loads: int
    """How often each page is loaded: 0 when nothing comes through, 2 to 4 when people try again and again."""
    where: Mapping[str, frozenset[str]]
    """All of these hold: kinds of `Schools.keys`, or profil, or service, with their keys."""


class Trouble:
    """An incident among the schools of a run, whose hits have times in milliseconds since `origin_s`."""

    def __init__(self, incident: Incident, of: Schools, origin_s: float) -> None:
        self._loads = incident.loads
        self._start_s, self._end_s = day.seconds(incident.start), day.seconds(incident.end)
        self._origin_s = origin_s
        self._schools: Bools = np.ones(len(of.weights), dtype=np.bool_)
        for kind, keys in incident.where.items():
            if kind not in ("profil", "service"):
                self._schools &= np.any([of.having(kind, key) for key in keys], axis=0)
        profils = incident.where.get("profil", frozenset(PROFIL_CODES))
        codes = (*PROFIL_CODES, *calibration.UNKNOWN_PROFILS)
        profils = incident.where.get("profil", frozenset(codes))
        self._profils: Bools = np.array([code in profils for code in codes])
        services = incident.where.get("service")
        self._services = None if services is None else np.any([touching("service", code) for code in services], axis=0)

    def active(self, instants: Floats) -> Bools:
        """At which instants (seconds since 1970) it is there."""
        during: Bools = (instants >= self._start_s) & (instants < self._end_s)
        return during

    def loads(self) -> Floats:
        """What becomes of the hits while it is active: array (schools, profils).

        A single service is too small a part of all hits to count.
        """
        if self._services is not None:
            return np.ones((len(self._schools), len(PROFIL_CODES)))
        struck = self._schools[:, None] & self._profils[: len(PROFIL_CODES)]
        return np.where(struck, float(self._loads), 1.0)

    def strike(self, hits: Hits) -> Hits:
        """The hits that there are with the incident."""
        start, end = ((s - self._origin_s) * 1000 for s in (self._start_s, self._end_s))
        if not len(hits) or hits["event"].max() < start or hits["event"].min() >= end:
            return hits
        struck = (hits["event"] >= start) & (hits["event"] < end)
        struck &= self._schools[hits["school"]] & self._profils[hits["profil"]]
        if self._services is not None:
            struck &= self._services[hits["service"]]
        if not self._loads:
            return hits[~struck]
        again = [hits]
        for load in range(1, self._loads):
            reload = hits[struck].copy()
            # The same for both copies of an event that is sent twice.
            which = mix((reload["visit"] << np.uint64(8)) | reload["step"], _SALT + load)
            later = ((load - 1) * _RELOAD_S + 1) * 1000 + (which >> np.uint64(53)).astype(np.int64)
            reload["event"] += later
            reload["arrival"] += later
            reload["step"] += load * _STEPS_APART
            again.append(reload)
        return np.concatenate(again)


def change(troubles: Sequence[Trouble], of: Schools, instants: Floats) -> Floats:
    """By how much all troubles together change the hits at instants: array (instants, groups, profils)."""
    factor = np.ones((len(instants), len(day.GROUPS), len(PROFIL_CODES)))
    if not troubles:
        return factor
    patterns, inverse = np.unique(np.stack([t.active(instants) for t in troubles]), axis=1, return_inverse=True)
    firsts = np.searchsorted(of.group, np.arange(len(day.GROUPS)))
    whole = np.add.reduceat(of.weights, firsts)
    for i, pattern in enumerate(patterns.T):
        loads = of.weights[:, None] * np.ones(len(PROFIL_CODES))
        for trouble, active in zip(troubles, pattern, strict=True):
            if active:
                loads *= trouble.loads()
        factor[inverse.ravel() == i] = np.add.reduceat(loads, firsts, axis=0) / whole[:, None]
    return factor
