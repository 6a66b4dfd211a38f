"""The France of tiles has a place for everybody."""

from __future__ import annotations

from pipeline.names import FAMILLES
from pipeline.wall.places import places
from schemas import reference


def test_every_academie_and_collectivite_has_a_tile_of_its_own() -> None:
    assert set(places()) == {row.academie_name for row in reference.territories()}
    spots = [(place.column, place.row) for place in places().values() if not place.is_overseas]
    away = [(place.column, place.row) for place in places().values() if place.is_overseas]
    assert len(spots) == len(set(spots))
    assert len(away) == len(set(away))
    assert len({place.code for place in places().values()}) == len(places())


def test_paris_lies_between_versailles_and_creteil_and_corse_at_the_south_east() -> None:
    row = {name: (place.row, place.column) for name, place in places().items()}
    assert row["Versailles"] < row["Paris"] < row["Créteil"]
    assert row["Corse"] == max(spot for name, spot in row.items() if not places()[name].is_overseas)


def test_overseas_has_its_own_clock() -> None:
    assert {name for name, place in places().items() if place.is_overseas} == {
        "Guadeloupe", "Martinique", "Guyane", "Saint-Pierre-et-Miquelon", "La Réunion", "Mayotte",
        "Nouvelle-Calédonie", "Polynésie française", "Wallis-et-Futuna",
    }  # fmt: skip
    assert places()["Mayotte"].clock.key == "Indian/Mayotte"


def test_every_famille_has_a_name() -> None:
    assert set(FAMILLES) == {row.famille for row in reference.services()}
