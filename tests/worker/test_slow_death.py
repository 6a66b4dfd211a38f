"""Workers that live and no longer move: each way we know to wedge one, and what ends it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.awkward import produce
from tests.acceptance.stack import Stack, running_stack
from tests.acceptance.test_outages import good
from tests.support.brokers import embedded_broker, free_port

WAYS = (
    "block_loop", "hang_flush", "hang_insert", "kill_fetcher", "pause_partitions", "block_consumer_thread",
    "never_join_again",
)  # fmt: skip
STUCK = 2
"""Seconds; the default of 30 only makes a test longer."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with embedded_broker() as broker, running_stack(broker, tmp_path_factory.mktemp("stack")) as running:
        yield running


def start(stack: Stack, *command: str, group: str) -> tuple[subprocess.Popen[bytes], Path]:
    """A worker with a group of its own: all of them read the same records."""
    log = stack.folder / f"{group}.log"
    environment = stack.environment() | {
        "INSTANT_T_METRICS_PORT": str(free_port()),
        "INSTANT_T_GROUP": group,
        "INSTANT_T_STUCK_SECONDS": str(STUCK),
    }
    with log.open("wb") as file:
        worker = subprocess.Popen([sys.executable, "-m", *command], env=environment, stdout=file, stderr=file)
    stack.workers.append(worker)
    return worker, log


def wait_for(log: Path, text: str, seconds: float = 90.0) -> None:
    deadline = time.monotonic() + seconds
    while text not in log.read_text():
        assert time.monotonic() < deadline, log.read_text()[-3000:]
        time.sleep(0.1)


def test_a_worker_wedged_in_any_way_ends_itself_and_a_sound_one_does_not(stack: Stack) -> None:
    produce(stack.broker.address, good(range(200)), seed=1)
    sound, _ = start(stack, "pipeline", "worker", group="sound")
    kept_out, words = start(stack, "tests.worker.wedged", "never_join", group="never_join")
    wedged = {way: start(stack, "tests.worker.wedged", way, group=way) for way in WAYS}
    for way, (_, log) in wedged.items():
        wait_for(log, f"wedged by {way}")
    produce(stack.broker.address, good(range(200, 400)), seed=2)
    for worker, log in wedged.values():
        assert worker.wait(60) == 1, log.read_text()[-3000:]
    ends = {
        way: log.read_text().rpartition("The worker stops: ")[2].split(" for ")[0] for way, (_, log) in wedged.items()
    }
    # Either is true of it, and which is said depends on whether the end of the log was asked for in time.
    paused = re.sub(r"\d+ records", "some records", ends.pop("pause_partitions"))
    assert paused in ("stuck: the broker has answered no fetch", "stuck: some records wait and none became durable")
    assert ends == {
        "block_loop": "stuck: the event loop has not run",
        "hang_flush": "stuck: 200 records wait and none became durable",
        "hang_insert": "stuck: 200 records wait and none became durable",
        "kill_fetcher": "stuck: the broker has answered no fetch",
        "block_consumer_thread": "stuck: the broker has answered no fetch",
        "never_join_again": "stuck: its consumer group has given it no partitions",
    }
    assert kept_out.wait(60) == 1, words.read_text()[-3000:]
    assert "The worker stops: stuck: the worker has not joined its consumer group for " in words.read_text()
    assert sound.poll() is None


def test_a_worker_that_nothing_keeps_in_its_group_any_more_ends_itself_although_it_reads_on(stack: Stack) -> None:
    produce(stack.broker.address, good(range(200)), seed=1)
    worker, log = start(stack, "tests.worker.wedged", "kill_coordination", group="kill_coordination")
    wait_for(log, "wedged by kill_coordination")
    assert worker.wait(30) == 1, log.read_text()[-3000:]
    assert "the task that keeps the worker in its consumer group has ended (cancelled)" in log.read_text()


def test_a_broker_that_takes_connections_and_answers_nothing_is_noticed_with_no_record_waiting(stack: Stack) -> None:
    worker, log = start(stack, "pipeline", "worker", group="idle")
    wait_for(log, "Worker ready")
    time.sleep(1.0)
    assert stack.broker.process is not None
    stack.broker.process.send_signal(signal.SIGSTOP)
    try:
        assert worker.wait(30) == 1
    finally:
        stack.broker.process.send_signal(signal.SIGCONT)
    assert "The worker stops: stuck: the broker has answered no fetch for" in log.read_text()
