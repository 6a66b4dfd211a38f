"""`instant-t migrate` against empty servers, and again."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from pipeline import settings as setting
from pipeline.broker.topics_admin import ensure_topics, topic_warnings, wanted_topics
from pipeline.store import migrate as schema
from pipeline.store.client import Store
from tests.commands.conftest import BOTH_BROKERS, Run, point_at
from tests.support.brokers import Broker
from tests.support.gateway import GatewayHandle, running_gateway

TOPICS = {"ent.visits.v1": 4, "ent.rejects.v1": 1, "ent.alerts.v1": 1}


@pytest.fixture
def fresh(request: pytest.FixtureRequest, kind: str) -> Broker:
    """A broker of each kind, without topics."""
    broker: Broker = request.getfixturevalue(kind)
    drop(broker.address, *partitions(broker.address))
    return broker


def drop(address: str, *topics: str) -> None:
    """Delete topics and wait until they are gone."""
    with closing(KafkaAdminClient(bootstrap_servers=address)) as admin:
        if topics:
            admin.delete_topics(list(topics))
        deadline = time.monotonic() + 10
        while set(topics) & set(admin.list_topics()):
            assert time.monotonic() < deadline
            time.sleep(0.05)


def partitions(address: str) -> dict[str, int]:
    with closing(KafkaAdminClient(bootstrap_servers=address)) as admin:
        names = [name for name in admin.list_topics() if not name.startswith("__")]
        return {topic["name"]: len(topic["partitions"]) for topic in admin.describe_topics(names)} if names else {}


def configs(address: str, topic: str) -> dict[str, str]:
    with closing(KafkaAdminClient(bootstrap_servers=address)) as admin:
        resource = ConfigResource(ConfigResourceType.TOPIC, topic)
        found = admin.describe_configs([resource], config_filter="all")["topic"][topic]
    return {name: entry["value"] for name, entry in found.items()}


class TestTopics:
    @BOTH_BROKERS
    def test_missing_topics_are_made_once_with_their_retention(self, fresh: Broker) -> None:
        settings = setting.load({"INSTANT_T_KAFKA": fresh.address})
        assert ensure_topics(settings) == ["ent.visits.v1", "ent.rejects.v1", "ent.alerts.v1"]
        assert ensure_topics(settings) == []
        assert partitions(fresh.address) == TOPICS
        assert configs(fresh.address, "ent.visits.v1")["retention.ms"] == "259200000"
        assert configs(fresh.address, "ent.rejects.v1")["retention.ms"] == "604800000"
        assert configs(fresh.address, "ent.rejects.v1")["max.message.bytes"] == "2097152"
        assert configs(fresh.address, "ent.alerts.v1")["cleanup.policy"] == "delete"
        assert topic_warnings(settings) == []

    def test_an_existing_topic_that_keeps_too_little_is_named_with_its_mend_and_left_alone(
        self, broker: Broker, instant_t: Run, monkeypatch: pytest.MonkeyPatch, use_gateway: GatewayHandle
    ) -> None:
        drop(broker.address, *partitions(broker.address))
        with closing(KafkaAdminClient(bootstrap_servers=broker.address)) as admin:
            short = {"num_partitions": 2, "replication_factor": 1, "configs": {"retention.ms": "3600000"}}
            admin.create_topics({"ent.visits.v1": short})
        monkeypatch.setenv("INSTANT_T_KAFKA", broker.address)
        status, out, err = instant_t("migrate")
        assert status == 0
        assert "made ent.rejects.v1 (1 partition, kept 7 days)" in out
        assert "ent.visits.v1" not in out
        assert err == (
            "WARNING: topic ent.visits.v1 has retention.ms=3600000, under the 259200000 that instant-t relies on; "
            f"mend it with: kafka-configs.sh --bootstrap-server {broker.address} --alter --entity-type topics "
            "--entity-name ent.visits.v1 --add-config retention.ms=259200000\n"
        )
        assert partitions(broker.address)["ent.visits.v1"] == 2
        assert configs(broker.address, "ent.visits.v1")["retention.ms"] == "3600000"

    def test_partitions_and_replicas_follow_the_settings(self) -> None:
        settings = setting.load({"INSTANT_T_PARTITIONS": "12"})
        assert [(topic.name, topic.partitions) for topic in wanted_topics(settings)] == [
            ("ent.visits.v1", 12),
            ("ent.rejects.v1", 1),
            ("ent.alerts.v1", 1),
        ]

    @pytest.mark.kafka
    def test_more_replicas_than_brokers_is_one_sentence(
        self, apache: Broker, instant_t: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        drop(apache.address, *partitions(apache.address))
        monkeypatch.setenv("INSTANT_T_KAFKA", apache.address)
        monkeypatch.setenv("INSTANT_T_REPLICATION", "3")
        status, _, err = instant_t("migrate")
        assert status == 1
        assert err == (
            "instant-t: Kafka cannot keep 3 replicas of ent.visits.v1: "
            "set INSTANT_T_REPLICATION to at most the number of brokers.\n"
        )


class TestSchema:
    @BOTH_BROKERS
    def test_a_dry_run_on_empty_servers_says_everything_and_changes_nothing(
        self, fresh: Broker, instant_t: Run, monkeypatch: pytest.MonkeyPatch, use_empty_gateway: GatewayHandle
    ) -> None:
        monkeypatch.setenv("INSTANT_T_KAFKA", fresh.address)
        status, out, err = instant_t("migrate", "--dry-run")
        assert (status, err) == (0, "")
        applied = [line.split()[-1] for line in out.splitlines() if line.startswith("schema     would apply ")]
        assert applied == [migration.name for migration in schema.shipped()]
        assert "dimension  would fill services" in out
        assert "topic      would make ent.visits.v1 (4 partitions, kept 72 h)\n" in out
        assert partitions(fresh.address) == {}
        with closing(Store(use_empty_gateway.url("admin"))) as store:
            assert store.execute("SELECT name FROM system.databases WHERE name IN ('ent', 'bi')") == []

    def test_an_empty_store_gets_everything_and_a_second_run_finds_nothing_to_do(
        self, broker: Broker, instant_t: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("INSTANT_T_KAFKA", broker.address)
        with running_gateway(tmp_path) as gateway:
            point_at(gateway, monkeypatch)
            first = instant_t("migrate")
            second = instant_t("migrate")
            with closing(Store(gateway.url("default"))) as reader:
                total = reader.execute("SELECT hits FROM bi.instant_t_total(at='2026-09-01 06:30:00', minutes=15)")
        assert first.status == 0
        assert "schema     applied 0001_create_databases\n" in first.out
        assert "dimension  filled services\n" in first.out
        assert (second.status, second.out) == (
            0,
            "Nothing to do: schema, dimension tables and topics are those of this release.\n",
        )
        assert total == [(0,)]

    def test_a_broker_that_does_not_answer_is_one_sentence(self, instant_t: Run) -> None:
        status, out, err = instant_t("migrate")
        assert (status, out) == (1, "")
        assert err.startswith("instant-t: No Kafka broker answers at 127.0.0.1:")
        assert err.count("\n") == 1

    def test_an_embedded_store_that_was_never_started_is_one_sentence(
        self, broker: Broker, instant_t: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("INSTANT_T_KAFKA", broker.address)
        status, _, err = instant_t("migrate")
        assert status == 1
        assert "logins.json does not exist" in err
        assert "instant-t up" in err
        assert err.count("\n") == 1
