"""`instant-t report`: growth between two periods, ranking beside public sites, and the DNMA's weekly form."""

from __future__ import annotations

import importlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from pipeline import settings as setting
from pipeline.commands.output import FORMATS, csv_text, json_text
from pipeline.commands.report_reading import read_growth, read_month
from pipeline.commands.servers import open_store
from pipeline.errors import UserError
from pipeline.reports import growth_page, growth_table, ranking_page
from pipeline.reports import ranking as ranking_table
from pipeline.reports.labels import KINDS, MEASURES
from pipeline.reports.periods import Hours, Period, parse_hours, parse_month, parse_period
from pipeline.reports.scope import settle

REPORTS = {
    "growth": "growth between two periods",
    "ranking": "visits of a month beside those of public sites",
    "dnma": "the weekly CSV of the DNMA, one line a school",
}
_ELSEWHERE = {"dnma": "pipeline.commands.report_dnma"}
"""Reports that live in a file of their own, imported only when they are called."""
REPORT_SECONDS = 120.0
"""A report over months of all schools may take its time."""


class _Reports(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(REPORTS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _ELSEWHERE:
            return super().get_command(ctx, cmd_name)
        command: click.Command = getattr(importlib.import_module(_ELSEWHERE[cmd_name]), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(REPORTS.items()))


class _Parsed(click.ParamType):
    """A click type made of a parser that raises ValueError with the whole sentence."""

    def __init__(self, name: str, parse: Any) -> None:
        self.name = name
        self._parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return self._parse(value) if isinstance(value, str) else value
        except ValueError as error:
            self.fail(str(error), param, ctx)


_scale_option = click.option(
    "--scale", type=click.IntRange(1), default=1, metavar="N", help="one counted visit stands for N (sampled traffic)"
)
_format_option = click.option(
    "--format",
    "form",
    type=click.Choice((*FORMATS, "html")),
    default="table",
    show_default=True,
    help="table for reading, json or csv for programs, html for mailing and printing (one page, no request)",
)
_out_option = click.option(
    "--out", type=click.Path(path_type=Path), metavar="FILE", help="write it there instead of printing it"
)


@click.group(cls=_Reports)
def report() -> None:
    """Growth between two periods, ranking beside public sites, the DNMA's weekly form.

    Figures of hours and days are kept for 25 months, longer than the live views look back.

    \b
    instant-t report growth --period 2020-09-01 --reference 2019-09-02
    instant-t report ranking --month 2020-05 --sites sites.csv
    instant-t report dnma --week 2026-W36
    """


@report.command()
@click.option("--period", required=True, type=_Parsed("A/B", parse_period), help="what grew: a day, a month, or A/B")
@click.option("--reference", required=True, type=_Parsed("C/D", parse_period), help="what it is held against")
@click.option("--by", type=click.Choice(list(KINDS)), default="total", show_default=True, help="one row for each")
@click.option("--measure", type=click.Choice(list(MEASURES)), default="visits", show_default=True)
@click.option(
    "--days",
    type=click.Choice(["comparable", "all"]),
    default="comparable",
    show_default=True,
    help="also compare school days with school days, holidays with holidays…; or all days alone",
)
@click.option("--hours", type=_Parsed("H-H", parse_hours), help="only this part of the days: 07:00-12:00, Paris time")
@_scale_option
@_format_option
@_out_option
def growth(
    period: Period,
    reference: Period,
    by: str,
    measure: str,
    days: str,
    hours: Hours | None,
    scale: int,
    form: str,
    out: Path | None,
) -> None:
    """Growth of a period against a reference, in percent and in visits.

    A period is a day (2020-09-01), a month (2020-05), days with the end excluded (2020-09-01/2020-09-29) or instants
    on whole hours with their offset. Days are UTC days; with --hours or instants, those of Paris. A day that is still
    passing is compared up to the last whole hour.

    "Comparable" holds school days against school days, Wednesdays against Wednesdays, holidays against holidays, by
    the calendar of the key's zone, each kind of day weighted as in the period. "Non mesuré" (nobody sent), "pas
    ouvert" (holidays) and "zéro" are three things; growth from zero is "nouveau". Where schools entered or left, the
    growth of those measured in both periods stands beside.

    \b
    instant-t report growth --period 2020-09-01 --reference 2019-09-02
    instant-t report growth --period 2020-09-01/2020-09-29 --reference 2019-09-02/2019-09-30 --by domaine
    instant-t report growth --period 2020-09-01 --reference 2019-09-02 --hours 07:00-12:00 --by academie
    instant-t report growth --period 2020-11 --reference 2020-03-17/2020-05-12 --by region --format html --out nov.html
    """
    settings = setting.load()
    now = datetime.now(UTC)
    if measure == "visitors-per-day" and (hours or period.is_instants or reference.is_instants):
        raise click.UsageError("--measure visitors-per-day needs whole days: visitors of hours do not add up")
    scope = settle(period, reference, hours, now)
    if measure == "visitors-per-day" and scope.by_hour:
        raise UserError("The day of --period is not over, and visitors of hours do not add up: use --measure visits.")
    with open_store(settings, "reader", REPORT_SECONDS) as store:
        answer = read_growth(store, scope, by, measure, comparable=days == "comparable", scale=scale)
    if form == "json":
        text = json_text(growth_table.as_values(answer, now))
    elif form == "csv":
        text = csv_text(growth_table.CSV_COLUMNS, growth_table.as_csv_rows(answer))
    elif form == "html":
        text = growth_page.as_page(answer, now)
    else:
        text = growth_table.as_text(answer, now)
    deliver(text, out)


@report.command()
@click.option("--month", required=True, type=_Parsed("YYYY-MM", parse_month), help="such as 2020-05")
@click.option(
    "--sites", required=True, type=click.Path(path_type=Path), metavar="FILE", help="CSV: site,visits, one site a line"
)
@_scale_option
@_format_option
@_out_option
def ranking(month: Period, sites: Path, scale: int, form: str, out: Path | None) -> None:
    """Visits of a month beside those of public sites, and the rank of the ENT among them.

    FILE is a CSV with the columns site and visits (comma or semicolon; thousands may be set apart by spaces), with the
    figures of the same month: those of the ACPM, for instance. Visits of the ENT are summed over the days, at midnight
    UTC a visit is cut.

    \b
    instant-t report ranking --month 2020-05 --sites sites.csv
    instant-t report ranking --month 2020-05 --sites sites.csv --format html --out mai.html
    """
    settings = setting.load()
    now = datetime.now(UTC)
    others = ranking_table.read_sites(_read(sites), str(sites))
    with open_store(settings, "reader", REPORT_SECONDS) as store:
        visits = read_month(store, month)
    answer = ranking_table.rank(month, visits, others, now, scale)
    if form == "json":
        text = json_text(ranking_table.as_values(answer, now))
    elif form == "csv":
        text = csv_text(ranking_table.CSV_COLUMNS, ranking_table.as_rows(answer))
    elif form == "html":
        text = ranking_page.as_page(answer, now)
    else:
        text = ranking_table.as_text(answer, now)
    deliver(text, out)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8: save it as UTF-8.") from error


def deliver(text: str, out: Path | None) -> None:
    """Print a report, or write it into a file.

    Raises:
        UserError: the file cannot be written.
    """
    if out is None or str(out) == "-":
        click.echo(text, nl=False)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error.strerror}.") from error
