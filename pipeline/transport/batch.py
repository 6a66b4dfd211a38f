"""What an agent receives: the records of one fetched partition batch, and the schema that marks a topic as batched."""

from __future__ import annotations

from typing import Any, NamedTuple

import faust
from faust.types import TP, ConsumerMessage


class RecordBatch(NamedTuple):
    """Consecutive records of one partition, as lists: no object is kept for each record.

    `values` and `timestamps` have the same length, at least one. An agent may empty the lists once it has read them;
    only `tp`, `first` and `next` are used afterwards.
    """

    tp: TP
    first: int
    """Position of the partition before the batch: the offset of `values[0]` when `offsets` is None."""
    next: int
    """Position after the batch, trailing gaps included: what is committed once the batch is acked."""
    values: list[bytes | None]
    """Record values in offset order; None is a tombstone."""
    offsets: list[int] | None
    """Offsets of the values where the log has holes (compaction, transactions); None: `first + i`."""
    timestamps: list[int]
    """Kafka timestamps in epoch milliseconds (the broker's own with LOG_APPEND_TIME); -1 when not known."""
    highwater: int
    """End of what could be read of the partition when this was fetched: `highwater - next` records are behind it."""

    def offset(self, index: int) -> int:
        """The offset of `values[index]`."""
        return self.first + index if self.offsets is None else self.offsets[index]


class BatchSchema(faust.Schema):  # type: ignore[misc]
    """Schema of a batched topic: the `RecordBatch` goes through as it is. `app.topic(name, schema=BatchSchema())`."""

    def loads_key(self, app: Any, message: Any, **kwargs: Any) -> None:
        """A batch has no key."""

    def loads_value(self, app: Any, message: Any, **kwargs: Any) -> RecordBatch:
        """The batch itself."""
        batch: RecordBatch = message.value
        return batch


class Claim:
    """One batch handed out: what has to be acked before the partition's position may move past `end`."""

    __slots__ = ("acked", "alive", "end", "tp")

    def __init__(self, tp: TP, end: int) -> None:
        self.tp = tp
        self.end = end
        self.acked = False
        self.alive = True
        """False once the partition was given up or read again from elsewhere: an ack then means nothing."""


class BatchMessage(ConsumerMessage):  # type: ignore[misc]
    """The Faust message around a batch; its offset is that of the batch's last record."""

    __slots__ = ("claim",)

    def __init__(self, batch: RecordBatch, claim: Claim, generation: int) -> None:
        newest = batch.timestamps[-1] / 1000.0 if batch.timestamps else 0.0
        tp = batch.tp
        super().__init__(
            tp.topic, tp.partition, batch.next - 1, newest, 0, (), None, batch, None, 0, 0, tp, generation_id=generation
        )
        self.claim = claim
