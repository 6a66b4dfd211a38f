"""Positions that the log does not have: a topic made anew or cut, or records deleted before they were read.

aiokafka answers an offset out of range by starting again at the earliest one, and says so at INFO without telling what
that means. Here it is said in one WARNING, and a position beyond the end is also noticed on brokers that answer such a
fetch with silence instead of an error.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

from aiokafka.consumer.fetcher import Fetcher, OffsetResetStrategy
from aiokafka.structs import TopicPartition

from pipeline.transport import ends
from pipeline.transport.fetching import Allowance, FetchedRecords

BEYOND_END_SECONDS = 3.0
"""A position beyond the high watermark for this long is not a passing change of leader: the log was cut."""

log = logging.getLogger(__name__)


class BatchFetcher(Fetcher):  # type: ignore[misc]
    """aiokafka's fetcher, with batches for the batched topics, ends that are known, and resets that are told."""

    allowance: Allowance
    jumps: dict[TopicPartition, int]
    """Where a batched partition was sent by the last reset: its records may begin there without being lost."""
    _batched: set[str]
    _refused: dict[TopicPartition, int]
    """Positions that the broker did not have, until the new ones are known."""
    _asked: set[TopicPartition]
    """Partitions whose reset we asked for ourselves: nothing to tell."""
    _beyond: dict[TopicPartition, float]
    """Since when (monotonic seconds) a position lies beyond the high watermark."""
    _told: set[tuple[TopicPartition, int, int]]
    _ends: asyncio.Task[None]

    @classmethod
    def adopt(cls, fetcher: Any, batched: set[str]) -> BatchFetcher:
        """Turn the fetcher that a started aiokafka consumer made for itself into one of this class.

        aiokafka has no way to give it another fetcher; its loop calls its own methods by name, so this suffices.
        """
        fetcher.__class__ = cls
        fetcher.allowance = Allowance()
        fetcher._records = FetchedRecords(batched, fetcher.allowance)
        fetcher._batched = batched
        fetcher.jumps = {}
        fetcher._refused = {}
        fetcher._asked = set()
        fetcher._beyond = {}
        fetcher._told = set()
        fetcher._ends = asyncio.get_running_loop().create_task(ends.keep_known(fetcher))
        adopted: BatchFetcher = fetcher
        return adopted

    async def close(self) -> None:
        """End what runs beside the fetching, then the fetching."""
        self._ends.cancel()
        await asyncio.gather(self._ends, return_exceptions=True)
        await super().close()

    def request_offset_reset(self, tps: Any, strategy: int) -> Any:
        """Look up where `tps` begin or end, as asked."""
        self._asked.update(tps)
        return super().request_offset_reset(tps, strategy)

    async def _proc_fetch_request(self, assignment: Any, node_id: int, request: Any) -> bool:
        try:
            wakeup: bool = await super()._proc_fetch_request(assignment, node_id, request)
        except asyncio.CancelledError:
            # aiokafka forgets this while it backs off from a broker that is down; the cancellation would then end its
            # consumer's `stop`, and with that Faust's thread, and the worker would never end.
            return False
        for topic, partitions in request.topics if assignment.active else ():
            if topic in self._batched:
                for partition, position, _size in partitions:
                    tp = TopicPartition(topic, partition)
                    self._check_position(tp, assignment.state_value(tp), position)
        return wakeup

    def _check_position(self, tp: TopicPartition, state: Any, position: int) -> None:
        """Look at what one fetch from `position` did to the partition."""
        if state.awaiting_reset:
            self._refused.setdefault(tp, position)
            return
        self._refused.pop(tp, None)  # a seek came before the reset
        if state.highwater is None or state.position <= state.highwater or tp in self._records:
            self._beyond.pop(tp, None)
        elif time.monotonic() - self._beyond.setdefault(tp, time.monotonic()) >= BEYOND_END_SECONDS:
            del self._beyond[tp]
            self._refused[tp] = state.position
            state.await_reset(OffsetResetStrategy.EARLIEST)

    async def _update_fetch_positions(self, assignment: Any, node_id: int, tps: Any) -> bool:
        wakeup: bool = await super()._update_fetch_positions(assignment, node_id, tps)
        for tp in tps:
            state = assignment.state_value(tp)
            if state.has_valid_position:
                refused = self._refused.pop(tp, state.position)
                if tp not in self._asked:
                    self._tell(tp, refused, state.position)
                self._asked.discard(tp)
        return wakeup

    def _tell(self, tp: TopicPartition, refused: int, position: int) -> None:
        if refused == position:
            return
        self.jumps[tp] = position
        # Faust seeks to the committed offset once more after a rebalance: the same news is not told twice.
        if (tp, refused, position) in self._told:
            return
        self._told.add((tp, refused, position))
        where = f"{tp.topic} partition {tp.partition}"
        if position > refused:
            log.warning(
                "%s: %d records were deleted by the broker before they were read (offsets %d to %d); going on at %d.",
                where, position - refused, refused, position - 1, position,
            )  # fmt: skip
        else:
            log.warning(
                "%s: the log ends before our position %d: the topic was made anew or cut; reading it again from %d.",
                where, refused, position,
            )  # fmt: skip
