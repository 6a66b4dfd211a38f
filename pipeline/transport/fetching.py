"""From aiokafka's fetch responses to record batches, on the consumer's thread.

aiokafka 0.14 keeps fetched data in `Fetcher._records` (partition → `FetchResult`) and turns it into one object for
each record in `FetchResult.getall`. For batched topics, `getall` is replaced here by one that gives one `RecordBatch`.

What bounds memory, whatever the lag and the compression:
    * a partition is not fetched again before its last response was handed out, so at most one response for each
      partition is held (`consumer_max_fetch_size`; all of one broker's together `FETCH_BYTES`);
    * a response is expanded one broker batch at a time, and handed out in batches of at most `BATCH_RECORDS` records or
      about `BATCH_BYTES` of values; the rest stays compressed, or inside that one broker batch, until it is asked for;
    * a broker batch that would expand to more than `expanding.EXPANDED_BYTES`, or cannot be expanded at all, is handed
      out as one record: its compressed bytes, which are no event and so end in the dead letters;
    * one poll hands out about `POLL_BYTES` over all partitions; then the bounded stream queue has to take them.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any, NamedTuple

from aiokafka.consumer.fetcher import READ_COMMITTED, FetchResult
from aiokafka.errors import CorruptRecordException
from faust.types import TP

from pipeline.transport.batch import RecordBatch
from pipeline.transport.expanding import CannotExpand

MIB = 1 << 20
FETCH_BYTES = 8 * MIB
"""Most bytes, as compressed in the log, of one fetch response (one broker, all partitions)."""
BATCH_RECORDS = 20_000
BATCH_BYTES = 16 * MIB
"""Most bytes of values in one batch; the record slice that passes the mark is still in it."""
POLL_BYTES = 32 * MIB
_SLICE = 100
"""Records looked at between two checks of the limits."""


log = logging.getLogger(__name__)


class _Unreadable(NamedTuple):
    """Stands for the records of a broker batch that cannot be read."""

    offset: int
    value: bytes
    timestamp: int


class Allowance:
    """What is left of `POLL_BYTES` in the current poll, shared by all partitions."""

    def __init__(self) -> None:
        self.bytes = POLL_BYTES

    def renew(self) -> None:
        """A new poll begins."""
        self.bytes = POLL_BYTES


class BatchReader:
    """Hands out one fetch result as record batches. One object for each `FetchResult` of a batched topic."""

    def __init__(self, result: Any, allowance: Allowance) -> None:
        self._result = result
        self._allowance = allowance
        fetched = result._partition_records
        # aiokafka made a generator over the records, which refers back to them: unused, it would keep the whole
        # response alive until the cyclic garbage collector passes.
        fetched._records_iterator = None
        self._broker_batches = _readable(fetched)
        self._records: Iterator[Any] | None = None
        """The broker batch that is being read: expanded, at most one at a time."""
        self._after = 0
        """Position after that broker batch."""

    def getall(self, max_records: int | None = None) -> list[RecordBatch]:
        """The next batch, in a list; an empty list when there is none (left) in this poll.

        `max_records` counts batches here and is always satisfied. A batch without values says that the position
        moved over records nobody is to read: control records, aborted transactions, compacted batches.
        """
        result = self._result
        tp = result._topic_partition
        # check_assignment drops the data when the partition was moved or sought elsewhere.
        if not result.has_more() or not result.check_assignment(tp) or self._allowance.bytes <= 0:
            return []
        fetched = result._partition_records
        first = position = fetched.next_fetch_offset
        values: list[bytes | None] = []
        timestamps: list[int] = []
        offsets: list[int] | None = None
        size = 0
        while len(values) < BATCH_RECORDS and size < BATCH_BYTES:
            if self._records is None:
                following = next(self._broker_batches, None)
                if following is None:
                    result._partition_records = None
                    break
                records, self._after = following
                if records is None:
                    position = max(position, self._after)
                    continue
                self._records = chain(records)  # an iterator that may be asked for several slices
            some: list[Any] = []
            try:
                some.extend(islice(self._records, _SLICE))
                ended = len(some) < _SLICE
            except Exception as error:
                # The broker took it, its checksum is right, and nobody can read it: one letter, and on to the next.
                some += self._unreadable(error, max(position, some[-1].offset + 1 if some else 0))
                ended = True
            if some and some[0].offset < position:  # the position lies inside the broker batch
                some = [record for record in some if record.offset >= position]
            if some:
                low, high = some[0].offset, some[-1].offset
                if offsets is None and (low != first + len(values) or high - low + 1 != len(some)):
                    offsets = list(range(first, first + len(values)))
                if offsets is not None:
                    offsets += [record.offset for record in some]
                new = [record.value for record in some]
                size += _bytes_of(new)
                values += new
                timestamps += _timestamps_of(some)
                position = high + 1
            if ended:
                self._records = None
                position = max(position, self._after)
        state = result._assignment.state_value(tp)
        fetched.next_fetch_offset = position
        state.consumed_to(position)
        self._allowance.bytes -= size
        if position == first:
            return []
        return [RecordBatch(TP(*tp), first, position, values, offsets, timestamps, readable_end(state) or position)]

    def _unreadable(self, error: Exception, offset: int) -> list[_Unreadable]:
        """What is handed out in place of the rest of the broker batch, from `offset` on."""
        tp = self._result._topic_partition
        log.error(
            "%s partition %d: the records at offsets %d to %d cannot be read (%s); the dead letters get what there is.",
            tp.topic, tp.partition, offset, self._after - 1, error,
        )  # fmt: skip
        payload = error.payload if isinstance(error, CannotExpand) else b""
        return [_Unreadable(offset, payload, -1)] if offset < self._after else []


def readable_end(state: Any) -> int | None:
    """Position of the end of what may be read of a partition: an open transaction and what follows is not there yet.

    None before the first fetch was answered.
    """
    end: int | None = state.highwater
    stable: int | None = state.lso
    return end if end is None or stable is None or stable < 0 else min(end, stable)


def _bytes_of(values: list[bytes | None]) -> int:
    try:
        return sum(map(len, values))  # type: ignore[arg-type]
    except TypeError:  # a tombstone among them
        return sum(len(value) for value in values if value is not None)


def _timestamps_of(records: list[Any]) -> list[int]:
    if records[0].timestamp is None:  # message format 0
        return [-1] * len(records)
    return [record.timestamp for record in records]


def _readable(fetched: Any) -> Iterator[tuple[Any | None, int]]:
    """The broker batches of a fetch and the position after each; None in place of one that is to be skipped.

    The rules of aiokafka's `PartitionRecords._unpack_records`, batch by batch.
    """
    while fetched._records.has_next():
        batch = fetched._records.next_batch()
        if fetched._check_crcs and not batch.validate_crc():
            raise CorruptRecordException(f"Invalid CRC - {fetched._tp}")
        skip = batch.is_control_batch
        if fetched._isolation_level == READ_COMMITTED and batch.producer_id is not None:
            fetched._consume_aborted_up_to(batch.base_offset)
            if skip and fetched._contains_abort_marker(batch):
                fetched._aborted_producers.discard(batch.producer_id)
            skip = skip or (batch.is_transactional and batch.producer_id in fetched._aborted_producers)
        yield (None if skip else batch), batch.next_offset


class FetchedRecords(OrderedDict[Any, Any]):
    """`Fetcher._records` whose results for batched topics hand out batches."""

    def __init__(self, batched: set[str], allowance: Allowance) -> None:
        super().__init__()
        self._batched = batched
        self._allowance = allowance

    def __setitem__(self, tp: Any, result: Any) -> None:
        # Not a subclass of FetchResult: the fetcher asks for exactly that type.
        if type(result) is FetchResult and tp.topic in self._batched:
            result.getall = BatchReader(result, self._allowance).getall
        super().__setitem__(tp, result)
