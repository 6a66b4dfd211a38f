"""The sentences of the article, said by the reports from events that hold its figures, and other figures as well.

Half an hour of each day (11:00 to 11:30 in Paris), at 1/30 of the country, with growth planted in the generator, goes
through `replay --history` and comes back through `report growth`. A figure is recovered when it is within one point, or
within three standard errors of the visits that were counted (the report gives two of them as `error_points`). Visits
are of three pages all the time: what is compared are visits, and longer ones reach further out of the half-hour.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner

from pipeline.commands.replay import replay
from pipeline.commands.report import report
from pipeline.simulate import article
from pipeline.simulate.levels import TOTAL, Level
from pipeline.simulate.scenario import scenario
from pipeline.simulate.taste import SERVICE_KINDS
from pipeline.simulate.traffic import Traffic, planted
from pipeline.simulate.walks import mean_pages
from tests.support.stores import migrated_gateway

SCALE = 30
SPAN = timedelta(minutes=30)
PAGES = 3.0
LEVELS = tuple(replace(level, pages=PAGES) for level in article.LEVELS)
PARIS = ZoneInfo("Europe/Paris")
BEFORE, MARCH, LOCKDOWN, MAY = date(2020, 1, 14), date(2020, 3, 10), date(2020, 3, 24), date(2020, 5, 12)
RENTREES = (date(2020, 9, 1), date(2019, 9, 2))
SEPTEMBERS = (date(2020, 9, 8), date(2019, 9, 10))
NOVEMBER = date(2020, 11, 10)
DRAWN = (date(2019, 10, 8), date(2019, 10, 1))
"""Two Tuesdays for the figures drawn at random."""

Rows = dict[tuple[str, str], Mapping[str, Any]]
Ask = Callable[..., Any]


def span_of(day: date) -> tuple[datetime, datetime]:
    start = datetime(day.year, day.month, day.day, 11, tzinfo=PARIS)
    return start, start + SPAN


def day_start(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def write(path: Path, days: Iterable[date], levels: tuple[Level, ...], seed: int) -> None:
    """The traffic of each day's span; clocks that are wrong by days would make days of their own."""
    spans = [span_of(day) for day in days]
    known = {start.strftime("%Y-%m-%d").encode() for start, _ in spans}
    with path.open("wb") as file:
        for batch in planted(spans, levels, 1 / SCALE, seed):
            kept = [line for line in batch if line[60:61] != b'"' or line[61:71] in known]
            file.write(b"".join(line + b"\n" for line in kept))


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """`ask("growth", …)` is the answer of that report over a store with all the days in it."""
    folder = tmp_path_factory.mktemp("article")
    write(
        folder / "article.ndjson",
        (*RENTREES, *SEPTEMBERS, BEFORE, MARCH, LOCKDOWN, MAY, NOVEMBER),
        LEVELS,
        seed=1,
    )
    write(folder / "drawn.ndjson", DRAWN, drawn_levels(), seed=2)
    with migrated_gateway(folder / "state") as gateway, pytest.MonkeyPatch.context() as environment:
        environment.setenv("INSTANT_T_STATE", str(folder / "state"))
        environment.setenv("INSTANT_T_CLICKHOUSE_PORT", str(gateway.native_port))
        environment.delenv("INSTANT_T_CLICKHOUSE", raising=False)
        environment.delenv("INSTANT_T_CLICKHOUSE_ADMIN", raising=False)
        run(replay, "--history", str(folder / "article.ndjson"), str(folder / "drawn.ndjson"))
        yield lambda *words: json.loads(run(report, *words, "--format", "json"))


