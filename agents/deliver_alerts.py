"""Deliver alerts: each change of state to each receiver, once and in order, however long a receiver is away.

Every alert has a lane of its own for each receiver: a change waits for the ones before it, and for no other alert. A
record is acknowledged once every receiver has it, or has been given up for it, and the store remembers so; what was not
acknowledged comes again, and the store knows what it was told. Between a receiver's answer and that memory lies the one
moment in which a crash makes a second delivery: it carries the same alert id and revision.

Counting shares the consumer with this and must never wait for it: `take` only files records away.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from typing import Any, Literal, Protocol, TypeVar

from agents.ports import BatchEvent
from pipeline.alerts.change import Change
from pipeline.errors import ReceiverRefused, ReceiverUnavailable, StoreRefused, StoreUnavailable

log = logging.getLogger(__name__)

Outcome = Literal["delivered", "refused", "outdated", "retried"]
OUTCOMES: tuple[Outcome, ...] = ("delivered", "refused", "outdated", "retried")
OUTDATED_SECONDS = 6 * 3600.0
"""A change that happened longer ago is told to nobody: whoever switches a webhook on wants no alerts of last month."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds between two tries; doubled each time, and spread by a third."""
REPEAT_SECONDS = 60.0
"""How often open alerts are repeated to who forgets them."""
HAND_OVER_SECONDS = 4.0
"""How long a POST that is under way may still take when the partition is given up."""
REMEMBERED = 10_000

T = TypeVar("T")


class Receiver(Protocol):
    """Who is told of alerts."""

    @property
    def name(self) -> str:
        """As in `ent.deliveries` and the metric."""

    @property
    def wants_repeats(self) -> bool:
        """Whether an open alert has to be repeated to stay open."""

    async def tell(self, change: Change) -> None:
        """Return once it has taken the change; raises ReceiverUnavailable or ReceiverRefused."""

    async def repeat(self, changes: Sequence[Change]) -> None:
        """Say again that these alerts are open: no news, only that they live on. Raises as `tell`."""

    async def close(self) -> None:
        """Let its connections go."""


class Memory(Protocol):
    """What receivers were told, as the store knows it; blocking, raises StoreUnavailable or StoreRefused."""

    def newest(self, receiver: str, alert_id: str) -> int:
        """The highest revision that is settled; 0 for none."""

    def remember(self, receiver: str, change: Change, outcome: str) -> None:
        """Settle a change: the receiver has it, or it was given up."""

    def open_alerts(self, receiver: str) -> list[Change]:
        """The last change of each alert that is open and that the receiver was told of."""


