"""The scenarios that traffic can follow, by name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from pipeline.errors import UserError
from pipeline.simulate import article, calibration, day
from pipeline.simulate.incidents import Incident
from pipeline.simulate.levels import Level

PARIS = ZoneInfo("Europe/Paris")
LEAD = timedelta(minutes=4)
"""Played at another time, a scenario starts so long before its turn: something to compare with, and no wait."""


@dataclass(frozen=True)
class Scenario:
    """Some days of the country, which can be played at their own time or at any other."""

    name: str
    title: str
    """For an operator, in French."""
    story: str
    """What happens, for `--help`."""
    opens: datetime
    """Its own start (aware, UTC)."""
    last_day: date | None
    """It owns the days from its start to this one. None: it is any day, with that day's own shape."""
    rate: float | None
    """Mean events a second over its mornings, nationally; None: what the country does on such a day."""
    levels: tuple[Level, ...] = ()
    incidents: tuple[Incident, ...] = ()
    turn: datetime | None = None
    """When something happens that is to be seen."""
    length_s: float = day.MORNING_HOURS * 3600
    """Length of the part it is named after; traffic goes on after it, through the day and the next."""

    @property
    def begins(self) -> datetime:
        """Where it is entered when it is played at another time: its opening, or shortly before its turn."""
        return self.opens if self.turn is None else self.turn - LEAD

    def played(self, start: datetime) -> datetime:
        """The instant of its own clock that falls on `start` (aware)."""
        if self.last_day is None:
            return start
        local = start.astimezone(PARIS).date()
        return start if self.opens.astimezone(PARIS).date() <= local <= self.last_day else self.begins


def _paris(year: int, month: int, day_of_month: int, hour: int, minute: int = 0) -> datetime:
    return datetime(year, month, day_of_month, hour, minute, tzinfo=PARIS).astimezone(UTC)


def _where(**keys: str | tuple[str, ...]) -> dict[str, frozenset[str]]:
    return {kind: frozenset((names,) if isinstance(names, str) else names) for kind, names in keys.items()}


_SIX_REGIONS = _where(
    exploitant="Kosmos",
    region=(
        "Auvergne-Rhône-Alpes", "Bourgogne-Franche-Comté", "Grand Est", "Normandie", "Occitanie", "Pays de la Loire",
    ),
)  # fmt: skip
"""Régions whose collèges and lycées one operator hosts (ours: the press of 6 April 2021 named six régions)."""
_ENDLESS = timedelta(days=7)

