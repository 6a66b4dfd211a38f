"""Lines of files: all bytes but the line breaks, numbered, in bounded memory."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st

from pipeline.history.lines import CHUNK_LINES, LONGEST_LINE, Lines, Piece, read_lines


class ShortReads(io.BytesIO):
    """A file that gives at most a few bytes at a time, as a pipe may."""

    def __init__(self, content: bytes, most: int) -> None:
        super().__init__(content)
        self._most = most

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(self._most)


def numbered(file: io.BytesIO) -> list[tuple[int, bytes]]:
    found = []
    for chunk in read_lines(file):
        assert isinstance(chunk, Lines)
        found += [(chunk.first + at, value) for at, value in enumerate(chunk.values)]
    return found


@given(st.lists(st.binary(max_size=12).filter(lambda line: b"\n" not in line), max_size=20), st.integers(1, 9))
def test_every_line_comes_once_with_its_number_wherever_reads_end(lines: list[bytes], most: int) -> None:
    file = ShortReads(b"".join(line + b"\n" for line in lines), most)
    assert numbered(file) == list(enumerate(lines, 1))


def test_a_last_line_without_its_break_is_a_line() -> None:
    assert numbered(io.BytesIO(b"a\r\n\nb")) == [(1, b"a\r"), (2, b""), (3, b"b")]
    assert numbered(io.BytesIO(b"")) == []


def test_many_lines_come_a_thousand_at_a_time() -> None:
    chunks = list(read_lines(io.BytesIO(b"x\n" * 2_500)))
    assert [len(chunk.values) for chunk in chunks if isinstance(chunk, Lines)] == [1_000, 1_000, 500]
    assert CHUNK_LINES == 1_000


def test_a_line_too_long_for_the_memory_comes_in_pieces_and_the_next_one_whole() -> None:
    long = bytes(range(11, 256)) * (5 * LONGEST_LINE // 245)
    chunks = list(read_lines(io.BytesIO(b"first\n" + long + b"\nlast\n")))
    assert chunks[0] == Lines([b"first"], 1)
    assert chunks[-1] == Lines([b"last"], 3)
    pieces = chunks[1:-1]
    assert all(isinstance(piece, Piece) and piece.line == 2 for piece in pieces)
    assert [piece.part for piece in pieces if isinstance(piece, Piece)] == list(range(1, len(pieces) + 1))
    assert b"".join(piece.value for piece in pieces if isinstance(piece, Piece)) == long
    assert max(len(piece.value) for piece in pieces if isinstance(piece, Piece)) <= 3 * LONGEST_LINE
    assert len(pieces) > 1


def test_a_file_that_is_one_endless_line_ends_with_its_last_piece() -> None:
    chunks = list(read_lines(io.BytesIO(b"x" * (3 * LONGEST_LINE))))
    assert all(isinstance(chunk, Piece) for chunk in chunks)
    assert sum(len(chunk.value) for chunk in chunks if isinstance(chunk, Piece)) == 3 * LONGEST_LINE
