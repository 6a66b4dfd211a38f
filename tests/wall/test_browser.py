"""The wall in a real browser, as an operator uses it. No console error and no request to the outside in any of them."""

from __future__ import annotations

import dataclasses
import re
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.acceptance.stack import Stack
from tests.support.gateway import start_gateway, stop, wait_until_ready
from tests.wall.traffic import HOSTILE, Crowd

SOON = 60_000
"""Milliseconds within which the page shows what has happened; alone on its machine it takes two or three seconds."""
expect.set_options(timeout=SOON)


def tile(page: Page, academie: str) -> Locator:
    return page.locator(f'a.tuile[data-cle="academie:{academie}"]')


def bar(page: Page) -> Locator:
    return page.locator("[data-etat][data-fige]")


def figure(page: Page, name: str) -> int:
    """A number of the headline."""
    return int(re.sub(r"\D", "", page.locator(f'[data-chiffre="{name}"]').inner_text()))


def until(said: Callable[[], bool], seconds: float = SOON / 1000) -> None:
    deadline = time.monotonic() + seconds
    while not said():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def open_page(page: Page, address: str = "/") -> None:
    """Open a page and wait for its first figures."""
    page.goto(address)
    expect(tile(page, "Lyon").locator("b")).to_have_text(re.compile(r"\d"))
    expect(page.locator('[data-chiffre="pages"]')).to_have_text(re.compile(r"\d"))


def open_live(page: Page) -> None:
    """Open the page and wait until it is the present."""
    open_page(page)
    expect(bar(page)).to_have_attribute("data-etat", "direct")


def test_without_any_script_the_page_is_whole_and_its_links_work(browser: Browser, wall: str) -> None:
    context = browser.new_context(java_script_enabled=False, base_url=wall)
    page = context.new_page()
    page.goto("/")
    for famille in ("Vie scolaire", "Visio", "Stockage", "Parcours"):
        expect(page.locator(".familles .nom", has_text=famille)).to_be_visible()
    for academie in ("Lyon", "Mayotte", "La Réunion"):
        expect(tile(page, academie)).to_contain_text(academie)
    tile(page, "Lyon").click()
    expect(page.locator("h1")).to_contain_text("Lyon")
    context.close()


def test_what_happens_shows_within_seconds_and_without_loading_again(page: Page, crowd: Crowd) -> None:
    open_page(page)
    page.evaluate("window.kept = 'yes'")
    before = figure(page, "pages")
    crowd.burst("9760005", 400)
    expect(tile(page, "Mayotte").locator("b")).to_have_text(re.compile(r"^[1-9]"))
    until(lambda: figure(page, "pages") >= before + 400)
    assert page.evaluate("window.kept") == "yes"


def test_a_click_goes_in_and_the_back_button_comes_back(page: Page) -> None:
    open_page(page)
    page.evaluate("window.kept = 'yes'")
    tile(page, "Lyon").click()
    expect(page.locator("h1")).to_contain_text("Lyon")
    expect(tile(page, "Lyon")).to_have_attribute("aria-current", "true")
    assert page.url.endswith("/?academie=Lyon")
    page.locator('[data-cle="famille:visio"]').click()
    expect(page.locator("h1")).to_contain_text("Visio")
    page.go_back()
    expect(page.locator("h1")).to_contain_text("Lyon")
    page.go_back()
    expect(page.locator("h1")).to_contain_text("France entière")
    page.go_forward()
    expect(page.locator("h1")).to_contain_text("Lyon")
    page.keyboard.press("Escape")
    expect(page.locator("h1")).to_contain_text("France entière")
    assert page.evaluate("window.kept") == "yes"


def test_the_page_of_an_academie_counts_its_own_pages(page: Page) -> None:
    open_page(page, "/?academie=Lyon&fenetre=15")
    expect(page.locator('[data-chiffre="pages"]')).to_have_text(re.compile(r"^1[6-9]\d$"))  # 12 a minute, of 108
    # Visits come with the view; until then pages are those of the minutes.
    expect(page.locator('[data-chiffre="visites"]')).to_have_text(re.compile(r"^\d+$"))
    pages, visites = page.locator('[data-chiffre="pages"], [data-chiffre="visites"]').all_inner_texts()
    assert visites == pages


