"""What fails comes back, and nothing is lost or doubled meanwhile."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.acceptance.awkward import UAIS, Sent, produce
from tests.acceptance.stack import Stack, running_stack
from tests.support.brokers import apache_kafka, embedded_broker
from tests.support.gateway import start_gateway, wait_until_ready


def good(numbers: range, at_ms: int | None = None) -> list[Sent]:
    """Numbered good events that happened now, or at `at_ms`."""
    now_ms = time.time_ns() // 1_000_000
    return [
        Sent(
            json.dumps(
                {
                    "event_id": f"n{number}",
                    "event_time": at_ms or now_ms,
                    "visit_id": f"v{number // 4}",
                    "visitor_id": f"p{number // 5}",
                    "uai": UAIS[number % len(UAIS)],
                    "service": "NOTES",
                    "profil": "ELEVE",
                }
            ).encode(),
            now_ms,
        )
        for number in numbers
    ]


def hits(stack: Stack, at: datetime | None = None, minutes: int = 15) -> int:
    """Hits of the window that ends at `at` (a minute from now by default)."""
    store = stack.store()
    try:
        moment = at or datetime.now(UTC) + timedelta(minutes=1)
        ((counted, _, _),) = store.execute(
            f"SELECT * FROM bi.instant_t_total(at='{moment:%Y-%m-%d %H:%M:%S}', minutes={minutes})"
        )
        return int(counted)
    finally:
        store.close()


def waiting(samples: dict[str, float]) -> bool:
    """Whether the metrics say that inserts fail, records wait and data age."""
    lag = sum(value for name, value in samples.items() if name.startswith("ent_consumer_lag_records"))
    return samples["ent_insert_failures_total"] >= 1 and lag > 0 and samples["ent_data_age_seconds"] > 1


def test_clickhouse_killed_in_the_middle_loses_and_doubles_nothing(tmp_path: Path) -> None:
    with embedded_broker() as broker, running_stack(broker, tmp_path) as stack:
        worker = stack.start_worker()
        stack.sent = produce(broker.address, good(range(3_000)), seed=1)
        stack.wait_counted()
        stack.gateway.process.kill()
        stack.gateway.process.communicate()
        stack.sent = produce(broker.address, good(range(3_000, 9_000)), seed=2)
        deadline = time.monotonic() + 30
        while not waiting(stack.metrics(worker)):
            assert time.monotonic() < deadline, stack.metrics(worker)
            time.sleep(0.1)
        again = start_gateway(stack.folder / "state", stack.gateway.native_port, stack.gateway.http_port)
        try:
            wait_until_ready(again)
            stack.wait_counted()
            assert hits(stack) == 9_000
            assert stack.metrics(worker)['ent_events_total{outcome="counted"}'] == 9_000
        finally:
            stack.kill_worker(worker)
            again.terminate()
            again.communicate(timeout=20)


@pytest.mark.kafka
def test_a_restarted_broker_and_a_second_worker_lose_and_double_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "kafka"
    folder.mkdir()
    with apache_kafka(folder) as broker, running_stack(broker, tmp_path) as stack:
        at_ms = time.time_ns() // 1_000_000  # an event sent again has the time it had
        stack.start_worker()
        stack.sent = produce(broker.address, good(range(2_000), at_ms), seed=1)
        second = stack.start_worker()
        stack.sent = produce(broker.address, good(range(2_000, 5_000), at_ms), seed=2)
        broker.restart()
        stack.sent = produce(broker.address, good(range(5_000, 7_000), at_ms), seed=3)
        stack.kill_worker(second)
        stack.sent = produce(broker.address, good(range(1_000, 8_000), at_ms), seed=4)
        stack.wait_counted()
        assert hits(stack) == 8_000


def test_an_event_for_a_minute_long_sealed_shows_in_every_view_within_two_seconds(tmp_path: Path) -> None:
    with embedded_broker() as broker, running_stack(broker, tmp_path) as stack:
        worker = stack.start_worker()
        minute = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=30)
        at_ms = int(minute.timestamp() * 1000) + 12_345
        stack.sent = produce(broker.address, good(range(50), at_ms), seed=1)
        stack.wait_counted()
        store = stack.store("admin")
        deadline = time.monotonic() + 60
        sealed = "SELECT count() FROM ent.keys_minute WHERE kind = 'total' AND hits = 50"
        while store.execute(sealed) != [(1,)]:
            assert time.monotonic() < deadline
            time.sleep(0.5)
        stack.sent = produce(broker.address, good(range(40, 51), at_ms), seed=2)
        sent_at = time.monotonic()
        end = minute + timedelta(minutes=1)
        while hits(stack, end, 1) != 51:
            assert time.monotonic() - sent_at < 2.0
            time.sleep(0.02)
        ((per_minute,),) = store.execute("SELECT sum(hits) FROM bi.traffic_minute")
        assert per_minute == 51
        assert hits(stack, end, 1) == 51
        store.close()
        stack.kill_worker(worker)


def test_what_happens_now_shows_in_the_now_views_within_two_seconds(tmp_path: Path) -> None:
    with embedded_broker() as broker, running_stack(broker, tmp_path) as stack:
        worker = stack.start_worker()
        store = stack.store()
        # Five events over more than ten seconds: whatever the place in the ten seconds of a bucket.
        for count in range(1, 6):
            stack.sent = produce(broker.address, good(range(count - 1, count)), seed=1)
            sent_at = time.monotonic()
            while store.execute("SELECT hits FROM bi.now_total") != [(count,)]:
                assert time.monotonic() - sent_at < 2.0
                time.sleep(0.02)
            time.sleep(2.1)
        store.close()
        stack.kill_worker(worker)
