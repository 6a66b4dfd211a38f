"""The reference tables: services, profils, départements and overseas collectivités, as frozen rows.

The CSV files beside this module are the source; nothing else in the project repeats a code or a name of theirs.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Service:
    """One code of the DNMA taxonomy. `famille` and `domaine` are the project's own groupings."""

    service: str
    famille: str
    domaine: str
    label_fr: str
    dnma_column: str
    legacy_name_2012: str
    legacy_id_2012: str
    code_seen_in_real_software: str


@dataclass(frozen=True)
class Profil:
    """One user profile."""

    profil_code: str
    dnma_opendata_suffix: str
    legacy_id_profil_2012: str
    label_fr: str
    entcore_profile: str
    ldap_objectclass: str


@dataclass(frozen=True)
class Territory:
    """A département, or an overseas collectivité (its own département, académie and région; zone '')."""

    departement_code: str
    departement_name: str
    academie_code: str
    academie_name: str
    region_academique: str
    region_code: str
    region_name: str
    zone: str
    """School zone A, B or C; overseas territories carry their own name, collectivités nothing."""
    uai_prefix: str
    """First three characters of a UAI of this territory."""
    region_academique_code: str


def _rows(name: str) -> list[dict[str, str]]:
    text = files("schemas").joinpath("reference", name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


@cache
def services() -> tuple[Service, ...]:
    """All services, in the order of the file."""
    return tuple(Service(**row) for row in _rows("services.csv"))


@cache
def profils() -> tuple[Profil, ...]:
    """All profils, in the order of the file."""
    return tuple(Profil(**row) for row in _rows("profils.csv"))


@cache
def territories() -> tuple[Territory, ...]:
    """Every territory a UAI can belong to: départements first, then overseas collectivités."""
    departements = tuple(Territory(**row) for row in _rows("departements.csv"))
    collectivites = tuple(
        Territory(
            departement_code=row["uai_prefix"],
            departement_name=row["collectivite_name"],
            academie_code=row["academie_code"],
            academie_name=row["academie_name"],
            region_academique=row["collectivite_name"],
            region_code="",
            region_name=row["collectivite_name"],
            zone="",
            uai_prefix=row["uai_prefix"],
            region_academique_code="",
        )
        for row in _rows("collectivites_outremer.csv")
    )
    return departements + collectivites
