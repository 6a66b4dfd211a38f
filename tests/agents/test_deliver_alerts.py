"""Delivery: each change once to each receiver, in order, whatever it does; with a real store and HTTP server."""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from types import SimpleNamespace
from typing import Any

import pytest

from agents.deliver_alerts import Deliverer
from pipeline.alerts.change import Change
from pipeline.notify import Alertmanager, Webhook
from pipeline.store.client import Store
from pipeline.store.deliveries import DeliveryMemory
from tests.notify.changes import T0, change, put, story
from tests.notify.receiver import HANG, Receiver, running_receiver
from tests.support.gateway import GatewayHandle
from tests.support.stores import migrated_gateway

A, B = "00000000000000aa", "00000000000000bb"
SOON = 20.0
"""Seconds."""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayHandle]:
    with migrated_gateway(tmp_path_factory.mktemp("store")) as handle:
        yield handle


@pytest.fixture
def store(gateway: GatewayHandle) -> Iterator[Store]:
    """The admin's connection to a store where nothing was delivered."""
    with closing(Store(gateway.url("admin"))) as store:
        store.execute("TRUNCATE TABLE ent.deliveries")
        store.execute("TRUNCATE TABLE ent.alerts")
        yield store


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as running:
        yield running


class Event:
    """A record batch of changes, and whether it was acknowledged."""

    def __init__(self, *changes: Change | bytes | None) -> None:
        values = [each.to_json() if isinstance(each, Change) else each for each in changes]
        self.value: Any = SimpleNamespace(values=values)
        self.acked = 0

    def ack(self) -> bool:
        self.acked += 1
        return True


class Run:
    """A deliverer in its event loop, and what it counted."""

    def __init__(
        self,
        gateway: GatewayHandle,
        *receivers: Alertmanager | Webhook,
        now: float = T0 + 900.0,
        patience: float = 10.0,
    ) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self._memory = DeliveryMemory(Store(gateway.url("writer"), timeout=patience))
        self._thread = ThreadPoolExecutor(1)
        self.now = now
        self.deliverer = Deliverer(
            receivers=receivers, memory=self._memory, thread=self._thread, clock=lambda: self.now,
            count=lambda name, outcome: self.counts.update([(name, outcome)]), first_pause=0.02,
        )  # fmt: skip

    def __call__(self, story: Callable[[Deliverer], Awaitable[None]]) -> Run:
        async def whole() -> None:
            try:
                async with asyncio.timeout(SOON):
                    await story(self.deliverer)
            finally:
                await self.deliverer.close()

        try:
            asyncio.run(whole())
        finally:
            self._thread.shutdown()
            self._memory.close()
        return self


async def until(said: Callable[[], bool]) -> None:
    while not said():
        await asyncio.sleep(0.01)


def take(*events: Event) -> Callable[[Deliverer], Awaitable[None]]:
    """Take some batches and wait until all are acknowledged."""

    async def taken(deliverer: Deliverer) -> None:
        for event in events:
            deliverer.take(event)
        await until(lambda: all(event.acked for event in events))

    return taken


def test_each_change_goes_out_once_in_order_and_is_acknowledged_behind_it(
    gateway: GatewayHandle, store: Store, receiver: Receiver
) -> None:
    event = Event(*story(A))
    run = Run(gateway, Webhook(receiver.url))(take(event))
    assert [body["state"] for body in receiver.taken] == ["opened", "updated", "closed"]
    assert event.acked == 1
    assert run.counts == {("webhook", "delivered"): 3}
    rows = store.execute("SELECT target, alert_id, revision, outcome FROM ent.deliveries FINAL ORDER BY revision")
    assert rows == [("webhook", A, revision, "delivered") for revision in (1, 2, 3)]


def test_what_comes_again_is_not_told_again_by_this_worker_or_the_next(
    gateway: GatewayHandle, store: Store, receiver: Receiver
) -> None:
    first, second, third = story(A)
    Run(gateway, Webhook(receiver.url))(take(Event(first, second), Event(first), Event(second)))
    Run(gateway, Webhook(receiver.url))(take(Event(first, second, third)))
    assert receiver.keys == [f"{A}:1", f"{A}:2", f"{A}:3"]


def test_an_alert_never_goes_back(gateway: GatewayHandle, store: Store, receiver: Receiver) -> None:
    opened, _, closed = story(A)
    Run(gateway, Webhook(receiver.url))(take(Event(closed), Event(opened)))
    assert receiver.keys == [f"{A}:3"]


def test_a_receiver_that_fails_is_told_again_and_the_order_holds(
    gateway: GatewayHandle, store: Store, receiver: Receiver
) -> None:
    receiver.answers = [500, HANG, 429, 503]
    run = Run(gateway, Webhook(receiver.url, seconds=0.2))(take(Event(*story(A))))
    assert [body["revision"] for body in receiver.taken] == [1, 2, 3]
    assert receiver.keys == [f"{A}:1"] * 5 + [f"{A}:2", f"{A}:3"]
    assert run.counts == {("webhook", "retried"): 4, ("webhook", "delivered"): 3}


