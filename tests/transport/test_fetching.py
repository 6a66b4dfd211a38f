"""Fetched bytes become batches: what is in them, where they are cut, and what is skipped."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from aiokafka.consumer.fetcher import READ_COMMITTED, FetchResult, PartitionRecords
from aiokafka.consumer.subscription_state import Assignment
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.legacy_records import LegacyRecordBatchBuilder
from aiokafka.structs import TopicPartition
from faust.types import TP

from pipeline.transport import unpacking
from pipeline.transport.fetching import Allowance, BatchReader
from pipeline.transport.unpacking import KeptRecords

AIOTP = TopicPartition("visits", 0)
PRODUCER = 7


def broker_batch(base: int, records: list[tuple[int, int, bytes | None]], **options: Any) -> bytes:
    """One v2 record batch: (offset delta, timestamp, value) each, from offset `base` on."""
    arguments = {
        "magic": 2, "compression_type": 0, "is_transactional": 0, "producer_id": -1, "producer_epoch": -1,
        "base_sequence": -1, "batch_size": 1 << 26,
    }  # fmt: skip
    builder = DefaultRecordBatchBuilder(**(arguments | options))
    for delta, timestamp, value in records:
        builder.append(delta, timestamp, None, value, [])
    built = bytearray(builder.build())
    struct.pack_into(">q", built, 0, base)
    return bytes(built)


def plain(base: int, count: int) -> bytes:
    """Records `base … base+count-1` whose value is their offset and whose timestamp is 1000 + offset."""
    return broker_batch(base, [(i, 1000 + base + i, b"%d" % (base + i)) for i in range(count)])


ReaderOf = Callable[..., tuple[BatchReader, Any, Allowance]]


@pytest.fixture
def reader_of() -> Iterator[ReaderOf]:
    """Readers over aiokafka's own objects, as a fetch response makes them (they want an event loop)."""
    loop = asyncio.new_event_loop()

    def make(data: bytes, position: int, aborted: list[tuple[int, int]] | None = None) -> Any:
        async def on_loop() -> Any:
            assignment = Assignment([AIOTP])
            state = assignment.state_value(AIOTP)
            state.seek(position)
            state.highwater, state.lso = 900, 800
            records = PartitionRecords(AIOTP, KeptRecords(data), aborted, position, None, None, True, READ_COMMITTED)
            result = FetchResult(AIOTP, assignment=assignment, partition_records=records, backoff=0)
            allowance = Allowance()
            return BatchReader(result, allowance), state, allowance

        return loop.run_until_complete(on_loop())

    yield make
    loop.close()


def test_a_response_becomes_one_batch_with_values_timestamps_and_positions(reader_of: ReaderOf) -> None:
    reader, state, _ = reader_of(plain(5, 3) + plain(8, 2), 5)
    (batch,) = reader.getall()
    assert (batch.tp, batch.first, batch.next, batch.highwater) == (TP("visits", 0), 5, 10, 800)
    assert batch.values == [b"5", b"6", b"7", b"8", b"9"]
    assert batch.offsets is None
    assert batch.timestamps.tolist() == [1005, 1006, 1007, 1008, 1009]
    assert state.position == 10
    assert reader.getall() == []


def test_a_position_inside_a_broker_batch_starts_there(reader_of: ReaderOf) -> None:
    reader, _, _ = reader_of(plain(0, 10), 8)
    (batch,) = reader.getall()
    assert (batch.first, batch.next, batch.values, batch.offsets) == (8, 10, [b"8", b"9"], None)


def test_holes_inside_and_between_broker_batches_show_in_the_offsets(reader_of: ReaderOf) -> None:
    holey = broker_batch(4, [(0, 1, b"a"), (3, 2, b"b")])
    reader, _, _ = reader_of(plain(0, 2) + holey + plain(9, 1), 0)
    (batch,) = reader.getall()
    assert batch.values == [b"0", b"1", b"a", b"b", b"9"]
    assert np.array(batch.offsets).tolist() == [0, 1, 4, 7, 9]
    assert [batch.offset(i) for i in range(5)] == [0, 1, 4, 7, 9]
    assert (batch.first, batch.next) == (0, 10)


def test_a_gap_before_the_first_record_is_within_the_batch(reader_of: ReaderOf) -> None:
    reader, _, _ = reader_of(plain(20, 2), 13)
    (batch,) = reader.getall()
    assert (batch.first, batch.next, np.array(batch.offsets).tolist(), batch.values) == (
        13,
        22,
        [20, 21],
        [b"20", b"21"],
    )


def test_a_tombstone_is_none_and_an_empty_value_is_empty(reader_of: ReaderOf) -> None:
    reader, _, _ = reader_of(broker_batch(0, [(0, 1, None), (1, 2, b""), (2, 3, b"x")]), 0)
    (batch,) = reader.getall()
    assert batch.values == [None, b"", b"x"]


