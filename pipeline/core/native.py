"""ClickHouse's Native format, as far as the pipeline writes it: blocks of ready-made columns.

The wire form follows ClickHouse's own documentation of the format; `revision` is what client and server agreed on.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

CUSTOM_SERIALIZATION_REVISION = 54_454
"""From this protocol revision on, each column says in one byte whether it is serialized in a special way (no)."""


class Column(NamedTuple):
    """One column of a block: its data already in wire form."""

    name: str
    type: str
    data: bytes


def encode_block(columns: Sequence[Column], rows: int, revision: int) -> bytes:
    """A block as it follows the BlockInfo of a Data packet, or as `FORMAT Native` (revision 0)."""
    flag = b"\x00" if revision >= CUSTOM_SERIALIZATION_REVISION else b""
    parts = [_varint(len(columns)), _varint(rows)]
    for name, type_, data in columns:
        parts += [_text(name), _text(type_), flag, data]
    return b"".join(parts)


def date_times(seconds: npt.NDArray[np.int64]) -> bytes:
    """Wire form of a DateTime column: epoch seconds."""
    return seconds.astype("<u4").tobytes()


def low_cardinality(words: Sequence[str], codes: npt.NDArray[np.int64]) -> bytes:
    """Wire form of a LowCardinality(String) column.

    Args:
        words: the dictionary, each word once.
        codes: for each row, the index of its word; not empty.
    """
    # Entry 0 of the dictionary is the type's default value; a row's "" is an entry of its own, which is allowed.
    width = 0 if len(words) < 0xFF else 1 if len(words) < 0xFFFF else 2
    has_additional_keys = 1 << 9
    head = struct.pack("<QQQ", 1, has_additional_keys | width, len(words) + 1)
    dictionary = _text("") + b"".join(map(_text, words))
    indexes = (codes + 1).astype(("<u1", "<u2", "<u4")[width]).tobytes()
    return head + dictionary + struct.pack("<Q", len(codes)) + indexes


def arrays(ends: npt.NDArray[np.int64], flat: npt.NDArray[np.uint64]) -> bytes:
    """Wire form of an Array(UInt64) column: where each row's array ends, then all elements."""
    return ends.astype("<u8").tobytes() + np.ascontiguousarray(flat, "<u8").tobytes()


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def _text(text: str) -> bytes:
    raw = text.encode()
    return _varint(len(raw)) + raw
