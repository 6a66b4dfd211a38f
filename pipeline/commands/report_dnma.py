"""`instant-t report dnma`: a week as the ministry's open data has it, one line a school."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import click

from pipeline import settings as setting
from pipeline.commands.report import deliver
from pipeline.commands.servers import open_store
from pipeline.errors import UserError
from pipeline.reports.dnma import HEADER, WeekRow, lines, notes, parse_week, week_name
from pipeline.store.client import Store
from pipeline.store.sql import query
from schemas.reference import territories

QUERY_SECONDS = 300.0
"""Open days of the whole country are counted from their events."""

TERRITORIES_AT_ONCE = 8
"""Asked for together: bounds the memory of a query over 28,000 schools and seven days."""


@click.command()
@click.option("--week", required=True, metavar="W", help="ISO week such as 2026-W36, or a date in it")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="write it there; - or none: print it")
@click.option(
    "--separator",
    type=click.Choice([",", ";"]),
    default=",",
    show_default=True,
    help="; as in the ministry's downloads",
)
def dnma(week: str, out: Path | None, separator: str) -> None:
    """Visits and visitors of a week, one CSV line a school (UAI), with the column names of the DNMA's open data.

    Columns are visites_… and utilisateurs_…, for all (globales), each profil and each service. Days are UTC days, from
    Monday to Sunday. Visits of the days are added up; visitors (utilisateurs) are distinct over the week, and known for
    35 days.

    A cell is blank, not zero, where fewer than 5 visitors were seen (none included): at this grain they would be
    persons. Schools with fewer than 5 visitors in the week have no line. What is still missing from the figures is
    said on stderr.

    \b
    instant-t report dnma --week 2026-W36
    instant-t report dnma --week 2026-09-01 --out dnma-2026-W36.csv
    instant-t report dnma --week 2026-W36 --separator ';' --out dnma.csv
    """
    try:
        monday = parse_week(week)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="'--week'") from None
    settings = setting.load()
    now = datetime.now(UTC)
    sunday = monday + timedelta(days=6)
    with open_store(settings, "reader", QUERY_SECONDS) as store:
        days = [day for (day,) in store.execute(query("report_measured_days"), {"first": monday, "last": sunday})]
        rows = list(_read_week(store, monday)) if days else []
    if not rows:
        week = week_name(monday)
        raise UserError(f"No school of five visitors or more was measured in the week {week}: nothing is written.")
    for note in notes(monday, now, days, any(visitors is None for *_, visitors in rows)):
        click.echo(note, err=True)
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows(lines(monday, rows))
    deliver(text.getvalue(), out)


def _read_week(store: Store, monday: date) -> Iterator[WeekRow]:
    """The rows of every school, in the order of their UAIs."""
    prefixes = sorted(row.uai_prefix for row in territories())
    for start in range(0, len(prefixes), TERRITORIES_AT_ONCE):
        some = prefixes[start : start + TERRITORIES_AT_ONCE]
        bounds = {"monday": monday, "first": f"{some[0]}0000A", "last": f"{some[-1]}9999Z"}
        yield from store.execute(query("report_school_week"), bounds)
