"""From aiokafka's fetch responses to record batches, on the consumer's thread.

aiokafka 0.14 keeps fetched data in `Fetcher._records` (partition → `FetchResult`) and turns it into one object for
each record in `FetchResult.getall`. For batched topics, `getall` is replaced here by one that gives one `RecordBatch`.

What bounds memory, whatever the lag and the compression:
    * a partition is not fetched again before its last response was handed out, so at most one response for each
      partition is held (`consumer_max_fetch_size`; all of one broker's together `FETCH_BYTES`);
    * of a response, so many broker batches are expanded as fill one batch of `BATCH_RECORDS` records or `BATCH_BYTES`
      of values (`unpacking.py`); the rest stays compressed, or with the last of those, until it is asked for;
    * a broker batch that would expand to more than `expanding.EXPANDED_BYTES`, or cannot be expanded at all, is handed
      out as one record: its compressed bytes, which are no event and so end in the dead letters;
    * one poll hands out about `POLL_BYTES` over all partitions; then the bounded stream queue has to take them.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from aiokafka.consumer.fetcher import FetchResult
from faust.types import TP

from pipeline.transport.batch import RecordBatch
from pipeline.transport.unpacking import Laid, Unpacker

MIB = 1 << 20
FETCH_BYTES = 8 * MIB
"""Most bytes, as compressed in the log, of one fetch response (one broker, all partitions)."""
POLL_BYTES = 32 * MIB


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
        self._unpacker = Unpacker(fetched)
        self._left: Laid | None = None
        """What was laid out and not yet handed out."""

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
        state = result._assignment.state_value(tp)
        first = fetched.next_fetch_offset
        laid = self._left or self._unpacker.next(first)
        while laid is not None and laid.after == first:  # nothing of it is to be read
            laid = self._unpacker.next(first)
        self._left = None
        if laid is not None:
            laid, self._left = laid.first_batch()
            fetched.next_fetch_offset = laid.after
            state.consumed_to(laid.after)
            self._allowance.bytes -= laid.bytes_of_values()
        if self._left is None and self._unpacker.exhausted():
            result._partition_records = None
        if laid is None:
            return []
        raw, starts, ends, timestamps, offsets, after = laid
        count = offsets.size
        # Offsets only rise: where the last is as far from `first` as there are records before it, there are no holes.
        holes = count and (int(offsets[0]) != first or int(offsets[-1]) - first != count - 1)
        end = readable_end(state) or after
        return [RecordBatch(TP(*tp), first, after, raw, starts, ends, timestamps, offsets if holes else None, end)]


def readable_end(state: Any) -> int | None:
    """Position of the end of what may be read of a partition: an open transaction and what follows is not there yet.

    None before the first fetch was answered.
    """
    end: int | None = state.highwater
    stable: int | None = state.lso
    return end if end is None or stable is None or stable < 0 else min(end, stable)


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
