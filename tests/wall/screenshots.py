"""Pictures of the main states of the wall, on simulated traffic: `make screenshots`, or with a folder as argument.

A rentrée that goes well, and the outage of 6 April 2021, each moved so that its interesting minute is now. Three
quarters of an hour are counted before the first picture, and the traffic goes on while they are taken.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
from kafka import KafkaProducer
from playwright.sync_api import Browser, Page, sync_playwright

from pipeline.alerts.sentence import look_at, sentence
from pipeline.topics import VISITS
from tests.acceptance.stack import Stack, running_stack
from tests.notify.changes import put, story
from tests.support.brokers import embedded_broker
from tests.wall.conftest import chromium_path
from tests.wall.walls import running_wall

RATE = 100
"""Pages a second, of the whole country; enough for each académie to be judged."""
PARIS = ZoneInfo("Europe/Paris")
BEFORE, AFTER = timedelta(minutes=45), timedelta(minutes=10)


class Played:
    """A scenario's own morning, sent as if `moment` of it were now.

    Args:
        stack: the pipeline.
        scenario: its name.
        moment: aware; the instant of the scenario that falls on now.
    """

    def __init__(self, stack: Stack, scenario: str, moment: datetime) -> None:
        file = stack.folder / f"{scenario}.ndjson"
        length = BEFORE + AFTER
        command = ["simulate", "--scenario", scenario, "--start", (moment - BEFORE).isoformat(), "--rate", str(RATE)]
        done = stack.command(*command, "--duration", f"{length.total_seconds():.0f}", "--out", str(file))
        assert done.returncode == 0, done.stderr.decode()
        self._producer = KafkaProducer(bootstrap_servers=stack.broker.address, linger_ms=50, compression_type="lz4")
        self._stop = threading.Event()
        lines = iter(file.read_bytes().splitlines())
        self._shift = time.time() - moment.timestamp()
        self._last = time.time() - BEFORE.total_seconds()
        self.sent = 0
        self._send_until(lines, time.time())
        self._producer.flush()
        self._thread = threading.Thread(target=self._run, args=(lines,), daemon=True)
        self._thread.start()

    def _send_until(self, lines: Iterator[bytes], until: float) -> bool:
        for line in lines:
            try:
                event = msgspec.json.decode(line)
                at = datetime.fromisoformat(event["event_time"]).timestamp() + self._shift
            except (msgspec.DecodeError, KeyError, TypeError, ValueError):
                continue  # one of the scenario's bad events
            if at > self._last + 60:
                continue  # another one: an event of the future
            self._last = max(self._last, at)
            event["event_time"] = int(at * 1000)
            self._producer.send(VISITS, msgspec.json.encode(event))
            self.sent += 1
            if at > until:
                return True
        return False

    def _run(self, lines: Iterator[bytes]) -> None:
        while not self._stop.wait(0.2) and self._send_until(lines, time.time()):
            pass

    def close(self) -> None:
        """No more traffic."""
        self._stop.set()
        self._thread.join()
        self._producer.close()


@contextmanager
def playing(scenario: str, moment: datetime) -> Iterator[tuple[Stack, str, Played]]:
    """A pipeline, the address of its wall, and the traffic that is counted by it."""
    with (
        tempfile.TemporaryDirectory() as folder,
        embedded_broker() as broker,
        running_stack(broker, Path(folder)) as stack,
    ):
        stack.start_worker()
        played = Played(stack, scenario, moment)
        try:
            with closing(stack.store()) as store:
                deadline = time.monotonic() + 120
                while store.execute("SELECT sum(hits) FROM bi.traffic_minute")[0][0] < 0.97 * played.sent:
                    assert time.monotonic() < deadline
                    time.sleep(0.5)
            with running_wall(stack) as url:
                yield stack, url, played
        finally:
            played.close()


class Camera:
    """Takes the pictures."""

    def __init__(self, browser: Browser, folder: Path) -> None:
        self._browser = browser
        self._folder = folder

    @contextmanager
    def page(self, url: str, width: int = 1920, height: int = 1080) -> Iterator[Page]:
        context = self._browser.new_context(viewport={"width": width, "height": height}, locale="fr-FR")
        page = context.new_page()
        page.goto(url)
        page.wait_for_timeout(2500)
        yield page
        context.close()

    def take(self, page: Page, name: str, whole: bool = False) -> None:
        path = self._folder / f"{name}.png"
        page.screenshot(path=path, full_page=whole)
        print(path, flush=True)


def main(folder: Path) -> None:
    """All the states, into a folder that is made if missing."""
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=["--no-sandbox"])
        camera = Camera(browser, folder)
        with playing("rentree-2026", datetime(2026, 9, 1, 8, 45, tzinfo=PARIS)) as (stack, url, _):
            take_calm(camera, stack, url)
        with playing("panne-plateforme", datetime(2021, 4, 6, 8, 36, tzinfo=PARIS)) as (_, url, _):
            take_outage(camera, url)
        browser.close()


def take_calm(camera: Camera, stack: Stack, url: str) -> None:
    """A rentrée that goes well, then a worker that dies."""
    with camera.page(url) as page:
        camera.take(page, "direct")
        camera.take(page, "direct-entier", whole=True)
        for palette in ("sombre", "daltonien"):
            page.locator("select[data-palette]").select_option(palette)
            camera.take(page, palette)
        page.locator("select[data-palette]").select_option("clair")
        page.keyboard.press("m")
        page.wait_for_timeout(1500)
        camera.take(page, "mode-mur")
    for width, height in ((360, 740), (1280, 720), (2560, 1440)):
        with camera.page(url, width, height) as page:
            camera.take(page, f"direct-{width}", whole=width == 360)
    with camera.page(f"{url}/?academie=Lyon") as page:
        camera.take(page, "academie")
    past = datetime.now(UTC) - timedelta(minutes=20)
    with camera.page(f"{url}/?t={past:%Y-%m-%dT%H:%M:%SZ}&fenetre=15") as page:
        camera.take(page, "passe")
    take_alerts(camera, stack, url)
    with camera.page(url) as page:
        stack.kill_worker(0)
        page.wait_for_timeout(14_000)
        camera.take(page, "fige")


def take_alerts(camera: Camera, stack: Stack, url: str) -> None:
    """One that is open, one that has just closed."""
    now = int(time.time())
    neo, ended = story("00000000000000aa", now - 300)[0], story("00000000000000bb", now - 1200)
    neo = replace(neo, changed_at=now, scope=(("academie", "Lille"), ("academie", "Lyon"), ("academie", "Nice")))
    with closing(stack.store("admin")) as admin:
        put(admin, *(replace(each, sentence=sentence(each), look_at=look_at(each)) for each in (neo, *ended)))
        for name, width, height in (("alertes", 1920, 1080), ("alertes-1280", 1280, 720), ("alertes-360", 360, 740)):
            with camera.page(url, width, height) as page:
                camera.take(page, name)
                page.keyboard.press("m")
                page.wait_for_timeout(1500)
                camera.take(page, f"{name}-mur")
        admin.execute("TRUNCATE TABLE ent.alerts")


def take_outage(camera: Camera, url: str) -> None:
    """Six régions down, six minutes ago."""
    with camera.page(url) as page:
        camera.take(page, "panne")
        camera.take(page, "panne-entier", whole=True)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "build/screenshots"))
