"""Debian's Prometheus and Alertmanager, our files, a real worker: one cause makes one notification, and it ends."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer

from pipeline.topics import ALERTS as ALERTS_TOPIC
from tests.acceptance.awkward import produce
from tests.acceptance.stack import Stack, running_stack
from tests.acceptance.test_outages import good
from tests.deploy.alerting import ALERTS, Inbox, inbox, program, running_alertmanager, running_prometheus, wait_until
from tests.notify.changes import story
from tests.support.brokers import embedded_broker, free_port

FACTOR = 15
STUCK = 8
"""Seconds: stalled after 8, said after 5 more (a minute, cut short), ended by its watchdog after 19."""


# -- Alertmanager alone: what mutes what


def post(alertmanager: str, alerts: Sequence[dict[str, Any]]) -> None:
    request = urllib.request.Request(
        f"http://{alertmanager}/api/v2/alerts",
        json.dumps(alerts).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        assert answer.status == 200


def alert(name: str, service: str, **more: str) -> dict[str, Any]:
    """An alert of our rules (or the detector's) as Prometheus would post it, for a service of its own."""
    labels = next((dict(rule["labels"]) for rule in ALERTS if rule["alert"] == name), {"severity": "warning"})
    ends = datetime.now(UTC) + timedelta(minutes=5)
    return {"labels": {**labels, "alertname": name, **more, "service": service}, "endsAt": ends.isoformat()}


FOLLOWING = [
    "EntDeliveriesFail", "EntDetectorSilent", "EntInsertsFail", "EntLagGrows", "EntNothingArrives", "EntWorkerDown",
    "EntWorkerRestarts",
]  # fmt: skip
"""All that may be said beside a cause, rightly or not."""


def test_what_follows_from_a_cause_is_muted_and_what_does_not_is_told(tmp_path: Path) -> None:
    causes = ["EntWorkerGone", "EntStoreDown", "EntWorkerStuck", "EntDataLate"]  # each one may bring those behind it

    def told() -> dict[str, list[str]]:
        names: dict[str, list[str]] = {cause: [] for cause in causes}
        for _, body in received.posts:
            for one in body["alerts"]:
                labels = one["labels"]
                names[labels["service"]].append(f"{labels['alertname']} {labels.get('direction', '')}".strip())
        return {cause: sorted(found) for cause, found in names.items()}

    with inbox() as received, running_alertmanager(tmp_path, received.url, 60) as alertmanager:
        for place, cause in enumerate(causes):
            late = alert("EntAudience", cause, component="traffic", direction="late")
            drop = alert("EntAudience", cause, component="traffic", direction="drop", severity="critical")
            post(alertmanager, [alert(name, cause) for name in [*causes[place:], *FOLLOWING]] + [late, drop])
        wait_until(lambda: sum(map(len, told().values())) >= 19, 20, told)
        time.sleep(0.5)
        assert told() == {
            "EntWorkerGone": ["EntAudience drop", "EntWorkerGone"],
            "EntStoreDown": ["EntAudience drop", "EntStoreDown", "EntWorkerDown", "EntWorkerRestarts"],
            "EntWorkerStuck": [
                "EntAudience drop", "EntDeliveriesFail", "EntInsertsFail", "EntWorkerDown", "EntWorkerRestarts",
                "EntWorkerStuck",
            ],
            "EntDataLate": [
                "EntAudience drop", "EntDataLate", "EntDeliveriesFail", "EntInsertsFail", "EntNothingArrives",
                "EntWorkerDown", "EntWorkerRestarts",
            ],
        }  # fmt: skip


# -- the whole of it


@contextmanager
def steady_traffic(stack: Stack) -> Iterator[None]:
    """A hundred events twice a second, until it ends."""
    ended = threading.Event()

    def send() -> None:
        first = 0
        while not ended.wait(0.5):
            produce(stack.broker.address, good(range(first, first + 100)), seed=first)
            first += 100

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


class Watched:
    """A pipeline with one place for a worker, which Prometheus scrapes, and an inbox for what Alertmanager tells."""

    def __init__(self, stack: Stack, received: Inbox, alertmanager: str, port: int) -> None:
        self.stack = stack
        self.received = received
        self._alertmanager = alertmanager
        self._port = port

    def start(self, *command: str, stuck: int = 600) -> subprocess.Popen[bytes]:
        """A worker in that place."""
        log = self.stack.folder / f"worker-{len(self.stack.workers)}.log"
        environment = self.stack.environment() | {
            "INSTANT_T_METRICS_PORT": str(self._port),
            "INSTANT_T_STUCK_SECONDS": str(stuck),
            "INSTANT_T_ALERTMANAGER": f"http://{self._alertmanager}",
        }
        with log.open("wb") as file:
            worker = subprocess.Popen([sys.executable, "-m", *command], env=environment, stdout=file, stderr=file)
        self.stack.workers.append(worker)
        return worker

    def a_sound_worker(self) -> None:
        """One is counting, or starts to."""
        if not self.stack.workers or self.stack.workers[-1].poll() is not None:
            self.start("pipeline", "worker")

    def says(self) -> str:
        """For a failed assertion: what was told, and what the workers wrote last."""
        logs = "\n".join(path.read_text()[-1500:] for path in sorted(self.stack.folder.glob("worker-*.log")))
        return f"{self.received.posts}\n{logs}"


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    program("prometheus")
    program("alertmanager", "prometheus-alertmanager")
    folder = tmp_path_factory.mktemp("alerting")
    port = free_port()
    with ExitStack() as parts:
        broker = parts.enter_context(embedded_broker())
        stack = parts.enter_context(running_stack(broker, folder))
        received = parts.enter_context(inbox())
        alertmanager = parts.enter_context(running_alertmanager(folder, received.url, FACTOR))
        watched = Watched(stack, received, alertmanager, port)
        parts.enter_context(steady_traffic(stack))
        parts.enter_context(running_prometheus(folder, [f"127.0.0.1:{port}"], alertmanager, FACTOR))
        yield watched


def test_a_wedged_worker_is_one_notification_and_another_when_a_new_one_counts(watched: Watched) -> None:
    wedged = watched.start("tests.worker.wedged", "hang_flush", stuck=STUCK)
    wait_until(lambda: watched.received.notifications(), 60, watched.says)
    assert wedged.poll() is None
    assert watched.received.notifications() == [("firing", ["EntWorkerStuck firing"])]
    assert wedged.wait(30) == 1  # its watchdog, after twice STUCK: compose, systemd or `up` would start it again
    watched.start("pipeline", "worker")
    wait_until(lambda: len(watched.received.notifications()) > 1, 60, watched.says)
    assert watched.received.notifications() == [
        ("firing", ["EntWorkerStuck firing"]),
        ("resolved", ["EntWorkerStuck resolved"]),
    ]
    (told, over) = (body for path, body in watched.received.posts if path == "/on-call")
    assert told["groupKey"] == over["groupKey"]
    (annotations,) = (one["annotations"] for one in told["alerts"])
    assert annotations["summary"].endswith(" vit mais n'avance plus.")
    assert annotations["runbook_url"] == "deploy/runbook.md#worker-bloque"
    assert watched.received.notifications("/heartbeat")[0] == ("firing", ["EntHeartbeat firing"])


def test_an_incident_on_the_alerts_topic_is_one_notification_and_another_when_it_is_over(watched: Watched) -> None:
    watched.a_sound_worker()
    seen = len(watched.received.posts)
    now = int(time.time())
    opened, updated, closed = story("00000000000000f2", at=now - 60)
    updated, closed = (dataclasses.replace(one, changed_at=now) for one in (updated, closed))

    def told() -> list[tuple[str, dict[str, Any]]]:
        return [post for post in watched.received.posts[seen:] if "EntAudience" in json.dumps(post)]

    with closing(KafkaProducer(bootstrap_servers=watched.stack.broker.address)) as producer:
        producer.send(ALERTS_TOPIC, opened.to_json(), key=opened.alert_id.encode()).get(10)
        wait_until(told, 30, watched.says)
        producer.send(ALERTS_TOPIC, updated.to_json(), key=opened.alert_id.encode()).get(10)
        time.sleep(6)  # a whole interval of the group, in which nobody is told again
        assert len(told()) == 1
        producer.send(ALERTS_TOPIC, closed.to_json(), key=opened.alert_id.encode()).get(10)
        wait_until(lambda: len(told()) > 1, 30, watched.says)
    (first, over) = told()
    assert [(path, body["status"], len(body["alerts"])) for path, body in (first, over)] == [
        ("/on-call", "firing", 1),
        ("/on-call", "resolved", 1),
    ]
    assert first[1]["groupKey"] == over[1]["groupKey"]
    labels, annotations = first[1]["alerts"][0]["labels"], first[1]["alerts"][0]["annotations"]
    assert labels == {
        "alertname": "EntAudience", "service": "instant-t", "component": "traffic", "severity": "critical",
        "direction": "drop", "kind": "plateforme", "key": "NEO", "alert_id": "00000000000000f2",
    }  # fmt: skip
    assert annotations == {
        "summary": "Plateforme NEO : 12 pages/min au lieu de 1 050.",
        "description": "Appeler l'exploitant.",
        "runbook_url": "deploy/runbook.md#baisse",
    }
