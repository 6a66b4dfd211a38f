"""A reader of ClickHouse's Native format, for the column types that the core writes."""

from __future__ import annotations

import struct
from typing import Any

from pipeline.core.cells import Cells
from pipeline.core.native import encode_block

Sets = tuple[set[int], set[int], set[int]]


def read_block(raw: bytes, revision: int = 0) -> dict[str, list[Any]]:
    """The columns of one block, by name; fails on anything left over."""
    reader = _Reader(raw)
    columns, rows = reader.varint(), reader.varint()
    block = {}
    for _ in range(columns):
        name, type_ = reader.text(), reader.text()
        if revision >= 54_454:
            assert reader.take(1) == b"\0"
        block[name] = reader.column(type_, rows)
    assert reader.at == len(raw)
    return block


def read_cells(cells: Cells) -> dict[tuple[Any, ...], Sets]:
    """The cells of a flush by key; fails when a key stands in two rows or an id stands twice in one set."""
    block = read_block(encode_block(cells.columns, cells.rows, 0))
    assert list(block) == [
        "bucket",
        "departement",
        "service",
        "profil",
        "projet",
        "exploitant",
        "plateforme",
        "hits",
        "visits",
        "visitors",
    ]
    found: dict[tuple[Any, ...], Sets] = {}
    for row in zip(*block.values(), strict=True):
        key, lists = row[:7], row[7:]
        assert key not in found
        sets = tuple(set(ids) for ids in lists)
        assert [len(ids) for ids in lists] == [len(ids) for ids in sets]
        found[key] = (sets[0], sets[1], sets[2])
    return found


class _Reader:
    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.at = 0

    def take(self, size: int) -> bytes:
        piece = self.raw[self.at : self.at + size]
        assert len(piece) == size
        self.at += size
        return piece

    def varint(self) -> int:
        number = shift = 0
        while True:
            byte = self.take(1)[0]
            number |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return number

    def text(self) -> str:
        return self.take(self.varint()).decode()

    def numbers(self, code: str, count: int) -> list[int]:
        return list(struct.unpack(f"<{count}{code}", self.take(struct.calcsize(code) * count)))

    def column(self, type_: str, rows: int) -> list[Any]:
        if type_ in ("DateTime('UTC')", "DateTime"):  # the embedded engine leaves the zone out
            return self.numbers("I", rows)
        if type_ in ("UInt16", "UInt64"):
            return self.numbers("H" if type_ == "UInt16" else "Q", rows)
        if type_ == "FixedString(8)":
            return [self.take(8).decode() for _ in range(rows)]
        if type_ == "Array(UInt64)":
            ends = self.numbers("Q", rows)
            flat = self.numbers("Q", ends[-1] if ends else 0)
            return [flat[start:end] for start, end in zip([0, *ends], ends, strict=False)]
        assert type_ == "LowCardinality(String)"
        version, flags, entries = self.numbers("Q", 3)
        assert version == 1
        words = [self.text() for _ in range(entries)]
        assert self.numbers("Q", 1) == [rows]
        return [words[index] for index in self.numbers("BHIQ"[flags & 0xFF], rows)]
