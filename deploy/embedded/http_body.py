"""The body of an HTTP request, piece by piece: chunked or not, compressed or not, a statement and rows behind it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.message import Message
from io import BufferedIOBase

from deploy.embedded.compression import plain_frames, plain_pieces
from deploy.embedded.failures import BAD_ARGUMENTS, LIMIT_EXCEEDED, Failure
from deploy.embedded.statements import first_word

MAX_FRAMED = 256 << 20
"""Bytes of a body in ClickHouse's own compressed frames (`decompress=1`), which is held whole."""
_PIECE = 1 << 20


class Body:
    """Iterate to read it; a client that hangs up in the middle raises ConnectionError."""

    def __init__(self, stream: BufferedIOBase, headers: Message, *, present: bool, framed: bool) -> None:
        self._stream = stream
        self._headers = headers
        self._framed = framed
        self.most = MAX_FRAMED
        """Bytes that may be held of a body that must be held whole; plain, four times as many."""
        self.finished = not present
        """Whether nothing of it is left on the connection."""

    def __iter__(self) -> Iterator[bytes]:
        """The plain pieces, none of them empty."""
        pieces = plain_pieces(self._raw(), self._headers.get("Content-Encoding", "").lower(), self.most)
        if not self._framed:
            yield from (piece for piece in pieces if piece)
            return
        held = bytearray()
        for piece in pieces:
            held += piece
            if len(held) > self.most:
                raise Failure(LIMIT_EXCEEDED, f"DB::Exception: a compressed body may have {self.most} bytes.")
        yield plain_frames(bytes(held), 4 * self.most)

    def _raw(self) -> Iterator[bytes]:
        if self.finished:
            return
        if "chunked" in self._headers.get("Transfer-Encoding", "").lower():
            while left := self._chunk_size():
                yield from self._exactly(left)
                self._stream.readline(16)
            while self._stream.readline(1024).strip():
                pass  # trailers
        else:
            try:
                yield from self._exactly(int(self._headers.get("Content-Length") or 0))
            except ValueError:
                raise Failure(BAD_ARGUMENTS, "DB::Exception: Content-Length is not a number.") from None
        self.finished = True

    def _chunk_size(self) -> int:
        try:
            return int(self._stream.readline(1024).split(b";")[0], 16)
        except ValueError:
            raise ConnectionError("a chunk without its size") from None

    def _exactly(self, left: int) -> Iterator[bytes]:
        while left > 0:
            piece = self._stream.read(min(left, _PIECE))
            if not piece:
                raise ConnectionError("the client hung up in the middle of its body")
            left -= len(piece)
            yield piece


def statement_and_rows(head: bytes) -> tuple[str, bytes]:
    """A body that begins with a statement: the statement, and the rows of an INSERT behind it."""
    start = head[:4096].decode("utf-8", "replace")
    if first_word(start) == "INSERT":
        found = re.match(rb"(?is)(.*?\bFORMAT\s+\w+)[ \t]*\r?\n", head)
        if found and not re.search(rb"(?i)\b(VALUES|SELECT)\b", found.group(1)):
            return found.group(1).decode("utf-8", "surrogateescape"), head[found.end() :]
        values = re.match(rb"(?is).*?\bVALUES\b", head)
        if values and not re.search(rb"(?i)\bSELECT\b", values.group()):
            return values.group().decode("utf-8", "surrogateescape"), head[values.end() :]
    return head.decode("utf-8", "surrogateescape"), b""
