"""`instant-t status` against real servers, right and wrong."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.structs import OffsetAndMetadata
from prometheus_client import CollectorRegistry

from pipeline import settings as setting
from pipeline.broker.topics_admin import ensure_topics
from pipeline.commands.status import duration, waiting
from pipeline.core.position import Position
from pipeline.errors import UserError
from pipeline.health import HealthServer, Pulse
from pipeline.store.client import Store
from pipeline.store.writing import write_progress
from tests.commands.conftest import Run
from tests.support.brokers import Broker
from tests.support.gateway import GatewayHandle


@contextmanager
def health_of_a_worker(lag: int | None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The worker's own health server on a free port, which `status` will ask."""
    pulse = Pulse()
    if lag is not None:
        pulse.beat(lag, heard=True)
    server = HealthServer("127.0.0.1", 0, CollectorRegistry(), pulse)
    monkeypatch.setenv("INSTANT_T_METRICS_PORT", str(server.port))
    try:
        yield
    finally:
        server.close()
        for thread in threading.enumerate():
            if "process_request_thread" in thread.name:
                thread.join(5)


def lines(out: str) -> dict[str, tuple[str, str]]:
    """Name → (verdict, words)."""
    parts = (line.split("  ", 1) for line in out.splitlines())
    return {name: (rest.split()[0], rest.split(maxsplit=1)[1]) for name, rest in parts}


def publish(address: str, count: int, partition: int = 0, age: timedelta = timedelta()) -> None:
    producer = KafkaProducer(bootstrap_servers=address, linger_ms=20)
    stamp = int((datetime.now(UTC) - age).timestamp() * 1000)
    for _ in range(count):
        producer.send("ent.visits.v1", b"{}", partition=partition, timestamp_ms=stamp)
    producer.flush()
    producer.close()


def commit(address: str, partition: int, offset: int) -> None:
    consumer = KafkaConsumer(bootstrap_servers=address, group_id="instant-t", enable_auto_commit=False)
    at = TopicPartition("ent.visits.v1", partition)
    consumer.assign([at])
    consumer.commit({at: OffsetAndMetadata(offset, "", -1)})
    consumer.close()


def test_with_nothing_running_every_line_fails_and_says_what_to_do(instant_t: Run) -> None:
    status, out, err = instant_t("status")
    found = lines(out)
    assert (status, err) == (1, "")
    assert list(found) == ["broker", "store", "schema", "topics", "worker", "lag", "data age"]
    assert {verdict for verdict, _ in found.values()} == {"FAIL"}
    assert "instant-t up" in found["broker"][1]
    assert "\x1b" not in out


def test_when_everything_is_right_every_line_is_ok_and_the_exit_status_is_0(
    use_broker: Broker, use_gateway: GatewayHandle, writer: Store, instant_t: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure_topics(setting.load())
    publish(use_broker.address, 10)
    commit(use_broker.address, 0, 10)
    now = datetime.now(UTC)
    millis = int(now.timestamp() * 1000)
    write_progress(writer, [Position("ent.visits.v1", 0, 10, millis * 1000, millis, 0)], now)
    with health_of_a_worker(0, monkeypatch):
        status, out, _ = instant_t("status")
    found = lines(out)
    assert {name: verdict for name, (verdict, _) in found.items()} == dict.fromkeys(found, "ok")
    assert status == 0
    assert found["topics"][1] == "ent.visits.v1, ent.rejects.v1, ent.alerts.v1"
    assert found["lag"][1] == "no record waits to be counted"
    assert found["data age"][1].startswith("the newest record counted arrived ")


def test_a_worker_that_is_not_healthy_fails_with_its_own_words(instant_t: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with health_of_a_worker(None, monkeypatch):
        _, out, _ = instant_t("status")
    verdict, words = lines(out)["worker"]
    assert verdict == "FAIL"
    assert words.endswith("says 503: starting: the worker has not joined its consumer group yet")


@pytest.mark.usefixtures("use_empty_gateway")
def test_a_store_without_a_schema_fails_and_names_migrate(instant_t: Run) -> None:
    _, out, _ = instant_t("status")
    found = lines(out)
    assert found["store"][0] == "ok"
    assert found["schema"][0] == "FAIL"
    assert found["schema"][1].startswith("0 of ")
    assert found["schema"][1].endswith("run `instant-t migrate`")


class TestLag:
    def test_records_behind_the_committed_offsets_of_all_partitions_are_counted(
        self, broker: Broker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("INSTANT_T_KAFKA", broker.address)
        settings = setting.load()
        ensure_topics(settings)
        publish(broker.address, 7, partition=1, age=timedelta(seconds=20))
        publish(broker.address, 5, partition=2, age=timedelta(minutes=2))
        commit(broker.address, 2, 5)
        found = waiting(settings)
        assert found.records == 7
        assert found.oldest_seconds == pytest.approx(20, abs=5)
        publish(broker.address, 3, partition=2, age=timedelta(minutes=2))
        found = waiting(settings)
        assert found.records == 10
        assert found.oldest_seconds == pytest.approx(120, abs=5)

    def test_a_record_that_waits_for_over_a_minute_fails(
        self, broker: Broker, instant_t: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("INSTANT_T_KAFKA", broker.address)
        ensure_topics(setting.load())
        publish(broker.address, 1, partition=3, age=timedelta(minutes=5))
        verdict, words = lines(instant_t("status").out)["lag"]
        assert verdict == "FAIL"
        assert "the oldest for 5.0 min: the worker is stopped or too slow" in words

    def test_a_missing_topic_is_an_error_that_names_migrate(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(UserError, match="No Kafka broker answers"):
            waiting(setting.load())


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (119, "119 s"),
        (120, "2.0 min"),
        (7199, "120 min"),
        (7200, "2.0 h"),
        (200_000, "2 days"),
    ],
)
def test_durations_are_short(seconds: float, text: str) -> None:
    assert duration(seconds) == text
