"""The DNMA's weekly form: one line a school, one pair of columns for each profil and service. Pure: rows in, rows out.

The ministry publishes its "dispositif national de mesure d'audience" (data.education.gouv.fr, Licence Ouverte 2.0) as
one line for each UAI and week, in files that differ by what they cross: `fr-en-dnma-par-uai-profils`,
`fr-en-dnma-par-uai-services` and two by appliance. Ours is the first two side by side.

Read in descriptions of these datasets and in programs that use them (not in the files themselves): `debutsemaine` (the
Monday, an ISO date), `uai`, `academie` and `region` (names, usual case, accents), `departement`; `visites_globales` and
`utilisateurs_globales`; `visites_<profil>` and `utilisateurs_<profil>` for eleve, enseignant, parent and
admin_vie_scol_tech; `visites_accueil`, `…_services_vie_scolaire`, `…_courrier_electronique`, `…_cahier_textes`,
`…_notes`, `…_production_collaborative`, `…_actualites`, `…_absences`. The API writes names in lower case, downloads may
write `debutSemaine` and `UAI`, and set columns apart with semicolons.

Not verified: the order of columns, whether `departement` is a name (it is here) and the endings of the other services
(`dnma_column` of services.csv). Not written: commune, ministere, circonscription, nature_uai, secteur and `duree_…`,
which no event tells.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby

from schemas.reference import profils, services, territories

FORMS = "write an ISO week such as 2026-W36, or a date in it such as 2026-09-01"
FIRST_YEAR, LAST_YEAR = 1971, 2100

SETTLED = timedelta(hours=47)
"""Late events are taken for 46 hours; a day's figures are final so long after its end."""

_COLUMNS = {
    ("total", ""): "globales",
    **{("profil", row.profil_code): row.dnma_opendata_suffix for row in profils() if row.dnma_opendata_suffix},
    **{("service", row.service): row.dnma_column for row in services() if row.dnma_column},
}
"""(kind, key) of bi.school_week -> ending of the columns. What has none there (AUTRE, NON_CLASSE…) is in the total."""

HEADER = (
    "debutsemaine",
    "uai",
    "academie",
    "departement",
    "region",
    *(f"{measure}_{ending}" for ending in _COLUMNS.values() for measure in ("visites", "utilisateurs")),
)

_PLACES = {
    row.uai_prefix: (row.academie_name, row.departement_name, row.region_name)
    for row in territories()
}  # fmt: skip

WeekRow = tuple[str, str, str, int, int | None]
"""uai, kind, key, visits, visitors (None: no longer known)."""


def parse_week(text: str) -> date:
    """The Monday of the week that `text` names: an ISO week, or a date in it.

    Raises:
        ValueError: it names none; the message is the whole sentence.
    """
    week = re.fullmatch(r"(\d{4})-?[Ww](\d{2})", text.strip(), re.ASCII)
    try:
        if week:
            monday = date.fromisocalendar(int(week[1]), int(week[2]), 1)
        elif re.fullmatch(r"\d{4}-\d{2}-\d{2}", text.strip(), re.ASCII):
            day = date.fromisoformat(text.strip())
            monday = day - timedelta(days=day.weekday())
        else:
            raise ValueError
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is no week: {FORMS}.") from None
    if not FIRST_YEAR <= monday.year <= LAST_YEAR:
        raise ValueError(f"{text!r} is out of reach: weeks of {FIRST_YEAR} to {LAST_YEAR} can be asked for.")
    return monday


def week_name(monday: date) -> str:
    """`2026-W36`."""
    year, week, _ = monday.isocalendar()
    return f"{year}-W{week:02d}"


def lines(monday: date, rows: Iterable[WeekRow]) -> Iterator[tuple[object, ...]]:
    """One line a school, in the order of HEADER; None where nothing may be shown, or nothing is known.

    Args:
        monday: of the week.
        rows: of bi.school_week, the rows of one school together.
    """
    for uai, of_school in groupby(rows, key=lambda row: row[0]):
        figures = {
            _COLUMNS[kind, key]: (visits, visitors)
            for _, kind, key, visits, visitors in of_school
            if (kind, key) in _COLUMNS
        }
        cells = [value for ending in _COLUMNS.values() for value in figures.get(ending, (None, None))]
        yield (monday.isoformat(), uai, *_PLACES.get(uai[:3], ("", "", "")), *cells)


def notes(monday: date, now: datetime, measured: Iterable[date], is_without_visitors: bool) -> list[str]:
    """What the reader has to know before these figures are held against others; French sentences.

    Args:
        monday: of the week.
        now: aware.
        measured: days on which anything was counted.
        is_without_visitors: whether the distinct visitors of the week are no longer known.
    """
    end = datetime.combine(monday + timedelta(days=7), time(), UTC)
    days = [monday + timedelta(days=number) for number in range(7)]
    seen = set(measured)
    missing = [day for day in days if day not in seen and datetime.combine(day, time(), UTC) < now]
    said = []
    if now < end:
        said.append(f"La semaine {week_name(monday)} n'est pas terminée : les chiffres sont partiels.")
    elif now < end + SETTLED:
        until = f"{end + SETTLED:%d/%m/%Y à %H h %M} UTC"
        said.append(f"Chiffres provisoires : des événements en retard sont encore comptés jusqu'au {until}.")
    if missing:
        listed = ", ".join(f"{day:%d/%m/%Y}" for day in missing)
        said.append(f"Rien n'a été mesuré ces jours-là (UTC) : {listed}.")
    if is_without_visitors:
        said.append("Les utilisateurs distincts d'une semaine ne sont connus que 35 jours : colonnes laissées vides.")
    return said
