"""The bench's own contestants on the embedded broker: the worker and stock Faust into a null sink."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline import settings
from pipeline.broker.topics_admin import ensure_topics
from pipeline.topics import VISITS
from tests.bench.contestant import Contestant
from tests.bench.loading import publish
from tests.bench.peers.contestants import ENTRIES, PROJECT, Start, environment
from tests.bench.peers.events import Expected, expected, prepare
from tests.support.brokers import Broker, embedded_broker

EVENTS = 5000


@pytest.fixture(scope="module")
def records() -> list[bytes]:
    return prepare(EVENTS, rate=200)


@pytest.fixture(scope="module")
def broker(records: list[bytes]) -> Iterator[Broker]:
    with embedded_broker() as broker:
        ensure_topics(settings.load({"INSTANT_T_KAFKA": broker.address}))
        assert publish(broker.address, VISITS, records) == EVENTS
        yield broker


@pytest.mark.parametrize("key", ["ours", "faust"])
def test_it_counts_what_the_oracle_expects(key: str, records: list[bytes], broker: Broker, tmp_path: Path) -> None:
    entry = next(entry for entry in ENTRIES if entry.key == key)
    start = Start(broker.address, VISITS, EVENTS, f"test-{key}", tmp_path, broker.session_timeout)
    running = Contestant(entry.command(start), tmp_path / "log", environment(start), PROJECT)
    try:
        running.wait(EVENTS, figures=True)
        assert [running.samples[0].events, running.samples[-1].events] == [0, EVENTS]
        assert running.figures is not None
        assert Expected(**running.figures) == expected(records)
    finally:
        running.end()
