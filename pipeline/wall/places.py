"""Where each académie stands in the France of tiles, what it is called there, and its clock.

Each académie gets a tile of the same size, so that Paris and Mayotte have the same right to be seen. Columns and rows
are ours: the shape of the country as far as squares allow, overseas at the side.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from zoneinfo import ZoneInfo

from pipeline.french import PARIS
from pipeline.names import clock_of
from schemas import reference


@dataclass(frozen=True)
class Place:
    """One tile."""

    name: str
    """As in `bi.territories`."""
    code: str
    """Three letters, for narrow screens."""
    column: int
    row: int
    """From 0, at the top left."""
    zone: str
    """School zone A, B or C; '' where no library knows the holidays (Corse, overseas)."""
    clock: ZoneInfo = PARIS

    @property
    def is_overseas(self) -> bool:
        """Its day has another course than Paris', so that the country says nothing about it."""
        return self.clock is not PARIS


_TILES = {
    "Lille": ("LIL", 4, 0), "Normandie": ("NOR", 3, 1), "Amiens": ("AMI", 4, 1), "Reims": ("REI", 5, 1),
    "Nancy-Metz": ("NCY", 6, 1), "Strasbourg": ("STR", 7, 1), "Rennes": ("REN", 2, 2), "Versailles": ("VER", 3, 2),
    "Paris": ("PAR", 4, 2), "Créteil": ("CRE", 5, 2), "Nantes": ("NAN", 2, 3), "Poitiers": ("POI", 3, 3),
    "Orléans-Tours": ("ORL", 4, 3), "Dijon": ("DIJ", 5, 3), "Besançon": ("BES", 6, 3), "Bordeaux": ("BOR", 3, 4),
    "Limoges": ("LIM", 4, 4), "Clermont-Ferrand": ("CLE", 5, 4), "Lyon": ("LYO", 6, 4), "Grenoble": ("GRE", 7, 4),
    "Toulouse": ("TOU", 4, 5), "Montpellier": ("MON", 5, 5), "Aix-Marseille": ("AIX", 6, 5), "Nice": ("NIC", 7, 5),
    "Corse": ("COR", 7, 6),
    "Saint-Pierre-et-Miquelon": ("SPM", 0, 2), "Guadeloupe": ("GUA", 0, 3), "Martinique": ("MAR", 0, 4),
    "Guyane": ("GUY", 0, 5), "Wallis-et-Futuna": ("WAL", 0, 6), "La Réunion": ("REU", 1, 3), "Mayotte": ("MAY", 1, 4),
    "Nouvelle-Calédonie": ("NCA", 1, 5), "Polynésie française": ("POL", 1, 6),
}  # fmt: skip
COLUMNS, ROWS = 8, 7


@cache
def places() -> dict[str, Place]:
    """Every académie and collectivité of the reference files, by name, in reading order of the map.

    Raises:
        KeyError: the reference files know an académie that has no place here; a test reads them all.
    """
    zones = {row.academie_name: row.zone for row in reference.territories()}
    found = []
    for name, zone in zones.items():
        code, column, row = _TILES[name]
        found.append(Place(name, code, column, row, zone if zone in ("A", "B", "C") else "", clock_of(name)))
    return {place.name: place for place in sorted(found, key=lambda place: (place.row, place.column))}
