"""A small country whose traffic a test knows: the same pages every minute, from nine portals."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Iterator

from kafka import KafkaProducer

from pipeline.topics import VISITS
from tests.acceptance.awkward import uai

HOSTILE = "<img src=x onerror=alert(1)>"
"""A platform's name, as an event may well carry it."""
PORTALS = (
    ("0690001", "Skolengo", "Kosmos"),
    ("0750001", "Skolengo", "Kosmos"),
    ("0780001", "Skolengo", "Kosmos"),
    ("0590001", "NEO", "Edifice"),
    ("0310001", "NEO", "Edifice"),
    ("0330001", "NEO", "Edifice"),
    ("0350001", "Toutatice", "Région Bretagne"),
    ("9740001", "Metice", "Académie de La Réunion"),
    ("0440001", HOSTILE, "<b>exploitant</b>"),
)
"""(school without its check letter, platform, operator)."""
SERVICES = (
    "NOTES", "VISIOCONFERENCE", "STOCKAGE_PARTAGE", "PARCOURS_PEDAGOGIQUE", "COURRIER_ELECTRONIQUE", "CAHIER_TEXTES",
)  # fmt: skip
PROFILS = ("ELEVE", "PARENT", "ENSEIGNANT")
A_MINUTE = 2
"""Pages a minute of each service of each portal."""


class Crowd:
    """Sends events; `live` keeps the country going until it is closed.

    Args:
        bootstrap: the broker.
    """

    def __init__(self, bootstrap: str) -> None:
        self.began = 0.0
        """Epoch seconds at which the present began."""
        self._producer = KafkaProducer(bootstrap_servers=bootstrap, linger_ms=20)
        self._numbers = itertools.count()
        self._stop = threading.Event()
        self._quiet = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def send(self, second: float, school: str, service: str, plateforme: str, exploitant: str, pages: int = 1) -> None:
        """So many pages, each of a visit of its own, at one instant (epoch seconds)."""
        for _ in range(pages):
            with self._lock:
                number = next(self._numbers)
            event = {
                "event_id": f"e{number}", "event_time": int(second * 1000), "visit_id": f"v{number}",
                "visitor_id": f"p{number}", "uai": uai(school), "service": service, "profil": PROFILS[number % 3],
                "projet": "P", "plateforme": plateforme, "exploitant": exploitant,
            }  # fmt: skip
            self._producer.send(VISITS, json.dumps(event).encode())

    def a_minute(self) -> Iterator[tuple[str, str, str, str]]:
        """What one minute holds: (school, service, platform, operator), evenly mixed."""
        for _ in range(A_MINUTE):
            for service in SERVICES:
                for school, plateforme, exploitant in PORTALS:
                    yield school, service, plateforme, exploitant

    def past(self, minutes: int, now: float) -> None:
        """The country over the last minutes."""
        self.began = now
        visits = list(self.a_minute())
        for start in range(int(now) - 60 * minutes, int(now), 60):
            for n, (school, service, plateforme, exploitant) in enumerate(visits):
                self.send(min(now, start + 60 * n / len(visits)), school, service, plateforme, exploitant)
        self._producer.flush()

    def live(self) -> None:
        """Keep the country going, in a thread."""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        pause = 60 / len(list(self.a_minute()))
        for school, service, plateforme, exploitant in itertools.cycle(self.a_minute()):
            if self._stop.wait(pause):
                return
            if not self._quiet.is_set():
                self.send(time.time(), school, service, plateforme, exploitant)

    def burst(self, school: str, pages: int, service: str = "NOTES", plateforme: str = "Skolengo") -> None:
        """Many pages of one school, now."""
        self.send(time.time(), school, service, plateforme, "Kosmos", pages)
        self._producer.flush()

    def close(self) -> None:
        """End the thread and the producer."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self._producer.close()
