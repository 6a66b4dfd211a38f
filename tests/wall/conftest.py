"""One pipeline, one wall and one browser for all the tests of this folder."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.acceptance.stack import Stack, running_stack
from tests.support.brokers import embedded_broker
from tests.support.gateway import stop
from tests.wall.traffic import Crowd
from tests.wall.walls import running_wall

PAST_MINUTES = 40


def chromium_path() -> str | None:
    """Debian's chromium, or whatever is called so on this machine."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((path for path in map(shutil.which, names) if path), None)


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Broker, store, schema, topics and one worker."""
    with embedded_broker() as broker, running_stack(broker, tmp_path_factory.mktemp("wall")) as running:
        running.start_worker()
        yield running
        stop(running.gateway.process)  # a test may have started another one


@pytest.fixture(scope="package")
def crowd(stack: Stack) -> Iterator[Crowd]:
    """The small country: forty minutes of it are counted, and it goes on."""
    crowd = Crowd(stack.broker.address)
    try:
        now = time.time()
        crowd.past(PAST_MINUTES, now)
        crowd.live()
        store = stack.store()
        deadline = time.monotonic() + 60
        wanted = PAST_MINUTES * len(list(crowd.a_minute()))
        while store.execute("SELECT sum(hits) FROM bi.traffic_minute")[0][0] < wanted:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        store.close()
        yield crowd
    finally:
        crowd.close()


@pytest.fixture(scope="package")
def wall(stack: Stack, crowd: Crowd) -> Iterator[str]:
    """The address of the wall before that pipeline."""
    with running_wall(stack) as url:
        yield url


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """A real browser, once for all."""
    executable = chromium_path()
    if executable is None:
        pytest.skip("no chromium is installed")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser, wall: str) -> Iterator[Page]:
    """A page of its own; after the test: no error on the console, and not one request to another host."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="fr-FR", base_url=wall)
    page = context.new_page()
    troubles: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: troubles.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.set_default_timeout(60_000)
    try:
        yield page
    finally:
        context.close()
    assert {urlsplit(url).netloc for url in asked if not url.startswith("data:")} <= {urlsplit(wall).netloc}
    assert troubles == []