def test_the_window_changes_by_click_and_by_key(page: Page) -> None:
    open_page(page)
    page.locator('[data-fenetre="15"]').click()
    expect(page.locator(".chiffres")).to_contain_text("pages vues en 15 min")
    assert page.url.endswith("fenetre=15")
    page.keyboard.press("1")
    expect(page.locator(".chiffres")).to_contain_text("pages vues en 1 min")
    expect(page.locator('[data-fenetre="1"]')).to_have_attribute("aria-current", "true")


def test_a_past_instant_stays_and_direct_leads_back(page: Page) -> None:
    open_page(page)
    page.keyboard.press("ArrowLeft")
    expect(bar(page)).to_have_attribute("data-etat", "passe")
    expect(bar(page)).to_contain_text("Instant passé")
    assert figure(page, "pages") >= 0
    clock = page.locator("[data-horloge]").inner_text()
    page.wait_for_timeout(6_500)  # longer than the script waits for a live message
    expect(bar(page)).to_have_attribute("data-etat", "passe")
    assert page.locator("[data-horloge]").inner_text() == clock
    page.keyboard.press("d")
    expect(bar(page)).not_to_have_attribute("data-etat", "passe")
    assert "t=" not in page.url


def test_the_slider_and_the_fields_move_the_page_to_an_instant(page: Page) -> None:
    open_page(page)
    page.locator("[data-jour]").fill("2026-08-31")
    page.locator("[data-jour]").dispatch_event("change")
    expect(bar(page)).to_contain_text("lundi 31 août 2026")
    slider = page.locator("[data-curseur]")
    slider.fill("510")
    slider.dispatch_event("change")
    expect(bar(page)).to_contain_text("lundi 31 août 2026, 08:30:00")
    assert "t=2026-08-31T06%3A30%3A00Z" in page.url  # the clock of Paris, whatever this machine's


def test_the_comparison_is_the_viewers_choice(page: Page) -> None:
    open_page(page)
    page.locator("[data-comparer]").select_option("pente")
    expect(page.locator(".legende")).to_contain_text("l'heure précédente, à la pente nationale")
    assert "comparer=pente" in page.url
    page.locator("[data-comparer]").select_option("j7")
    expect(page.locator(".legende")).to_contain_text("pas de données pour ce jour")


def test_a_table_stays_open_while_figures_go_on_and_is_copied_as_csv(page: Page) -> None:
    open_page(page)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator('[data-tableau="academies"] summary').click()
    page.wait_for_timeout(2_500)
    expect(page.locator('[data-tableau="academies"] table')).to_be_visible()
    page.locator('[data-copier="academies"]').click()
    lines = page.evaluate("navigator.clipboard.readText()").replace("\r", "").split("\n")
    assert lines[0].startswith('"Académies";"Code";"Pages vues/s";"Pages vues";"Visites";"Visiteurs"')
    (lyon,) = [line for line in lines if line.startswith('"Lyon"')]
    assert re.fullmatch(r'"Lyon";"Lyon";"[\d,]+";"\d+";"\d+";"\d+";"[^"]+";"[^"]+"', lyon)
    assert len(lines) >= 35


def test_a_palette_is_kept(page: Page) -> None:
    open_page(page)

    def background() -> str:
        return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))

    page.locator("[data-palette]:not(html)").select_option("clair")
    light = background()
    page.locator("[data-palette]:not(html)").select_option("sombre")
    assert background() != light
    page.reload()
    assert page.evaluate("document.documentElement.dataset.palette") == "sombre"
    expect(page.locator("[data-palette]:not(html)")).to_have_value("sombre")
    page.keyboard.press("p")
    assert page.evaluate("document.documentElement.dataset.palette") == "daltonien"


@pytest.mark.parametrize("address", ["/", "/?academie=Nouvelle-Calédonie&fenetre=15"])
def test_no_width_scrolls_sideways(page: Page, address: str) -> None:
    open_page(page, address)
    for width in (360, 820, 1440, 2560):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        outside = page.evaluate(
            "[...document.querySelectorAll('a, button, select, h1, h2')].filter(e => e.checkVisibility() &&"
            " e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 100))"
        )
        assert outside == []


def test_nothing_jumps_and_the_focus_stays_while_figures_change(page: Page, crowd: Crowd) -> None:
    open_page(page)
    places = "JSON.stringify([...document.querySelectorAll('[data-part]')].map(e => e.getBoundingClientRect()))"
    tile(page, "Lyon").focus()
    before, pages = page.evaluate(places), figure(page, "pages")
    crowd.burst("0690001", 200)
    until(lambda: figure(page, "pages") >= pages + 150)  # while older ones leave the window
    page.wait_for_timeout(1_500)
    assert page.evaluate("document.activeElement.dataset.cle") == "academie:Lyon"
    assert page.evaluate(places) == before


