"""Positions that the log does not have: the worker goes on, says what happened, and can commit again."""

from __future__ import annotations

import asyncio
import time

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from tests.support.brokers import Broker
from tests.transport.conftest import StartWorker, admin, committed, make_topic
from tests.transport.producing import produce


def commit(broker: Broker, name: str, offset: int) -> None:
    """Commit an offset for the group, as an earlier worker would have."""

    async def commit_it() -> None:
        consumer = AIOKafkaConsumer(bootstrap_servers=broker.address, group_id=name, enable_auto_commit=False)
        await consumer.start()
        try:
            consumer.assign([TopicPartition(name, 0)])
            await consumer.commit({TopicPartition(name, 0): offset})
        finally:
            await consumer.stop()

    asyncio.run(commit_it())


def test_an_offset_committed_beyond_the_end_means_a_new_topic_which_is_read_from_its_start(
    broker: Broker, name: str, start: StartWorker
) -> None:
    make_topic(broker, name)
    produce(broker, name, [b"%d" % i for i in range(10)])
    commit(broker, name, 1000)
    worker = start(broker, name)
    worker.wait_until(lambda w: w.values(0) == [str(i) for i in range(10)], "the ten records")
    worker.wait_until(lambda w: committed(broker, name) == {0: 10}, "a commit below the old one")
    (warning,) = worker.logged("WARNING")
    assert f"{name} partition 0: the log ends before our position 1000" in warning
    assert "reading it again from 0" in warning
    produce(broker, name, [b"10"])
    worker.wait_until(lambda w: committed(broker, name) == {0: 11}, "the next commit")


def test_a_topic_made_anew_under_a_running_worker_is_read_from_its_start(
    broker: Broker, name: str, start: StartWorker
) -> None:
    make_topic(broker, name)
    produce(broker, name, [b"old-%d" % i for i in range(50)])
    worker = start(broker, name)
    worker.wait_until(lambda w: committed(broker, name) == {0: 50}, "the old topic's commit")
    with admin(broker) as client:
        client.delete_topics([name])
    time.sleep(1.0)
    make_topic(broker, name)
    produce(broker, name, [b"new-%d" % i for i in range(20)])
    worker.wait_until(lambda w: w.values(0)[-1:] == ["new-19"], "the new topic's records", patience=60)
    worker.wait_until(lambda w: committed(broker, name) == {0: 20}, "a commit below the old one", patience=60)
    assert [v for v in worker.values(0) if v and v.startswith("new")] == [f"new-{i}" for i in range(20)]


@pytest.mark.kafka
def test_records_deleted_before_they_were_read_are_counted_and_the_worker_goes_on(
    apache: Broker, name: str, start: StartWorker
) -> None:
    make_topic(apache, name)
    produce(apache, name, [b"%d" % i for i in range(50)])
    commit(apache, name, 5)
    with admin(apache) as client:
        from kafka import TopicPartition as KafkaPythonPartition

        client.delete_records({KafkaPythonPartition(name, 0): 20})
    worker = start(apache, name)
    worker.wait_until(lambda w: committed(apache, name) == {0: 50}, "what is left")
    assert worker.values(0) == [str(i) for i in range(20, 50)]
    (warning,) = worker.logged("WARNING")
    assert "15 records were deleted by the broker before they were read (offsets 5 to 19); going on at 20" in warning
