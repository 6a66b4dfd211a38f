"""A growth report as one page that needs nothing else: no script, no request, fit to be mailed and printed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from pipeline import french
from pipeline.reports import growth_table as table
from pipeline.reports.compare import Report, Row
from pipeline.reports.labels import KINDS, MEASURES
from pipeline.reports.plots import HEIGHT, LEFT, RIGHT, WIDTH, Curves, curves, growth_bars

MOST_BARS = 40
"""Keys in the plot; the table has all of them."""


@cache
def environment() -> Environment:
    """Templates of the room: everything is escaped, and what is missing is an error."""
    return Environment(
        loader=PackageLoader("pipeline.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def as_page(report: Report, now: datetime) -> str:
    """The whole HTML document.

    Args:
        report: the comparison.
        now: aware; when the figures were read.
    """
    headline = report.total.comparable or report.total.raw
    plot = _curves(report)
    return environment().get_template("growth.html.j2").render(
        title=table.title(report),
        period=_bound(table.side_text(report, "period")),
        reference=_bound(table.side_text(report, "reference")),
        headline=table.growth_text(headline, report.total),
        headline_error=table.error_text(headline) if headline else "",
        factor=_factor(report),
        cards=_cards(report),
        bars=growth_bars(_bars(report)),
        omitted=max(0, len(report.rows) - MOST_BARS),
        by=KINDS[report.by],
        measure=MEASURES[report.measure],
        curves=plot,
        by_hour=report.clock is not None,
        frame={"width": WIDTH, "height": HEIGHT, "left": LEFT, "right": WIDTH - RIGHT},
        heads=_heads(report),
        rows=[_cells(report, row) for row in report.rows],
        total=_cells(report, report.total),
        notes=[_bound(note) for note in table.notes(report)],
        source=table.source(report, now),
        is_grave=lambda note: note.startswith(("Attention", "Non mesuré (")),
    )  # fmt: skip


def _bound(text: str) -> str:
    """The same with no-break spaces where French typography has them, so that no line begins with a colon."""
    for mark in ":;%":
        text = text.replace(f" {mark}", f"\u00a0{mark}")
    return text


def _factor(report: Report) -> str:
    """`× 2,02`, where it more than doubled."""
    growth = report.total.comparable or report.total.raw
    if growth is None or growth.percent is None or growth.percent < 95:
        return ""
    return f"× {french.number(1 + growth.percent / 100, 2)}"


def _cards(report: Report) -> list[tuple[str, str, str]]:
    """(name, figure, remark) of the country."""
    total = report.total
    unit = f"{MEASURES[report.measure]}, par jour mesuré" if report.per_day else MEASURES[report.measure]
    cards = [
        ("Période", table.value_text(report, total.period, total.period_state), unit),
        ("Référence", table.value_text(report, total.reference, total.reference_state), unit),
        ("Écart", table.difference_text(report, total), unit),
    ]
    if report.shows_comparable and total.raw is not None:
        cards.append(("Évolution brute", table.growth_text(total.raw, total), "tous les jours mesurés"))
    if total.schools is not None:
        like = total.like_for_like
        shown = french.growth(like.percent) if like is not None and like.percent is not None else "–"
        remark = f"{french.plural(total.schools.both, 'établissement')} mesurés aux deux périodes"
        cards.append(("Périmètre constant", "masqué" if total.schools.is_hidden else shown, remark))
    return cards


def _bars(report: Report) -> list[tuple[str, str, float, float | None]]:
    found = []
    for row in report.rows[:MOST_BARS]:
        growth = row.comparable or row.raw
        if growth is not None and growth.percent is not None:
            found.append((row.label, french.growth(growth.percent), growth.percent, growth.error))
    return sorted(found, key=lambda bar: -bar[2])


def _curves(report: Report) -> Curves | None:
    if report.clock is not None:
        hours = sorted({hour for side in report.clock.values() for hour in side})
        if not hours:
            return None
        span = range(hours[0], hours[-1] + 1)
        sides: list[Sequence[float | None]] = [
            [report.clock[side].get(hour, 0.0) for hour in span] for side in ("period", "reference")
        ]
        return curves(sides[0], sides[1], [f"{hour} h" for hour in span])
    first, other = report.scope.period.first, report.scope.reference.first
    lead, other_lead = _leads(first, other, min(map(len, report.days.values())))
    period = [*[None] * lead, *(value for _, value in report.days["period"])]
    reference = [*[None] * other_lead, *(value for _, value in report.days["reference"])]
    axis = [first + timedelta(days=at - lead) for at in range(max(len(period), len(reference)))]
    return curves(period, reference, [f"{day.day}/{day.month}" for day in axis])


def _leads(period: date, reference: date, shortest: int) -> tuple[int, int]:
    """Empty places before either curve so that weekdays stand above each other; none for less than two weeks."""
    if shortest < 14:
        return 0, 0
    later = (reference.weekday() - period.weekday()) % 7
    return (0, later) if later < 4 else (7 - later, 0)


def _heads(report: Report) -> list[str]:
    heads = [KINDS[report.by] if report.by != "total" else "", "Période", "Référence", "Écart", "Évolution"]
    heads += ["Jours comparables"] if report.shows_comparable else []
    return [*heads, "± 2σ", *(["Établissements", "Périmètre constant"] if _has_schools(report) else [])]


def _has_schools(report: Report) -> bool:
    return any(row.schools is not None for row in (*report.rows, report.total))


def _cells(report: Report, row: Row) -> list[dict[str, Any]]:
    """Cells of a row after its label: text, and a class for what is no figure."""
    growth = row.comparable or row.raw
    texts = [
        table.value_text(report, row.period, row.period_state),
        table.value_text(report, row.reference, row.reference_state),
        table.difference_text(report, row),
        table.growth_text(row.raw, row),
    ]
    texts += [table.growth_text(row.comparable, row)] if report.shows_comparable else []
    texts += [table.error_text(growth)]
    if _has_schools(report):
        texts += _school_texts(row)
    states = {"non mesuré", "pas ouvert", "zéro", "nouveau", "masqué", "–"}
    return [{"text": row.label, "kind": "label"}] + [
        {"text": text, "kind": "state" if text in states else "down" if text.startswith(french.MINUS) else ""}
        for text in texts
    ]


def _school_texts(row: Row) -> list[str]:
    """How many schools, and the growth of those that were there both times."""
    schools = row.schools
    if schools is None:
        return ["–", "–"]
    moves = (
        f" ({french.signed(schools.entered)} {french.MINUS}{french.number(schools.left)})" if schools.changed else ""
    )
    like = table.growth_text(row.like_for_like, row) if row.like_for_like else "–"
    return [f"{french.number(schools.both)}{moves}", "masqué" if schools.is_hidden else like]