SCENARIOS = (
    Scenario(
        name="rentree-2026",
        title="Rentrée 2026 : le matin du mardi 1er septembre",
        story="the rentrée of Tuesday 1 September 2026, which goes well",
        opens=_paris(2026, 9, 1, 7, 30),
        last_day=date(2026, 9, 1),
        rate=calibration.MEAN_RATE,
    ),
    Scenario(
        name="ordinaire",
        title="Un jour de classe ordinaire : mardi 22 septembre 2026",
        story="any day, with the shape that its weekday and holidays give it; by default Tuesday 22 September 2026",
        opens=_paris(2026, 9, 22, 7, 30),
        last_day=None,
        rate=None,
    ),
    Scenario(
        name="rentree-2019",
        title="Rentrée 2019 : le lundi 2 septembre",
        story="the rentrée of Monday 2 September 2019, and the days up to the lockdown",
        opens=_paris(2019, 9, 2, 7, 30),
        last_day=date(2020, 3, 16),
        rate=None,
        levels=article.LEVELS,
    ),
    Scenario(
        name="rentree-2020",
        title="Rentrée 2020 : le mardi 1er septembre",
        story="the rentrée of Tuesday 1 September 2020, twice that of 2019, and the days up to November",
        opens=_paris(2020, 9, 1, 7, 30),
        last_day=date(2020, 11, 30),
        rate=None,
        levels=article.LEVELS,
    ),
    Scenario(
        name="confinement-2020",
        title="Premier confinement : du 17 mars au 11 mai 2020",
        story="the first lockdown, 17 March to 11 May 2020: 8 pages a visit, storage and parcours far up",
        opens=_paris(2020, 3, 17, 7, 30),
        last_day=date(2020, 5, 10),
        rate=None,
        levels=article.LEVELS,
    ),
    Scenario(
        name="panne-plateforme",
        title="Panne d'un hébergeur : six régions, mardi 6 avril 2021, 8 h 30 - 9 h 02",
        story="6 April 2021: from 8:30 to 9:02 the portals of six régions are down, all with one operator; then people "
        "load each page twice until 9:20",
        opens=_paris(2021, 4, 6, 7, 30),
        last_day=date(2021, 4, 6),
        rate=calibration.MEAN_RATE,
        turn=_paris(2021, 4, 6, 8, 30),
        incidents=(
            Incident(_paris(2021, 4, 6, 8, 30), _paris(2021, 4, 6, 9, 2), 0, _SIX_REGIONS),
            Incident(_paris(2021, 4, 6, 9, 2), _paris(2021, 4, 6, 9, 20), 2, _SIX_REGIONS),
        ),
    ),
    Scenario(
        name="service-mort",
        title="Un service à zéro : les notes ne sont plus comptées, mardi 23 septembre 2025 à 9 h",
        story="on 23 September 2025, from 9:00, the service NOTES sends nothing, anywhere; people use it as before",
        opens=_paris(2025, 9, 23, 7, 30),
        last_day=date(2025, 9, 23),
        rate=calibration.MEAN_RATE,
        turn=_paris(2025, 9, 23, 9),
        incidents=(Incident(_paris(2025, 9, 23, 9), _paris(2025, 9, 23, 9) + _ENDLESS, 0, _where(service="NOTES")),),
    ),
    Scenario(
        name="academie-muette",
        title="Une académie muette : Lille, mardi 9 septembre 2025 à 9 h",
        story="on 9 September 2025, from 9:00, no school of the académie de Lille sends anything",
        opens=_paris(2025, 9, 9, 7, 30),
        last_day=date(2025, 9, 9),
        rate=calibration.MEAN_RATE,
        turn=_paris(2025, 9, 9, 9),
        incidents=(Incident(_paris(2025, 9, 9, 9), _paris(2025, 9, 9, 9) + _ENDLESS, 0, _where(academie="Lille")),),
    ),
    Scenario(
        name="tempete-de-retries",
        title="Une tempête de rechargements : itslearning, mardi 16 septembre 2025, 8 h 30 - 9 h 15",
        story="on 16 September 2025, 8:30-9:15, each page of the platform itslearning is loaded four times",
        opens=_paris(2025, 9, 16, 7, 30),
        last_day=date(2025, 9, 16),
        rate=calibration.MEAN_RATE,
        turn=_paris(2025, 9, 16, 8, 30),
        incidents=(
            Incident(_paris(2025, 9, 16, 8, 30), _paris(2025, 9, 16, 9, 15), 4, _where(plateforme="itslearning")),
        ),
    ),
    Scenario(
        name="ouverture-echelonnee",
        title="Ouverture échelonnée : jeudi 2 septembre 2021, un degré par heure, parents à 17 h 30",
        story="2 September 2021, zeros that are planned: pupils of écoles come in at 8:00, of collèges at 9:00, of "
        "lycées at 10:00, and parents are kept out from 7:30 to 17:30 (as on 26 April 2021)",
        opens=_paris(2021, 9, 2, 7, 30),
        last_day=date(2021, 9, 2),
        rate=calibration.MEAN_RATE,
        turn=_paris(2021, 9, 2, 9),
        incidents=(
            Incident(_paris(2021, 9, 2, 7, 30), _paris(2021, 9, 2, 17, 30), 0, _where(profil="PARENT")),
            Incident(_paris(2021, 9, 2, 0), _paris(2021, 9, 2, 8), 0, _where(profil="ELEVE", degre="école")),
            Incident(_paris(2021, 9, 2, 0), _paris(2021, 9, 2, 9), 0, _where(profil="ELEVE", degre="collège")),
            Incident(_paris(2021, 9, 2, 0), _paris(2021, 9, 2, 10), 0, _where(profil="ELEVE", degre="lycée")),
        ),
    ),
)
DEFAULT = SCENARIOS[0].name


def scenario(name: str) -> Scenario:
    """Return the scenario of that name.

    Raises:
        UserError: names the scenarios there are.
    """
    for known in SCENARIOS:
        if known.name == name:
            return known
    names = ", ".join(known.name for known in SCENARIOS)
    raise UserError(f"There is no scenario {name!r}; the known ones: {names}.")
