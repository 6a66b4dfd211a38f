"""Records found in expanded broker batches are those that aiokafka finds one by one, whatever they are like."""

from __future__ import annotations

import random
from typing import Any

import pytest
from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder

from pipeline.transport.splitting import TAIL, NotPlainError, blank, split
from tests.transport.test_fetching import ReaderOf, broker_batch, plain, reader_of

__all__ = ["reader_of"]  # the fixture

HEAD = 61
Written = tuple[int, bytes | None, bytes | None, list[tuple[str, bytes]]]
"""Timestamp, key, value, headers."""


def body(records: list[Written]) -> tuple[bytes, list[tuple[int, int, bytes | None]]]:
    """The body of one batch, and what aiokafka reads in it: offset delta, timestamp, value of each."""
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 1 << 24)
    for delta, (timestamp, key, value, headers) in enumerate(records):
        builder.append(delta, timestamp, key, value, headers)
    built = bytes(builder.build())
    return built[HEAD:], [(r.offset, r.timestamp, r.value) for r in DefaultRecordBatch(built)]


def found(bodies: list[bytes], counts: list[int], first_times: list[int]) -> list[tuple[int, int, bytes | None]]:
    """What `split` reads in the same bodies, one behind the other."""
    raw = bytearray(b"".join(bodies) + bytes(TAIL))
    bounds, at = [], 0
    for each, count in zip(bodies, counts, strict=True):
        bounds.append((at, at + len(each), count))
        at += len(each)
    places = split(raw, bounds)
    blank(raw, places.starts, places.ends)
    times = [first for first, count in zip(first_times, counts, strict=True) for _ in range(count)]
    return [
        (offset, first + delta, bytes(raw[start:end]) if start <= end else None)
        for start, end, delta, offset, first in zip(*(column.tolist() for column in places), times, strict=True)
    ]


def some_records(rng: random.Random) -> list[Written]:
    """Records of every kind: keys, headers, tombstones, empty and large values, values that look like the frame."""
    values: list[bytes | None] = [
        None, b"", b"}", b"{}", b"}\0" * rng.randrange(1, 9), b'{"a":1}', b"\0" * rng.randrange(300),
        b"{" + rng.randbytes(rng.randrange(200)) + b"}", b'{"text":"' + b"x" * rng.randrange(20_000) + b'"}',
    ]  # fmt: skip
    keys: list[Any] = [None, None, b"", b"k", rng.randbytes(200)]
    headers: list[list[tuple[str, bytes]]] = [[], [], [("trace", b"}\0")]]
    usual = rng.random()
    return [
        (rng.randrange(1 << 41), rng.choice(keys), rng.choice(values), rng.choice(headers))
        if rng.random() > usual
        else (1_788_244_200_000 + at, None, b'{"event_id":"%d"}' % at, [])
        for at in range(rng.randrange(1, 60))
    ]


def test_it_finds_what_aiokafka_finds() -> None:
    rng = random.Random(7)
    for _ in range(300):
        written = [some_records(rng) for _ in range(rng.randrange(1, 4))]
        bodies = [body(records) for records in written]
        expected = [record for _, read in bodies for record in read]
        firsts = [records[0][0] for records in written]
        assert found([raw for raw, _ in bodies], [len(records) for records in written], firsts) == expected


def test_between_the_values_it_leaves_only_spaces() -> None:
    raw_body, _ = body([(1, b"a key of some length", b'{"n":%d}' % n, [("h", b"\0\xff")]) for n in range(50)])
    raw = bytearray(raw_body + bytes(TAIL))
    places = split(raw, [(0, len(raw_body), 50)])
    blank(raw, places.starts, places.ends)
    text = raw[int(places.starts[0]) : int(places.ends[-1])]
    assert text.split() == [b'{"n":%d}' % n for n in range(50)]


def test_what_is_broken_is_told_and_never_read() -> None:
    rng = random.Random(11)
    good, _ = body([(1000 + n, None, b'{"n":%d}' % n, []) for n in range(20)])
    told = 0
    for _ in range(2000):
        bad = bytearray(good)
        for _ in range(rng.randrange(1, 4)):
            bad[rng.randrange(len(bad))] = rng.randrange(256)
        try:
            places = split(bytes(bad) + bytes(TAIL), [(0, len(bad), 20)])
        except NotPlainError:
            told += 1
        else:
            assert (places.starts >= 0).all()
            assert (places.ends <= len(bad)).all()
            assert (places.ends[:-1] <= places.starts[1:]).all()
    assert told > 200


@pytest.mark.parametrize("count", [19, 21, 0, -1, 1 << 30])
def test_a_wrong_number_of_records_is_no_plain_batch(count: int) -> None:
    good, _ = body([(1000 + n, None, b'{"n":%d}' % n, []) for n in range(20)])
    with pytest.raises(NotPlainError):
        split(good + bytes(TAIL), [(0, len(good), count)])


def test_a_batch_whose_count_lies_is_read_as_far_as_it_goes(reader_of: ReaderOf) -> None:
    from aiokafka.record._crc32c import crc

    lying = bytearray(plain(2, 3))
    lying[57:61] = (4).to_bytes(4, "big")
    lying[17:21] = crc(bytes(lying[21:])).to_bytes(4, "big")
    reader, state, _ = reader_of(plain(0, 2) + bytes(lying) + plain(5, 1), 0)
    values = [value for _ in range(4) for batch in reader.getall() for value in batch.values]
    assert values[:5] == [b"0", b"1", b"2", b"3", b"4"]
    assert values[-1] == b"5"
    assert state.position == 6


def test_offsets_that_do_not_rise_are_left_to_aiokafka(reader_of: ReaderOf) -> None:
    reader, state, _ = reader_of(broker_batch(0, [(0, 1, b"a"), (2, 1, b"b"), (1, 1, b"c"), (3, 1, b"d")]), 0)
    values = [value for _ in range(3) for batch in reader.getall() for value in batch.values]
    assert values[0] == b"a"
    assert values[-1] == b"d"
    assert state.position == 4
