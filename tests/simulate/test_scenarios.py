"""What goes wrong in each scenario is in its events, from the fifth minute of a live run on, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest

from pipeline.simulate.scenario import SCENARIOS, scenario
from pipeline.simulate.traffic import Traffic
from tests.simulate.scenes import Page, pages, utc

LIVE = utc(2026, 11, 23, 21, 0)
"""Some evening on which scenarios are shown."""
SIX_REGIONS = {
    "Auvergne-Rhône-Alpes", "Bourgogne-Franche-Comté", "Grand Est", "Normandie", "Occitanie", "Pays de la Loire",
}  # fmt: skip
RATE = 60.0

TITLES = {
    "rentree-2026", "ordinaire", "rentree-2019", "rentree-2020", "confinement-2020", "panne-plateforme",
    "service-mort", "academie-muette", "tempete-de-retries", "ouverture-echelonnee",
}  # fmt: skip
Which = Callable[[Page], bool]


def live(name: str, duration_s: float = 480) -> list[Page]:
    return pages(name, LIVE, duration_s, RATE, scenario(name).begins)


def share(run: list[Page], first: float, end: float, which: Which) -> float:
    during = [page for page in run if first <= page.second < end]
    return sum(map(which, during)) / len(during)


def hits_per_visitor(run: list[Page], first: float, end: float, which: Which) -> float:
    during = [page for page in run if first <= page.second < end and which(page)]
    return len(during) / len({page.event["visitor_id"] for page in during})


def hosted(page: Page) -> bool:
    return page.place.region_name in SIX_REGIONS and page.event["exploitant"] == "Kosmos"


def itslearning(page: Page) -> bool:
    return bool(page.event["plateforme"] == "itslearning")


def notes(page: Page) -> bool:
    return page.service == "NOTES"


def lille(page: Page) -> bool:
    return page.place.academie_name == "Lille"


def test_there_are_ten_scenarios_with_a_french_title_and_an_english_story() -> None:
    assert {s.name for s in SCENARIOS} == TITLES
    assert all(s.title and s.story and len(s.title) < 100 for s in SCENARIOS)


@pytest.mark.parametrize(
    ("name", "struck", "usual"),
    [("panne-plateforme", hosted, 0.15), ("service-mort", notes, 0.008), ("academie-muette", lille, 0.04)],
)
def test_in_the_fifth_minute_what_is_struck_falls_silent_and_only_there(name: str, struck: Which, usual: float) -> None:
    run = live(name)
    assert share(run, 0, 240, struck) > usual
    assert share(run, 240, 480, struck) == 0.0
    others = [other for other in (hosted, notes, lille) if other is not struck]
    assert all(share(run, 240, 480, other) > 0.008 for other in others)
    assert share(live("rentree-2026"), 240, 480, struck) > usual


def test_the_outage_spares_the_other_operators_of_its_regions() -> None:
    during = [page for page in live("panne-plateforme") if page.second >= 240]
    assert {p.place.region_name for p in during if p.event["exploitant"] != "Kosmos"} >= SIX_REGIONS
    assert {p.place.region_name for p in during if p.event["exploitant"] == "Kosmos"} >= {"Île-de-France", "Bretagne"}


def test_after_the_outage_people_load_each_page_twice() -> None:
    start = utc(2021, 4, 6, 7, 0)  # 9:00 in Paris, two minutes before the portals are back
    run = pages("panne-plateforme", start, 480, RATE)
    assert share(run, 0, 120, hosted) == 0.0
    again = hits_per_visitor(run, 125, 400, hosted)
    assert again > 1.6 * hits_per_visitor(run, 125, 400, lambda page: not hosted(page))


def test_an_incident_has_its_own_clock_time_when_the_run_has() -> None:
    start = utc(2021, 4, 6, 6, 26)  # 8:26 in Paris
    run = pages("panne-plateforme", start, 480, RATE)
    assert share(run, 0, 240, hosted) > 0.15
    assert share(run, 240, 480, hosted) == 0.0


def test_a_storm_of_retries_is_hits_and_not_people() -> None:
    run = live("tempete-de-retries")
    calm, storm = (hits_per_visitor(run, first, first + 200, itslearning) for first in (20.0, 260.0))
    assert 3.0 < storm / calm < 5.0
    assert hits_per_visitor(run, 260, 460, notes) < 1.5 * hits_per_visitor(run, 20, 220, notes)
    events = [page.event for page in run if itslearning(page)]
    assert len({event["event_id"] for event in events}) == len(events)


def test_a_staggered_opening_keeps_parents_out_and_lets_one_degree_in_after_the_other() -> None:
    run = live("ouverture-echelonnee")
    assert share(run, 0, 480, lambda page: page.profil == "PARENT") == 0.0
    assert share(run, 0, 480, lambda page: page.profil == "ENSEIGNANT") > 0.1

    def pupils(degre: str) -> Which:
        return lambda page: page.profil == "ELEVE" and page.degre == degre

    assert share(run, 0, 240, pupils("collège")) == 0.0
    assert share(run, 240, 480, pupils("collège")) > 0.1
    assert share(run, 0, 240, pupils("école")) > 0.05
    assert share(run, 0, 480, pupils("lycée")) == 0.0
    evening = pages("ouverture-echelonnee", utc(2021, 9, 2, 15, 26), 480, RATE)  # 17:26 in Paris
    assert share(evening, 0, 240, lambda page: page.profil == "PARENT") == 0.0
    assert share(evening, 260, 480, lambda page: page.profil == "PARENT") > 0.1


@pytest.mark.parametrize("name", sorted(TITLES))
def test_the_mean_rate_is_the_one_asked_for_with_the_incident_in_it(name: str) -> None:
    played = scenario(name)
    sent = sum(map(len, Traffic(played, LIVE, 600, 60, 11, played=played.begins).batches()))
    assert sent == pytest.approx(36_000, rel=0.04)


@pytest.mark.parametrize(
    ("name", "start", "expected"),
    [
        ("rentree-2026", utc(2026, 9, 1, 10), utc(2026, 9, 1, 10)),
        ("rentree-2026", LIVE, utc(2026, 9, 1, 5, 30)),
        ("panne-plateforme", utc(2021, 4, 6, 5), utc(2021, 4, 6, 5)),
        ("panne-plateforme", LIVE, utc(2021, 4, 6, 6, 26)),
        ("confinement-2020", utc(2020, 5, 4, 22), utc(2020, 5, 4, 22)),
        ("ordinaire", LIVE, LIVE),
    ],
)
def test_a_start_on_its_own_days_is_played_as_it_is_and_any_other_is_moved(
    name: str, start: datetime, expected: datetime
) -> None:
    assert scenario(name).played(start) == expected


def test_the_rentree_of_2020_is_twice_that_of_2019() -> None:
    rates = [
        Traffic(scenario(name), start, 86_400, None, 7).rate
        for name, start in (("rentree-2019", utc(2019, 9, 2)), ("rentree-2020", utc(2020, 9, 1)))
    ]
    assert rates[1] / rates[0] == pytest.approx(2.02, rel=0.001)


def test_may_2020_has_186_million_visits_of_eight_pages() -> None:
    run = Traffic(scenario("confinement-2020"), utc(2020, 5, 1), 31 * 86_400, None, 7, played=utc(2020, 5, 1))
    hits = run.rate * 31 * 86_400 / 1.01
    assert hits / 7.96 == pytest.approx(186e6, rel=0.01)


def test_a_batch_of_every_scenario_is_lines_of_json_but_for_the_faults() -> None:
    for played in SCENARIOS:
        records = next(batch for batch in Traffic(played, LIVE, 120, 50, 3, played=played.begins).batches() if batch)
        assert all(b"\n" not in record for record in records)
        assert sum(record.startswith(b'{"event_id":"') for record in records) > 0.97 * len(records)
