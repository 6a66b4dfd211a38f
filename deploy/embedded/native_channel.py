"""Packets of the native protocol, in both directions, on one connection."""

from __future__ import annotations

import socket

from deploy.embedded.compression import FramedSource, frames
from deploy.embedded.failures import Failure
from deploy.embedded.native_block import BLOCK_INFO, Block, walk
from deploy.embedded.protocol import (
    CANCEL,
    REVISION,
    S_DATA,
    S_END,
    S_EXCEPTION,
    S_PROFILE,
    S_PROGRESS,
    WITH_BLOCK_INFO,
    WITH_WRITE_PROGRESS,
)
from deploy.embedded.wire import SocketSource, Source, int32, string, varint

_SEND_AT = 1 << 16
"""Bytes that are put together before they are sent."""


class Channel:
    """What a client sends, read packet by packet, and what it is sent."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.source: Source = SocketSource(connection)
        self.revision = REVISION
        """What both sides speak, once the client said Hello."""
        self.compressed = False
        self._framed: Source | None = None
        self._out = bytearray()

    def begin_query(self, *, compressed: bool) -> None:
        """From here on, blocks of both directions are compressed or not."""
        self.compressed = compressed
        self._framed = FramedSource(self.source) if compressed else None

    def next_packet(self) -> int:
        """The kind of the next packet."""
        self.source.compact()
        return self.source.varint()

    def cancel_waits(self) -> bool:
        """Whether a Cancel came along with the query, so early that it stands in the buffer and not on the socket."""
        return self.source.buffer[self.source.position : self.source.position + 1] == bytes([CANCEL])

    def read_data(self) -> tuple[str, Block, memoryview]:
        """A Data packet: table name, the walked block, and its bytes. Release the bytes before reading on."""
        name = self.source.string()
        source = self._framed or self.source
        source.compact()
        if self.revision >= WITH_BLOCK_INFO:
            while field := source.varint():
                source.take(1 if field == 1 else 4)
        start = source.position
        block = walk(source, start)
        source.position = block.end
        return name, block, memoryview(source.buffer)[start : block.end]

    def flush(self) -> None:
        """Send what has been put together."""
        if self._out:
            self.socket.sendall(self._out)
            self._out = bytearray()

    def data(self, block: bytes) -> None:
        """One Data packet: `block` as FORMAT Native has it."""
        self._out += varint(S_DATA) + string("")
        if self.compressed:
            self._out += frames(BLOCK_INFO + block)
        else:
            self._out += BLOCK_INFO
            if len(block) > _SEND_AT:
                self.flush()
                self.socket.sendall(block)
                return
            self._out += block
        if len(self._out) > _SEND_AT:
            self.flush()

    def progress(self, rows: int = 0, size: int = 0, written_rows: int = 0, written_size: int = 0) -> None:
        """How much was read or written since the last Progress packet."""
        self._out += varint(S_PROGRESS) + varint(rows) + varint(size) + varint(0)
        if self.revision >= WITH_WRITE_PROGRESS:
            self._out += varint(written_rows) + varint(written_size)

    def profile(self, rows: int, blocks: int, size: int) -> None:
        """Totals of the result; `calculated_rows_before_limit` is 1 because an old client aborts on 0."""
        self._out += varint(S_PROFILE) + varint(rows) + varint(blocks) + varint(size) + b"\0" + varint(rows) + b"\1"

    def end(self) -> None:
        """EndOfStream: the query is done."""
        self._out += varint(S_END)
        self.flush()

    def exception(self, error: Failure) -> None:
        """Exception: what is wrong with the query, or with the connection."""
        name = "DB::NetException" if error.message.startswith("DB::NetException") else "DB::Exception"
        self._out += varint(S_EXCEPTION) + int32(error.code) + string(name) + string(error.message) + string("") + b"\0"
        self.flush()
