"""What a compressed record batch may grow to: a few kilobytes in the log can be gigabytes of zeros.

aiokafka 0.14 expands each broker batch whole, whatever comes out. Its modules look their decoders up by name, so those
are put in the place of its own: the same codecs, which stop at `EXPANDED_BYTES`.
"""

from __future__ import annotations

import struct
import threading
import zlib
from collections.abc import Callable
from typing import Any

import aiokafka.record.default_records
import aiokafka.record.legacy_records
import cramjam
import numpy as np
import numpy.typing as npt
from aiokafka.record import _crecords

EXPANDED_BYTES = 64 << 20
"""Most bytes of one broker batch. Kafka takes 1 MiB of it compressed; events of an ENT shrink to a tenth or so."""

_XERIAL = b"\x82SNAPPY\0"
_XERIAL_HEAD = 16
_MODULES = (
    aiokafka.record.default_records,
    aiokafka.record.legacy_records,
    getattr(_crecords, "default_records", None),
    getattr(_crecords, "legacy_records", None),
)


class CannotExpand(Exception):
    """A compressed batch is broken, or larger than `EXPANDED_BYTES`; its bytes as they lay in the log come with it."""

    def __init__(self, why: str, payload: bytes) -> None:
        super().__init__(why)
        self.payload = payload


def bound_expansion() -> None:
    """Give aiokafka decoders that stop; harmless to repeat."""
    for module in _MODULES:
        for name, decode in _DECODERS.items():
            if hasattr(module, name):
                setattr(module, name, decode)


class _Scratch(threading.local):
    """Room for one expanded batch, one for each thread; the kernel gives only those pages that are written."""

    def __init__(self) -> None:
        self.room = np.empty(EXPANDED_BYTES, np.uint8)


_scratch = _Scratch()


def expand_into(codec: int, payload: memoryview, room: npt.NDArray[np.uint8]) -> int:
    """Expand the body of a record batch into `room`, of at least `EXPANDED_BYTES`; returns how much of it is taken.

    Args:
        codec: as in the attributes of a record batch; 0: not compressed.
        payload: as it lies in the log.
        room: shape (bytes,).

    Raises:
        CannotExpand: it is broken, larger, or of a codec nobody knows.
    """
    if codec in _INTO:
        try:
            size: int = _INTO[codec].decompress_into(payload, room)  # an error where the room does not suffice
        except cramjam.DecompressionError as error:
            raise CannotExpand(str(error), bytes(payload)) from error
        return size
    if codec == 0:
        body: memoryview | bytes = payload
    elif codec in _WHOLE:
        body = _WHOLE[codec](payload)
    else:
        raise CannotExpand(f"codec {codec} is not known", bytes(payload))
    if len(body) > room.size:
        raise CannotExpand("larger than its room", bytes(payload))
    room[: len(body)] = np.frombuffer(body, np.uint8)
    return len(body)


def _bounded(expand: Callable[[bytes], bytes]) -> Callable[[Any], bytes]:
    def decode(payload: Any) -> bytes:
        raw = bytes(payload)
        try:
            return expand(raw)
        except (cramjam.DecompressionError, zlib.error, struct.error, ValueError, OverflowError) as error:
            raise CannotExpand(f"broken, or larger than {EXPANDED_BYTES >> 20} MiB: {error}", raw) from error

    return decode


def _into_scratch(codec: Any) -> Callable[[bytes], bytes]:
    def expand(raw: bytes) -> bytes:
        size: int = codec.decompress_into(raw, _scratch.room)  # an error where the room does not suffice
        return _scratch.room[:size].tobytes()

    return expand


def _gunzip(raw: bytes) -> bytes:
    parts: list[bytes] = []
    left = EXPANDED_BYTES
    while raw:
        member = zlib.decompressobj(31)
        parts.append(member.decompress(raw, left + 1))
        left -= len(parts[-1])
        if left < 0 or not member.eof:
            raise ValueError("too large" if left < 0 else "cut short")
        raw = member.unused_data.lstrip(b"\0")
    return b"".join(parts)


def _unsnap(raw: bytes) -> bytes:
    if not raw.startswith(_XERIAL):
        return _unsnap_block(raw, EXPANDED_BYTES)
    parts: list[bytes] = []
    left = EXPANDED_BYTES
    at = _XERIAL_HEAD
    while at < len(raw):
        (size,) = struct.unpack_from("!i", raw, at)
        if size < 0:
            raise ValueError("a block of negative length")
        at += 4
        parts.append(_unsnap_block(raw[at : at + size], left))
        left -= len(parts[-1])
        at += size
    return b"".join(parts)


def _unsnap_block(raw: bytes, left: int) -> bytes:
    if cramjam.snappy.decompress_raw_len(raw) > left:  # what the block says of itself, before room is made for it
        raise ValueError("too large")
    return bytes(cramjam.snappy.decompress_raw(raw))


_WHOLE = {1: _bounded(_gunzip), 2: _bounded(_unsnap)}
_INTO = {3: cramjam.lz4, 4: cramjam.zstd}

_DECODERS: dict[str, Callable[[Any], bytes]] = {
    "gzip_decode": _bounded(_gunzip),
    "snappy_decode": _bounded(_unsnap),
    "lz4_decode": _bounded(_into_scratch(cramjam.lz4)),
    "zstd_decode": _bounded(_into_scratch(cramjam.zstd)),
}
