"""Lines of a file in chunks, with their numbers; memory stays bounded whatever the file holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, NamedTuple

BLOCK_BYTES = 1 << 20
CHUNK_LINES = 1_000
"""Lines judged at once: what a thousand events need stays in the processor's cache."""
LONGEST_LINE = 1 << 20
"""Bytes after which a line comes in pieces. No event is so long, but a file without line breaks is no reason to
fill the memory."""


class Lines(NamedTuple):
    """Consecutive whole lines, without their line breaks; blank ones are among them."""

    values: list[bytes]
    first: int
    """Number of the first one, from 1."""


class Piece(NamedTuple):
    """A part of a line that is too long to be an event."""

    value: bytes
    line: int
    """Its number, from 1."""
    part: int
    """From 1; the parts of a line follow one another."""


def read_lines(file: IO[bytes]) -> Iterator[Lines | Piece]:
    """All bytes of a file but its line breaks, in order.

    Args:
        file: its `read` may return less than asked for, and nothing at the end only.

    Raises:
        OSError, EOFError, zlib.error: as `file.read`.
    """
    rest = b""
    number = 1
    part = 0
    while block := file.read(BLOCK_BYTES):
        if part:  # within a long line, of which nothing waits in `rest`
            end = block.find(b"\n")
            piece = block if end < 0 else block[:end]
            part += 1
            if piece:
                yield Piece(piece, number, part)
            if end < 0:
                continue
            block = block[end + 1 :]
            number += 1
            part = 0
        lines = (rest + block).split(b"\n")
        rest = lines.pop()
        for start in range(0, len(lines), CHUNK_LINES):
            yield Lines(lines[start : start + CHUNK_LINES], number + start)
        number += len(lines)
        if len(rest) > LONGEST_LINE:
            part = 1
            yield Piece(rest, number, part)
            rest = b""
    if rest:
        yield Lines([rest], number)
