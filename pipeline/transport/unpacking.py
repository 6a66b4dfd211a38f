"""The record batches of one fetched partition, laid out in buffers a few thousand records at a time.

Plain records of many broker batches are expanded one behind the other and split together (`splitting.py`). Whatever is
not plain (old message formats, batches of very many records, broken ones) is read one by one by aiokafka.
"""

from __future__ import annotations

import logging
import struct
import threading
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any, NamedTuple

import numpy as np
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.memory_records import MemoryRecords

from pipeline.transport.expanding import EXPANDED_BYTES, CannotExpand, expand_into
from pipeline.transport.splitting import LEAD, TAIL, NotPlainError, Numbers, blank, joined, split

MIB = 1 << 20
BATCH_RECORDS = 20_000
BATCH_BYTES = 16 * MIB
"""Most bytes of values in one batch; the record that passes the mark is still in it."""
_SLICE = 100
"""Records looked at between two checks of the limits, where they are read one by one."""

# What stands at the beginning of a v2 record batch: base offset, length, leader epoch, magic, checksum, attributes,
# last offset delta, base and greatest timestamp, producer, its epoch, base sequence, number of records.
_HEAD = struct.Struct(">qiibIhiqqqhii")
_INT = struct.Struct(">i")
_LENGTH_AT, _LENGTH_END, _MAGIC_AT, _COUNT_AT = 8, 12, 16, 57
_PLAIN_MAGIC = 2
_CODEC, _BROKER_TIME = 0x07, 0x08

log = logging.getLogger(__name__)


class KeptRecords:
    """aiokafka's walk over the record batches of a fetched partition, and the bytes it goes over."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        walk = MemoryRecords(data)
        self.has_next = walk.has_next
        self.next_batch = walk.next_batch
        self.size_in_bytes = walk.size_in_bytes


def keep_fetched_bytes() -> None:
    """Let aiokafka's fetcher keep the bytes it was sent, which its own object hides; harmless to repeat."""
    fetcher.MemoryRecords = KeptRecords


class Laid(NamedTuple):
    """Records as places in a buffer, as in `RecordBatch`, and the position after them."""

    raw: bytes | bytearray
    starts: Numbers
    ends: Numbers
    timestamps: Numbers
    offsets: Numbers
    after: int

    def part(self, begin: int, end: int, after: int) -> Laid:
        """The records from `begin` to before `end`, at least one; they keep nothing of the others in memory."""
        low = max(0, int(self.starts[begin]) - LEAD)
        high = int(max(self.starts[end - 1], self.ends[end - 1]))
        starts, ends = self.starts[begin:end] - low, self.ends[begin:end] - low
        timestamps, offsets = self.timestamps[begin:end].copy(), self.offsets[begin:end].copy()
        return Laid(self.raw[low : high + TAIL], starts, ends, timestamps, offsets, after)

    def first_batch(self) -> tuple[Laid, Laid | None]:
        """As much of it as one batch may hold, and the rest."""
        count = self.starts.size
        if count <= 1 or (count <= BATCH_RECORDS and self.ends[-1] - self.starts[0] <= BATCH_BYTES):
            return self, None
        sizes = np.cumsum(np.maximum(self.ends - self.starts, 0))
        cut = min(int(np.searchsorted(sizes, BATCH_BYTES)) + 1, BATCH_RECORDS, count)
        if cut == count:
            return self, None
        following = int(self.offsets[cut])
        return self.part(0, cut, following), self.part(cut, count, self.after)

    def bytes_of_values(self) -> int:
        """Bytes of all values."""
        return int(np.maximum(self.ends - self.starts, 0).sum())


class _BrokerBatch(NamedTuple):
    """One record batch of the log."""

    records: Any
    """aiokafka's object, which gives one record after the other."""
    at: int
    """Where it begins in the fetched bytes."""
    end: int
    after: int
    """Position after it."""
    skip: bool
    """Nobody is to read it: control records, or an aborted transaction."""
    plain: bool
    """It is of the present format, and of no more records than one batch may hold."""


class _Unreadable(NamedTuple):
    """Stands for the records of a broker batch that cannot be read."""

    offset: int
    value: bytes
    timestamp: int


class _Room(threading.local):
    """Where broker batches are expanded, one for each thread; the kernel gives only those pages that are written."""

    def __init__(self) -> None:
        self.room = np.empty(LEAD + BATCH_BYTES + EXPANDED_BYTES + TAIL, np.uint8)


_scratch = _Room()


