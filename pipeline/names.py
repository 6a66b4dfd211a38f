"""What an operator reads in place of a code, and which clock a place goes by."""

from __future__ import annotations

from functools import cache
from zoneinfo import ZoneInfo

from pipeline.french import PARIS
from schemas import reference

FAMILLES = {
    "vie_scolaire": "Vie scolaire",
    "communication": "Communication",
    "cahier_textes": "Cahier de textes",
    "travail_collaboratif": "Travail collaboratif",
    "visio": "Visio",
    "stockage": "Stockage",
    "parcours": "Parcours",
    "ressources": "Ressources",
    "organisation": "Organisation",
    "accueil": "Accueil",
    "non_classe": "Non classé",
}
"""Famille → its name, in the order in which it is read on the wall (ours)."""

_OVERSEAS_CLOCKS = {
    "Saint-Pierre-et-Miquelon": "America/Miquelon",
    "Guadeloupe": "America/Guadeloupe",
    "Martinique": "America/Martinique",
    "Guyane": "America/Cayenne",
    "Wallis-et-Futuna": "Pacific/Wallis",
    "La Réunion": "Indian/Reunion",
    "Mayotte": "Indian/Mayotte",
    "Nouvelle-Calédonie": "Pacific/Noumea",
    "Polynésie française": "Pacific/Tahiti",
}


def clock_of(academie: str) -> ZoneInfo:
    """The clock of an académie; Paris for whatever is not overseas."""
    name = _OVERSEAS_CLOCKS.get(academie)
    return ZoneInfo(name) if name else PARIS


@cache
def label(kind: str, key: str) -> str:
    """The name of a value; what portals write themselves (platforms, operators) stays as it is."""
    if kind == "famille":
        return FAMILLES.get(key, key)
    if kind == "service":
        return next((row.label_fr for row in reference.services() if row.service == key), key)
    if kind == "profil":
        text = next((row.label_fr for row in reference.profils() if row.profil_code == key), key)
        return text.partition(" (")[0]
    return key or "(sans nom)"