def run(command: Any, *words: str) -> str:
    done = CliRunner().invoke(command, list(words), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def growth(ask: Ask, period: date, reference: date, kinds: Iterable[str]) -> Rows:
    """Rows of `report growth` by kind and key."""
    rows: Rows = {}
    for kind in dict.fromkeys(kinds):
        answer = ask("growth", "--period", str(period), "--reference", str(reference), "--by", kind)
        rows |= {(kind, row["key"]): row for row in answer["rows"]} | {TOTAL: answer["total"]}
    return rows


def check(rows: Rows, factors: Mapping[tuple[str, str], float]) -> None:
    """Every planted factor is in the rows, within a point or three standard errors."""
    wrong = []
    for name, factor in factors.items():
        row = rows[name]
        planted_percent, allowed = (factor - 1) * 100, max(1.0, 1.5 * row["error_points"])
        said = f"{name}: planted {planted_percent:+.1f} %, reported {row['growth_percent']:+.1f} ± {allowed:.1f}"
        print(said)
        if abs(row["growth_percent"] - planted_percent) > allowed:
            wrong.append(said)
    assert not wrong


def kinds(factors: Mapping[tuple[str, str], float]) -> list[str]:
    return [kind for kind, _ in factors]


def test_in_the_first_lockdown_pedagogical_services_grew_by_226_percent_storage_530_parcours_700(ask: Ask) -> None:
    rows = growth(ask, LOCKDOWN, BEFORE, ("domaine", "service"))
    check(
        rows,
        {
            ("domaine", "pedagogique"): 3.26,
            ("service", "STOCKAGE_PARTAGE"): 6.30,
            ("service", "PARCOURS_PEDAGOGIQUE"): 8.00,
        },
    )
    visio = rows["service", "VISIOCONFERENCE"]  # of almost none
    assert visio["is_new"] or visio["growth_percent"] > 1_000
    assert rows["service", "PRODUCTION_COLLABORATIVE"]["growth_percent"] > 20


def test_from_january_to_march_2020_occitanie_grew_by_134_percent_others_by_over_75_and_60(ask: Ask) -> None:
    rows = growth(ask, MARCH, BEFORE, ("region", "departement"))
    check(rows, article.MARCH)
    assert article.MARCH["region", "Occitanie"] == 2.34
    assert all(article.MARCH["departement", code] > 1.75 for code in ("95", "27", "76"))
    assert article.MARCH["region", "Auvergne-Rhône-Alpes"] > 1.75
    assert article.MARCH["region", "Grand Est"] > 1.60


def test_visits_of_may_2020_had_grown_by_345_percent_and_made_the_second_national_site(
    ask: Ask, tmp_path: Path
) -> None:
    check(growth(ask, MAY, BEFORE, ("total",)), {TOTAL: 4.45})
    sites = tmp_path / "sites.csv"
    sites.write_text("site,visits\nleboncoin.fr,400000000\nlefigaro.fr,171000000\nlemonde.fr,150000000\n")
    # The month has one measured span here: a visit of it stands for as many as its part in the month demands.
    start, _ = span_of(MAY)
    lockdown = replace(scenario("confinement-2020"), levels=LEVELS)
    traffic = Traffic(lockdown, start, SPAN.total_seconds(), None, 1, played=start, scale=1 / SCALE)
    standing_for = round(article.MAY_2020_VISITS / (traffic.rate * SPAN.total_seconds() / 1.01 / mean_pages(PAGES)))
    answer = ask("ranking", "--month", "2020-05", "--sites", str(sites), "--scale", str(standing_for))
    ranked = sorted(answer["rows"], key=lambda row: row["rank"])
    assert [row["is_ent"] for row in ranked] == [False, True, False, False]
    assert ranked[1]["visits"] == pytest.approx(186_000_000, rel=0.03)
    assert ranked[2]["site"] == "lefigaro.fr"


def test_the_rentree_of_2020_doubled_that_of_2019(ask: Ask) -> None:
    check(growth(ask, *RENTREES, ("total",)), {TOTAL: 2.02})


def test_september_2020_had_50_percent_more_visits_vie_scolaire_26_pedagogique_51_parcours_61(ask: Ask) -> None:
    rows = growth(ask, *SEPTEMBERS, ("total", "famille", "domaine", "service"))
    check(
        rows,
        {
            ("total", ""): 1.50,
            ("famille", "vie_scolaire"): 1.26,
            ("domaine", "pedagogique"): 1.51,
            ("service", "PARCOURS_PEDAGOGIQUE"): 1.61,
        },
    )
    visio = rows["service", "VISIOCONFERENCE"]
    assert visio["difference"] > 20
    assert visio["reference"] < visio["period"] / 10


def test_november_2020_against_the_lockdown_grew_in_three_regions_and_in_seine_maritime(ask: Ask) -> None:
    planted_figures = {
        ("region", "Auvergne-Rhône-Alpes"): 1.49,
        ("region", "Bourgogne-Franche-Comté"): 1.48,
        ("region", "Grand Est"): 1.20,
        ("departement", "76"): 1.15,
    }
    check(growth(ask, NOVEMBER, LOCKDOWN, kinds(planted_figures)), planted_figures)


def drawn_factors() -> dict[tuple[str, str], float]:
    """Figures that nobody chose: a total, and places, a platform, a profil and services around it."""
    draw = random.Random(20_201_101)
    total = draw.uniform(0.7, 4.0)
    around = partial(draw.uniform, 0.65, 1.5)
    names = [
        *(("region", name) for name in draw.sample(["Bretagne", "Occitanie", "Hauts-de-France", "Grand Est"], 2)),
        ("departement", draw.choice(["13", "33", "44", "75", "974"])),
        ("plateforme", draw.choice(["ONE", "Beneylu School"])),
        ("profil", draw.choice(["ELEVE", "PARENT", "ENSEIGNANT"])),
        *(("service", name) for name in draw.sample(["STOCKAGE_PARTAGE", "CAHIER_TEXTES", "NOTES", "ACTUALITES"], 2)),
        ("famille", draw.choice(["ressources", "organisation"])),
    ]
    return {TOTAL: total} | {name: total * around() for name in names}


def drawn_levels() -> tuple[Level, ...]:
    """Named services are held in the reference, whose visits are shorter than ordinary ones and touch fewer."""
    low = 0.25
    period, reference = ((day_start(day), day_start(day) + timedelta(days=1)) for day in DRAWN)
    factors = drawn_factors()
    held = {name: low for name in factors if name[0] in SERVICE_KINDS} | {TOTAL: low}
    grown = {name: low * factor for name, factor in factors.items()}
    return (Level(*reference, held, PAGES), Level(*period, grown, PAGES))


def test_figures_drawn_at_random_are_recovered_just_as_well(ask: Ask) -> None:
    factors = drawn_factors()
    assert len(factors) == 9
    check(growth(ask, *DRAWN, kinds(factors)), factors)