class Unpacker:
    """Reads one fetched partition from a position on.

    Args:
        fetched: aiokafka's `PartitionRecords`, made while `keep_fetched_bytes` holds.
    """

    def __init__(self, fetched: Any) -> None:
        self._fetched = fetched
        self._walk = _walk(fetched)
        self._coming: _BrokerBatch | None = None
        """Read from the log and not yet laid out."""
        self._one_by_one: Iterator[Laid] | None = None

    def exhausted(self) -> bool:
        """Whether nothing follows, as far as is known without a look at it."""
        return self._one_by_one is None and self._coming is None and not self._fetched._records.has_next()

    def next(self, position: int) -> Laid | None:
        """The next records, none of an offset below `position`; maybe none, with a new position; None at the end.

        Raises:
            CorruptRecordException: a checksum is wrong.
        """
        if self._one_by_one is not None:
            laid = next(self._one_by_one, None)
            if laid is not None:
                return laid
            self._one_by_one = None
        group: list[_BrokerBatch] = []
        try:
            laid = self._lay_out(group, position)
        except (NotPlainError, CannotExpand):
            self._one_by_one = self._each(group, position)
            return next(self._one_by_one)
        return laid if group else None

    def _peek(self) -> _BrokerBatch | None:
        if self._coming is None:
            self._coming = next(self._walk, None)
        return self._coming

    def _lay_out(self, group: list[_BrokerBatch], position: int) -> Laid:
        """The records of the next broker batches together; `group` takes those batches."""
        data = self._fetched._records.data
        room = _scratch.room
        heads: list[tuple[int, int, int, int]] = []  # base offset, attributes, base and greatest timestamp
        bodies: list[tuple[int, int, int]] = []
        size, records = LEAD, 0
        while size < BATCH_BYTES and records < BATCH_RECORDS:
            batch = self._peek()
            if batch is None or (bodies and not batch.plain and not batch.skip):
                break
            group.append(batch)
            self._coming = None
            if batch.skip:
                continue
            if not batch.plain:
                while (batch := self._peek()) is not None and not batch.plain and len(group) < BATCH_RECORDS:
                    group.append(batch)
                    self._coming = None
                raise NotPlainError
            base, _, _, _, _, attributes, _, base_time, last_time, *_, count = _HEAD.unpack_from(data, batch.at)
            payload = memoryview(data)[batch.at + _HEAD.size : batch.end]
            taken = expand_into(attributes & _CODEC, payload, room[size : size + EXPANDED_BYTES])
            heads.append((base, attributes, base_time, last_time))
            if count:
                bodies.append((size, size + taken, count))
            size += taken
            records += count
        after = max(position, group[-1].after) if group else position
        if not records:
            return _lay([], [], [], after)
        raw = bytearray(room[: size + TAIL].data)
        places = split(raw, bodies)
        blank(raw, places.starts, places.ends)
        counts = np.array([count for _, _, count in bodies])
        of_batch = [np.repeat(column, counts) for column in np.array(heads, np.int64).T]
        offsets = of_batch[0] + places.offset_deltas
        by_broker = of_batch[1] & _BROKER_TIME != 0
        timestamps = np.where(by_broker, of_batch[3], of_batch[2] + places.timestamp_deltas)
        if (offsets[1:] <= offsets[:-1]).any():
            raise NotPlainError
        begin = int(np.searchsorted(offsets, position))  # above 0 where the position lies inside a broker batch
        return Laid(raw, places.starts[begin:], places.ends[begin:], timestamps[begin:], offsets[begin:], after)

    def _each(self, group: list[_BrokerBatch], position: int) -> Iterator[Laid]:
        """The records of some broker batches, one by one; what cannot be read is handed on as one record."""
        values: list[bytes | None] = []
        timestamps: list[int] = []
        offsets: list[int] = []
        size = 0
        for batch in group:
            records = chain(() if batch.skip else batch.records)  # an iterator that may be asked for several slices
            ended = False
            while not ended:
                some: list[Any] = []
                try:
                    some.extend(islice(records, _SLICE))
                    ended = len(some) < _SLICE
                except Exception as error:
                    # The broker took it, its checksum is right, and nobody can read it: one letter, and on to the next.
                    some += self._unreadable(error, max(position, some[-1].offset + 1 if some else 0), batch.after)
                    ended = True
                some = [record for record in some if record.offset >= position]
                if some:
                    values += [record.value for record in some]
                    size += sum(len(record.value or b"") for record in some)
                    timestamps += [-1 if record.timestamp is None else record.timestamp for record in some]
                    offsets += [record.offset for record in some]
                    position = offsets[-1] + 1
                if ended:
                    position = max(position, batch.after)
                if len(values) >= BATCH_RECORDS or size >= BATCH_BYTES:
                    yield _lay(values, timestamps, offsets, position)
                    values, timestamps, offsets, size = [], [], [], 0
        yield _lay(values, timestamps, offsets, position)

    def _unreadable(self, error: Exception, offset: int, after: int) -> list[_Unreadable]:
        """What is handed out in place of the rest of the broker batch, from `offset` on."""
        topic, partition = self._fetched._tp
        log.error(
            "%s partition %d: the records at offsets %d to %d cannot be read (%s); the dead letters get what there is.",
            topic, partition, offset, after - 1, error,
        )  # fmt: skip
        payload = error.payload if isinstance(error, CannotExpand) else b""
        return [_Unreadable(offset, payload, -1)] if offset < after else []


def _lay(values: list[bytes | None], timestamps: list[int], offsets: list[int], after: int) -> Laid:
    raw, starts, ends = joined(values)
    return Laid(raw, starts, ends, np.array(timestamps, np.int64), np.array(offsets, np.int64), after)


def _walk(fetched: Any) -> Iterator[_BrokerBatch]:
    """The broker batches of a fetch, by the rules of aiokafka's `PartitionRecords._unpack_records`."""
    at = 0
    data = fetched._records.data
    while fetched._records.has_next():
        batch = fetched._records.next_batch()
        if fetched._check_crcs and not batch.validate_crc():
            raise CorruptRecordException(f"Invalid CRC - {fetched._tp}")
        skip = batch.is_control_batch
        if fetched._isolation_level == fetcher.READ_COMMITTED and batch.producer_id is not None:
            fetched._consume_aborted_up_to(batch.base_offset)
            if skip and fetched._contains_abort_marker(batch):
                fetched._aborted_producers.discard(batch.producer_id)
            skip = skip or (batch.is_transactional and batch.producer_id in fetched._aborted_producers)
        end = at + _LENGTH_END + _INT.unpack_from(data, at + _LENGTH_AT)[0]
        plain = data[at + _MAGIC_AT] == _PLAIN_MAGIC and 0 <= _INT.unpack_from(data, at + _COUNT_AT)[0] <= BATCH_RECORDS
        yield _BrokerBatch(batch, at, end, batch.next_offset, skip, plain)
        at = end
