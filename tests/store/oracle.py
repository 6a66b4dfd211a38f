"""The oracle: the events themselves, counted one by one in plain Python."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

from schemas.reference import services, territories

MINUTE = 60

FAMILLE = {s.service: s.famille for s in services()}
DOMAINE = {s.service: s.domaine for s in services()}
TERRITORY = {t.departement_code: t for t in territories()}


class Event(NamedTuple):
    """One event as the pipeline keeps it; `second` is its event time, epoch seconds."""

    hit: int
    second: int
    departement: str
    service: str
    profil: str
    projet: str
    exploitant: str
    plateforme: str
    visit: int
    visitor: int

    @property
    def cell(self) -> tuple[int, str, str, str, str, str, str]:
        """Bucket and dimensions, in the order of ent.cells."""
        return (self.second // 10 * 10, *self[2:8])


KEYS: Mapping[str, Callable[[Event], tuple[str, ...]]] = {
    "total": lambda e: (),
    "by_service": lambda e: (e.service, FAMILLE[e.service], DOMAINE[e.service]),
    "by_famille": lambda e: (FAMILLE[e.service],),
    "by_domaine": lambda e: (DOMAINE[e.service],),
    "by_region": lambda e: (TERRITORY[e.departement].region_name,),
    "by_academie": lambda e: (TERRITORY[e.departement].academie_name,),
    "by_departement": lambda e: (
        e.departement,
        TERRITORY[e.departement].departement_name,
        TERRITORY[e.departement].academie_name,
    ),
    "by_projet": lambda e: (e.projet,),
    "by_plateforme": lambda e: (e.plateforme,),
    "by_exploitant": lambda e: (e.exploitant,),
    "by_profil": lambda e: (e.profil,),
}
"""View (after `instant_t_`) -> the key columns of an event's row."""


KINDS: Mapping[str, Callable[[Event], str]] = {
    "total": lambda e: "",
    **{name.removeprefix("by_"): (lambda e, of=of: of(e)[0]) for name, of in KEYS.items() if name != "total"},  # type: ignore[misc]
}
"""Kind of a row of the history -> its key for an event."""


def hour_of(event: Event) -> datetime:
    """The hour of bi.traffic_hour."""
    return datetime.fromtimestamp(event.second // 3600 * 3600, UTC)


def day_of(event: Event) -> date:
    """The day (UTC) of bi.traffic_day."""
    return hour_of(event).date()


def traffic_key(event: Event) -> tuple[Any, ...]:
    """The key columns of bi.traffic_minute."""
    territory = TERRITORY[event.departement]
    return (
        datetime.fromtimestamp(event.second // MINUTE * MINUTE, UTC), event.service, FAMILLE[event.service],
        DOMAINE[event.service], territory.region_name, territory.academie_name, event.departement, event.projet,
        event.plateforme, event.exploitant, event.profil,
    )  # fmt: skip


def count(events: Iterable[Event], key: Callable[[Event], tuple[Any, ...]]) -> dict[tuple[Any, ...], tuple[int, ...]]:
    """Key -> (hits, visits, visitors), counted one by one."""
    sets: dict[tuple[Any, ...], tuple[set[Any], set[int], set[int]]] = defaultdict(lambda: (set(), set(), set()))
    for event in events:
        hits, visits, visitors = sets[key(event)]
        hits.add((event.hit, event.cell))
        visits.add(event.visit)
        visitors.add(event.visitor)
    return {k: (len(h), len(v), len(p)) for k, (h, v, p) in sets.items()}
