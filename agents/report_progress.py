"""Report progress: how far each partition is, for `bi.freshness`, the metrics and /health."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Executor
from typing import Protocol

from pipeline.core.position import Position
from pipeline.errors import StoreUnavailable

BEAT_SECONDS = 0.25
TELL_SECONDS = 1.0
"""How often positions are told to the store at most."""
IDLE_SECONDS = 5.0
"""How often positions are told again while nothing changes."""


class Teller(Protocol):
    """Takes the positions to the store; blocking, one try."""

    def tell(self, positions: Sequence[Position]) -> None:
        """Raises StoreUnavailable or StoreRefused."""


class Board(Protocol):
    """What shows that the worker lives: metrics and health."""

    def beat(self, lags: Mapping[tuple[str, int], int], heard: bool, joined: bool) -> None:
        """Called at every beat.

        Args:
            lags: of each assigned partition.
            heard: whether the broker has answered since the last beat.
            joined: whether the worker is a member of its group.
        """


def make(
    *,
    latest: Callable[[], Sequence[Position]],
    lags: Callable[[], Mapping[tuple[str, int], int]],
    heard: Callable[[], bool],
    joined: Callable[[], bool],
    teller: Teller,
    thread: Executor,
    board: Board,
    stop: Callable[[BaseException], Awaitable[None]],
) -> Callable[[], Awaitable[None]]:
    """The timer, called every BEAT_SECONDS: the first beat says that the worker is ready.

    Args:
        latest: the positions of the last flush, by partition.
        lags: records behind, by assigned partition.
        heard: whether the broker has answered a fetch since the last call, or has none to answer.
        joined: whether the consumer group has given the worker its partitions (or none), and takes none back now.
        teller: the sink.
        thread: the sink's own thread.
        board: metrics and health.
        stop: ends the worker when the store refuses for good.
    """
    told: tuple[Position, ...] = ()
    told_at = -IDLE_SECONDS
    telling: asyncio.Task[None] | None = None

    async def tell(positions: tuple[Position, ...]) -> None:
        nonlocal told, told_at
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(thread, teller.tell, positions)
        except StoreUnavailable:
            return  # the sink says so already, with every flush it cannot make
        except Exception as error:
            await stop(error)
            raise
        told, told_at = positions, loop.time()

    async def report_progress() -> None:
        nonlocal telling
        assigned = dict(lags())
        board.beat(assigned, heard(), joined())
        if telling is not None and not telling.done():
            return  # the sink's thread waits for the store
        known = {(p.topic, p.partition): p for p in latest()}
        # A partition that another worker has now is that worker's to tell. One of which nothing was counted yet is told
        # as well: what was said of it before may be of a log that is gone.
        positions = tuple(
            known.get(tp, Position(*tp, 0, 0, 0, 0))._replace(lag_records=lag) for tp, lag in sorted(assigned.items())
        )
        since_told = asyncio.get_running_loop().time() - told_at
        if since_told >= (TELL_SECONDS if positions != told else IDLE_SECONDS):
            telling = asyncio.create_task(tell(positions))

    return report_progress
