"""What goes wrong, or is closed on purpose: pages of some schools, profils or services that are lost or repeated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from pipeline.simulate import day
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
        self._profils: Bools = np.array([*(code in profils for code in PROFIL_CODES), False, False])
        services = incident.where.get("service")
        self._services = None if services is None else np.any([touching("service", code) for code in services], axis=0)
        groups = len(day.GROUPS)
        hit = np.bincount(of.group[self._schools], of.weights[self._schools], groups)
        self._share = hit / np.bincount(of.group, of.weights, groups)

    def factor(self, instants: Floats) -> Floats | float:
        """What becomes of the hits at instants (seconds since 1970): array (instants, groups, profils).

        A single service is too small a part of all hits to count.
        """
        if self._services is not None:
            return 1.0
        during = (instants >= self._start_s) & (instants < self._end_s)
        struck = self._share[:, None] * self._profils[: len(PROFIL_CODES)]
        factor: Floats = 1 + (self._loads - 1) * during[:, None, None] * struck
        return factor

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
