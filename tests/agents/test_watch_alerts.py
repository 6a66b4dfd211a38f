"""When the watch takes over, judges, publishes and gives up, told by what it asks of the detector and the broker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import pytest

from agents import watch_alerts
from agents.watch_alerts import Watch
from pipeline.alerts.change import DIRECTIONS, Change
from pipeline.errors import ReceiverUnavailable, StoreUnavailable
from pipeline.health import Pulse
from pipeline.metrics import Metrics
from pipeline.worker_board import WorkerBoard
from tests.store.test_alerts import OPENED


class Mark(NamedTuple):
    data_age_seconds: float


class Story:
    """A detector, a topic and a board that write down what is asked of them, in order."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.skipped = 0
        self.ticks: list[int] = []
        self.unpublished: list[Change] = []
        self.changes: dict[int, list[Change]] = {}
        self.age = 0.0
        self.fails_at: int | None = None
        self.is_ahead = True
        self.leader = True

    def take_over(self) -> list[Change]:
        self.lines.append("take over")
        return self.unpublished

    def due(self) -> tuple[list[int], Mark]:
        ticks, self.ticks = self.ticks, []
        return ticks, Mark(self.age)

    def judge(self, t: int, mark: Any) -> list[Change]:
        if t == self.fails_at:
            self.fails_at = None
            raise StoreUnavailable("away")
        self.lines.append(f"judge {t}")
        return self.changes.get(t, [])

    def say_late(self, mark: Any) -> list[Change]:
        self.lines.append("say late")
        return []

    def keep(self) -> bool:
        self.lines.append("keep")
        return self.is_ahead

    def active(self) -> dict[str, int]:
        return {"drop": len(self.changes)}

    async def publish(self, changes: Sequence[Change]) -> None:
        self.lines += [f"publish {change.revision}" for change in changes]

    def leads(self, leading: bool) -> None:
        self.lines.append("leads" if leading else "leads no more")

    def ticked(self, active: dict[str, int], skipped: int) -> None:
        self.lines.append(f"{active['drop']} active")


def tell(story: Story, *steps: Callable[[], None]) -> list[str]:
    """A look, then each step with a look after it."""

    async def run() -> None:
        with ThreadPoolExecutor(1) as thread:
            watch = Watch(leads=lambda: story.leader, detector=story, publish=story.publish, thread=thread, board=story)
            await watch.look()
            for step in steps:
                step()
                await watch.look()

    asyncio.run(run())
    return story.lines


def test_a_change_is_published_before_the_state_is_kept() -> None:
    story = Story()
    story.ticks, story.changes = [20, 40], {40: [OPENED]}
    assert tell(story) == [
        "take over", "leads", "1 active", "judge 20", "keep", "1 active", "judge 40", "publish 1", "keep", "1 active",
    ]  # fmt: skip


def test_what_may_not_have_been_published_is_published_first() -> None:
    story = Story()
    story.unpublished = [OPENED]
    assert tell(story)[:3] == ["take over", "publish 1", "leads"]


def test_a_worker_that_does_not_have_the_partition_does_nothing() -> None:
    story = Story()
    story.leader = False
    assert tell(story) == []


def test_a_worker_that_loses_the_partition_stops_at_once_and_takes_over_anew_when_it_has_it_again() -> None:
    story = Story()

    def lose() -> None:
        story.leader = False

    def win() -> None:
        story.leader = True

    assert tell(story, lose, win) == [
        "take over",
        "leads",
        "0 active",
        "leads no more",
        "take over",
        "leads",
        "0 active",
    ]


def test_a_store_that_is_away_is_waited_for_and_then_the_state_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_alerts, "FIRST_PAUSE", 0.05)
    story = Story()
    story.ticks, story.fails_at = [20], 20

    async def run() -> None:
        with ThreadPoolExecutor(1) as thread:
            watch = Watch(leads=lambda: True, detector=story, publish=story.publish, thread=thread, board=story)
            await watch.look()
            story.ticks = [20]
            await watch.look()  # too early
            assert story.lines == ["take over", "leads", "0 active"]
            await asyncio.sleep(0.06)
            await watch.look()

    asyncio.run(run())
    assert story.lines[3:] == ["take over", "leads", "0 active", "judge 20", "keep", "0 active"]


def test_a_worker_that_another_one_has_overtaken_starts_from_where_that_one_is() -> None:
    story = Story()
    story.ticks, story.is_ahead = [20, 40], False
    lines = tell(story, lambda: None)
    assert lines == ["take over", "leads", "0 active", "judge 20", "keep", "0 active", "take over", "leads", "0 active"]


@pytest.mark.parametrize(("age", "said"), [(91.0, True), (89.0, False), (0.0, False)])
def test_without_ticks_data_are_late_when_records_wait(monkeypatch: pytest.MonkeyPatch, age: float, said: bool) -> None:
    monkeypatch.setattr(watch_alerts, "QUIET_SECONDS", 0.0)
    story = Story()
    story.age = age
    assert ("say late" in tell(story, lambda: None)) is said


def test_a_broker_that_does_not_take_a_change_makes_the_worker_take_over_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_alerts, "FIRST_PAUSE", 0.0)
    story = Story()
    story.ticks, story.changes = [20], {20: [OPENED]}

    async def refuse_once(changes: Sequence[Change]) -> None:
        if changes and "refused" not in story.lines:
            story.lines.append("refused")
            raise ReceiverUnavailable("Kafka did not take a change")

    monkeypatch.setattr(story, "publish", refuse_once)
    assert tell(story, lambda: None)[3:] == ["judge 20", "refused", "take over", "leads", "1 active"]


def test_open_alerts_are_shown_by_the_worker_that_watches_and_by_no_other() -> None:
    metrics = Metrics()
    board = WorkerBoard(metrics, Pulse(stuck_seconds=30))

    def shown(name: str, **labels: str) -> float | None:
        return metrics.registry.get_sample_value(name, labels)

    assert [shown("ent_alerts_active", direction=name) for name in DIRECTIONS] == [0, 0, 0, 0, 0]
    assert shown("ent_alerts_tick_age_seconds") == 0
    board.leads(True)
    board.ticked({"drop": 2}, skipped=3)
    board.ticked({"drop": 1, "late": 1}, skipped=4)
    assert shown("ent_alerts_active", direction="drop") == 1
    assert shown("ent_alerts_active", direction="late") == 1
    assert shown("ent_alerts_ticks_skipped_total") == 4
    assert 0 < (shown("ent_alerts_tick_age_seconds") or 0) < 5
    board.leads(False)
    assert shown("ent_alerts_active", direction="drop") == 0
    assert shown("ent_alerts_tick_age_seconds") == 0
