"""Walking the blocks of FORMAT Native: where each column and the block end, without decoding a value.

A client's Data packet carries no length, so the gateway must find its end. The layout is that of protocol revisions
under 54454, where a column is name, type, data (from 54454 on a byte about custom serialization stands between).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from deploy.embedded.failures import NOT_IMPLEMENTED, BrokenStream
from deploy.embedded.wire import MAX_BLOCK, MemorySource, Source

BLOCK_INFO = b"\x01\x00\x02\xff\xff\xff\xff\x00"
"""Field 1 (is_overflows) = 0, field 2 (bucket_num) = -1, end: stands before each block on the wire."""
EMPTY_BLOCK = b"\x00\x00"

Skip = Callable[[Source, int, int], int]
"""(source, position, rows) -> the position after `rows` values."""

_MAX_COLUMNS = 10_000
_MAX_TYPE_NAME = 1 << 15
_WIDTHS = {
    **dict.fromkeys(("Int8", "UInt8", "Bool", "Nothing", "Enum8"), 1),
    **dict.fromkeys(("Int16", "UInt16", "Date", "BFloat16", "Enum16"), 2),
    **dict.fromkeys(("Int32", "UInt32", "Float32", "DateTime", "Date32", "IPv4", "Time", "Decimal32"), 4),
    **dict.fromkeys(("Int64", "UInt64", "Float64", "DateTime64", "Time64", "Decimal64"), 8),
    **dict.fromkeys(("Int128", "UInt128", "UUID", "IPv6", "Decimal128"), 16),
    **dict.fromkeys(("Int256", "UInt256", "Decimal256"), 32),
}
_GEOMETRY = {
    "Point": "Tuple(Float64, Float64)",
    "Ring": "Array(Point)",
    "LineString": "Array(Point)",
    "Polygon": "Array(Ring)",
    "MultiLineString": "Array(LineString)",
    "MultiPolygon": "Array(Polygon)",
}
_FIELD_NAME = re.compile(r"(`(?:[^`\\]|\\.)*`|[A-Za-z_]\w*)\s+(?=[A-Z])")


@dataclass(frozen=True)
class Column:
    """One column of a walked block; positions are absolute in the source."""

    name: str
    type: str
    type_at: int
    data_at: int


@dataclass(frozen=True)
class Block:
    """A walked block."""

    columns: tuple[Column, ...]
    rows: int
    end: int


def walk(source: Source, at: int) -> Block:
    """Find the end of the block whose number of columns stands at `at`.

    Raises:
        BrokenStream: a type whose layout is not known here, or a number that cannot be.
    """
    count, at = source.varint_at(at)
    rows, at = source.varint_at(at)
    if count > _MAX_COLUMNS or rows > MAX_BLOCK:
        raise BrokenStream(NOT_IMPLEMENTED, f"DB::Exception: a block of {count} columns and {rows} rows is not read.")
    columns = []
    for _ in range(count):
        name, at = source.string_at(at)
        type_at = at
        type_name, at = source.string_at(at)
        if len(type_name) > _MAX_TYPE_NAME:
            raise BrokenStream(NOT_IMPLEMENTED, "DB::Exception: the name of a column's type is too long.")
        columns.append(Column(name, type_name, type_at, at))
        if rows:
            prefix, skip = layout(type_name)
            source.want(at + prefix)
            at = skip(source, at + prefix, rows)
    return Block(tuple(columns), rows, at)


def split(content: bytes) -> Iterator[bytes]:
    """The blocks of a whole result in FORMAT Native, one by one."""
    source = MemorySource(content)
    at = 0
    while at < len(content):
        source.position = at  # the bound on a block counts from here
        end = walk(source, at).end
        yield content[at:end]
        at = end


def split_arguments(text: str) -> list[str]:
    """`a, b(c, d), 'e,f'` -> its three parts; quotes and brackets are respected."""
    parts: list[str] = []
    depth = 0
    quote = ""
    start = i = 0
    while i < len(text):
        char = text[i]
        if quote:
            if char == "\\":
                i += 1
            elif char == quote:
                quote = ""
        elif char in "'`\"":
            quote = char
        elif char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
        elif char == "," and depth == 0:
            parts.append(text[start:i].strip())
            start = i + 1
        i += 1
    if text[start:].strip():
        parts.append(text[start:].strip())
    return parts


@lru_cache(maxsize=1024)
def layout(type_name: str) -> tuple[int, Skip]:
    """How a type lies in a block: bytes before its values, and how to step over the values.

    Raises:
        BrokenStream: the type's layout depends on its data (JSON, Dynamic, Variant, AggregateFunction).
    """
    base, _, rest = _GEOMETRY.get(type_name.strip(), type_name.strip()).partition("(")
    inside = rest[:-1]
    try:
        if base == "String":
            return 0, skip_strings
        if base == "FixedString":
            return 0, _fixed(int(inside))
        if base == "Decimal":
            digits = int(inside.split(",")[0])
            return 0, _fixed(4 if digits <= 9 else 8 if digits <= 18 else 16 if digits <= 38 else 32)
        if base.startswith("Interval"):
            return 0, _fixed(8)
        if base in _WIDTHS:
            return 0, _fixed(_WIDTHS[base])
        if base == "Nullable":
            prefix, skip = layout(inside)
            return prefix, lambda source, at, rows: skip(source, _fixed(1)(source, at, rows), rows)
        if base == "Array":
            return _array(layout(inside))
        if base in ("Map", "Nested"):
            return _array(_tuple(split_arguments(inside)))
        if base == "Tuple":
            return _tuple(split_arguments(inside))
        if base == "SimpleAggregateFunction":
            return layout(split_arguments(inside)[-1])
        if base == "LowCardinality":
            return 8, _dictionary(layout(inside[9:-1] if inside.startswith("Nullable(") else inside)[1])
    except (ValueError, IndexError, RecursionError):
        pass  # a name such as FixedString(x), or arrays nested without end: not a type
    raise BrokenStream(
        NOT_IMPLEMENTED, f"DB::Exception: the embedded store does not read type {type_name} on the native protocol."
    )


def _fixed(width: int) -> Skip:
    def skip(source: Source, at: int, rows: int) -> int:
        end = at + width * rows
        source.want(end)
        return end

    return skip


def _array(inner: tuple[int, Skip]) -> tuple[int, Skip]:
    prefix, skip_inner = inner

    def skip(source: Source, at: int, rows: int) -> int:
        if rows == 0:
            return at
        end = at + 8 * rows  # running totals: the last one is the number of inner values
        source.want(end)
        return skip_inner(source, end, int.from_bytes(source.buffer[end - 8 : end], "little"))

    return prefix, skip


def _tuple(fields: list[str]) -> tuple[int, Skip]:
    if not fields:
        return 0, _fixed(1)
    named = (_FIELD_NAME.match(field) for field in fields)
    parts = [layout(field[name.end() :] if name else field) for field, name in zip(fields, named, strict=True)]

    def skip(source: Source, at: int, rows: int) -> int:
        for _, skip_part in parts:
            at = skip_part(source, at, rows)
        return at

    return sum(prefix for prefix, _ in parts), skip


def _dictionary(skip_keys: Skip) -> Skip:
    def skip(source: Source, at: int, rows: int) -> int:
        if rows == 0:
            return at
        source.want(at + 16)
        width = 1 << (source.buffer[at] & 3)
        keys = int.from_bytes(source.buffer[at + 8 : at + 16], "little")
        at = skip_keys(source, at + 16, keys)
        source.want(at + 8)
        indexes = int.from_bytes(source.buffer[at : at + 8], "little")
        return _fixed(width)(source, at + 8, indexes)

    return skip


def skip_strings(source: Source, at: int, rows: int) -> int:
    """Step over length-prefixed strings: the only values that cost Python time for each row."""
    if rows > MAX_BLOCK:
        raise BrokenStream(NOT_IMPLEMENTED, f"DB::Exception: a block of {rows} texts is not read.")
    buffer = source.buffer
    while rows:
        try:
            while rows:
                length = buffer[at]
                if length < 128:
                    at += length + 1
                else:
                    length &= 127
                    next_byte, shift = at, 7
                    while True:
                        next_byte += 1
                        byte = buffer[next_byte]
                        length |= (byte & 127) << shift
                        shift += 7
                        if byte < 128:
                            break
                        if shift > 35:
                            raise BrokenStream(NOT_IMPLEMENTED, "DB::Exception: a text of the block has no end.")
                    at = next_byte + 1 + length
                rows -= 1
        except IndexError:
            # The buffer ended in or before a length: at least one more byte is needed, then look again.
            source.want(max(at, len(buffer)) + 1)
    source.want(at)
    return at
