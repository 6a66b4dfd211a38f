"""What a reader is shown in place of a code."""

from __future__ import annotations

from functools import cache

from pipeline.names import FAMILLES
from schemas.reference import profils, services, territories

GROUPS = {**FAMILLES, "pedagogique": "Services pédagogiques"}
"""Familles and domaines."""

KINDS = {
    "total": "ensemble",
    "service": "service",
    "famille": "famille de services",
    "domaine": "domaine de services",
    "region": "région",
    "academie": "académie",
    "departement": "département",
    "projet": "projet ENT",
    "plateforme": "plateforme",
    "exploitant": "exploitant",
    "profil": "profil",
}
"""Ways in: the kinds of `bi.traffic_day`."""

MEASURES = {"visits": "visites", "hits": "pages vues", "visitors-per-day": "visiteurs par jour"}

TERRITORIES = ("region", "academie", "departement")


def label(kind: str, key: str) -> str:
    """The text that stands for a key; what an event brought (projet, exploitant, plateforme) stays as it is."""
    if kind == "total":
        return "Ensemble"
    if kind in ("famille", "domaine"):
        return GROUPS.get(key, key)
    if kind == "departement" and key in _names(kind):
        return f"{key} {_names(kind)[key]}"
    return _names(kind).get(key) or key or "(non renseigné)"


@cache
def _names(kind: str) -> dict[str, str]:
    if kind == "service":
        return {row.service: row.label_fr for row in services()}
    if kind == "profil":
        # The reference file says in English, behind one name, that its code is of 2012.
        return {row.profil_code: row.label_fr.partition(" (legacy")[0] for row in profils()}
    if kind == "departement":
        return {row.departement_code: row.departement_name for row in territories()}
    return {}


@cache
def known_keys(kind: str) -> frozenset[str]:
    """Every territory of a kind, so that one which never sent is named; nothing for the other kinds."""
    columns = {"region": "region_name", "academie": "academie_name", "departement": "departement_code"}
    return frozenset(getattr(row, columns[kind]) for row in territories()) if kind in columns else frozenset()


def zone(kind: str, key: str) -> str | None:
    """School zone of a key: None for what is spread over the country.

    A, B or C; another text where the school calendar is not known (Corse, overseas).
    """
    return _zones(kind).get(key, "") if kind in TERRITORIES else None


@cache
def _zones(kind: str) -> dict[str, str]:
    columns = {"region": "region_name", "academie": "academie_name", "departement": "departement_code"}
    found: dict[str, set[str]] = {}
    for row in territories():
        found.setdefault(getattr(row, columns[kind]), set()).add(row.zone)
    return {key: zones.pop() if len(zones) == 1 else "" for key, zones in found.items()}
