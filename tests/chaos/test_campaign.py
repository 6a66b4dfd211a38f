"""The short forms of `make chaos`: ten faults on Apache Kafka, a few through the embedded broker."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.chaos.arena import running_arena
from tests.chaos.campaign import Report, plan, run
from tests.chaos.flow import Acknowledged
from tests.chaos.verdict import Verdict, judge_campaign

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

RATE = 100.0
"""Events a second: enough that every fault finds some under way."""


def counted(report: Report) -> tuple[int, int, tuple[str, ...]]:
    return report.verdict.lost, report.verdict.doubled, report.verdict.differing_views


@pytest.mark.kafka
def test_ten_faults_lose_and_double_nothing_on_apache_kafka(tmp_path: Path) -> None:
    with running_arena("apache", tmp_path) as arena:
        report = run(arena, 11, plan(11, 10, embedded=False), RATE, print)
    assert counted(report) == (0, 0, ())
    assert len({strike.fault for strike in report.strikes}) == 10
    assert report.restarts >= 1
    assert report.judged >= report.in_log >= len(report.ledger) > 2_000


def test_faults_through_the_embedded_broker_lose_and_double_nothing_and_the_verdict_would_see_it(
    tmp_path: Path,
) -> None:
    began = datetime.now(UTC)
    with running_arena("embedded", tmp_path) as arena:
        report = run(arena, 5, plan(5, 3, embedded=True), RATE, print)
        assert counted(report) == (0, 0, ())
        assert {strike.fault for strike in report.strikes} == {
            "worker: kill -9", "gateway: kill -9", "network: answers cut",
        }  # fmt: skip

        def judged(ledger: tuple[Acknowledged, ...]) -> Verdict:
            store = arena.reader()
            try:
                return judge_campaign(
                    store, arena.broker.address, ledger, began, datetime.now(UTC) + timedelta(minutes=1)
                )
            finally:
                store.close()

        first = next(record for record in report.ledger if b'"n1"' in record.value)
        once = tuple(record for record in report.ledger if record.value != first.value)
        assert judged(once).doubled == 1
        never_sent = first._replace(value=first.value.replace(b'"n1"', b'"never sent"'))
        assert judged((*report.ledger, never_sent)).lost == 1


def test_the_same_seed_plays_the_same_faults_and_another_one_others() -> None:
    assert plan(1, 30, embedded=False) == plan(1, 30, embedded=False)
    assert plan(1, 30, embedded=False) != plan(2, 30, embedded=False)


def test_a_campaign_of_as_many_faults_as_there_are_kinds_has_each_kind_once() -> None:
    assert sorted(fault.name for fault in plan(1, 15, embedded=False)) == [
        "broker: frozen", "broker: kill -9", "broker: restarted", "disk: full", "gateway: kill -9",
        "group: joins and leaves", "network: answers cut", "network: hangs", "network: inserts cut in the middle",
        "network: refuses", "network: slow", "worker: clock steps", "worker: frozen past its session",
        "worker: kill -9", "workers: all killed -9",
    ]  # fmt: skip


def test_no_fault_ends_the_embedded_broker_whose_log_is_in_memory() -> None:
    names = {fault.name for fault in plan(1, 100, embedded=True)}
    assert len(names) == 13
    assert not names & {"broker: kill -9", "broker: restarted"}
