"""The real worker, wedged on purpose: `python -m tests.worker.wedged WAY`.

Most ways come a moment after its first events; `never_join` before it begins.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from aiokafka.consumer.group_coordinator import GroupCoordinator
from faust.cli.faust import cli

from agents.count_visits import VisitCounter
from pipeline.core.columns import Columns
from pipeline.core.position import Position
from pipeline.store.sink import ClickHouseSink
from tests.worker.impatient import app

FOREVER = 3600.0


def block_loop() -> None:
    """A callback that never returns."""
    time.sleep(FOREVER)


def hang_flush() -> None:
    """An agent that waits for what never comes."""

    async def flush(self: VisitCounter) -> None:
        await asyncio.sleep(FOREVER)

    VisitCounter.flush = flush  # type: ignore[method-assign]


def kill_fetcher() -> None:
    """The task that fetches is gone, and nobody noticed."""
    thread: Any = app._consumer._thread
    thread.method_queue.loop.call_soon_threadsafe(thread.fetcher._fetch_task.cancel)


def block_consumer_thread() -> None:
    """The thread that talks to Kafka waits for a lock that nobody gives back."""
    thread: Any = app._consumer._thread
    thread.method_queue.loop.call_soon_threadsafe(time.sleep, FOREVER)


def hang_insert() -> None:
    """The thread that inserts waits for what never comes."""

    def write(self: ClickHouseSink, counted: Columns, positions: Sequence[Position]) -> None:
        time.sleep(FOREVER)

    ClickHouseSink.write = write  # type: ignore[method-assign]


def pause_partitions() -> None:
    """Every partition is paused, and nobody resumes them."""
    thread: Any = app._consumer._thread

    def pause() -> None:
        thread._consumer.pause(*thread._consumer.assignment())

    thread.method_queue.loop.call_soon_threadsafe(pause)


def kill_coordination() -> None:
    """The task that keeps the worker in its group is gone: it reads on and commits nothing."""
    thread: Any = app._consumer._thread
    thread.method_queue.loop.call_soon_threadsafe(thread._consumer._coordinator._coordination_task.cancel)


async def _hang(self: GroupCoordinator, subscription: Any) -> bool:
    await asyncio.sleep(FOREVER)
    return False


def never_join() -> None:
    """The group never answers who wants to join it."""
    GroupCoordinator._do_rejoin_group = _hang


def never_join_again() -> None:
    """It has to join again, and the group never answers."""
    never_join()
    thread: Any = app._consumer._thread
    thread.method_queue.loop.call_soon_threadsafe(thread._consumer._coordinator.request_rejoin)


WAYS: dict[str, Callable[[], None]] = {
    way.__name__: way
    for way in (
        block_loop,
        hang_flush,
        hang_insert,
        kill_fetcher,
        pause_partitions,
        kill_coordination,
        block_consumer_thread,
        never_join,
        never_join_again,
    )
}


def main() -> None:
    """Run the worker; wedge it once it has counted something."""
    wedge = WAYS[sys.argv[1]]
    if wedge is never_join:
        wedge()

    async def _wedge() -> None:
        while not app._consumer.lags() or not app._consumer.ledger.partitions():
            await asyncio.sleep(0.05)
        await asyncio.sleep(1.0)
        print(f"wedged by {wedge.__name__}", flush=True)
        wedge()

    app.task(_wedge)
    cli(args=["-A", "tests.worker.impatient", "worker", "-l", "info"], prog_name="worker")


if __name__ == "__main__":
    main()
