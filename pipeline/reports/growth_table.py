"""A growth report as text for a terminal, and as values for programs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pipeline import french
from pipeline.reports.compare import Growth, Report, Row, Schools, State
from pipeline.reports.day_classes import ZONES, class_text
from pipeline.reports.labels import KINDS, MEASURES, zone

CSV_COLUMNS = (
    "kind", "key", "label", "period_state", "reference_state", "period", "reference", "difference", "growth_percent",
    "error_points", "comparable_period", "comparable_reference", "comparable_growth_percent",
    "comparable_error_points", "schools_both", "schools_entered", "schools_left", "like_for_like_growth_percent",
)  # fmt: skip
FEW_VISITS = 20
"""Mean visits of a school in a period, under which small schools are missed by chance (ours)."""
STATES = {
    State.MEASURED: "measured",
    State.ZERO: "zero",
    State.NOT_OPEN: "not_open",
    State.NOT_MEASURED: "not_measured",
}
"""What programs read; the values of `State` are what a person reads."""


def title(report: Report) -> str:
    """`Évolution des visites par académie`."""
    by = "" if report.by == "total" else f" par {KINDS[report.by]}"
    return f"Évolution des {MEASURES[report.measure]}{by}"


def side_text(report: Report, side: str) -> str:
    """`du 1er au 28 septembre 2020 : 28 jours mesurés (20 jours d'école, 8 …)`."""
    period = report.scope.period if side == "period" else report.scope.reference
    days = report.period_days if side == "period" else report.reference_days
    mix = report.period_mix if side == "period" else report.reference_mix
    kinds = ", ".join(class_text(name, count) for name, count in sorted(mix.items(), key=lambda item: -item[1]))
    span = french.span(period.first, period.last)
    if not report.scope.hours.is_whole_day:
        span += f", de {report.scope.hours.start} h à {report.scope.hours.end} h (heure de Paris)"
    elif period.is_instants:
        start, end = (f"{instant:%Y-%m-%dT%H:%MZ}" for instant in period.bounds())
        span += f" ({start} à {end})"
    many = "jours mesurés" if len(days) > 1 else "jour mesuré"
    total = total_of(report, side)
    summed = f" ; {french.number(total)} {MEASURES[report.measure]} en tout" if total is not None else ""
    return f"{span} : {french.number(len(days))} {many}" + (f" ({kinds})" if kinds else "") + summed


def total_of(report: Report, side: str) -> float | None:
    """The country's sum over the measured days of a side, None without any.

    None too for visitors, who do not add up over days.
    """
    values = [value for _, value in report.days[side] if value is not None]
    return sum(values) if values and report.measure != "visitors-per-day" else None


def value_text(report: Report, value: float | None, state: State) -> str:
    """A figure, or why there is none."""
    if value is None:
        return state.value
    return french.number(value, 1 if report.per_day and value < 100 else 0)


def difference_text(report: Report, row: Row) -> str:
    """`+12 345`."""
    if row.raw is None:
        return "–"
    return french.signed(row.raw.difference, 1 if report.per_day and abs(row.raw.difference) < 100 else 0)


def growth_text(growth: Growth | None, row: Row) -> str:
    """`+50,3 %`, `nouveau`, or why there is no growth."""
    if growth is not None and growth.percent is not None:
        return french.growth(growth.percent)
    if growth is not None:
        return "nouveau" if growth.is_new else "zéro"
    states = (row.period_state, row.reference_state)
    absent = [state for state in (State.NOT_MEASURED, State.NOT_OPEN) if state in states]
    return absent[0].value if absent else "–"


def error_text(growth: Growth | None) -> str:
    """`± 1,2`: points of percent."""
    return f"± {french.number(growth.error, 1)}" if growth is not None and growth.error is not None else "–"


def notes(report: Report) -> list[str]:
    """What a reader has to know before believing the figures, the gravest first; French sentences."""
    scope, found = report.scope, []
    schools = report.total.schools
    if schools is not None and schools.changed:
        like = report.total.like_for_like
        constant = (
            f" ; à périmètre constant : {french.growth(like.percent)}" if like and like.percent is not None else ""
        )
        if schools.is_hidden:
            constant = " ; à périmètre constant : masqué (moins de cinq établissements, de moins de cinq visiteurs)"
        found.append(
            f"Attention, le périmètre a changé : {french.plural(schools.both, 'établissement')} aux deux périodes, "
            f"{french.plural(schools.entered, 'entré')}, {french.plural(schools.left, 'sorti')}{constant}."
        )
        if _seen_by_chance(report, schools):
            found.append(
                "Peu de visites par établissement : il en entre et il en sort par le seul hasard, "
                "et l'évolution à périmètre constant n'est qu'indicative."
            )
    for side, name in (("period", "période"), ("reference", "référence")):
        if missing := report.missing(side):
            many = "s" if len(missing) > 1 else ""
            found.append(f"Non mesuré ({name}, {len(missing)} jour{many} sans aucune mesure) : {french.days(missing)}.")
        if faint := report.faint(side):
            found.append(f"Presque vide ({name}), mesure à vérifier : {french.days(faint)}.")
    if report.comparable and report.left_out:
        kinds = ", ".join(class_text(name, count) for name, count in sorted(report.left_out.items()))
        found.append(f"Sans équivalent en face, hors de la comparaison à jours comparables : {kinds}.")
    found += scope.notes
    for row in report.rows:
        if row.silent_days:
            count = french.plural(len(row.silent_days), "jour d'école", "jours d'école")
            found.append(
                f"{row.label} : aucun événement pendant {count} de la période "
                f"({french.days(row.silent_days, 3)}) : panne, ou pas de mesure."
            )
        elif row.period_state is State.ZERO and (row.reference or 0) > 0:
            found.append(f"{row.label} : plus rien dans la période ; vérifier que la mesure fonctionne encore.")
    measured = bool(report.period_days and report.reference_days)
    unknown = [
        row.label
        for row in report.rows
        if measured
        and State.NOT_MEASURED in (row.period_state, row.reference_state)
        and zone(report.by, row.key) not in (None, *ZONES)
    ]
    if unknown:
        found.append(
            f"Calendrier scolaire inconnu ici, donc pas mesuré ou pas ouvert : {', '.join(unknown[:8])}"
            f"{' …' if len(unknown) > 8 else ''}."
        )
    if report.unmeasured:
        shown = ", ".join(report.unmeasured[:8]) + (" …" if len(report.unmeasured) > 8 else "")
        found.append(f"Non mesurés des deux côtés ({len(report.unmeasured)}) : {shown}.")
    if report.per_day:
        found.append("Valeurs : moyennes par jour mesuré.")
    if scope.by_hour and report.measure == "visits":
        found.append("Visites additionnées heure par heure : une visite à cheval sur deux heures y compte deux fois.")
    elif report.measure == "visits":
        found.append("Une visite compte dans chaque service qu'elle touche : les lignes ne s'additionnent pas.")
    if report.scale > 1:
        found.append(f"Trafic mesuré à l'échelle 1:{french.number(report.scale)}, valeurs ramenées à l'échelle 1.")
    found.append(
        "± : deux écarts-types du hasard d'échantillonnage (loi de Poisson, sur les visites"
        + (" ou visiteurs" if report.measure == "visitors-per-day" else "")
        + " réellement comptées), en points."
    )
    return found


def _seen_by_chance(report: Report, schools: Schools) -> bool:
    """Whether a school of average size may well have sent nothing: sampled traffic, a short period."""
    counts = ((schools.entered, "period"), (schools.left, "reference"))
    return any(
        total is not None and total / report.scale < FEW_VISITS * (schools.both + moved)
        for moved, side in counts
        for total in (total_of(report, side),)
    )


def as_text(report: Report, now: datetime) -> str:
    """The report for a terminal: head, aligned columns, notes."""
    heads = [KINDS[report.by] if report.by != "total" else "", "période", "référence", "écart", "évolution"]
    heads += ["jours comparables"] if report.shows_comparable else []
    heads += ["± 2σ"]
    perimeter = any(row.schools is not None and row.schools.changed for row in (*report.rows, report.total))
    heads += ["périmètre constant"] if perimeter else []

    def cells(row: Row) -> list[str]:
        growth = row.comparable or row.raw
        found = [
            "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in row.label),
            value_text(report, row.period, row.period_state),
            value_text(report, row.reference, row.reference_state),
            difference_text(report, row),
            growth_text(row.raw, row),
        ]
        found += [growth_text(row.comparable, row)] if report.shows_comparable else []
        found += [error_text(growth)]
        if perimeter:
            hidden = row.schools is not None and row.schools.is_hidden
            found += ["masqué" if hidden else growth_text(row.like_for_like, row) if row.like_for_like else "–"]
        return found

    body = [cells(row) for row in report.rows]
    foot = cells(report.total)
    widths = [max(map(len, column)) for column in zip(heads, *body, foot, strict=True)]

    def line(texts: list[str]) -> str:
        first = texts[0].ljust(widths[0])
        return "  ".join([first, *(t.rjust(w) for t, w in zip(texts[1:], widths[1:], strict=True))]).rstrip()

    head = [
        title(report),
        f"Période    {side_text(report, 'period')}",
        f"Référence  {side_text(report, 'reference')}",
        "",
    ]
    table = [line(heads), *map(line, body), *([""] if body else []), line(foot)]
    footer = [f"{'!' if note.startswith(('Attention', 'Non mesuré (')) else '·'} {note}" for note in notes(report)]
    return "\n".join([*head, *table, "", *footer, f"· {source(report, now)}"]) + "\n"


def source(report: Report, now: datetime) -> str:
    """Where the figures come from, and when they were read."""
    days = "heures de bi.traffic_hour, jours de Paris" if report.scope.by_hour else "jours UTC de bi.traffic_day"
    return f"Source : instant-t, {days} ; lu le {now.astimezone(UTC):%Y-%m-%d à %H:%M:%S} UTC."


def as_values(report: Report, now: datetime) -> dict[str, Any]:
    """The report as one object of plain values; numbers as numbers, absent ones as null."""
    return {
        "measure": report.measure,
        "by": report.by,
        "values": "mean_per_day" if report.per_day else "sum",
        "scale": report.scale,
        "hours": None if report.scope.hours.is_whole_day else [report.scope.hours.start, report.scope.hours.end],
        "days": "paris" if report.scope.by_hour else "utc",
        "period": _side(report, "period"),
        "reference": _side(report, "reference"),
        "total": _row_values(report.total),
        "rows": [_row_values(row) for row in report.rows],
        "not_measured_on_either_side": list(report.unmeasured),
        "notes": notes(report),
        "read_at": f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
    }


def _side(report: Report, side: str) -> dict[str, Any]:
    period = report.scope.period if side == "period" else report.scope.reference
    mix = report.period_mix if side == "period" else report.reference_mix
    start, end = period.bounds()
    return {
        "first_day": period.first.isoformat(),
        "last_day": period.last.isoformat(),
        "start": f"{start:%Y-%m-%dT%H:%M:%SZ}" if period.is_instants else None,
        "end": f"{end:%Y-%m-%dT%H:%M:%SZ}" if period.is_instants else None,
        "measured_days": len(report.period_days if side == "period" else report.reference_days),
        "sum": total_of(report, side),
        "days_not_measured": [day.isoformat() for day in report.missing(side)],
        "day_classes": dict(sorted(mix.items())),
    }


def _row_values(row: Row) -> dict[str, Any]:
    schools, like = row.schools, row.like_for_like
    return {
        "key": row.key,
        "label": row.label,
        "period_state": STATES[row.period_state],
        "reference_state": STATES[row.reference_state],
        "period": _rounded(row.period),
        "reference": _rounded(row.reference),
        "difference": _rounded(row.raw.difference if row.raw else None),
        "growth_percent": _rounded(row.raw.percent if row.raw else None),
        "error_points": _rounded(row.raw.error if row.raw else None),
        "is_new": bool(row.raw and row.raw.is_new),
        "comparable": None
        if row.comparable is None
        else {
            "period": _rounded(row.comparable.period),
            "reference": _rounded(row.comparable.reference),
            "growth_percent": _rounded(row.comparable.percent),
            "error_points": _rounded(row.comparable.error),
        },
        "schools": None
        if schools is None
        else {"both": schools.both, "entered": schools.entered, "left": schools.left, "hidden": schools.is_hidden},
        "like_for_like_growth_percent": _rounded(like.percent if like else None),
        "silent_days": [day.isoformat() for day in row.silent_days],
    }


def as_csv_rows(report: Report) -> list[list[object]]:
    """Rows under CSV_COLUMNS; what is absent is empty. The total comes last, of kind `total`."""
    found = []
    for row in (*report.rows, report.total):
        values = _row_values(row)
        aligned: Mapping[str, Any] = values["comparable"] or {}
        schools: Mapping[str, Any] = values["schools"] or {}
        flat = {
            **values,
            "kind": "total" if row is report.total else report.by,
            **{f"comparable_{name}": value for name, value in aligned.items()},
            **{f"schools_{name}": value for name, value in schools.items()},
        }
        found.append(["" if (value := flat.get(name)) is None else value for name in CSV_COLUMNS])
    return found


def _rounded(value: float | None) -> float | int | None:
    """Two decimals, whole numbers as integers."""
    if value is None:
        return None
    short = round(value, 2)
    return int(short) if short == int(short) else short
