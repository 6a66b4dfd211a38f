"""An outage that is simulated at 20 times speed becomes an alert, once, whatever happens to the worker meanwhile.

    08:00             08:34                               08:50  by the scenario's clock, on yesterday's morning
    ├── at once ───────┼── 20 times speed ─────────────────┤
                          08:35 six régions of one operator are down, the worker is killed
                                       08:40 they are up   (Lille is down all the time, by plan)

On a machine that judges fewer than a tick a second the traffic waits for the detector: what is judged stays the same.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from kafka import KafkaConsumer

from pipeline.broker.publish import Publisher
from pipeline.simulate.incidents import Incident
from pipeline.simulate.scenario import scenario
from pipeline.simulate.traffic import Traffic
from pipeline.store.client import Store
from pipeline.topics import ALERTS, VISITS
from tests.acceptance.stack import Stack, running_stack
from tests.support.brokers import embedded_broker

PARIS = ZoneInfo("Europe/Paris")
RATE, SPEED = 80.0, 20.0
AT_ONCE = timedelta(minutes=34)
LENGTH = timedelta(minutes=50)
DOWN = (timedelta(minutes=35), timedelta(minutes=40))
MOST_AHEAD = timedelta(seconds=90)
"""How far the traffic may run ahead of the last tick: less than makes the detector skip ticks."""


def morning() -> tuple[Traffic, datetime]:
    """The traffic, and the instant of its start: eight o'clock yesterday, which no worker takes for too old."""
    played = scenario("panne-plateforme")
    begins = played.opens.replace(hour=6, minute=0)  # 8:00 in Paris
    (outage, _) = played.incidents
    down, up = begins + DOWN[0], begins + DOWN[1]
    lille = Incident(down, begins + LENGTH, 0, {"academie": frozenset({"Lille"})})
    incidents = (replace(outage, start=down, end=up), lille)
    yesterday = datetime.now(PARIS).date() - timedelta(days=1)
    start = datetime(yesterday.year, yesterday.month, yesterday.day, 8, tzinfo=PARIS)
    seconds = LENGTH.total_seconds()
    return Traffic(replace(played, incidents=incidents), start, seconds, RATE, 7, played=begins), start


@contextmanager
def flowing(stack: Stack, traffic: Traffic) -> Iterator[None]:
    """The first half-hour at once, the rest at 20 times speed, from a thread."""
    ended = threading.Event()

    def publish() -> None:
        with Publisher(stack.settings.kafka, VISITS) as publisher, closing(stack.store("writer")) as store:
            for part in traffic:
                if part.second >= AT_ONCE.total_seconds():
                    began = time.monotonic()
                    now = traffic.start + timedelta(seconds=part.second)
                    while part.second % 20 == 0 and now - last_tick(store, traffic.start) > MOST_AHEAD:
                        if ended.wait(0.05):
                            return
                    if ended.wait(max(0.0, began + 1 / SPEED - time.monotonic())):
                        return
                for record in part.records:
                    publisher.send(record)

    thread = threading.Thread(target=publish)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def last_tick(store: Store, start: datetime) -> datetime:
    """What the detector has judged; while it has judged nothing, the half-hour that goes out at once."""
    ((second,),) = store.execute("SELECT toUnixTimestamp(max(tick)) FROM ent.detector")
    return max(datetime.fromtimestamp(second, UTC), start + AT_ONCE - timedelta(seconds=20))


def alerts(stack: Stack) -> list[dict[str, Any]]:
    """`bi.alerts`, the oldest first, as a reader sees it."""
    columns = ("alert_id", "state", "direction", "kind", "key", "opened_at", "closed_at", "why_closed", "sentence")
    store = stack.store()
    try:
        rows = store.execute(f"SELECT {', '.join(columns)} FROM bi.alerts ORDER BY opened_at")
        return [dict(zip(columns, row, strict=True)) for row in rows]
    finally:
        store.close()


def wait_for(stack: Stack, what: Callable[[list[dict[str, Any]]], bool], seconds: float) -> list[dict[str, Any]]:
    deadline = time.monotonic() + seconds
    while not what(found := alerts(stack)):
        logs = "".join((stack.folder / f"worker-{n}.log").read_text()[-3000:] for n in range(len(stack.workers)))
        assert time.monotonic() < deadline, (found, logs)
        time.sleep(0.3)
    return found


def published(stack: Stack) -> list[tuple[str, dict[str, Any]]]:
    """Key and value of every record of the topic of alerts."""
    consumer = KafkaConsumer(
        ALERTS, bootstrap_servers=stack.broker.address, auto_offset_reset="earliest", consumer_timeout_ms=3000
    )
    try:
        return [(record.key.decode(), json.loads(record.value)) for record in consumer]
    finally:
        consumer.close()


@pytest.mark.timeout(300)
def test_an_outage_opens_one_alert_that_names_the_operator_and_closes_it_over_a_killed_worker(tmp_path: Path) -> None:
    traffic, start = morning()
    with embedded_broker() as broker, running_stack(broker, tmp_path) as stack:
        first = stack.start_worker()
        closed = stack.command(
            "closures", "add", "--academie", "lille", "--from", start.isoformat(),
            "--to", (start + timedelta(hours=3)).isoformat(), "--why", "travaux électriques",
        )  # fmt: skip
        assert closed.returncode == 0, closed.stderr
        with flowing(stack, traffic):
            wait_for(stack, bool, 120)
            stack.kill_worker(first)
            second = stack.start_worker()
            found = wait_for(stack, lambda rows: any(row["why_closed"] == "recovered" for row in rows), 150)
        changes = published(stack)

    (outage, *others) = found
    down = start + DOWN[0]
    assert (outage["direction"], outage["state"]) == ("drop", "closed")
    assert outage["kind"] in ("exploitant", "plateforme")
    assert outage["key"] in ("Kosmos", "Skolengo")
    assert outage["key"] in outage["sentence"]
    assert timedelta(0) < outage["opened_at"].replace(tzinfo=UTC) - down <= timedelta(minutes=4)
    assert outage["closed_at"].replace(tzinfo=UTC) > start + DOWN[1]
    assert not [row for row in found if "Lille" in row["key"]]
    assert len(others) <= 1, others  # people come back all at once: that may be a spike

    assert all(key == change["alert_id"] for key, change in changes)
    told = [(change["alert_id"], change["revision"]) for _, change in changes]
    # In order, nothing left out; a change that was written when the worker died may be there twice.
    assert {name for name, _ in told} == {row["alert_id"] for row in found}
    for name in {name for name, _ in told}:
        revisions = [revision for other, revision in told if other == name]
        assert sorted(set(revisions)) == list(range(1, max(revisions) + 1))
        assert revisions == sorted(revisions)
    assert all(times <= 2 for times in Counter(told).values())
    assert second == 1
