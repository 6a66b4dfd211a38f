"""ClickHouse's compressed frames, and the content codings of its HTTP interface.

A frame is CityHash128 of the rest (16 bytes), method (1), compressed size with these 9 bytes (4), plain size (4), data.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator

import cramjam
import lz4.block
import lz4.frame
from clickhouse_cityhash.cityhash import CityHash128

from deploy.embedded.failures import (
    BAD_ARGUMENTS,
    CHECKSUM_DOESNT_MATCH,
    TOO_LARGE_STRING_SIZE,
    UNKNOWN_COMPRESSION_METHOD,
    BrokenStream,
    Failure,
)
from deploy.embedded.wire import MemorySource, Source

MAX_FRAME = 64 << 20
"""Bytes, compressed or plain. clickhouse-driver makes frames of 1 MiB."""
_PLAIN_PIECE = 1 << 20
_NONE, _LZ4, _ZSTD = 0x02, 0x82, 0x90


def _checksum(content: bytes) -> bytes:
    value = CityHash128(content)
    return struct.pack("<QQ", value >> 64, value & (1 << 64) - 1)


def frames(content: bytes) -> bytes:
    """`content` as LZ4 frames of a megabyte each."""
    out = bytearray()
    for start in range(0, len(content), _PLAIN_PIECE):
        piece = content[start : start + _PLAIN_PIECE]
        packed = lz4.block.compress(piece, store_size=False)
        body = struct.pack("<BII", _LZ4, len(packed) + 9, len(piece)) + packed
        out += _checksum(body) + body
    return bytes(out)


def read_frame(source: Source) -> bytes:
    """The plain bytes of the next frame.

    Raises:
        BrokenStream: wrong checksum, unknown method, or a size out of bounds.
    """
    header = source.take(25)
    method, size, plain_size = struct.unpack_from("<BII", header, 16)
    if not 9 <= size <= MAX_FRAME or plain_size > min(MAX_FRAME, source.most):
        raise BrokenStream(TOO_LARGE_STRING_SIZE, f"DB::Exception: a compressed frame of {size} bytes is not read.")
    packed = source.take(size - 9)
    if header[:16] != _checksum(header[16:] + packed):
        raise BrokenStream(CHECKSUM_DOESNT_MATCH, "DB::Exception: Checksum doesn't match: corrupted data.")
    try:
        if method == _LZ4:
            return bytes(lz4.block.decompress(packed, uncompressed_size=plain_size))
        if method == _ZSTD:
            plain = bytearray(plain_size)
            return bytes(plain[: cramjam.zstd.decompress_into(packed, plain)])
        if method == _NONE:
            return packed
    except (lz4.block.LZ4BlockError, cramjam.DecompressionError, ValueError, RuntimeError) as error:
        raise BrokenStream(CHECKSUM_DOESNT_MATCH, f"DB::Exception: a frame cannot be decompressed: {error}") from None
    raise BrokenStream(UNKNOWN_COMPRESSION_METHOD, f"DB::Exception: Unknown compression method: {method:#x}")


class FramedSource(Source):
    """The plain bytes of the compressed frames that arrive on another source."""

    def __init__(self, packed: Source) -> None:
        super().__init__()
        self.most = packed.most
        self._packed = packed

    def fill(self) -> None:
        """Decompress one more frame."""
        self.buffer += read_frame(self._packed)
        self._packed.compact()


def plain_pieces(content: Iterable[bytes], coding: str, most: int = MAX_FRAME) -> Iterator[bytes]:
    """Undo a content coding of HTTP (`gzip`, `deflate`, `lz4`, `zstd`, or none), piece by piece.

    Args:
        content: the body.
        coding: the name in Content-Encoding.
        most: bytes of a body that must be held whole; plain, four times as many.

    Raises:
        Failure: an unknown coding, or bytes that are not of that coding.
    """
    if coding in ("", "identity"):
        yield from content
        return
    try:
        if coding in ("gzip", "deflate"):
            inflater = zlib.decompressobj(31 if coding == "gzip" else 15)
            for piece in content:
                while piece:
                    yield inflater.decompress(piece, _PLAIN_PIECE)
                    piece = inflater.unconsumed_tail
            yield inflater.flush()
            if not inflater.eof:
                raise Failure(BAD_ARGUMENTS, f"DB::Exception: the body is not whole {coding}.")
        elif coding == "lz4":
            unpacker = lz4.frame.LZ4FrameDecompressor()
            for piece in content:
                yield unpacker.decompress(piece, max_length=_PLAIN_PIECE)
                while not unpacker.needs_input and not unpacker.eof:
                    yield unpacker.decompress(b"", max_length=_PLAIN_PIECE)
            if not unpacker.eof:
                raise Failure(BAD_ARGUMENTS, "DB::Exception: the body is not whole lz4.")
        elif coding == "zstd":
            yield from _zstd_pieces(content, min(most, MAX_FRAME))
        else:
            raise Failure(UNKNOWN_COMPRESSION_METHOD, f"DB::Exception: Unknown compression method: {coding}")
    except (zlib.error, RuntimeError, cramjam.DecompressionError) as error:
        raise Failure(BAD_ARGUMENTS, f"DB::Exception: the body is not {coding}: {error}") from None


def _zstd_pieces(content: Iterable[bytes], most: int) -> Iterator[bytes]:
    # The binding has no bounded streaming: the body is held, and its plain size is bounded by what one frame may be.
    packed = bytearray()
    for piece in content:
        packed += piece
        if len(packed) > most:
            raise Failure(TOO_LARGE_STRING_SIZE, f"DB::Exception: a zstd body may have {most} bytes; use lz4.")
    plain = bytearray(4 * most)
    try:
        length = cramjam.zstd.decompress_into(bytes(packed), plain)
    except OSError as error:
        raise Failure(BAD_ARGUMENTS, f"DB::Exception: the body is not zstd: {error}") from None
    yield bytes(memoryview(plain)[:length])


def plain_frames(content: bytes, most: int) -> bytes:
    """All the frames of `content` (an HTTP body sent with `decompress=1`), decompressed to at most `most` bytes.

    Raises:
        BrokenStream: as `read_frame`.
        Failure: it has more.
    """
    source = MemorySource(content)
    out = bytearray()
    while source.position < len(content):
        out += read_frame(source)
        if len(out) > most:
            raise Failure(TOO_LARGE_STRING_SIZE, f"DB::Exception: a compressed body may hold {most} bytes.")
    return bytes(out)


def gzip(content: bytes) -> bytes:
    """For an HTTP answer whose reader accepts it."""
    packer = zlib.compressobj(3, zlib.DEFLATED, 31)
    return packer.compress(content) + packer.flush()