class Deliverer:
    """The delivery, without Faust and without HTTP.

    Args:
        receivers: who is told.
        memory: what they were told; called in `thread`.
        thread: a one-thread executor.
        clock: now, epoch seconds.
        count: told of each outcome, by receiver.
        first_pause: seconds before the second try.
    """

    def __init__(
        self,
        *,
        receivers: Sequence[Receiver],
        memory: Memory,
        thread: Executor,
        clock: Callable[[], float],
        count: Callable[[str, Outcome], None],
        first_pause: float = FIRST_PAUSE,
    ) -> None:
        self._receivers = tuple(receivers)
        self._memory = memory
        self._thread = thread
        self._clock = clock
        self._count = count
        self._first_pause = first_pause
        self._lanes: dict[tuple[str, str], deque[tuple[Change, Callable[[], None]]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._posting = {receiver.name: asyncio.Lock() for receiver in self._receivers}
        self._settled: dict[tuple[str, str], int] = {}
        """(receiver, alert id) → highest revision settled by this process."""
        self._ended: dict[str, int] = {}
        """Alerts that this process has seen closed → at which revision."""
        self._ending = False

    @property
    def has_receivers(self) -> bool:
        """Whether anybody is told of anything."""
        return bool(self._receivers)

    def take(self, event: BatchEvent) -> None:
        """File the changes of a record batch away; its acknowledgement comes when all of them are settled."""
        changes = [change for value in event.value.values if (change := _read(value)) is not None]
        waiting = len(changes) * len(self._receivers)
        if not waiting:
            event.ack()
            return

        def settled() -> None:
            nonlocal waiting
            waiting -= 1
            if not waiting:
                event.ack()

        for change in changes:
            if change.state == "closed":
                _put(self._ended, change.alert_id, change.revision)
            for receiver in self._receivers:
                self._file(receiver, change, settled)

    def _file(self, receiver: Receiver, change: Change, settled: Callable[[], None]) -> None:
        place = receiver.name, change.alert_id
        if place in self._lanes:
            self._lanes[place].append((change, settled))
            return
        self._lanes[place] = deque([(change, settled)])
        task = asyncio.create_task(self._work(receiver, place))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, receiver: Receiver, place: tuple[str, str]) -> None:
        """One lane, from its first change to its last."""
        lane = self._lanes[place]
        try:
            while lane:
                change, settled = lane[0]
                await self._settle(receiver, change)
                settled()
                lane.popleft()
        except Exception:
            # Of no kind we know. Nothing was acknowledged: it comes again with the next start.
            log.exception("Alert %s could not be delivered to %s.", *reversed(place))
        finally:
            if self._lanes.get(place) is lane:
                del self._lanes[place]

    async def _settle(self, receiver: Receiver, change: Change) -> None:
        if change.revision <= await self._newest(receiver, change):
            return  # it was told, or something newer was: an alert never goes back
        pause = self._first_pause
        while await self._try(receiver, change, pause) == "retried":
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _newest(self, receiver: Receiver, change: Change) -> int:
        known = self._settled.get((receiver.name, change.alert_id))
        if known is not None:
            return known
        return await self._ask(lambda: self._memory.newest(receiver.name, change.alert_id), 0)

    async def _try(self, receiver: Receiver, change: Change, pause: float) -> Outcome:
        """One try, remembered unless it has to be made again; then it has waited for about `pause` seconds."""
        async with self._posting[receiver.name]:  # until it is remembered: who takes over must find it so
            if self._ending:
                raise asyncio.CancelledError
            outcome = await self._tell(receiver, change)
            self._count(receiver.name, outcome)
            if outcome != "retried":
                _put(self._settled, (receiver.name, change.alert_id), change.revision)
                await self._ask(lambda: self._memory.remember(receiver.name, change, outcome), None)
        if outcome == "retried":
            await asyncio.sleep(pause * random.uniform(0.67, 1.33))  # noqa: S311 - jitter, no secret
        return outcome

    async def _tell(self, receiver: Receiver, change: Change) -> Outcome:
        if self._clock() - change.changed_at > OUTDATED_SECONDS:
            return "outdated"
        try:
            await receiver.tell(change)
        except ReceiverRefused as error:
            log.error("%s: it is not told of alert %s, revision %d.", error, change.alert_id, change.revision)
            return "refused"
        except ReceiverUnavailable as error:
            log.warning("%s; it is told of alert %s again.", error, change.alert_id)
            return "retried"
        return "delivered"

    async def _ask(self, question: Callable[[], T], without: T) -> T:
        """Ask the store, for as long as it is away; where it refuses (no such table yet), go on without its memory."""
        pause = self._first_pause
        while True:
            try:
                return await asyncio.get_running_loop().run_in_executor(self._thread, question)
            except StoreUnavailable as error:
                log.warning("Deliveries of alerts wait: %s.", error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            except StoreRefused as error:
                log.error("Deliveries of alerts are not remembered: %s.", error)
                return without

    async def repeat(self) -> None:
        """Tell who forgets that the open alerts are still open; one try."""
        for receiver in self._receivers:
            if receiver.wants_repeats:
                with suppress(StoreUnavailable, StoreRefused):  # the lanes say so
                    await self._repeat(receiver)

    async def _repeat(self, receiver: Receiver) -> None:
        loop = asyncio.get_running_loop()
        async with self._posting[receiver.name]:
            # Asked and sent while no lane posts: what closes after the question is told after the answer.
            open_alerts = await loop.run_in_executor(self._thread, self._memory.open_alerts, receiver.name)
            still_open = [one for one in open_alerts if self._ended.get(one.alert_id, 0) < one.revision]
            if not still_open or self._ending:
                return
            try:
                await receiver.repeat(still_open)
            except (ReceiverUnavailable, ReceiverRefused) as error:
                self._count(receiver.name, "retried")
                log.warning("%s; its %d open alerts are repeated later.", error, len(still_open))

    async def hand_over(self) -> None:
        """Give the partition up: let a POST that is under way end, and drop the rest, which whoever is next reads."""
        self._ending = True
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(HAND_OVER_SECONDS):
                    for lock in self._posting.values():
                        async with lock:
                            pass
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._lanes.clear()
        finally:
            self._ending = False

    async def close(self, *_: object, **__: object) -> None:
        """End: nothing is told any more. A signal of the app calls it, with arguments of its own."""
        await self.hand_over()
        for receiver in self._receivers:
            await receiver.close()


def make(deliverer: Deliverer) -> Callable[[Any], Awaitable[None]]:
    """The agent: it never waits, for the consumer hands out other topics' records behind these."""

    async def deliver_alerts(stream: Any) -> None:
        events: AsyncIterator[BatchEvent] = stream.noack().events()
        async for event in events:
            deliverer.take(event)

    return deliver_alerts


def make_repeat(deliverer: Deliverer, is_ours: Callable[[], bool]) -> Callable[[], Awaitable[None]]:
    """The timer, called every REPEAT_SECONDS: `is_ours` tells whether this worker reads the alerts."""

    async def repeat_alerts() -> None:
        if is_ours():
            await deliverer.repeat()

    return repeat_alerts


def _read(value: bytes | None) -> Change | None:
    try:
        return Change.from_json(value or b"")
    except ValueError as error:
        log.error("A record of the alerts' topic was passed over: %s.", error)
        return None


def _put(known: dict[Any, int], key: Any, revision: int) -> None:
    """Remember the highest revision of a key; the oldest keys go first, the store has them."""
    known[key] = max(revision, known.pop(key, 0))
    while len(known) > REMEMBERED:
        del known[next(iter(known))]
