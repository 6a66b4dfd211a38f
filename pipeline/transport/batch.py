"""What an agent receives: the records of one fetched partition batch, and the schema that marks a topic as batched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import faust
import numpy as np
from faust.types import TP, ConsumerMessage

from pipeline.transport.splitting import Numbers


@dataclass(slots=True, eq=False)
class RecordBatch:
    """Consecutive records of one partition, as places in one buffer: no object is kept for each record.

    The arrays have the same shape, (records,). Once it has read them, an agent may `drop_records`: only `tp`, `first`
    and `next` are used afterwards.
    """

    tp: TP
    first: int
    """Position of the partition before the batch: the offset of the first record when `offsets` is None."""
    next: int
    """Position after the batch, trailing gaps included: what is committed once the batch is acked."""
    raw: bytes | bytearray
    """Holds the values in offset order; spaces, or nothing, between them, and `splitting.TAIL` bytes behind them."""
    starts: Numbers
    ends: Numbers
    """Where each value begins and ends in `raw`; a tombstone, which has no value, ends one before its start."""
    timestamps: Numbers
    """Kafka timestamps in epoch milliseconds (the broker's own with LOG_APPEND_TIME); -1 when not known."""
    offsets: Numbers | None
    """Offsets of the values where the log has holes (compaction, transactions); None: `first + i`."""
    highwater: int
    """End of what could be read of the partition when this was fetched: `highwater - next` records are behind it."""

    def __len__(self) -> int:
        """Records."""
        return self.starts.size

    def value(self, index: int) -> bytes | None:
        """One value; None is a tombstone."""
        start, end = int(self.starts[index]), int(self.ends[index])
        return bytes(self.raw[start:end]) if start <= end else None

    @property
    def values(self) -> list[bytes | None]:
        """All values, for who has few."""
        return [self.value(index) for index in range(len(self))]

    def offset(self, index: int) -> int:
        """The offset of a record."""
        return self.first + index if self.offsets is None else int(self.offsets[index])

    def drop_records(self) -> None:
        """Free what the records take: the batch lives until it is acked, they need not."""
        self.raw = b""
        self.starts = self.ends = self.timestamps = np.empty(0, np.int64)
        self.offsets = None


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
        newest = int(batch.timestamps[-1]) / 1000.0 if len(batch) else 0.0
        tp = batch.tp
        super().__init__(
            tp.topic, tp.partition, batch.next - 1, newest, 0, (), None, batch, None, 0, 0, tp, generation_id=generation
        )
        self.claim = claim
