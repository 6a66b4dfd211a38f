"""Growth that is planted is what the traffic has: in expectation exactly, in its events within the noise."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

import numpy as np
import pytest

from pipeline.errors import UserError
from pipeline.simulate import article, calibration, day, schools
from pipeline.simulate.levels import TOTAL, Level, Phase, Plan
from pipeline.simulate.taste import PROFIL_CODES, touching
from pipeline.simulate.traffic import planted
from tests.simulate.runs import decoded
from tests.simulate.scenes import PLACES, utc

Factors = Mapping[tuple[str, str], float]
FRANCE = schools.build(7)
TUESDAY = (utc(2020, 1, 14), utc(2020, 1, 15))
ORDINARY = Phase(None, FRANCE)


def phase(factors: Factors, pages: float = 4.7) -> Phase:
    return Phase(Level(*TUESDAY, factors, pages), FRANCE)


def visits(of: Phase) -> float:
    return float(of.busy(tuesday()).sum())


def tuesday() -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    # The instants that a level is fitted on, so that nothing but the fit is measured.
    first, last = (day.seconds(moment) for moment in TUESDAY)
    return day.activity(first + (np.arange(2_000) + 0.5) / 2_000 * (last - first))


def visits_at(of: Phase, kind: str, key: str) -> float:
    weights = np.diff(of.edges, prepend=0.0)
    mask = FRANCE.having(kind, key)
    by_group = np.bincount(FRANCE.group[mask], weights[mask], len(day.GROUPS))
    return float((tuesday() * (by_group[:, None] * of.busy(np.ones((1, 1, 1)))[0] / of.group_share[:, None])).sum())


def touching_visits(of: Phase, kind: str, key: str) -> float:
    by_profil = of.busy(tuesday()).sum(axis=(0, 1))
    return float(by_profil @ of.taste.touched(touching(kind, key)))


def test_a_total_grows_everything_alike() -> None:
    doubled = phase({TOTAL: 2.0})
    assert visits(doubled) / visits(ORDINARY) == pytest.approx(2.0, rel=1e-6)
    assert visits_at(doubled, "region", "Occitanie") / visits_at(ORDINARY, "region", "Occitanie") == pytest.approx(2.0)


def test_a_place_without_a_total_leaves_the_others_as_they_are() -> None:
    grown = phase({("region", "Occitanie"): 2.34})
    assert visits_at(grown, "region", "Occitanie") / visits_at(ORDINARY, "region", "Occitanie") == pytest.approx(2.34)
    assert visits_at(grown, "region", "Bretagne") / visits_at(ORDINARY, "region", "Bretagne") == pytest.approx(1.0)


def test_places_profils_and_the_total_hold_at_once() -> None:
    factors: Factors = {
        TOTAL: 1.5, ("region", "Grand Est"): 0.8, ("departement", "76"): 3.0, ("academie", "Lille"): 2.0,
        ("exploitant", "Kosmos"): 1.9, ("profil", "PARENT"): 1.2,
    }  # fmt: skip
    grown = phase(factors)
    assert visits(grown) / visits(ORDINARY) == pytest.approx(1.5, rel=1e-5)
    for kind, key in factors:
        if kind in schools.KEYS:
            ratio = visits_at(grown, kind, key) / visits_at(ORDINARY, kind, key)
            assert ratio == pytest.approx(factors[kind, key], rel=1e-5)
    parents = PROFIL_CODES.index("PARENT")
    profils = [of.busy(tuesday()).sum(axis=(0, 1))[parents] for of in (grown, ORDINARY)]
    assert profils[0] / profils[1] == pytest.approx(1.2, rel=1e-5)


@pytest.mark.parametrize("seed", range(4))
def test_services_drawn_at_random_grow_as_planted(seed: int) -> None:
    # Drawn factors lie around the total: a service that grew more than all visits could not be in enough of them.
    draw = random.Random(seed)
    names = [("service", "PARCOURS_PEDAGOGIQUE"), ("service", "STOCKAGE_PARTAGE"), ("famille", "vie_scolaire")]
    total = draw.uniform(0.5, 4.0)
    factors = {name: total * draw.uniform(0.6, 1.5) for name in names} | {TOTAL: total}
    pages = draw.choice([4.7, 8.0])
    grown = phase(factors, pages)
    for kind, key in names:
        ratio = touching_visits(grown, kind, key) / touching_visits(ORDINARY, kind, key)
        assert ratio == pytest.approx(factors[kind, key], rel=2e-3)
    assert visits(grown) / visits(ORDINARY) == pytest.approx(total, rel=1e-6)


def test_the_first_lockdown_has_the_growths_of_the_article() -> None:
    before, during = (
        Phase(next(level for level in article.LEVELS if level.start <= moment < level.end), FRANCE)
        for moment in (utc(2020, 1, 14), utc(2020, 3, 24))
    )
    growth = {
        (kind, key): touching_visits(during, kind, key) / touching_visits(before, kind, key) - 1
        for kind, key in article.LOCKDOWN
        if kind != "total"
    }
    assert growth["domaine", "pedagogique"] == pytest.approx(2.26, abs=0.01)
    assert growth["service", "STOCKAGE_PARTAGE"] == pytest.approx(5.30, abs=0.02)
    assert growth["service", "PARCOURS_PEDAGOGIQUE"] == pytest.approx(7.00, abs=0.02)
    assert during.pages == calibration.LOCKDOWN_PAGES == 8.0


def counted(span: tuple[datetime, datetime], levels: tuple[Level, ...]) -> dict[tuple[str, str], int]:
    """Distinct visits of a span at 1/1000 of the country, by key."""
    ids: dict[tuple[str, str], set[str]] = defaultdict(set)
    for value in (value for batch in planted([span], levels, 1 / 1000, 5) for value in batch):
        event = decoded(value)
        if not event or not isinstance(event.get("visit_id"), str) or not isinstance(event.get("uai"), str):
            continue
        place = PLACES.get(event["uai"][:3])
        ids[TOTAL].add(event["visit_id"])
        ids["region", place.region_name if place else ""].add(event["visit_id"])
        ids["service", str(event.get("service"))].add(event["visit_id"])
    return {name: len(seen) for name, seen in ids.items()}


def test_planted_growth_is_counted_in_the_events_within_three_standard_errors() -> None:
    factors: Factors = {TOTAL: 1.8, ("region", "Occitanie"): 3.0, ("service", "STOCKAGE_PARTAGE"): 2.7}
    week_later = (utc(2020, 1, 21), utc(2020, 1, 22))
    before, after = counted(TUESDAY, ()), counted(week_later, (Level(*week_later, factors),))
    for name, factor in factors.items():
        ratio = after[name] / before[name]
        error = ratio * (1 / after[name] + 1 / before[name]) ** 0.5
        assert abs(ratio - factor) < max(0.01, 3 * error), name
        assert error < 0.2


def test_periods_apart_have_the_same_people_and_never_the_same_visit() -> None:
    spans = [(utc(2020, 1, 14, 9), utc(2020, 1, 14, 10)), (utc(2020, 1, 15, 9), utc(2020, 1, 15, 10))]
    both = [value for batch in planted(spans, (), 1 / 200, 5) for value in batch]
    apart = [[value for batch in planted([span], (), 1 / 200, 5) for value in batch] for span in spans]
    assert both == apart[0] + apart[1]
    first, second = ({field(value, "visit_id") for value in values} - {None} for values in apart)
    assert min(len(first), len(second)) > 1_000
    assert not first & second
    first, second = ({field(value, "visitor_id") for value in values} - {None} for values in apart)
    assert first & second


def field(value: bytes, name: str) -> str | None:
    """A field of 32 characters, which no spoilt one has."""
    event = decoded(value)
    text = event.get(name) if event else None
    return text if isinstance(text, str) and len(text) == 32 else None


@pytest.mark.parametrize(
    ("factors", "said"),
    [
        ({("region", "Atlantide"): 2.0}, "No simulated school has the region 'Atlantide'"),
        ({("service", "MINITEL"): 2.0}, "No simulated visit touches the service 'MINITEL'"),
        ({("couleur", "bleu"): 2.0}, "A growth of couleur 'bleu' by 2 cannot be planted"),
        ({TOTAL: -1.0}, "A growth of total '' by -1 cannot be planted"),
    ],
)
def test_a_growth_that_names_nothing_is_refused(factors: Factors, said: str) -> None:
    with pytest.raises(UserError, match=said):
        phase(factors)


def test_growths_that_contradict_each_other_are_refused() -> None:
    every = {("exploitant", name): 1.0 for name in set(FRANCE.keys["exploitant"].tolist())}
    with pytest.raises(UserError, match="These growths cannot hold at once: total ×2, "):
        phase({TOTAL: 2.0} | every)
    with pytest.raises(UserError, match="These growths of services cannot hold at once, or not with so few visits"):
        phase({("famille", "vie_scolaire"): 30.0}).taste.lotteries(0.0)


def test_levels_must_not_overlap() -> None:
    levels = (Level(*TUESDAY, {TOTAL: 2.0}), Level(utc(2020, 1, 14, 12), utc(2020, 1, 16), {TOTAL: 3.0}))
    with pytest.raises(UserError, match="The level of 2020-01-14 overlaps another one"):
        Plan(levels, FRANCE, *(day.seconds(moment) for moment in TUESDAY))
