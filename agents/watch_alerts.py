"""Watch the traffic: judge each tick of event time, write what changed, publish it. One worker at a time does.

The worker that has partition 0 of the visits leads. A second one that still believes it does (a rebalance under way, a
process that hung) does no harm: ticks, ids and revisions come from the traffic, and equal rows fall together.

Counting never waits for this: it has a thread and a connection of its own, and no failure of it ends the worker.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Any, Protocol, TypeVar

from pipeline.alerts.change import Change
from pipeline.errors import ReceiverUnavailable, StoreRefused, StoreUnavailable

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
"""How often the watermark is looked at."""
QUIET_SECONDS, LATE_SECONDS = 90.0, 90.0
"""Without a tick for so long, while the newest counted record is so old and others wait, data are said to be late."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds after a failure; doubled each time."""

T = TypeVar("T")


class Mark(Protocol):
    """How late the pipeline is."""

    @property
    def data_age_seconds(self) -> float: ...  # noqa: D102


class Detector(Protocol):
    """The detector and its memory (`pipeline.store.detector`); blocking, raises StoreUnavailable or StoreRefused."""

    skipped: int

    def take_over(self) -> list[Change]:
        """Go on where the last leader was; what may not have been published."""

    def due(self) -> tuple[list[int], Any]:
        """Ticks to judge, and the watermark."""

    def judge(self, t: int, mark: Any) -> list[Change]:
        """Judge a tick and write its changes."""

    def say_late(self, mark: Any) -> list[Change]:
        """Write that data are late, where ticks have stopped."""

    def keep(self) -> bool:
        """Keep the state behind what is published; False: another worker has gone further."""

    def active(self) -> dict[str, int]:
        """Open alerts by direction."""


class Board(Protocol):
    """What an operator sees of it."""

    def leads(self, leading: bool) -> None:
        """Whether this worker watches the traffic now."""

    def ticked(self, active: dict[str, int], skipped: int) -> None:
        """A tick is judged; so many alerts are open, so many ticks were skipped since the process began."""


class Watch:
    """The watch, without Faust.

    Args:
        leads: whether this worker is the one to do it.
        detector: called in `thread`.
        publish: returns once the broker has acknowledged the changes, in order; raises ReceiverUnavailable.
        thread: a one-thread executor.
        board: told of what happens.
    """

    def __init__(
        self,
        *,
        leads: Callable[[], bool],
        detector: Detector,
        publish: Callable[[Sequence[Change]], Awaitable[None]],
        thread: Executor,
        board: Board,
    ) -> None:
        self._leads = leads
        self._detector = detector
        self._publish = publish
        self._thread = thread
        self._board = board
        self._leading = False
        self._moved_at = 0.0
        """When the last tick was judged, in the event loop's time."""
        self._pause = 0.0
        self._again_at = 0.0

    async def look(self) -> None:
        """One look: take over where it has to, judge what is due. Never raises but to be cancelled."""
        loop = asyncio.get_running_loop()
        if not self._leads():
            if self._leading:
                self._leading = False
                self._board.leads(False)
            return
        if loop.time() < self._again_at:
            return
        try:
            await self._work(loop)
            self._pause = 0.0
        except (StoreUnavailable, ReceiverUnavailable) as error:  # what is not published is found by taking over
            self._fail(loop, logging.WARNING, "wait", error)
        except StoreRefused as error:
            self._fail(loop, logging.ERROR, "were refused", error)
        except Exception as error:  # counting goes on whatever is wrong here; someone has to look
            log.exception("Watching for alerts failed.")
            self._fail(loop, logging.ERROR, "fail", error)

    async def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._leading:
            unpublished = await self._run(self._detector.take_over)
            await self._publish(unpublished)
            self._leading = True
            self._moved_at = loop.time()
            self._board.leads(True)
            self._board.ticked(self._detector.active(), self._detector.skipped)
        ticks, mark = await self._run(self._detector.due)
        for t in ticks:
            if not (self._leading and self._leads()):
                return
            await self._finish(await self._run(partial(self._detector.judge, t, mark)))
            self._moved_at = loop.time()
        if not ticks and loop.time() - self._moved_at > QUIET_SECONDS and mark.data_age_seconds > LATE_SECONDS:
            self._moved_at = loop.time()
            await self._finish(await self._run(partial(self._detector.say_late, mark)))

    async def _finish(self, changes: Sequence[Change]) -> None:
        await self._publish(changes)
        if not await self._run(self._detector.keep):
            log.warning("Another worker watches for alerts as well and has gone further: starting from where it is.")
            self._leading = False
        self._board.ticked(self._detector.active(), self._detector.skipped)

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _fail(self, loop: asyncio.AbstractEventLoop, level: int, what: str, error: Exception) -> None:
        self._leading = False  # what was judged may not be written: the state is read again
        self._pause = min(LONGEST_PAUSE, self._pause * 2 or FIRST_PAUSE)
        self._again_at = loop.time() + self._pause
        log.log(level, "Alerts %s: %s; the next try is in %g s.", what, error, self._pause)


def make(watch: Watch) -> Callable[[], Awaitable[None]]:
    """The timer: begins a look each time it is called, unless one is under way; Faust's timers want no waiting."""
    looking: asyncio.Task[None] | None = None

    async def watch_alerts() -> None:
        nonlocal looking
        if looking is None or looking.done():
            looking = asyncio.create_task(watch.look())

    return watch_alerts
