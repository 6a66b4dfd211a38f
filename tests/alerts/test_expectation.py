"""What every series should have now: in a country without chance every figure can be written down."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.alerts.catalogue import Catalogue
from pipeline.alerts.chance import deviance, sigmas
from pipeline.alerts.expectation import FAR, NEAR, Expected, expect
from pipeline.alerts.open_alert import OpenAlert, muted
from pipeline.alerts.peers import weighted_median
from tests.alerts.country import MORNING, Country

Key = tuple[str, str, str, str, str]


def figures(country: Country, alerts: tuple[OpenAlert, ...] = ()) -> tuple[Catalogue, Expected]:
    catalogue = Catalogue(country.main, country.profils)
    return catalogue, expect(country.sample(MORNING), catalogue, muted(list(alerts), catalogue, MORNING))


def alert(kind: str, key: str, since: int, closed: int | None = None) -> OpenAlert:
    return OpenAlert("a", "drop", kind, key, since + 60, since, closed_at=closed)  # type: ignore[arg-type]


def test_on_a_day_like_the_others_the_reference_is_expected() -> None:
    catalogue, found = figures(Country())
    at = catalogue.number["academie", "Académie D"]
    assert found.x[at].tolist() == [960, 4800, 14_400, 28_800]
    assert found.base[at] == pytest.approx([960, 4800, 14_400, 28_800])
    assert found.q[at] == pytest.approx([1.0, 1.0])
    assert (found.pages[at], found.expected_pages[at]) == (6.0, 6.0)


def test_a_day_twice_as_busy_as_the_others_is_seen_on_the_peers() -> None:
    catalogue, found = figures(Country(story=lambda key, second: 2.0))
    at = catalogue.number["academie", "Académie D"]
    assert found.base[at, 1] == pytest.approx(9600)
    assert found.q[at] == pytest.approx([1.0, 1.0])


def test_the_country_has_no_peers_and_moves_by_its_own_level() -> None:
    _, found = figures(Country(story=lambda key, second: 2.0))
    assert found.base[0, 1] == pytest.approx(15 * 4 * 240 * 5)
    assert found.q[0] == pytest.approx([2.0, 2.0], rel=1e-3)


def test_a_large_platform_that_is_dead_makes_nobody_else_look_ill() -> None:
    catalogue, found = figures(
        Country(story=lambda key, second: 0.0 if key[1] in ("Nord", "Sud") and second >= MORNING - 60 else 1.0)
    )
    at = catalogue.number["academie", "Académie C"]
    assert (found.x[at, 0], found.base[at, 0]) == (960, 960)


def test_the_near_level_follows_within_a_quarter_of_an_hour_and_the_far_one_within_an_hour() -> None:
    catalogue, found = figures(
        Country(story=lambda key, second: 1.5 if key[0] == "Académie D" and second >= MORNING - 900 else 1.0)
    )
    at = catalogue.number["academie", "Académie D"]
    assert found.q[at, NEAR] == pytest.approx(1.5, abs=0.01)
    assert found.q[at, FAR] == pytest.approx(1 + 0.5 * 5 / 60, abs=0.01)


def test_what_is_alerted_bends_no_level_of_its_own_nor_of_what_holds_it() -> None:
    country = Country(story=lambda key, second: 0.0 if key[0] == "Académie D" and second >= MORNING - 1800 else 1.0)
    catalogue, found = figures(country, (alert("academie", "Académie D", MORNING - 1800),))
    platform, academie = catalogue.number["plateforme", "Est"], catalogue.number["academie", "Académie D"]
    assert found.x[platform, 1] == found.base[platform, 1] == 9600  # two of its three académies
    assert found.q[platform] == pytest.approx([1.0, 1.0])
    assert found.x[academie].tolist() == found.base[academie].tolist() == [0, 0, 0, 0]
    assert found.share[platform] == pytest.approx(2 / 3)


def test_after_its_close_an_alert_leaves_the_windows_one_by_one() -> None:
    catalogue, found = figures(Country(), (alert("academie", "Académie D", MORNING - 1800, MORNING - 400),))
    at = catalogue.number["academie", "Académie D"]
    assert found.x[at].tolist() == [960, 4800, 0, 0]


def test_a_learning_leaf_is_its_own_reference_and_its_peers_move_it() -> None:
    story = lambda key, second: 1.2 if second >= MORNING - 60 else 1.0  # noqa: E731
    catalogue, found = figures(Country(days=0, story=story))
    at = catalogue.number["academie", "Académie D"]
    assert found.learning[at]
    assert found.base[at, 0] == pytest.approx(960 * 1.2)


def test_windows_that_began_before_counting_did_are_not_judged() -> None:
    catalogue, found = figures(Country(measured=400.0))
    at = catalogue.number["academie", "Académie D"]
    assert found.base[at] == pytest.approx([960, 4800, 0, 0])
    assert found.x[at, 2:].tolist() == [0, 0]


def test_a_profil_is_held_against_the_other_profils() -> None:
    def story(key: Key, second: int) -> float:
        return 0.1 if key[4] == "PARENT" and second >= MORNING - 300 else 1.0

    catalogue, found = figures(Country(story=story))
    parents, pupils = (catalogue.number["profil", name] for name in ("PARENT", "ELEVE"))
    assert found.x[parents, 1] / found.base[parents, 1] == pytest.approx(0.1)
    assert found.x[pupils, 1] / found.base[pupils, 1] == pytest.approx(1.0)


def test_a_median_is_weighted_by_what_is_due() -> None:
    x = np.array([[0.0], [10.0], [30.0], [5.0]])
    due = np.array([[40.0], [10.0], [20.0], [0.0]])
    assert weighted_median(x, due).tolist() == [0.0]
    assert weighted_median(x[1:], due[1:]).tolist() == [1.5]


@pytest.mark.parametrize(("x", "due", "found"), [(0.0, 40.0, 40.0), (40.0, 40.0, 0.0), (80.0, 40.0, 15.4518)])
def test_the_deviance_of_a_count(x: float, due: float, found: float) -> None:
    assert deviance(np.array([x]), np.array([due])) == pytest.approx([found], abs=1e-4)


def test_a_large_expectation_is_known_no_better_than_its_noise() -> None:
    small, large = sigmas(np.array([50.0, 500_000.0]), np.array([100.0, 1_000_000.0]), 2.0, np.array([0.1, 0.1]))
    assert small == pytest.approx(-3.198, abs=1e-3)
    assert large == pytest.approx(-5.539, abs=1e-3)
