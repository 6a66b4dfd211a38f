"""How far each partition is: what is told to the store, and when."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from agents import report_progress
from pipeline.core.position import Position

VISITS = "ent.visits.v1"


class Told:
    """A teller and a board that remember."""

    def __init__(self) -> None:
        self.positions: list[tuple[Position, ...]] = []
        self.beats: list[tuple[dict[tuple[str, int], int], bool, bool]] = []

    def tell(self, positions: Sequence[Position]) -> None:
        self.positions.append(tuple(positions))

    def beat(self, lags: Mapping[tuple[str, int], int], heard: bool, joined: bool) -> None:
        self.beats.append((dict(lags), heard, joined))


def told(latest: list[Position], lags: dict[tuple[str, int], int]) -> Told:
    """One call of the timer."""
    seen = Told()

    async def stop(error: BaseException) -> None:
        raise error

    async def call() -> None:
        with ThreadPoolExecutor(1) as thread:
            timer = report_progress.make(
                latest=lambda: latest, lags=lambda: lags, heard=lambda: True, joined=lambda: False, teller=seen,
                thread=thread, board=seen, stop=stop,
            )  # fmt: skip
            await timer()
            await asyncio.sleep(0.05)

    asyncio.run(call())
    return seen


def test_the_partitions_a_worker_has_are_told_with_their_lag_of_now() -> None:
    counted = Position(VISITS, 0, next_offset=120, newest_event_us=7, newest_arrival_ms=8, lag_records=50)
    given_up = Position(VISITS, 3, next_offset=9, newest_event_us=1, newest_arrival_ms=2, lag_records=3)
    seen = told([counted, given_up], {(VISITS, 0): 5})
    assert seen.positions == [(counted._replace(lag_records=5),)]
    assert seen.beats == [({(VISITS, 0): 5}, True, False)]


def test_a_partition_of_which_nothing_was_counted_is_told_so_that_no_old_lag_stays() -> None:
    assert told([], {(VISITS, 1): 0}).positions == [(Position(VISITS, 1, 0, 0, 0, 0),)]
