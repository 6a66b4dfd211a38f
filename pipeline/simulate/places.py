"""Where the traffic comes from: how many schools each territory has, their kinds, their portals, their clocks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np

from pipeline.simulate.dice import Floats

# Inhabitants in thousands, INSEE legal populations of 2021, rounded; schools are shared out by them (ours).
POPULATION: dict[str, int] = {
    "01": 671, "02": 526, "03": 333, "04": 166, "05": 141, "06": 1104, "07": 331, "08": 268, "09": 154, "10": 311,
    "11": 378, "12": 279, "13": 2056, "14": 701, "15": 144, "16": 351, "17": 662, "18": 299, "19": 239, "21": 535,
    "22": 605, "23": 115, "24": 413, "25": 549, "26": 521, "27": 599, "28": 431, "29": 921, "2A": 163, "2B": 184,
    "30": 757, "31": 1434, "32": 192, "33": 1654, "34": 1202, "35": 1098, "36": 216, "37": 614, "38": 1284, "39": 258,
    "40": 422, "41": 328, "42": 768, "43": 227, "44": 1457, "45": 684, "46": 175, "47": 330, "48": 77, "49": 824,
    "50": 495, "51": 564, "52": 169, "53": 306, "54": 731, "55": 180, "56": 770, "57": 1050, "58": 202, "59": 2611,
    "60": 830, "61": 276, "62": 1459, "63": 664, "64": 693, "65": 230, "66": 488, "67": 1148, "68": 767, "69": 1892,
    "70": 232, "71": 549, "72": 565, "73": 442, "74": 841, "75": 2133, "76": 1255, "77": 1438, "78": 1456, "79": 374,
    "80": 565, "81": 391, "82": 263, "83": 1097, "84": 563, "85": 699, "86": 439, "87": 371, "88": 359, "89": 333,
    "90": 139, "91": 1316, "92": 1635, "93": 1669, "94": 1415, "95": 1257,
    "971": 384, "972": 361, "973": 287, "974": 871, "976": 300, "975": 6, "983": 271, "984": 279, "987": 11,
}  # fmt: skip


@dataclass(frozen=True)
class Clock:
    """The local time of some territories."""

    zone: str
    """Name in the time zone database."""
    departements: frozenset[str]


CLOCKS: tuple[Clock, ...] = (
    Clock("Europe/Paris", frozenset()),  # every territory that no other clock names
    Clock("Indian/Reunion", frozenset({"974"})),
    Clock("Indian/Mayotte", frozenset({"976"})),
    Clock("America/Martinique", frozenset({"971", "972"})),
    Clock("America/Cayenne", frozenset({"973"})),
    Clock("America/Miquelon", frozenset({"975"})),
    Clock("Pacific/Noumea", frozenset({"983"})),
    Clock("Pacific/Tahiti", frozenset({"984"})),
    Clock("Pacific/Wallis", frozenset({"987"})),
)


@cache
def offset(clock: int, day: int) -> int:
    """Minutes ahead of UTC on a day, given in days since 1970, at its noon UTC: changes of clock fall in the night."""
    noon = datetime(1970, 1, 1, 12, tzinfo=UTC) + timedelta(days=day)
    ahead = noon.astimezone(ZoneInfo(CLOCKS[clock].zone)).utcoffset()
    assert ahead is not None
    return ahead // timedelta(minutes=1)


def offsets(clock: int, instants: Floats) -> Floats:
    """Seconds ahead of UTC at instants in seconds since 1970."""
    days, inverse = np.unique(np.floor(instants / 86_400).astype(np.int64), return_inverse=True)
    ahead: Floats = np.array([offset(clock, int(day)) * 60.0 for day in days])[inverse]
    return ahead


@dataclass(frozen=True)
class SchoolKind:
    """Écoles, collèges, lycées: how many there are and how much they use their portal."""

    name: str
    """As in `Schools.keys["degre"]`."""
    share: float
    """Of the schools that send (ours, near the 17,500 / 7,100 / 3,800 of the DNMA's files)."""
    median_pupils: float
    sigma: float
    """Of the lognormal distribution of sizes (ours)."""
    visits_per_pupil: float
    """Relative to a collège (ours)."""
    primary: bool


KINDS: tuple[SchoolKind, ...] = (
    SchoolKind("école", 0.615, 130, 0.55, 0.35, True),
    SchoolKind("collège", 0.250, 470, 0.45, 1.00, False),
    SchoolKind("lycée", 0.135, 750, 0.65, 1.20, False),
)


@dataclass(frozen=True)
class Portal:
    """One ENT project with who runs it and on which software."""

    projet: str
    exploitant: str
    plateforme: str
    share: float
    """Of the schools of its territory and degree."""


def _kosmos(projet: str, share: float = 1.0) -> Portal:
    return Portal(projet, "Kosmos", "Skolengo", share)


def _edifice(projet: str, share: float = 1.0, plateforme: str = "NEO") -> Portal:
    return Portal(projet, "Edifice", plateforme, share)


SECONDARY: dict[str, tuple[Portal, ...]] = {
    "Auvergne-Rhône-Alpes": (_kosmos("ENT Auvergne-Rhône-Alpes", 0.75), _kosmos("Cybercollèges 42", 0.10),
                             Portal("laclasse.com", "Erasme", "Laclasse", 0.15)),
    "Bourgogne-Franche-Comté": (_kosmos("ÉCLAT-BFC"),),
    "Bretagne": (Portal("Toutatice", "Académie de Rennes", "Toutatice", 0.8), _kosmos("Skolengo Bretagne", 0.2)),
    "Centre-Val de Loire": (Portal("Net O'Centre", "GIP RECIA", "ESUP-Portail", 1.0),),
    "Corse": (_kosmos("LEIA"),),
    "Grand Est": (_kosmos("Mon Bureau Numérique"),),
    "Hauts-de-France": (_edifice("ENT Hauts-de-France"),),
    "Île-de-France": (_edifice("monlycée.net", 0.40), _edifice("Paris Classe Numérique", 0.12),
                      _edifice("ENT 77", 0.14), _kosmos("Mon Collège Val-d'Oise", 0.10),
                      Portal("Webcollège", "itslearning", "itslearning", 0.12), Portal("OZE", "iTOP", "OZE", 0.12)),
    "Normandie": (_kosmos("L'Éduc de Normandie"),),
    "Nouvelle-Aquitaine": (_edifice("Lycée connecté", 0.55), _kosmos("ENT Charente", 0.15),
                           Portal("Argos", "Académie de Bordeaux", "Argos", 0.30)),
    "Occitanie": (_kosmos("ENT Occitanie"),),
    "Pays de la Loire": (_kosmos("e-lyco"),),
    "Provence-Alpes-Côte d'Azur": (Portal("Atrium", "itslearning", "itslearning", 0.7), _edifice("Chrysalis", 0.3)),
    "La Réunion": (Portal("Métice", "Académie de La Réunion", "ESUP-Portail", 1.0),),
    "Guadeloupe": (Portal("ENT Guadeloupe", "itslearning", "itslearning", 1.0),),
    "Martinique": (_kosmos("Colibri"),),
    "Nouvelle-Calédonie": (_kosmos("ENT Nouvelle-Calédonie"),),
}  # fmt: skip
"""Portals of collèges and lycées by région académique: plausible names and shares, no register (ours)."""
ELSEWHERE = (_edifice("ENT Outre-mer"),)
"""For the territories that `SECONDARY` does not name."""
PRIMARY: tuple[Portal, ...] = (
    _edifice("ONE {academie}", 0.70, "ONE"),
    Portal("Beneylu School", "Beneylu", "Beneylu School", 0.20),
    Portal("PrimOT {academie}", "GIP RECIA", "ESUP-Portail", 0.10),
)
"""Portals of écoles; académies and communes own them, so most projects are named after the académie (ours)."""
