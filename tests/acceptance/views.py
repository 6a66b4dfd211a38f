"""What every contract view has to say, computed from the independent oracle."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from pipeline.store.client import Store
from tests.core.oracle import SERVICE_ROWS, Cell, Counted

_REFERENCE = Path(__file__).parents[2] / "schemas" / "reference"


def _territories() -> dict[str, tuple[str, str, str]]:
    """Département code → (name, académie, région)."""
    found = {}
    with (_REFERENCE / "departements.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found[row["departement_code"]] = (row["departement_name"], row["academie_name"], row["region_name"])
    with (_REFERENCE / "collectivites_outremer.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found[row["uai_prefix"]] = (row["collectivite_name"], row["academie_name"], row["collectivite_name"])
    return found


TERRITORIES = _territories()
SERVICES = {row["service"]: (row["famille"], row["domaine"]) for row in SERVICE_ROWS}

KEYS: dict[str, Callable[[Cell], tuple[str, ...]]] = {
    "total": lambda cell: (),
    "by_service": lambda cell: (cell.service, *SERVICES[cell.service]),
    "by_famille": lambda cell: (SERVICES[cell.service][0],),
    "by_domaine": lambda cell: (SERVICES[cell.service][1],),
    "by_projet": lambda cell: (cell.projet,),
    "by_plateforme": lambda cell: (cell.plateforme,),
    "by_exploitant": lambda cell: (cell.exploitant,),
    "by_profil": lambda cell: (cell.profil,),
    "by_region": lambda cell: (TERRITORIES[cell.departement][2],),
    "by_academie": lambda cell: (TERRITORIES[cell.departement][1],),
    "by_departement": lambda cell: (cell.departement, *TERRITORIES[cell.departement][:2]),
}
"""View suffix → the key columns of a cell, in the contract's order."""


def expected(counted: Iterable[Counted], view: str, start: int, end: int) -> set[tuple[Any, ...]]:
    """The rows of `bi.instant_t_<view>` for [start, end), epoch seconds."""
    rows: dict[tuple[str, ...], tuple[set[tuple[Cell, str]], set[str], set[str]]] = {}
    if view == "total":
        rows[()] = (set(), set(), set())
    for event in counted:
        if start <= event.cell.bucket < end:
            hits, visits, visitors = rows.setdefault(KEYS[view](event.cell), (set(), set(), set()))
            hits.add((event.cell, event.event_id))
            visits.add(event.visit_id)
            visitors.add(event.visitor_id)
    return {(*key, len(hits), len(visits), len(visitors)) for key, (hits, visits, visitors) in rows.items()}


def shown(store: Store, view: str, at: datetime, minutes: int) -> set[tuple[Any, ...]]:
    """The rows of `bi.instant_t_<view>`."""
    rows = store.execute(f"SELECT * FROM bi.instant_t_{view}(at='{at:%Y-%m-%d %H:%M:%S}', minutes={minutes})")
    assert len(rows) == len(set(rows))
    return set(rows)


def expected_minutes(counted: Iterable[Counted]) -> set[tuple[Any, ...]]:
    """The rows of `bi.traffic_minute`, the minute as epoch seconds."""
    rows: dict[tuple[Any, ...], tuple[set[tuple[Cell, str]], set[str], set[str]]] = {}
    for event in counted:
        cell = event.cell
        famille, domaine = SERVICES[cell.service]
        _, academie, region = TERRITORIES[cell.departement]
        key = (
            cell.bucket // 60 * 60, cell.service, famille, domaine, region, academie, cell.departement,
            cell.projet, cell.plateforme, cell.exploitant, cell.profil,
        )  # fmt: skip
        hits, visits, visitors = rows.setdefault(key, (set(), set(), set()))
        hits.add((cell, event.event_id))
        visits.add(event.visit_id)
        visitors.add(event.visitor_id)
    return {(*key, len(hits), len(visits), len(visitors)) for key, (hits, visits, visitors) in rows.items()}
