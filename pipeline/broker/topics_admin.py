"""The project's topics: made where missing, and never changed where they exist."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from kafka import KafkaAdminClient
from kafka import errors as kafka_errors
from kafka.admin import ConfigResource, ConfigResourceType

from pipeline.broker.reading import CONNECT_SECONDS, check_reachable, no_broker
from pipeline.errors import UserError
from pipeline.settings import Settings
from pipeline.topics import ALERTS, REJECTS, VISITS

logging.getLogger("kafka").addHandler(logging.NullHandler())

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
REJECT_BYTES = 2 << 20
"""Largest record of ent.rejects.v1: the longest value that the input topic takes (1 MiB), with headers around it."""
CREATE_MS = 20_000
_AT_LEAST = ("retention.ms", "max.message.bytes")
"""Configurations that an existing topic may exceed, but not undercut."""


@dataclass(frozen=True)
class Topic:
    """A topic as `migrate` makes it."""

    name: str
    partitions: int
    configs: dict[str, str]
    """Topic configurations of Apache Kafka; times in milliseconds."""

    @property
    def described(self) -> str:
        """For the operator: name, partitions and retention."""
        hours = int(self.configs["retention.ms"]) // HOUR_MS
        kept = f"{hours} h" if hours <= 72 else f"{hours // 24} days"
        return f"{self.name} ({self.partitions} partition{'s' * (self.partitions > 1)}, kept {kept})"


def wanted_topics(settings: Settings) -> tuple[Topic, ...]:
    """The three topics, in the order of the data.

    Kafka deletes whole segments only, and closes one after seven days unless told otherwise: `segment.ms` is what
    makes the retention true where traffic is light. Alerts are kept whole rather than compacted: they are few, and a
    reader that was away must see every change of state, not the last one of each alert.
    """
    visits = {"retention.ms": str(72 * HOUR_MS), "segment.ms": str(HOUR_MS)}
    rejects = {
        "retention.ms": str(7 * DAY_MS),
        "segment.ms": str(DAY_MS),
        "max.message.bytes": str(REJECT_BYTES),
    }
    alerts = {"retention.ms": str(35 * DAY_MS), "segment.ms": str(DAY_MS)}
    return (
        Topic(VISITS, settings.partitions, {"cleanup.policy": "delete", **visits}),
        Topic(REJECTS, 1, {"cleanup.policy": "delete", **rejects}),
        Topic(ALERTS, 1, {"cleanup.policy": "delete", **alerts}),
    )


@contextmanager
def open_admin(settings: Settings) -> Iterator[Any]:
    """Kafka's admin client.

    Raises:
        UserError: no broker answers, or it stops answering.
    """
    addresses = ", ".join(settings.kafka)
    check_reachable(settings.kafka)
    try:
        admin = KafkaAdminClient(
            bootstrap_servers=list(settings.kafka),
            bootstrap_timeout_ms=CONNECT_SECONDS * 1000,
            request_timeout_ms=10_000,
        )
    except kafka_errors.KafkaError:
        raise no_broker(addresses) from None
    try:
        yield admin
    except kafka_errors.KafkaError as error:
        raise UserError(f"Kafka at {addresses} refused ({type(error).__name__}: {error}).") from error
    finally:
        admin.close()


def missing_topics(settings: Settings) -> list[Topic]:
    """The topics that `ensure_topics` would make; changes nothing.

    Raises:
        UserError: no broker answers.
    """
    with open_admin(settings) as admin:
        existing = set(admin.list_topics())
    return [topic for topic in wanted_topics(settings) if topic.name not in existing]


def ensure_topics(settings: Settings) -> list[str]:
    """Make the topics that are missing and wait until they can be used; returns the names of those that were made.

    Raises:
        UserError: no broker answers, or it refuses (more replicas than brokers, no permission).
    """
    missing = missing_topics(settings)
    made = []
    with open_admin(settings) as admin:
        for topic in missing:
            options = {
                "num_partitions": topic.partitions,
                "replication_factor": settings.replication,
                "configs": topic.configs,
            }
            try:
                admin.create_topics({topic.name: options}, timeout_ms=CREATE_MS, wait_for_metadata=True)
            except kafka_errors.TopicAlreadyExistsError:
                continue  # another migrate was faster
            except kafka_errors.InvalidReplicationFactorError:
                raise UserError(
                    f"Kafka cannot keep {settings.replication} replicas of {topic.name}: "
                    "set INSTANT_T_REPLICATION to at most the number of brokers."
                ) from None
            made.append(topic.name)
    return made


def topic_warnings(settings: Settings) -> list[str]:
    """One sentence for each existing topic that keeps less, or takes less, than the project relies on.

    Each holds the command that mends it; a topic that exists belongs to whoever runs the broker.

    Raises:
        UserError: no broker answers.
    """
    warnings = []
    with open_admin(settings) as admin:
        existing = set(admin.list_topics())
        for topic in wanted_topics(settings):
            if topic.name not in existing:
                continue
            resource = ConfigResource(ConfigResourceType.TOPIC, topic.name)
            try:
                found = admin.describe_configs([resource], config_filter="all")["topic"].get(topic.name, {})
            except kafka_errors.KafkaError as error:  # no permission, most likely: topics can be made all the same
                warnings.append(f"the retention of {topic.name} could not be looked at ({type(error).__name__})")
                continue
            for name in _AT_LEAST:
                value = found.get(name, {}).get("value")
                if name in topic.configs and value and -1 < int(value) < int(topic.configs[name]):
                    wanted = topic.configs[name]
                    warnings.append(
                        f"topic {topic.name} has {name}={value}, under the {wanted} that instant-t relies on; mend it "
                        f"with: kafka-configs.sh --bootstrap-server {settings.kafka[0]} --alter --entity-type topics "
                        f"--entity-name {topic.name} --add-config {name}={wanted}"
                    )
    return warnings
