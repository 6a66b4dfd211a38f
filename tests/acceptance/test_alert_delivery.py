"""Alerts from the topic to who is told of them, by real workers: beside the counting, and over a kill -9."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kafka import KafkaProducer

from pipeline.alerts.change import Change
from pipeline.topics import ALERTS
from tests.acceptance.awkward import produce
from tests.acceptance.stack import Stack, running_stack
from tests.acceptance.test_outages import good, hits
from tests.notify.changes import story
from tests.notify.receiver import HANG, running_receiver
from tests.support.brokers import embedded_broker

A, B, C, D = "00000000000000aa", "00000000000000bb", "00000000000000cc", "00000000000000dd"


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with embedded_broker() as broker, running_stack(broker, tmp_path) as running:
        yield running


def publish(stack: Stack, *changes: Change) -> None:
    """As the detector does."""
    producer = KafkaProducer(bootstrap_servers=stack.broker.address)
    for each in changes:
        producer.send(ALERTS, each.to_json(), key=each.alert_id.encode())
    producer.close()


def until(said: Callable[[], bool], what: Callable[[], object]) -> None:
    deadline = time.monotonic() + 40
    while not said():
        assert time.monotonic() < deadline, what()
        time.sleep(0.05)


def test_workers_that_are_killed_or_come_and_go_forget_nothing_and_repeat_nothing(stack: Stack) -> None:
    now = int(time.time()) - 700
    with running_receiver() as receiver:
        receiver.refused_key = f"{C}:1"
        worker = stack.start_worker(INSTANT_T_WEBHOOK=receiver.url)
        publish(stack, *story(A, now))
        until(lambda: len(receiver.taken) == 3, lambda: receiver.keys)
        receiver.answers = [HANG] + [503] * 1000
        publish(stack, *story(B, now), *story(C, now))
        until(lambda: len(receiver.heard) > 3, lambda: receiver.keys)

        # Meanwhile visits are counted, and what waits to be told is no lag of theirs.
        stack.sent = produce(stack.broker.address, good(range(2_000)), seed=1)
        stack.wait_counted()
        assert hits(stack) == 2_000
        assert stack.health(worker) == 200
        lags = [value for name, value in stack.metrics(worker).items() if name.startswith("ent_consumer_lag_records")]
        assert sum(lags) == 0

        stack.kill_worker(worker)
        receiver.heard.clear()
        receiver.answers = []
        again = stack.start_worker(INSTANT_T_WEBHOOK=receiver.url)
        until(lambda: len(receiver.taken) == 8, lambda: receiver.keys)
        taken = [(body["alert_id"], body["revision"]) for body in receiver.taken]
        assert taken[:3] == [(A, 1), (A, 2), (A, 3)]
        assert [each for each in taken[3:] if each[0] == B] == [(B, 1), (B, 2), (B, 3)]
        assert [each for each in taken[3:] if each[0] == C] == [(C, 2), (C, 3)]
        assert stack.metrics(again)['ent_alert_deliveries_total{outcome="refused",target="webhook"}'] == 1

        # A second worker comes, the first one goes in the middle of a story: nothing is told twice.
        receiver.slow = 0.3
        other = stack.start_worker(INSTANT_T_WEBHOOK=receiver.url)
        publish(stack, *story(D, now)[:2])
        until(lambda: f"{D}:1" in receiver.keys, lambda: receiver.keys)
        assert stack.stop_worker(again) == 0
        publish(stack, story(D, now)[2])
        until(lambda: len(receiver.taken) == 11, lambda: receiver.keys)
        assert [key for key in receiver.keys if key.startswith(D)] == [f"{D}:1", f"{D}:2", f"{D}:3"]
        assert stack.stop_worker(other) == 0
        assert len(receiver.taken) == 11
