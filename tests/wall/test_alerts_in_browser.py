"""An alert's life on the wall, in a real browser: it opens, goes on, closes; and closures that were planned."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from pipeline.store.client import Store
from tests.acceptance.stack import Stack
from tests.notify.changes import put, story
from tests.wall.test_browser import open_live, tile

CLOSURE = (
    "INSERT INTO ent.closures (closure_id, academie, plateforme, exploitant, famille, profil, starts_at, ends_at, why, "
    "added_by, added_at, removed_by, removed_at, version) VALUES"
)
HOSTILE = "Plateforme <img src=x onerror=alert(1)> : 12 pages/min"


@pytest.fixture
def store(stack: Stack) -> Iterator[Store]:
    """The admin's connection; afterwards nothing is left of alerts and closures."""
    with closing(stack.store("admin")) as admin:
        yield admin
        for table in ("alerts", "closures"):
            admin.execute(f"TRUNCATE TABLE ent.{table}")


def test_an_alert_opens_goes_on_and_closes_before_the_eyes_of_whoever_looks(page: Page, store: Store) -> None:
    now = int(time.time())
    opened, updated, closed = (
        replace(each, kind="academie", key="Lyon", since=now - 240, look_at="Ouvrir un ENT.")
        for each in story("00000000000000aa", now)
    )
    open_live(page)
    page.evaluate("window.kept = 'yes'")
    shown = page.locator('[data-cle="alerte:00000000000000aa"]')
    expect(shown).to_have_count(0)

    put(store, replace(opened, sentence="Académie de Lyon : 12 pages/min au lieu de 1 050 depuis 08:30."))
    expect(shown).to_have_attribute("data-alerte", "ouverte")
    expect(shown.locator("b")).to_have_text("Académie de Lyon : 12 pages/min au lieu de 1 050 depuis 08:30.")
    expect(shown.locator(".conseil")).to_have_text("Ouvrir un ENT.")
    expect(shown.locator(".duree")).to_contain_text("min")

    put(store, replace(updated, changed_at=now, sentence=HOSTILE))
    expect(shown.locator("b")).to_have_text(HOSTILE)
    assert page.locator(".partie-attention img").count() == 0
    box, titre = shown.bounding_box(), page.locator(".partie-titre").bounding_box()
    assert box is not None
    assert titre is not None
    assert box["y"] + box["height"] <= titre["y"]  # before everything but the trust
    for width in (360, 820, 1440, 1920):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width

    shown.click()
    expect(page.locator("h1")).to_contain_text("Lyon")
    page.go_back()
    put(store, replace(closed, changed_at=now, closed_at=now, sentence="Rétabli : académie de Lyon, après 4 min."))
    expect(shown).to_have_attribute("data-alerte", "close")
    expect(shown).to_have_text("Rétabli : académie de Lyon, après 4 min.")
    expect(page.locator('[data-alerte="ouverte"]')).to_have_count(0)
    assert page.evaluate("window.kept") == "yes"
    expect(tile(page, "Lyon")).to_be_visible()


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (1366, 768), (1920, 1080)])
def test_a_wall_with_an_alert_shows_all_of_its_parts(page: Page, store: Store, width: int, height: int) -> None:
    now = int(time.time())
    put(store, *story("00000000000000cc", now - 300)[:1], *story("00000000000000dd", now - 1200))
    page.set_viewport_size({"width": width, "height": height})
    open_live(page)
    expect(page.locator('[data-alerte="ouverte"]')).to_have_count(1)
    page.keyboard.press("m")
    expect(page.locator("html")).to_have_attribute("data-mur", "oui")
    ends = page.evaluate(
        "Object.fromEntries([...document.querySelectorAll('.partie, .tuile, .famille, .ligne')]"
        ".map(e => [e.dataset.part || e.textContent.trim(), e.getBoundingClientRect().bottom]))"
    )
    assert {name: end for name, end in ends.items() if end > height} == {}


def test_a_planned_closure_is_said_as_such_until_it_is_removed(page: Page, store: Store) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    begins, ends = now - timedelta(hours=1), now + timedelta(hours=1)
    row = ("c1", "Lyon", "", "", "", "PARENT", begins, ends, "parents bloqués", "moi", now, "", None, 1)
    store.execute(CLOSURE, [row])
    open_live(page)
    said = page.locator("[data-fermeture]")
    expect(said).to_contain_text("Fermeture annoncée : académie de Lyon, profil Parents, jusqu'à ")
    expect(said).to_contain_text("(parents bloqués)")
    store.execute(CLOSURE, [(*row[:11], "moi", now, 2)])
    expect(said).to_have_count(0)


def test_a_past_instant_shows_the_alerts_that_were_open_then(page: Page, store: Store) -> None:
    now = int(time.time())
    put(store, *story("00000000000000bb", now - 1500))
    open_live(page)
    then = datetime.fromtimestamp(now - 1200, UTC)
    page.goto(f"/?t={then:%Y-%m-%dT%H:%M:%SZ}")
    expect(page.locator('[data-cle="alerte:00000000000000bb"]')).to_have_attribute("data-alerte", "ouverte")
    before = datetime.fromtimestamp(now - 1700, UTC)
    page.goto(f"/?t={before:%Y-%m-%dT%H:%M:%SZ}")
    expect(page.locator('[data-chiffre="pages"]')).to_be_visible()
    expect(page.locator('[data-cle="alerte:00000000000000bb"]')).to_have_count(0)
