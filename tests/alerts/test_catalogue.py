"""Which series there are, and which leaves each of them holds."""

from __future__ import annotations

import numpy as np

from pipeline.alerts.catalogue import Catalogue
from pipeline.alerts.sample import ALONE, Leaves

KEYS = (
    ("Lyon", "Skolengo", "Kosmos", "notes", ""),
    ("Lyon", "NEO", "Edifice", "notes", ""),
    ("Lille", "NEO", "Edifice", "notes", ""),
    ("Lille", "ONE", "Edifice", "visio", ""),
    ("Mayotte", "", "", "notes", ""),
)
MAIN = Leaves(KEYS, np.array([0, 0, 0, 0, ALONE]), np.array([7200, 7200, 7200, 7200, 10800]))
PROFILS = Leaves(
    (("Lyon", "", "", "", "ELEVE"), ("Lille", "", "", "", "ELEVE"), ("Lille", "", "", "", "PARENT")),
    np.array([0, 0, 0]),
    np.array([7200, 7200, 7200]),
)
CATALOGUE = Catalogue(MAIN, PROFILS)


def test_every_kind_has_its_series_by_name() -> None:
    assert sorted(CATALOGUE.number) == [
        ("academie", "Lille"), ("academie", "Lyon"), ("academie", "Mayotte"),
        ("academie_famille", "Lille · notes"), ("exploitant", "Edifice"), ("famille", "notes"), ("national", ""),
        ("plateforme", "NEO"), ("plateforme", "ONE"), ("plateforme", "Skolengo"),
        ("profil", "ELEVE"), ("profil", "PARENT"),
    ]  # fmt: skip


def test_of_two_series_with_the_same_leaves_one_is_kept_and_the_other_is_its_twin() -> None:
    assert CATALOGUE.twins[("exploitant", "Kosmos")] == ("plateforme", "Skolengo")
    assert CATALOGUE.twins[("academie_famille", "Lyon · notes")] == ("academie", "Lyon")
    assert CATALOGUE.twins[("famille", "visio")] == ("plateforme", "ONE")


def test_a_series_adds_up_its_leaves() -> None:
    sums = CATALOGUE.roll.of(np.array([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0], [8.0, 80.0], [16.0, 160.0]]))
    by_name = {name: sums[at].tolist() for name, at in CATALOGUE.number.items() if at < CATALOGUE.main}
    assert by_name == {
        ("national", ""): [31.0, 310.0],
        ("plateforme", "Skolengo"): [1.0, 10.0],
        ("plateforme", "NEO"): [6.0, 60.0],
        ("plateforme", "ONE"): [8.0, 80.0],
        ("exploitant", "Edifice"): [14.0, 140.0],
        ("famille", "notes"): [23.0, 230.0],
        ("academie", "Lyon"): [3.0, 30.0],
        ("academie", "Lille"): [12.0, 120.0],
        ("academie", "Mayotte"): [16.0, 160.0],
        ("academie_famille", "Lille · notes"): [4.0, 40.0],
    }


def test_the_country_is_first_and_profils_are_last() -> None:
    assert CATALOGUE.number["national", ""] == 0
    assert CATALOGUE.kinds[CATALOGUE.main :] == ["profil", "profil"]


def test_a_series_of_one_academie_is_judged_as_an_academie() -> None:
    level = {name: int(CATALOGUE.levels[at]) for name, at in CATALOGUE.number.items()}
    assert level["plateforme", "Skolengo"] == level["academie", "Lyon"] == 4
    assert level["plateforme", "NEO"] == 1
    assert level["national", ""] == 0


def test_a_platform_in_a_fifth_of_the_academies_is_judged_as_an_academie_and_one_in_more_is_not() -> None:
    keys = [(f"Académie {number}", "Grande" if number >= 2 else "Petite", "", "notes", "") for number in range(10)]
    wide = Catalogue(Leaves(tuple(keys), np.zeros(10, np.int64), np.zeros(10, np.int64)), PROFILS)
    levels = {name: int(wide.levels[at]) for name, at in wide.number.items()}
    assert (levels["plateforme", "Petite"], levels["plateforme", "Grande"]) == (4, 1)


def test_territories_without_peers_keep_their_own_clock() -> None:
    mayotte, neo = CATALOGUE.number["academie", "Mayotte"], CATALOGUE.number["plateforme", "NEO"]
    assert (CATALOGUE.alone[mayotte], CATALOGUE.alone[neo]) == (True, False)
    assert (CATALOGUE.offset[mayotte], CATALOGUE.offset[neo]) == (10800, 7200)
    assert CATALOGUE.territories.tolist() == [mayotte]


def test_a_country_without_leaves_has_no_series() -> None:
    empty = Leaves((), np.zeros(0, np.int64), np.zeros(0, np.int64))
    assert len(Catalogue(empty, empty)) == 0
