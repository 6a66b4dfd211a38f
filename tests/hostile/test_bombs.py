"""Compressed batches that grow without end, or cannot be read: a dead letter each, and the log goes on behind them."""

from __future__ import annotations

import gzip
import random
import struct
import tracemalloc
from collections.abc import Callable

import cramjam
import pytest
from aiokafka import codec
from aiokafka.record._crc32c import crc

from pipeline.transport import expanding
from pipeline.transport.expanding import EXPANDED_BYTES, CannotExpand, bound_expansion
from tests.transport.test_fetching import ReaderOf, broker_batch, plain, reader_of

__all__ = ["reader_of"]  # the fixture

GZIP, SNAPPY, LZ4, ZSTD = 1, 2, 3, 4
MIB = 1 << 20
ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip_decode": codec.gzip_encode,
    "lz4_decode": codec.lz4_encode,
    "zstd_decode": codec.zstd_encode,
    "snappy_decode": codec.snappy_encode,
}


@pytest.fixture(autouse=True)
def bounded() -> None:
    bound_expansion()


def rewritten(batch: bytes, codec_number: int, payload: bytes) -> bytes:
    """A record batch whose records are these bytes, as a lying producer would write it: length and checksum right."""
    data = bytearray(batch[:61] + payload)
    attributes = struct.unpack_from(">h", data, 21)[0]
    struct.pack_into(">h", data, 21, attributes & ~7 | codec_number)
    struct.pack_into(">i", data, 8, len(data) - 12)
    struct.pack_into(">I", data, 17, crc(bytes(data[21:])))
    return bytes(data)


def zeros(name: str, mebibytes: int) -> bytes:
    """So many MiB of zeros, compressed; put together from frames so that they need not be made at once."""
    whole = bytes(16 * MIB)
    if name == "snappy_decode":
        one: bytes = codec.snappy_encode(whole)
        return one + one[16:] * (mebibytes // 16 - 1)
    return ENCODERS[name](whole) * (mebibytes // 16)


@pytest.mark.parametrize("name", ENCODERS)
def test_what_fits_is_expanded_as_before(name: str) -> None:
    rng = random.Random(name)
    for size in (0, 1, 100, 70_000, 3 * MIB):
        raw = rng.randbytes(size // 2) + bytes(size - size // 2)
        assert expanding._DECODERS[name](ENCODERS[name](raw)) == raw
        assert expanding._DECODERS[name](memoryview(ENCODERS[name](raw))) == raw


def test_blocks_without_the_java_frame_and_several_members_are_expanded_too() -> None:
    assert expanding._DECODERS["snappy_decode"](bytes(cramjam.snappy.compress_raw(b"x" * 5000))) == b"x" * 5000
    assert expanding._DECODERS["gzip_decode"](gzip.compress(b"a") + gzip.compress(b"b") + bytes(8)) == b"ab"


@pytest.mark.parametrize("name", ENCODERS)
def test_a_bomb_is_given_up_at_64_mib_and_never_laid_out_in_memory(name: str) -> None:
    exactly = zeros(name, 64)
    assert len(expanding._DECODERS[name](exactly)) == EXPANDED_BYTES == 64 * MIB
    bomb = zeros(name, 1024)
    tracemalloc.start()
    try:
        with pytest.raises(CannotExpand, match="larger than 64 MiB") as caught:
            expanding._DECODERS[name](bomb)
        assert tracemalloc.get_traced_memory()[1] < 300 * MIB
    finally:
        tracemalloc.stop()
    assert caught.value.payload == bomb


@pytest.mark.parametrize("name", ENCODERS)
def test_broken_data_are_given_up_whatever_stands_in_them(name: str) -> None:
    rng = random.Random(name)
    good = bytearray(ENCODERS[name](rng.randbytes(300) + bytes(3000)))
    for _ in range(400):
        bad = bytearray(good)
        for _ in range(rng.randint(1, 5)):
            bad[rng.randrange(len(bad))] = rng.randrange(256)
        del bad[rng.choice((len(bad), rng.randrange(len(bad)))) :]
        try:
            expanding._DECODERS[name](bytes(bad))
        except CannotExpand:
            continue


def test_a_block_that_claims_four_gigabytes_gets_no_room() -> None:
    with pytest.raises(CannotExpand):
        expanding._DECODERS["snappy_decode"](b"\xff\xff\xff\xff\x0f" + b"\0" * 40)


@pytest.mark.parametrize(
    ("number", "name"), [(GZIP, "gzip_decode"), (SNAPPY, "snappy_decode"), (LZ4, "lz4_decode"), (ZSTD, "zstd_decode")]
)
def test_a_bomb_becomes_one_record_of_its_own_bytes_between_its_neighbours(
    reader_of: ReaderOf, number: int, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    bomb = zeros(name, 128)
    log = plain(0, 3) + rewritten(plain(3, 4), number, bomb) + plain(7, 2)
    reader, state, _ = reader_of(log, 0)
    batches = [batch for _ in range(2) for batch in reader.getall()]
    assert [value for batch in batches for value in batch.values] == [b"0", b"1", b"2", bomb, b"7", b"8"]
    assert [batch.offset(at) for batch in batches for at in range(len(batch))] == [0, 1, 2, 3, 7, 8]
    assert [stamp for batch in batches for stamp in batch.timestamps] == [1000, 1001, 1002, -1, 1007, 1008]
    assert state.position == batches[-1].next == 9
    assert "partition 0: the records at offsets 3 to 6 cannot be read" in caplog.text


def test_records_that_break_off_in_the_middle_keep_those_before_them(reader_of: ReaderOf) -> None:
    whole = broker_batch(0, [(i, 1000 + i, b"%03d" % i) for i in range(250)])
    cut = rewritten(whole, 0, whole[61:-700])
    reader, state, _ = reader_of(cut + plain(250, 1), 0)
    (batch,) = reader.getall()
    kept = len(batch.values) - 2
    assert 150 < kept < 250
    assert batch.values == [*(b"%03d" % i for i in range(kept)), b"", b"250"]
    assert state.position == 251


def test_records_of_random_bytes_never_hold_up_what_follows(reader_of: ReaderOf) -> None:
    rng = random.Random(4711)
    good = broker_batch(0, [(i, 1000 + i, b"x" * i) for i in range(20)])
    for _ in range(400):
        payload = bytearray(good[61:])
        for _ in range(rng.randint(1, 6)):
            payload[rng.randrange(len(payload))] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        reader, state, _ = reader_of(rewritten(good, 0, bytes(payload)) + plain(20, 1), 0)
        values = [value for batch in reader.getall() for value in batch.values]
        assert values[-1] == b"20"
        assert state.position == 21