def test_with_log_append_time_every_record_has_the_broker_s_time(reader_of: ReaderOf) -> None:
    data = bytearray(broker_batch(0, [(0, 11, b"a"), (1, 12, b"b")]))
    attributes = struct.unpack_from(">h", data, 21)[0]
    struct.pack_into(">h", data, 21, attributes | 0x08)
    struct.pack_into(">q", data, 35, 5555)  # max timestamp: the broker writes its clock here
    from aiokafka.record._crc32c import crc

    struct.pack_into(">I", data, 17, crc(bytes(data[21:])))
    reader, _, _ = reader_of(bytes(data), 0)
    (batch,) = reader.getall()
    assert batch.timestamps.tolist() == [5555, 5555]


@pytest.mark.parametrize(("magic", "timestamps"), [(0, [-1, -1]), (1, [501, 502])])
def test_the_old_message_formats_are_read(reader_of: ReaderOf, magic: int, timestamps: list[int]) -> None:
    builder = LegacyRecordBatchBuilder(magic, 0, 1 << 20)
    builder.append(0, 501 if magic else None, b"k", b"a")
    builder.append(1, 502 if magic else None, b"k", b"b")
    reader, _, _ = reader_of(bytes(builder.build()), 0)
    (batch,) = reader.getall()
    assert (batch.values, batch.timestamps.tolist(), batch.next) == ([b"a", b"b"], timestamps, 2)


def test_an_aborted_transaction_is_skipped_and_the_position_moves_over_it(reader_of: ReaderOf) -> None:
    aborted = broker_batch(
        0, [(0, 1, b"no"), (1, 2, b"no")], is_transactional=1, producer_id=PRODUCER, producer_epoch=0
    )
    reader, _, _ = reader_of(aborted + plain(3, 1), 0, [(PRODUCER, 0)])
    (batch,) = reader.getall()
    assert (batch.values, np.array(batch.offsets).tolist(), batch.first, batch.next) == ([b"3"], [3], 0, 4)


def test_when_all_is_skipped_an_empty_batch_says_where_the_position_went(reader_of: ReaderOf) -> None:
    aborted = broker_batch(
        0, [(0, 1, b"no"), (1, 2, b"no")], is_transactional=1, producer_id=PRODUCER, producer_epoch=0
    )
    reader, state, _ = reader_of(aborted, 0, [(PRODUCER, 0)])
    (batch,) = reader.getall()
    assert (batch.values, batch.first, batch.next) == ([], 0, 2)
    assert state.position == 2


def test_a_response_of_more_records_than_a_batch_may_have_comes_in_several(
    reader_of: ReaderOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking, "BATCH_RECORDS", 200)
    reader, state, _ = reader_of(plain(0, 450) + plain(450, 30), 0)
    batches = [batch for _ in range(4) for batch in reader.getall()]
    assert [(b.first, b.next, len(b.values), len(b.timestamps)) for b in batches] == [
        (0, 200, 200, 200), (200, 400, 200, 200), (400, 450, 50, 50), (450, 480, 30, 30),
    ]  # fmt: skip
    assert [int(v or b"") for b in batches for v in b.values] == list(range(480))
    assert state.position == 480


def test_a_compressed_batch_that_expands_is_handed_out_in_pieces_of_about_16_mib(reader_of: ReaderOf) -> None:
    value = b"x" * 50_000
    data = broker_batch(0, [(i, i, value) for i in range(1000)], compression_type=4)
    assert len(data) < 100_000
    reader, _, allowance = reader_of(data, 0)
    (first,) = reader.getall()
    assert 16 << 20 <= sum(len(v or b"") for v in first.values) <= (16 << 20) + 100 * 50_000
    (second,) = reader.getall()
    assert second.first == first.next
    assert allowance.bytes <= 0
    assert reader.getall() == []  # this poll has had its share; nothing is lost:
    allowance.renew()
    (third,) = reader.getall()
    assert third.first == second.next
    assert third.next == 1000


def test_a_corrupt_record_batch_is_an_error_and_not_skipped(reader_of: ReaderOf) -> None:
    from aiokafka.errors import CorruptRecordException

    data = bytearray(plain(0, 3))
    data[-1] ^= 0xFF
    reader, state, _ = reader_of(bytes(data), 0)
    with pytest.raises(CorruptRecordException, match="Invalid CRC"):
        reader.getall()
    assert state.position == 0


def test_data_of_a_partition_sought_elsewhere_meanwhile_is_dropped(reader_of: ReaderOf) -> None:
    reader, state, _ = reader_of(plain(0, 3), 0)
    state.seek(100)
    assert reader.getall() == []
    assert state.position == 100
