"""An address says what a page is about, or is refused in one French sentence."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlsplit

import pytest

from pipeline.wall.address import Address, BadAddress, parse

NOW = datetime(2026, 9, 1, 7, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("query", "address"),
    [
        ({}, Address()),
        ({"academie": "Lyon"}, Address("academie", "Lyon")),
        ({"academie": "lyon"}, Address("academie", "Lyon")),  # equal pages have equal addresses
        ({"famille": "visio", "fenetre": "15"}, Address("famille", "visio", 15)),
        ({"plateforme": "<img src=x>"}, Address("plateforme", "<img src=x>")),  # a name is a name
        ({"t": "2026-09-01T06:30:09Z"}, Address(at=datetime(2026, 9, 1, 6, 30, tzinfo=UTC))),
        ({"t": "2026-09-01T08:30:00+02:00"}, Address(at=datetime(2026, 9, 1, 6, 30, tzinfo=UTC))),
        ({"t": "2026-09-01T08:30:00 02:00"}, Address(at=datetime(2026, 9, 1, 6, 30, tzinfo=UTC))),  # an unescaped +
        ({"t": "2026-09-01T07:00:00Z"}, Address(at=NOW)),
        ({"comparer": "2025-09-01"}, Address(compare="2025-09-01")),
        ({"comparer": "j7"}, Address(compare="j7")),
        ({"utm_source": "mail", "fenetre": ""}, Address()),  # what is not ours is left aside
    ],
)
def test_an_address_is_read(query: dict[str, str], address: Address) -> None:
    assert parse(query, NOW) == address


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"academie": "Atlantide"}, "« Atlantide » n'est pas une valeur connue de académie"),
        ({"famille": "<script>alert(1)</script>"}, "« <script>alert(1)</script> » n'est pas une valeur connue"),
        ({"plateforme": ""}, "de 1 à 64 caractères"),
        ({"plateforme": "x" * 65}, "de 1 à 64 caractères"),
        ({"plateforme": "a\nb"}, "n'est pas un nom de plateforme"),
        ({"fenetre": "7"}, "la fenêtre est de 1, 5, 15 ou 60 minutes"),
        ({"fenetre": "-5"}, "la fenêtre est de 1, 5, 15 ou 60 minutes"),
        ({"t": "abc"}, "t=abc n'est pas un instant"),
        ({"t": "2026-09-01T06:30:00"}, "n'est pas un instant"),  # no offset: whose clock?
        ({"t": "2026-09-01T07:00:10Z"}, "est dans l'avenir"),
        ({"t": "2018-12-31T23:59:59Z"}, "il n'y a rien avant"),
        ({"comparer": "2026-09-02"}, "un jour passé"),
        ({"comparer": "hier"}, "un jour passé"),
        ({"academie": "Lyon", "famille": "visio"}, "une seule chose à la fois"),
    ],
)
def test_an_address_that_asks_for_nothing_is_refused_in_one_sentence(query: dict[str, str], words: str) -> None:
    with pytest.raises(BadAddress) as refused:
        parse(query, NOW)
    assert words in str(refused.value)
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize(
    "address",
    [
        Address(),
        Address("academie", "Saint-Pierre-et-Miquelon", 60, datetime(2026, 8, 31, 6, 30, tzinfo=UTC), "rentree"),
        Address("plateforme", 'a&b="é" +%'),
    ],
)
def test_a_link_leads_back_to_the_same_page(address: Address) -> None:
    assert parse(dict(parse_qsl(urlsplit(address.link()).query)), NOW) == address


def test_what_is_as_usual_is_left_out_of_an_address() -> None:
    assert Address().link() == "/"
    assert Address("academie", "Lyon", 15).link(window=5) == "/?academie=Lyon"
    assert Address("academie", "Lyon", 15).link(kind="total", key="") == "/?fenetre=15"
