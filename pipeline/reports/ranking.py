"""Visits of a month beside those of public sites, whose figures the reader brings."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from pipeline import french
from pipeline.errors import UserError
from pipeline.reports.periods import Period

OURS = "ENT (instant-t)"
"""How the portals are called among the sites."""
CSV_COLUMNS = ("rank", "site", "visits", "is_ent", "ent_against_site_percent")
_SEPARATORS = re.compile(r"[\s_\u00a0\u202f]")


@dataclass(frozen=True)
class Place:
    """One line of the ranking."""

    rank: int
    """From 1; equal visits share a rank."""
    site: str
    visits: int
    is_ours: bool
    against: float | None
    """How far the ENT lie above (or below) the site, in percent; None for a site without visits and for the ENT."""


@dataclass(frozen=True)
class Ranking:
    """The answer."""

    month: Period
    places: tuple[Place, ...]
    missing: tuple[date, ...]
    """Days of the month without any measure."""
    to_come: tuple[date, ...]
    """Days of the month that are not over."""
    scale: int

    @property
    def ours(self) -> Place:
        """The place of the ENT."""
        return next(place for place in self.places if place.is_ours)


def read_sites(text: str, name: str) -> list[tuple[str, int]]:
    """Sites and their visits from a CSV with the columns `site` and `visits`, comma or semicolon between them.

    Args:
        text: of the file, a byte order mark is ignored; thousands may be set apart by spaces.
        name: of the file, for messages.

    Raises:
        UserError: names the file, the line and the value that cannot be read.
    """
    lines = text.removeprefix("\ufeff").splitlines()
    delimiter = ";" if lines and ";" in lines[0] else ","
    reader = csv.reader(lines, delimiter=delimiter)
    head = [column.strip().lower() for column in next(reader, [])]
    if "site" not in head or "visits" not in head:
        shown = delimiter.join(head) or "nothing"
        raise UserError(f"{name}, line 1: {shown!r} are not the columns: write site,visits.")
    site_at, visits_at = head.index("site"), head.index("visits")
    found: dict[str, int] = {}
    for row in reader:
        line = reader.line_num
        if not any(cell.strip() for cell in row):
            continue
        if len(row) <= max(site_at, visits_at):
            raise UserError(f"{name}, line {line}: {delimiter.join(row)!r} has no {head[len(row)]}: write site,visits.")
        site, visits = row[site_at].strip(), _SEPARATORS.sub("", row[visits_at])
        if not site:
            raise UserError(f"{name}, line {line}: the site has no name.")
        if not re.fullmatch(r"\d{1,15}", visits, re.ASCII):
            raise UserError(
                f"{name}, line {line}: {row[visits_at].strip()!r} is no number of visits: write a whole number."
            )
        if site in found:
            raise UserError(f"{name}, line {line}: {site!r} stands in the file twice: keep one of them.")
        found[site] = int(visits)
    if not found:
        raise UserError(f"{name} holds no site: write one on each line, such as lefigaro.fr,171000000.")
    return list(found.items())


def rank(
    month: Period, visits: Mapping[date, int], sites: Sequence[tuple[str, int]], now: datetime, scale: int = 1
) -> Ranking:
    """Set the ENT among the sites.

    Args:
        month: its days.
        visits: of each measured day (UTC); a visit is cut at midnight, so days add up.
        sites: (name, visits of the same month).
        now: aware; days that are not over are counted as far as they are, and named.
        scale: what one counted visit stands for.

    Raises:
        UserError: a site bears the name under which the ENT stand.
    """
    if any(site == OURS for site, _ in sites):
        raise UserError(f"The sites hold {OURS!r}, the name under which the ENT are listed: rename it.")
    ours = sum(visits.get(day, 0) for day in month.days) * scale
    ordered = sorted([(OURS, ours), *sites], key=lambda item: (-item[1], item[0] != OURS, item[0]))
    counts = [count for _, count in ordered]
    places = tuple(
        Place(
            counts.index(count) + 1, site, count, site == OURS,
            100 * (ours / count - 1) if count and site != OURS else None,
        )
        for site, count in ordered
    )  # fmt: skip
    today = now.astimezone(UTC).date()
    to_come = tuple(day for day in month.days if day >= today)
    missing = tuple(day for day in month.days if day not in visits and day < today)
    return Ranking(month, places, missing, to_come, scale)


def title(ranking: Ranking) -> str:
    """`Visites de mai 2020`."""
    name = french.MONTHS[ranking.month.first.month - 1]
    return f"Visites {'d’' if name[0] in 'ao' else 'de '}{name} {ranking.month.first.year}"


def sentence(ranking: Ranking) -> str:
    """`Les ENT sont au rang 2 sur 6, …`: what the ranking says, with the sites just above and below."""
    ours = ranking.ours
    at = ranking.places.index(ours)
    neighbours = []
    if at:
        above = ranking.places[at - 1]
        neighbours.append(f"derrière {above.site} ({french.number(above.visits)})")
    if at + 1 < len(ranking.places):
        below = ranking.places[at + 1]
        neighbours.append(f"devant {below.site} ({french.number(below.visits)})")
    beside = f", {' et '.join(neighbours)}" if neighbours else ""
    return f"Rang {ours.rank} sur {len(ranking.places)} : {french.number(ours.visits)} visites d'ENT{beside}."


def notes(ranking: Ranking) -> list[str]:
    """What a reader has to know before believing the figures."""
    found = []
    if ranking.missing:
        count = french.plural(len(ranking.missing), "jour")
        found.append(f"Non mesuré ({count} sans aucune mesure) : {french.days(ranking.missing)}.")
    if ranking.to_come:
        over = "jour n'est pas terminé" if len(ranking.to_come) == 1 else "jours ne sont pas terminés"
        found.append(f"Mois inachevé : {len(ranking.to_come)} {over}.")
    if ranking.scale > 1:
        found.append(f"Trafic mesuré à l'échelle 1:{french.number(ranking.scale)}, visites ramenées à l'échelle 1.")
    return [*found, "Les chiffres des autres sites sont ceux du fichier fourni ; leur définition d'une visite varie."]


def source(now: datetime) -> str:
    """Where the ENT's figure comes from."""
    return f"Source : instant-t, jours UTC de bi.traffic_day ; lu le {now.astimezone(UTC):%Y-%m-%d à %H:%M:%S} UTC."


