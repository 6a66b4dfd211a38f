"""The settings that Faust is given, and what must not happen by the way."""

from __future__ import annotations

import asyncio
import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import faust
import numpy as np
import pytest
from faust.types import TP

from pipeline.transport import BatchSchema, RecordBatch, app_settings, install, lags, logs, splitting
from pipeline.transport.batch import BatchMessage, Claim
from pipeline.transport.consumer import BatchConsumer
from pipeline.transport.driver import Transport


@pytest.fixture
def app() -> Iterator[faust.App]:
    """An app that is not started; Faust makes an event loop of its own where none is set."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    app = faust.App("transport-test", **app_settings(["a.example:9092", "[::1]:9093"], 6.0))
    app.finalize()
    yield app
    asyncio.set_event_loop(None)
    loop.close()


def test_every_bootstrap_server_reaches_faust(app: faust.App) -> None:
    assert [str(url) for url in app.conf.broker_consumer] == ["batch://a.example:9092", "batch://[::1]:9093"]
    assert [str(url) for url in app.conf.broker_producer] == ["kafka://a.example:9092", "kafka://[::1]:9093"]
    assert isinstance(app.transport, Transport)


@pytest.mark.parametrize(("session", "heartbeat"), [(2.0, 0.5), (6.0, 1.5), (60.0, 3.0)])
def test_a_session_sees_at_least_four_heartbeats(session: float, heartbeat: float) -> None:
    settings = app_settings(["localhost:9092"], session)
    assert settings["broker_heartbeat_interval"] == heartbeat
    assert settings["broker_rebalance_timeout"] > session
    assert settings["broker_request_timeout"] > settings["broker_rebalance_timeout"]


def test_a_fresh_group_reads_from_the_earliest_offset_and_dead_letters_of_two_megabytes_can_be_sent(
    app: faust.App,
) -> None:
    assert app.conf.consumer_auto_offset_reset == "earliest"
    assert app.conf.producer_max_request_size == 2 * 1024 * 1024


def test_faust_keeps_out_of_the_current_folder(app: faust.App) -> None:
    assert app.conf.datadir == Path(tempfile.gettempdir()) / f"faust-batch-{os.getuid()}"


def test_no_web_server_is_started_even_when_the_command_line_of_faust_says_so_by_default(app: faust.App) -> None:
    install(app)
    app.conf.web_enabled = True  # what `faust worker` does without `--without-web`
    assert list(app.boot_strategy.web_server()) == []


def test_an_app_without_a_started_consumer_has_no_lags(app: faust.App) -> None:
    assert lags(app) == {}


def test_the_hooks_given_to_install_reach_the_consumer(app: faust.App) -> None:
    async def flush() -> None: ...

    install(app, flush=flush, flush_timeout=3.5)
    consumer = app.consumer
    assert isinstance(consumer, BatchConsumer)
    consumer._thread.thread_loop.close()  # made with the consumer, which is never started here
    assert (consumer.hooks.flush, consumer.hooks.flush_timeout) == (flush, 3.5)


def test_the_batch_goes_through_the_schema_as_it_is() -> None:
    tp = TP("visits", 3)
    batch = RecordBatch(tp, 10, 12, *splitting.joined([b"a", None]), np.array([1500, 2500]), None, 40)
    message = BatchMessage(batch, Claim(tp, 12), generation=4)
    assert BatchSchema().loads_value(None, message) is batch
    assert (message.offset, message.timestamp, message.tp, message.generation_id) == (11, 2.5, tp, 4)


def test_a_repeated_error_is_said_once_in_ten_seconds_and_then_how_often_it_came(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = iter([100.0, 100.1, 109.9, 110.0])
    monkeypatch.setattr("pipeline.transport.logs.time.monotonic", lambda: next(clock))
    once = logs.SayOnce()
    heard = []
    for node in range(4):
        record = logging.LogRecord("aiokafka", logging.ERROR, "", 0, "Unable connect to node %d", (node,), None)
        if once.filter(record):
            heard.append(record.getMessage())
    assert heard == ["Unable connect to node 0", "Unable connect to node 3 (2 more like this meanwhile)"]


def test_what_is_not_a_warning_is_never_held_back() -> None:
    record = logging.LogRecord("aiokafka", logging.INFO, "", 0, "Joined group", (), None)
    once = logs.SayOnce()
    assert [once.filter(record) for _ in range(3)] == [True, True, True]
