"""The line an operator reads. In expected texts `_` is a narrow no-break space (U+202F), `-` before a digit a minus."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from pipeline.alerts.change import DIRECTIONS, Change, Neighbour
from pipeline.alerts.sentence import RUNBOOK, look_at, sentence


def at(time: str, day: str = "2026-09-01") -> int:
    """Epoch seconds of a time of day in Paris."""
    return int(datetime.fromisoformat(f"{day}T{time}:00+02:00").timestamp())


LYON = Change(
    alert_id="00000000000000aa",
    revision=1,
    state="opened",
    direction="drop",
    kind="academie_famille",
    key="Lyon · vie_scolaire",
    opened_at=at("08:16"),
    since=at("08:14"),
    changed_at=at("08:16"),
    closed_at=None,
    observed=412.0,
    expected=1047.3,
    low=930.0,
    high=1164.0,
    window_seconds=300,
    data_age_seconds=22.0,
)


def said(**changes: Any) -> str:
    """The sentence of LYON with some fields changed, its narrow spaces and minus signs made visible."""
    return sentence(replace(LYON, **changes)).replace("\u202f", "_").replace("\u2212", "-")


def test_a_drop_says_what_where_how_much_since_when_and_how_old_the_data_are() -> None:
    assert said() == (
        "Vie scolaire, académie de Lyon : 412 pages/min au lieu de 1_050 (± 120) depuis 08:14, soit -61_% ; "
        "données à l'instant."
    )


@pytest.mark.parametrize(
    ("kind", "key", "name"),
    [
        ("national", "", "France entière"),
        ("famille", "cahier_textes", "Cahier de textes"),
        ("academie", "Lyon", "Académie de Lyon"),
        ("academie", "Aix-Marseille", "Académie d'Aix-Marseille"),
        ("academie", "Orléans-Tours", "Académie d'Orléans-Tours"),
        ("academie", "Normandie", "Académie de Normandie"),
        ("academie", "Corse", "Académie de Corse"),
        ("plateforme", "NEO", "Plateforme NEO"),
        ("plateforme", "", "Plateforme (sans nom)"),
        ("exploitant", "Région Bretagne", "Exploitant Région Bretagne"),
        ("plateforme_famille", "NEO · visio", "Visio, plateforme NEO"),
        ("plateforme_famille", "A · B · visio", "Visio, plateforme A · B"),
        ("profil", "PARENT", "Profil Parents"),
    ],
)
def test_each_series_has_its_name(kind: str, key: str, name: str) -> None:
    assert said(kind=kind, key=key) == (
        f"{name} : 412 pages/min au lieu de 1_050 (± 120) depuis 08:14, soit -61_% ; données à l'instant."
    )


@pytest.mark.parametrize(
    ("key", "name", "local"),
    [("La Réunion", "Académie de La Réunion", "10:14"), ("Guadeloupe", "Académie de Guadeloupe", "02:14"),
     ("Nouvelle-Calédonie", "Nouvelle-Calédonie", "17:14")],
)  # fmt: skip
def test_overseas_the_clock_is_the_places_own(key: str, name: str, local: str) -> None:
    assert said(kind="academie", key=key) == (
        f"{name} : 412 pages/min au lieu de 1_050 (± 120) depuis {local} (heure locale, 08:14 à Paris), "
        "soit -61_% ; données à l'instant."
    )


@pytest.mark.parametrize(
    ("since", "words"),
    [(at("23:50", "2026-08-31"), "depuis hier à 23:50"), (at("08:14", "2026-08-28"), "depuis le 28 août à 08:14"),
     (at("00:00"), "depuis 00:00")],
)  # fmt: skip
def test_another_day_is_named(since: int, words: str) -> None:
    assert words in said(since=since)


@pytest.mark.parametrize(
    ("direction", "fields", "text"),
    [
        ("spike", {"observed": 2400.0}, "2_400 pages/min au lieu de 1_050 (± 120) depuis 08:14, soit ×2,3"),
        ("spike", {"observed": 1520.0}, "1_520 pages/min au lieu de 1_050 (± 120) depuis 08:14, soit +45_%"),
        ("retries", {"observed": 3150.0},
         "3_150 pages/min au lieu de 1_050 (± 120) depuis 08:14, soit ×3,0 sans plus de visites"),
        ("silence", {"observed": 0.0}, "plus aucune page depuis 08:14 (1_050 pages/min attendues)"),
        ("silence", {"observed": 0.0, "expected": 0.4},
         "plus aucune page depuis 08:14 (d'ordinaire 24 pages par heure)"),
        ("drop", {"observed": 0.0}, "0 page/min au lieu de 1_050 (± 120) depuis 08:14, soit -100_%"),
        ("drop", {"observed": 1.0, "expected": 6.5, "low": 4.3, "high": 8.7},
         "1 page/min au lieu de 6,5 (± 2,2) depuis 08:14, soit -85_%"),
        ("drop", {"observed": 12345.6, "expected": 25555.0, "low": 24000.0, "high": 27000.0},
         "12_346 pages/min au lieu de 25_600 (± 1_600) depuis 08:14, soit -52_%"),
        ("drop", {"low": 1000.0, "high": 1400.0},
         "412 pages/min au lieu de 1_050 (d'ordinaire de 1_000 à 1_400) depuis 08:14, soit -61_%"),
    ],
)  # fmt: skip
def test_each_direction_says_what_is_seen(direction: str, fields: dict[str, float], text: str) -> None:
    assert said(direction=direction, kind="plateforme", key="NEO", **fields) == (
        f"Plateforme NEO : {text} ; données à l'instant."
    )


def test_what_is_back_within_its_band_says_so() -> None:
    back = said(state="updated", revision=2, observed=980.0)
    assert "soit -6_%, de retour dans l'ordinaire ; données" in back
    assert "de retour" not in said(observed=929.9)


def test_data_that_are_late_say_so_and_by_how_much() -> None:
    assert said(data_age_seconds=185.0).endswith("soit -61_% ; données en retard de 3_min.")
    assert said(data_age_seconds=59.9).endswith("; données à l'instant.")
    assert said(direction="late", kind="national", key="", data_age_seconds=185.0) == (
        "Données en retard de 3_min depuis 08:14 : les baisses ne sont pas jugées."
    )


SIX = tuple(("academie", name) for name in ("Lille", "Amiens", "Reims", "Nancy-Metz", "Strasbourg", "Dijon"))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"kind": "famille", "key": "vie_scolaire", "scope": (("plateforme", "NEO"), *SIX)},
         "plateforme NEO, six académies à la fois"),
        ({"kind": "plateforme", "key": "NEO", "scope": SIX[:2]}, "académies de Lille et d'Amiens à la fois"),
        ({"kind": "plateforme", "key": "NEO", "scope": (("plateforme_famille", "NEO · visio"),)}, "surtout Visio"),
        ({"kind": "academie", "key": "Lyon",
          "scope": (("academie_famille", "Lyon · visio"), ("academie_famille", "Lyon · stockage"))},
         "Visio et Stockage à la fois"),
        ({"kind": "national", "key": "", "scope": SIX * 3 + (("profil", "PARENT"),)},
         "six académies, profil Parents à la fois"),
    ],
)  # fmt: skip
def test_the_scope_says_what_moves_with_it(fields: dict[str, Any], words: str) -> None:
    assert f" ; {words} ; " in said(**fields)


def test_a_planned_closure_annotates() -> None:
    assert " ; fermeture annoncée : parents bloqués jusqu'à 17:30 ; " in said(closure="parents bloqués jusqu'à 17:30")


@pytest.mark.parametrize(
    ("why", "fields", "text"),
    [
        ("recovered", {"observed": 1030.0},
         "Rétabli : Vie scolaire, académie de Lyon, après 34_min de baisse : 1_030 pages/min pour 1_050 attendues."),
        ("capped", {},
         "Suivi arrêté après 34_min de baisse sans rétablissement : Vie scolaire, académie de Lyon, "
         "412 pages/min pour 1_050 attendues ; ce niveau sert désormais de référence."),
        ("recovered", {"kind": "academie", "key": "Lyon", "observed": 1030.0},
         "Rétabli : académie de Lyon, après 34_min de baisse : 1_030 pages/min pour 1_050 attendues."),
        ("merged", {}, "Regroupé dans une alerte plus large : Vie scolaire, académie de Lyon, après 34_min de baisse."),
        ("closure", {"closure": "nuit"},
         "Fermeture annoncée (nuit) : Vie scolaire, académie de Lyon, alerte close après 34_min de baisse."),
        ("late", {"data_age_seconds": 200.0},
         "Suspendu, données en retard de 3_min : Vie scolaire, académie de Lyon, après 34_min de baisse ; "
         "plus rien n'est jugé."),
        ("recovered", {"direction": "late", "kind": "national", "key": ""},
         "Rétabli : données de nouveau à l'instant après 34_min de retard."),
    ],
)  # fmt: skip
def test_each_end_says_why(why: str, fields: dict[str, Any], text: str) -> None:
    end = {"state": "closed", "why_closed": why, "closed_at": at("08:48"), "changed_at": at("08:48")}
    assert said(**(end | fields)) == text


def test_a_name_from_an_event_stays_on_its_line_and_commands_no_terminal() -> None:
    text = said(kind="plateforme", key="NEO\n\x1b[2J\u202e<b>")
    assert text.startswith("Plateforme NEO\ufffd\ufffd[2J\ufffd<b> : 412 pages/min")
    assert "\n" not in text


def test_what_to_look_at_names_the_neighbours_and_the_paragraph_of_the_runbook() -> None:
    well = (Neighbour("academie", "Grenoble", 101.0, 100.0), Neighbour("national", "", 98.0, 100.0))
    assert look_at(replace(LYON, neighbours=well)).replace("\u202f", "_") == (
        "Regarder quelles plateformes manquent (Vie scolaire, académie de Lyon) et y ouvrir un ENT. "
        "Autour, tout va bien : académie de Grenoble 101_%, France entière 98_%. Runbook : Baisse."
    )
    ill = (Neighbour("academie", "Grenoble", 11.0, 100.0), Neighbour("national", "", 98.0, 100.0))
    assert "Autour, en part de l'attendu : académie de Grenoble 11" in look_at(replace(LYON, neighbours=ill))


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_every_direction_has_its_paragraph(direction: str) -> None:
    for kind, key in (("national", ""), ("plateforme", "NEO"), ("famille", "visio"), ("profil", "ELEVE")):
        change = replace(LYON, direction=direction, kind=kind, key=key)  # type: ignore[arg-type]
        assert look_at(change).endswith(f"Runbook : {RUNBOOK[change.direction][1]}.")
        closed = replace(change, state="closed", why_closed="recovered", closed_at=LYON.changed_at)
        assert look_at(closed) == f"Rien à faire. Runbook : {RUNBOOK[change.direction][1]}."