def test_the_keyboard_goes_everywhere(page: Page) -> None:
    open_page(page)
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Aller à la carte")
    wanted = {"academie:Lyon", "famille:visio", "SELECT", "SUMMARY", "BUTTON"}
    for _ in range(150):
        page.keyboard.press("Tab")
        wanted.discard(page.evaluate("document.activeElement.dataset.cle || document.activeElement.tagName"))
    assert wanted == set()
    tile(page, "Lille").focus()
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text("Lille")
    page.keyboard.press("?")
    expect(page.locator("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_be_hidden()
    expect(page.locator("h1")).to_contain_text("Lille")


def test_everything_one_can_use_has_a_name(page: Page) -> None:
    open_page(page)
    nameless = page.evaluate(
        """[...document.querySelectorAll('a[href], button, input, select, summary, svg[role=img], [role=region]')]
          .filter(e => e.checkVisibility() && !(e.getAttribute('aria-label') || e.textContent.trim() || e.title ||
                 (e.id && document.querySelector(`label[for="${e.id}"]`)) || e.getAttribute('aria-labelledby'))
        ).map(e => e.outerHTML.slice(0, 120))"""
    )
    assert nameless == []
    assert page.evaluate("document.documentElement.lang") == "fr"
    assert page.locator("h1").count() == 1
    expect(tile(page, "Lyon")).to_have_attribute("aria-label", re.compile(r"^Lyon : [\d,]+ pages vues par seconde"))


def test_names_from_events_stay_text(page: Page) -> None:
    open_page(page)
    line = page.locator(".partie-plateformes a", has_text=HOSTILE)
    expect(line).to_be_visible()
    assert page.locator("img").count() == 0
    line.click()
    expect(page.locator("h1")).to_contain_text(HOSTILE)
    expect(page).to_have_title(re.compile(re.escape(HOSTILE)))
    page.reload()
    expect(page.locator("h1")).to_contain_text(HOSTILE)


def test_wall_mode_is_larger_and_is_left_again(page: Page) -> None:
    open_page(page)
    size = "parseFloat(getComputedStyle(document.querySelector('[data-chiffre=debit]')).fontSize)"
    before = page.evaluate(size)
    page.keyboard.press("m")
    expect(page.locator("html")).to_have_attribute("data-mur", "oui")
    assert page.evaluate(size) > before
    assert page.evaluate("document.documentElement.scrollWidth") <= 1440
    page.keyboard.press("m")
    expect(page.locator("html")).to_have_attribute("data-mur", "non")
    assert page.evaluate(size) == before


# -- what goes wrong; these come last, since they stop parts of the pipeline


def looks(page: Page) -> str:
    """How the figures are painted."""
    parts = "['.partie-titre', '.chiffres', '[data-chiffre=debit]'].map(s => document.querySelector(s))"
    paint = "e => { const s = getComputedStyle(e); return [s.filter, s.opacity, s.color].join() }"
    return str(page.evaluate(f"{parts}.map({paint})"))


def test_clickhouse_goes_and_comes_back_and_the_page_stays(page: Page, stack: Stack) -> None:
    open_live(page)
    live = looks(page)
    ports = stack.gateway.native_port, stack.gateway.http_port
    stop(stack.gateway.process)
    expect(bar(page)).to_contain_text("Données figées depuis")
    expect(bar(page)).to_contain_text("ClickHouse")
    until(lambda: looks(page) != live)
    assert figure(page, "pages") > 0
    again = start_gateway(stack.folder / "state", *ports)
    try:
        wait_until_ready(again)
        expect(bar(page)).to_have_attribute("data-etat", "direct")
        until(lambda: looks(page) == live)
    finally:
        stack.gateway = dataclasses.replace(stack.gateway, process=again)


def test_an_old_figure_is_never_shown_as_a_live_one(page: Page, stack: Stack) -> None:
    open_live(page)
    live = looks(page)
    stack.kill_worker(0)
    expect(bar(page)).to_contain_text("le worker ne compte plus")
    expect(page.locator("html")).to_have_attribute("data-fige", "oui")
    until(lambda: looks(page) != live)
    stack.start_worker()
    expect(bar(page)).to_have_attribute("data-etat", "direct")
    until(lambda: looks(page) == live)
