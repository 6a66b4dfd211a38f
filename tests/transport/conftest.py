"""Brokers (one of each kind for the whole session), topics with names of their own, and workers that end."""

from __future__ import annotations

import contextlib
import itertools
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.brokers import Broker, apache_kafka, embedded_broker
from tests.transport.workers import Worker

with warnings.catch_warnings():
    # kafka-python 3.0.12 reads its schemas with importlib.resources.read_text, deprecated for a while in Python 3.11.
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka.admin import KafkaAdminClient, NewTopic
    from kafka.errors import KafkaError

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def embedded() -> Iterator[Broker]:
    """The embedded broker."""
    with embedded_broker() as broker:
        yield broker


@pytest.fixture(scope="session")
def apache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """Apache Kafka; its cleaner looks for work twice a second."""
    with apache_kafka(tmp_path_factory.mktemp("kafka"), log_cleaner_backoff_ms="500") as broker:
        yield broker


@pytest.fixture(params=["embedded", pytest.param("apache", marks=pytest.mark.kafka)])
def broker(request: pytest.FixtureRequest) -> Broker:
    """Each kind of broker in turn."""
    broker: Broker = request.getfixturevalue(request.param)
    return broker


@pytest.fixture
def name() -> str:
    """A name for this test's topic and group."""
    return f"conformance-{next(_numbers)}"


@contextlib.contextmanager
def admin(broker: Broker) -> Iterator[KafkaAdminClient]:
    """An admin client that is closed again."""
    client = KafkaAdminClient(bootstrap_servers=broker.address)
    try:
        yield client
    finally:
        client.close()


def make_topic(broker: Broker, name: str, partitions: int = 1, **config: str) -> None:
    """Make a topic; configuration names with underscores for dots."""
    configs = {key.replace("_", "."): value for key, value in config.items()}
    with admin(broker) as client:
        client.create_topics([NewTopic(name, partitions, 1, topic_configs=configs)])


def committed(broker: Broker, group: str) -> dict[int, int]:
    """Committed offsets of the group's one topic, by partition; none while the broker still makes its offsets topic."""
    with admin(broker) as client:
        try:
            offsets = client.list_group_offsets(group)[group]
        except KafkaError as error:
            if error.retriable:
                return {}
            raise
    return {tp.partition: found.offset for tp, found in offsets.items() if found.offset >= 0}


StartWorker = Callable[..., Worker]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[StartWorker]:
    """Start workers: `start(broker, topic_and_group, *options)`; what still runs afterwards is killed."""
    workers: list[Worker] = []

    def start_worker(broker: Broker, name: str, *options: str, address: str = "") -> Worker:
        session = ("--session", f"{broker.session_timeout:g}")
        address = address or broker.address
        worker = Worker(tmp_path, f"worker-{len(workers)}", address, name, name, *session, *options)
        workers.append(worker)
        return worker

    yield start_worker
    for worker in workers:
        if worker.alive():
            worker.kill()