def against_text(place: Place) -> str:
    """`+8,8 %`: the ENT beside the site."""
    return "–" if place.against is None else french.growth(place.against)


def as_text(ranking: Ranking, now: datetime) -> str:
    """The ranking for a terminal."""
    rows = [("", "site", "visites", "ENT / site")]
    for place in ranking.places:
        site = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in place.site)
        rows.append(
            (f"{place.rank}{'→' if place.is_ours else ' '}", site, french.number(place.visits), against_text(place))
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        f"{a.rjust(widths[0])} {b.ljust(widths[1])}  {c.rjust(widths[2])}  {d.rjust(widths[3])}" for a, b, c, d in rows
    ]
    footer = [f"{'!' if note.startswith(('Non', 'Mois')) else '·'} {note}" for note in notes(ranking)]
    head = [title(ranking), sentence(ranking), ""]
    return "\n".join([*head, *lines, "", *footer, f"· {source(now)}"]) + "\n"


def as_values(ranking: Ranking, now: datetime) -> dict[str, Any]:
    """The ranking as one object of plain values."""
    return {
        "month": f"{ranking.month.first:%Y-%m}",
        "rank": ranking.ours.rank,
        "visits": ranking.ours.visits,
        "scale": ranking.scale,
        "rows": [dict(zip(CSV_COLUMNS, row, strict=True)) for row in as_rows(ranking)],
        "days_not_measured": [day.isoformat() for day in ranking.missing],
        "days_not_over": [day.isoformat() for day in ranking.to_come],
        "notes": notes(ranking),
        "read_at": f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
    }


def as_rows(ranking: Ranking) -> list[tuple[object, ...]]:
    """Rows under CSV_COLUMNS."""
    return [
        (p.rank, p.site, p.visits, p.is_ours, None if p.against is None else round(p.against, 2))
        for p in ranking.places
    ]
