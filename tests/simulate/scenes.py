"""Runs of the scenarios, decoded, with the territory of each school."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from pipeline.simulate import schools
from pipeline.simulate.scenario import scenario
from pipeline.simulate.traffic import Traffic
from schemas import reference
from tests.simulate.runs import decoded

PLACES = {t.uai_prefix: t for t in reference.territories()}
DEGRES = dict(zip(schools.build(7).uais, schools.build(7).keys["degre"].tolist(), strict=True))
SERVICE_NUMBERS = {s.legacy_id_2012: s.service for s in reference.services() if s.legacy_id_2012}
SERVICE_NAMES = {s.legacy_name_2012.upper(): s.service for s in reference.services() if s.legacy_name_2012}
PROFIL_NUMBERS = {p.legacy_id_profil_2012: p.profil_code for p in reference.profils()}


@dataclass(frozen=True)
class Page:
    """One good event, with its codes in the form of the reference tables."""

    second: float
    """Event time, since the start of the run."""
    event: dict[str, Any]
    service: str
    profil: str
    degre: str
    place: reference.Territory


@cache
def pages(name: str, start: datetime, duration_s: float, rate: float, played: datetime | None = None) -> list[Page]:
    """The good events of a run, first copies only."""
    found: dict[str, Page] = {}
    traffic = Traffic(scenario(name), start, duration_s, rate, 7, played=played)
    for value in (value for batch in traffic.batches() for value in batch):
        page = _page(value, start)
        if page is not None:
            found.setdefault(page.event["event_id"], page)
    return list(found.values())


def _page(value: bytes, start: datetime) -> Page | None:
    event = decoded(value)
    try:
        assert event
        written = event["event_time"]
        instant = written / 1000 if isinstance(written, int) else datetime.fromisoformat(written).timestamp()
        uai, service, profil = (event[name].upper() for name in ("uai", "service", "profil"))
        place = PLACES[uai[:3]]
        assert event["event_id"]
        assert len(event["visitor_id"]) == len(event["visit_id"]) == 32
        assert abs(instant - start.timestamp()) < 40 * 86_400
        degre = DEGRES[uai]
    except (AssertionError, KeyError, ValueError, TypeError, AttributeError):
        return None
    service = SERVICE_NUMBERS.get(service) or SERVICE_NAMES.get(service) or service
    profil = PROFIL_NUMBERS.get(profil, profil)
    return Page(instant - start.timestamp(), event, service, profil, degre, place)


def utc(*moment: int) -> datetime:
    return datetime(*moment, tzinfo=UTC)  # type: ignore[misc,arg-type]
