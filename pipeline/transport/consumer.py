"""Faust's consumer, counting in batches: it commits what is acked in order, and gives partitions up in bounded time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka.consumer.fetcher import OffsetResetStrategy
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage
from faust.types.tuples import ack_lock

from pipeline.transport.batch import BatchMessage, BatchSchema, RecordBatch
from pipeline.transport.fetching import FETCH_BYTES, readable_end
from pipeline.transport.ledger import AckLedger
from pipeline.transport.resets import BatchFetcher

# Under a low rate, a fetch waits for this much or this long: ten fetches a second instead of one for each produced
# batch. Faust fixes the wait at 1.5 s.
FETCH_MIN_BYTES = 32 << 10
FETCH_MAX_WAIT_MS = 100
COMMIT_SECONDS = 5.0
"""aiokafka tries a commit for as long as the broker is away; a worker that is to end cannot wait for that."""


@dataclass(frozen=True)
class TransportHooks:
    """What the application gives to the transport."""

    flush: Callable[[], Awaitable[None]] | None = None
    """Awaited before partitions are given up and when the worker stops: make durable and ack what was received."""
    flush_timeout: float = 10.0
    """Seconds the transport waits for `flush`, and again for the commit after it; then the records are read again."""


class ConsumerThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
    """The thread that talks to Kafka; its aiokafka consumer fetches batches."""

    fetcher: BatchFetcher | None = None
    _crashing: asyncio.Future[None] | None = None

    async def on_start(self) -> None:
        """Start the aiokafka consumer and take over its fetcher."""
        await super().on_start()
        self.fetcher = BatchFetcher.adopt(self._consumer._fetcher, self.consumer.batched)
        self._consumer._coordinator._coordination_task.add_done_callback(self._check_coordination)

    def _check_coordination(self, coordination: asyncio.Task[None]) -> None:
        """Without this task the worker is put out of its group, reads on, and commits nothing; aiokafka goes on so."""
        if self.should_stop or self._consumer._coordinator._closing.done():
            return
        why = "cancelled" if coordination.cancelled() else repr(coordination.exception())
        error = RuntimeError(f"the task that keeps the worker in its consumer group has ended ({why})")
        self._crashing = asyncio.ensure_future(self.crash(error))

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_MAX_WAIT_MS
        consumer._fetch_min_bytes = FETCH_MIN_BYTES
        consumer._fetch_max_bytes = FETCH_BYTES
        # Other clients' default since Kafka 2: an aborted transaction is not read. Faust has it for its own only.
        consumer._isolation_level = "read_committed"
        return consumer

    async def _fetch_records(self, *args: Any, **kwargs: Any) -> Any:
        if self.fetcher is not None:
            self.fetcher.allowance.renew()
        return await super()._fetch_records(*args, **kwargs)

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        try:
            return bool(await asyncio.wait_for(super()._commit(offsets), COMMIT_SECONDS))
        except TimeoutError:
            self.log.warning("No commit within %g s; the next one includes it.", COMMIT_SECONDS)
            return False

    async def read_from_beginning(self, tps: set[TP]) -> None:
        """Let the fetcher look up the earliest offsets of `tps`, without waiting for them."""

        async def request() -> None:
            assigned = [tp for tp in self._ensure_consumer().assignment() if tp in tps]
            if assigned and self.fetcher is not None:
                self.fetcher.request_offset_reset(assigned, OffsetResetStrategy.EARLIEST)

        await self.call_thread(request)

    async def read_from(self, tp: TP, position: int) -> None:
        """Seek `tp` to `position`, on the thread that owns the fetcher."""

        async def seek() -> None:
            consumer = self._ensure_consumer()
            if tp in consumer.assignment():
                consumer.seek(driver.ensure_aiokafka_TP(tp), position)

        await self.call_thread(seek)


class BatchConsumer(driver.Consumer):  # type: ignore[misc]
    """Acks batches as a whole and commits only the acked prefix.

    Offsets of batched topics live in the ledger, not in Faust's lists of acked offsets; topics without `BatchSchema`
    (changelogs, replies) are handled by Faust as ever.
    """

    hooks = TransportHooks()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.batched: set[str] = set()
        self.ledger = AckLedger()
        self._ended = False
        self._answered = 0
        super().__init__(*args, **kwargs)

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def subscribe(self, topics: Iterable[str]) -> None:
        """Learn which topics are batched, then subscribe."""
        for channel in list(self.app.topics):
            if isinstance(channel.schema, BatchSchema):
                self.batched.update(channel.topics)
        await super().subscribe(topics)

    # -- receiving --

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Mapping[TP, list[Any]]:
        fetched = await super()._getmany(active_partitions, timeout)
        wanted = {}
        for tp, records in fetched.items():
            if records and type(records[0]) is RecordBatch:
                if not await self._follows(records[0]):
                    continue
                if not len(records[0]):  # only the position moved: nothing to wait for
                    self.ledger.ack(self.ledger.hand_out(records[0].tp, records[0].first, records[0].next))
                    continue
            wanted[tp] = records
        return wanted

    async def _follows(self, batch: RecordBatch) -> bool:
        """Whether the batch begins where the last one ended; if not, set that right first.

        Faust drops records it has already polled when the flow stops at that moment, and records below its read offset
        at DEBUG level. Neither may pass for read.
        """
        tp, expected = batch.tp, self.ledger.expected(batch.tp)
        if expected is None or batch.first == expected:
            return True
        fetcher = self._thread.fetcher
        jumped = fetcher is not None and fetcher.jumps.pop(tp, None) == batch.first
        if batch.first < expected:
            self.log.info("%s: reading again from %d (was at %d).", tp, batch.first, expected)
            with ack_lock:
                self.ledger.start(tp, batch.first)
            self._read_offset[tp] = None
            self._committed_offset[tp] = None
            return True
        if jumped:  # told by the fetcher: nobody can read what lies between
            return True
        self.log.info("%s: records from %d were fetched and not delivered; fetching them again.", tp, expected)
        await self._thread.read_from(tp, expected)
        return False

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:
        if type(record) is not RecordBatch:
            return super()._to_message(tp, record)
        claim = self.ledger.hand_out(record.tp, record.first, record.next)
        return BatchMessage(record, claim, self.app.consumer_generation_id)

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        if tp.topic not in self.batched:  # a batch knows where the next one starts
            await super()._add_gap(tp, offset_from, offset_to)

    def on_buffer_full(self, tp: TP) -> None:
        """Keep fetching a batched partition: the bounded stream queue blocks. Faust would sleep for a second."""
        if tp.topic not in self.batched:
            super().on_buffer_full(tp)

    # -- acks and commits --

    def ack(self, message: Any) -> bool:
        """Note a batch as durable; False when it is of a past assignment, whose records come again."""
        if type(message) is not BatchMessage:
            acked: bool = super().ack(message)
            return acked
        with ack_lock:  # Event.ack may be called from any thread
            message.acked = True
            self._unacked_messages.discard(message)
            return self.ledger.ack(message.claim)

    def _new_offset(self, tp: TP) -> int | None:
        if tp.topic not in self.batched:
            offset: int | None = super()._new_offset(tp)
            return offset
        with ack_lock:
            return self.ledger.committable(tp)

    def _should_commit(self, tp: TP, offset: int) -> bool:
        if tp.topic not in self.batched:
            return bool(super()._should_commit(tp, offset))
        # Not "greater than": after a topic was made anew, the right offset is lower than the committed one.
        return bool(self._committed_offset[tp] != offset)

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterable[TP]:
        yield from super()._filter_tps_with_pending_acks(topics)
        for tp in self.ledger.partitions():
            if topics is None or tp in topics or tp.topic in topics:
                yield tp

    async def _commit_offsets(self, offsets: Mapping[TP, int], start_new_transaction: bool = True) -> bool:
        before = {tp: self._committed_offset[tp] for tp in offsets}
        committed: bool = await super()._commit_offsets(offsets, start_new_transaction=start_new_transaction)
        if not committed:  # Faust notes the offsets as committed even then, and would not send them again
            self._committed_offset.update(before)
        return committed

    # -- seeking, giving up, stopping --

    async def perform_seek(self) -> None:
        """Everything not committed comes again: from the committed offsets, or from the earliest."""
        await super().perform_seek()
        fresh = set()
        for tp in self.assignment():
            if tp.topic in self.batched:
                committed = self._committed_offset[tp]
                with ack_lock:
                    self.ledger.forget([tp])
                    if committed:
                        self.ledger.start(tp, committed)
                    else:
                        fresh.add(tp)
        if fresh:  # Faust leaves these where they are, also when some of their records were already polled and dropped
            await self._thread.read_from_beginning(fresh)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Give partitions up: Faust stops the flow and comes to `wait_empty`; then their acks mean nothing."""
        await super().on_partitions_revoked(revoked)
        with ack_lock:
            self.ledger.forget(revoked)

    async def wait_empty(self) -> None:
        """Let the application flush, then commit; each for at most `hooks.flush_timeout` seconds.

        What is not acked by then is read again, by whoever has the partition next.
        """
        if self._ended:  # Faust comes here twice when it stops; a sink that hangs is waited for once
            return
        self._ended = self.app.should_stop
        if self.hooks.flush is not None:
            await self._bounded(self.hooks.flush(), "the flush")
        await self._bounded(self._commit_now(), "the commit")

    async def _commit_now(self) -> None:
        await self.maybe_wait_for_commit_to_finish()  # or commit() would leave it at that, without our last acks
        await self.commit_and_end_transactions()

    async def _bounded(self, work: Awaitable[None], what: str) -> None:
        task = asyncio.ensure_future(work)
        # Not wait_for: it would wait for a task that ignores its cancellation.
        done, _ = await asyncio.wait({task}, timeout=self.hooks.flush_timeout)
        if not done:
            task.cancel()
            self.log.warning(
                "Gave up waiting for %s before partitions are handed on (%g s); what is not acked is read again.",
                what, self.hooks.flush_timeout,
            )  # fmt: skip
        elif not task.cancelled() and task.exception() is not None:
            self.log.warning(
                "%s failed before partitions are handed on (%r); what is not acked is read again.",
                what.capitalize(), task.exception(),
            )  # fmt: skip

    # -- how far behind --

    def lags(self) -> dict[TP, int]:
        """Records behind, for each assigned batched partition: its readable end minus the acked position.

        A partition is absent until its first fetch was answered. Safe to call from the main loop at any time.
        """
        assignment = self._assignment()
        if assignment is None:
            return {}
        lags = {}
        for tp in assignment.tps:
            state = assignment.state_value(tp)
            end = readable_end(state)
            position = self.ledger.acked_to(TP(*tp))
            if position is None:
                position = state._position
            if tp.topic in self.batched and end is not None and position is not None:
                lags[TP(*tp)] = max(0, end - position)
        return lags

    def heard(self) -> bool:
        """Whether the broker has answered a fetch since the last call; True while no partition is assigned."""
        assignment = self._assignment()
        if assignment is None or not assignment.tps:
            return True
        # aiokafka dates every answer, also those without records.
        answered = max(assignment.state_value(tp).timestamp or 0 for tp in assignment.tps)
        heard, self._answered = answered != self._answered, answered
        return heard

    def joined(self) -> bool:
        """Whether the group has given this worker its partitions, or none; False while it is asked, also for others."""
        consumer = self._thread._consumer
        subscription = consumer._subscription.subscription if consumer is not None else None
        if subscription is None:
            return False
        return not (subscription._reassignment_in_progress or consumer._coordinator.need_rejoin(subscription))

    def _assignment(self) -> Any:
        consumer = self._thread._consumer
        subscription = consumer._subscription.subscription if consumer is not None else None
        return subscription.assignment if subscription is not None else None
