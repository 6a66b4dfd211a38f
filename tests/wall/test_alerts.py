"""Which lines « À regarder » makes of what the detector says."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pipeline.wall.address import Address
from pipeline.wall.alerts import Alert, Closure, Watch, watched

T = datetime(2026, 9, 1, 6, 34, tzinfo=UTC).timestamp()


def alert(number: int = 1, kind: str = "plateforme", key: str = "NEO", is_open: bool = True) -> Alert:
    return Alert(
        f"{number:016x}", is_open, "drop", kind, key, T - 1200, None if is_open else T - 600, f"Phrase {number}.",
        "Conseil.", (("academie", "Lille"),),
    )  # fmt: skip


def test_an_open_alert_has_its_sentence_its_advice_and_how_long_it_lasts() -> None:
    (line,) = watched(Address(window=15), Watch((alert(),)), T).open
    assert (line.sentence, line.look_at, line.lasted.replace("\u202f", " ")) == ("Phrase 1.", "Conseil.", "20 min")
    assert (line.href, line.state) == ("/?plateforme=NEO&fenetre=15", "chute")


def test_of_many_the_rest_is_counted_and_closed_ones_stand_apart() -> None:
    many = Watch(tuple(alert(n) for n in range(1, 8)) + tuple(alert(n, is_open=False) for n in (8, 9, 10)))
    said = watched(Address(), many, T)
    assert [line.sentence for line in said.open] == ["Phrase 1.", "Phrase 2.", "Phrase 3.", "Phrase 4."]
    assert said.more == "et 3 autres alertes"
    assert [line.sentence for line in said.ended] == ["Phrase 8.", "Phrase 9."]
    assert [line.lasted.replace("\u202f", " ") for line in said.ended] == ["10 min", "10 min"]


@pytest.mark.parametrize(
    ("kind", "key", "href"),
    [
        ("national", "", "/"), ("academie_famille", "Lyon · vie_scolaire", "/?academie=Lyon"),
        ("plateforme_famille", "A · B · visio", "/?plateforme=A+%C2%B7+B"), ("profil", "PARENT", "/?profil=PARENT"),
        ("plateforme", "", "/"), ("plateforme", "a\nb", "/"), ("plateforme", "x" * 65, "/"),
    ],
)  # fmt: skip
def test_a_line_leads_to_the_page_of_its_place(kind: str, key: str, href: str) -> None:
    (line,) = watched(Address(), Watch((alert(1, kind, key),)), T).open
    assert line.href == href


def test_what_an_alert_says_is_not_said_once_more_by_the_pages_own_judgement() -> None:
    said = watched(Address(), Watch((alert(1), alert(2, "academie", "Lyon", is_open=False))), T)
    assert said.told == {("plateforme", "NEO"), ("academie", "Lille")}


def test_planned_closures_say_who_until_when_and_why() -> None:
    until = T + 3600
    watch = Watch((), (
        Closure("1", ("Lyon", "", "", "vie_scolaire", ""), until, "parents bloqués"),
        Closure("2", ("", "", "", "", ""), until, "nuit"),
    ))  # fmt: skip
    assert watched(Address(), watch, T).closures == [
        "Fermeture annoncée : académie de Lyon, Vie scolaire, jusqu'à 09:34 (parents bloqués)",
        "Fermeture annoncée : France entière, jusqu'à 09:34 (nuit)",
    ]
