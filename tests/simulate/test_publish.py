"""Publishing: what is acknowledged is in the topic, and what is not is an error."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from pipeline.broker.publish import OversizedRecordError, Publisher
from pipeline.errors import UserError
from tests.simulate.topic import read_topic
from tests.support.brokers import Broker, free_port


def test_every_record_is_in_the_topic_once_after_a_flush(broker: Broker) -> None:
    values = [b'{"n":%d,"pad":"%s"}' % (n, b"x" * 300) for n in range(9_000)]
    with Publisher([broker.address], "t.values") as publisher:
        for value in values:
            publisher.send(value)
        publisher.flush()
        assert publisher.acknowledged == 9_000
    records = read_topic(broker.address, "t.values", 9_000)
    assert sorted(record.value for record in records) == sorted(values)
    assert len({record.partition for record in records}) > 1


def test_the_records_timestamp_is_the_time_of_sending(broker: Broker) -> None:
    before = int(time.time() * 1000)
    with Publisher([broker.address], "t.stamps") as publisher:
        publisher.send(b"one")
    (record,) = read_topic(broker.address, "t.stamps", 1)
    assert before <= record.timestamp <= int(time.time() * 1000)


def test_records_with_the_same_key_keep_their_order_in_one_partition(broker: Broker) -> None:
    with Publisher([broker.address], "t.keys") as publisher:
        for n in range(100):
            publisher.send(b"%d" % n, key=b"alert-1")
    records = read_topic(broker.address, "t.keys", 100)
    assert {(record.key, record.partition) for record in records} == {(b"alert-1", records[0].partition)}
    assert [record.value for record in records] == [b"%d" % n for n in range(100)]


def test_leaving_the_context_flushes(broker: Broker) -> None:
    with Publisher([broker.address], "t.leave") as publisher:
        publisher.send(b"one")
    assert publisher.acknowledged == 1


def test_no_more_than_16_megabytes_wait_for_the_broker(broker: Broker) -> None:
    value = b"x" * 400_000
    with Publisher([broker.address], "t.large") as publisher:
        for sent in range(1, 101):
            publisher.send(value)
            assert (sent - publisher.acknowledged) * len(value) <= 21_000_000
    assert publisher.acknowledged == 100


def test_a_record_that_kafka_would_not_take_is_refused_and_the_publisher_goes_on(broker: Broker) -> None:
    with Publisher([broker.address], "t.size") as publisher:
        publisher.send(b"x" * 1_000_000)
        with pytest.raises(OversizedRecordError, match=r"A record of 1,000,001 bytes is over the 1,000,000 bytes"):
            publisher.send(b"x" * 1_000_001)
        publisher.send(b"after")
    assert publisher.acknowledged == 2


def test_a_broker_that_does_not_answer_is_named_with_the_variable() -> None:
    address = f"127.0.0.1:{free_port()}"
    with pytest.raises(UserError, match=f"No Kafka broker answers at {address}: .*INSTANT_T_KAFKA"):
        Publisher([address], "t").__enter__()


# In a process of its own, because kafka-python 3.0.12 leaves the sockets of refused connections open.
LOSES_ITS_SECOND_RECORD = """
import sys
from pipeline.broker.publish import Publisher
from pipeline.errors import UserError
publisher = Publisher([sys.argv[1]], "t.lost").__enter__()
publisher.send(b"first")
publisher.flush()
print("flushed", flush=True)
sys.stdin.readline()
publisher.send(b"second")
publisher.hurry()
try:
    publisher.__exit__(None, None, None)
except UserError as error:
    print(error)
"""


def test_a_record_that_is_not_acknowledged_is_an_error_soon_after_hurry(broker: Broker) -> None:
    program = [sys.executable, "-c", LOSES_ITS_SECOND_RECORD, broker.address]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "flushed\n"
        broker.kill()
        began = time.monotonic()
        said, complained = process.communicate("go on\n", timeout=20)
    assert said.startswith(f"Kafka at {broker.address} did not acknowledge record 2 for t.lost (")
    assert complained == ""
    assert time.monotonic() - began < 10