def test_a_change_that_is_refused_is_given_up_and_said_and_holds_up_nothing(
    gateway: GatewayHandle, store: Store, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.refused_key = f"{A}:1"
    event = Event(*story(A))
    run = Run(gateway, Webhook(receiver.url))(take(event))
    assert [body["revision"] for body in receiver.taken] == [2, 3]
    assert run.counts == {("webhook", "refused"): 1, ("webhook", "delivered"): 2}
    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert line.endswith(f"answered 400: ne convient pas  [2J: it is not told of alert {A}, revision 1.")
    Run(gateway, Webhook(receiver.url))(take(Event(*story(A))))
    assert receiver.keys == [f"{A}:1", f"{A}:2", f"{A}:3"]


def test_a_change_that_the_receiver_chokes_on_holds_up_no_other_alert(
    gateway: GatewayHandle, store: Store, receiver: Receiver
) -> None:
    receiver.answers = [500] * 1000

    async def choke(deliverer: Deliverer) -> None:
        bad, good = Event(story(A)[0]), Event(*story(B))
        deliverer.take(bad)
        deliverer.take(good)
        await until(lambda: f"{B}:1" in receiver.keys)
        receiver.answers = []
        await until(lambda: bool(good.acked and bad.acked))

    Run(gateway, Webhook(receiver.url))(choke)
    taken = [(body["alert_id"], body["revision"]) for body in receiver.taken]
    assert [revision for alert, revision in taken if alert == B] == [1, 2, 3]
    assert sorted(taken) == [(A, 1), (B, 1), (B, 2), (B, 3)]


def test_one_receiver_that_is_away_holds_up_no_other_but_the_acknowledgement(
    gateway: GatewayHandle, store: Store, receiver: Receiver
) -> None:
    with running_receiver() as away:
        away.answers = [503] * 1000
        event = Event(*story(A))

        async def told(deliverer: Deliverer) -> None:
            deliverer.take(event)
            await until(lambda: len(receiver.taken) == 3)
            assert event.acked == 0
            away.answers = []
            await until(lambda: bool(event.acked))

        Run(gateway, Alertmanager(away.url, lambda: T0 + 1.0), Webhook(receiver.url))(told)
        assert [body[0]["labels"]["alert_id"] for body in away.taken] == [A] * 3


def test_what_happened_over_six_hours_ago_is_told_to_nobody(
    gateway: GatewayHandle, store: Store, receiver: Receiver
) -> None:
    late = T0 + 6 * 3600 + 300
    run = Run(gateway, Webhook(receiver.url), now=late)(take(Event(*story(A))))  # changes of T0, +300 and +600
    assert receiver.keys == [f"{A}:2", f"{A}:3"]
    assert run.counts == {("webhook", "outdated"): 1, ("webhook", "delivered"): 2}


def test_what_is_no_change_of_an_alert_is_passed_over(gateway: GatewayHandle, store: Store, receiver: Receiver) -> None:
    none, some = Event(b"{}", None, b"\xff"), Event(b"[1]", change())
    Run(gateway, Webhook(receiver.url))(take(none, some))
    assert (none.acked, some.acked) == (1, 1)
    assert receiver.keys == [f"{A}:1"]


def test_a_store_that_is_away_is_waited_for_and_nothing_is_told_twice(
    gateway: GatewayHandle, store: Store, receiver: Receiver
) -> None:
    event = Event(*story(A))

    async def told(deliverer: Deliverer) -> None:
        gateway.process.send_signal(signal.SIGSTOP)
        try:
            deliverer.take(event)
            await asyncio.sleep(0.8)
        finally:
            gateway.process.send_signal(signal.SIGCONT)
        assert receiver.keys == []
        await until(lambda: bool(event.acked))

    Run(gateway, Webhook(receiver.url), patience=0.3)(told)
    assert receiver.keys == [f"{A}:1", f"{A}:2", f"{A}:3"]


def test_a_partition_is_given_up_behind_the_post_that_is_under_way(
    gateway: GatewayHandle, store: Store, receiver: Receiver
) -> None:
    receiver.slow = 0.4
    event = Event(*story(A))

    async def told(deliverer: Deliverer) -> None:
        deliverer.take(event)
        await until(lambda: len(receiver.heard) == 1)
        await deliverer.hand_over()
        assert event.acked == 0
        heard = len(receiver.heard)
        await asyncio.sleep(0.1)
        assert len(receiver.heard) == heard == 1

    Run(gateway, Webhook(receiver.url))(told)
    receiver.slow = 0
    Run(gateway, Webhook(receiver.url))(take(Event(*story(A))))
    assert receiver.keys == [f"{A}:1", f"{A}:2", f"{A}:3"]


def test_open_alerts_are_repeated_to_alertmanager_as_they_are_and_closed_ones_never(
    gateway: GatewayHandle, store: Store, receiver: Receiver
) -> None:
    now = int(time.time())
    ours, ended = story(A, now), story(B, now)
    untold = change(alert_id="00000000000000cc", changed_at=now)
    put(store, *ours[:2], *ended[:2], untold)

    async def told(deliverer: Deliverer) -> None:
        event = Event(*ours[:2], *ended[:2])
        deliverer.take(event)
        await until(lambda: bool(event.acked))
        receiver.heard.clear()
        await deliverer.repeat()
        assert sorted(alert["labels"]["alert_id"] for alert in receiver.heard[0][1]) == [A, B]
        put(store, ended[2])
        await deliverer.repeat()
        assert [alert["labels"]["alert_id"] for alert in receiver.heard[1][1]] == [A]
        # Known as closed by the topic before the store says so: no repeat may open it there again.
        deliverer.take(Event(ours[2]))
        await deliverer.repeat()
        await until(lambda: len(receiver.heard) == 3)
        assert receiver.heard[2][1][0]["endsAt"] < receiver.heard[1][1][0]["endsAt"]
        await deliverer.repeat()
        assert len(receiver.heard) == 3

    run = Run(gateway, Alertmanager(receiver.url, time.time), now=now)(told)
    assert run.counts == {("alertmanager", "delivered"): 5}
