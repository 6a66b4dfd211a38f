"""The bytes of ClickHouse's native protocol: varints and strings, out and in, every length bounded."""

from __future__ import annotations

import socket
import struct

from deploy.embedded.failures import TOO_LARGE_STRING_SIZE, BrokenStream

MAX_STRING = 1 << 20
"""Bytes: a name, a query text, a setting. ClickHouse's own parser stops at 256 KiB of query."""
MAX_BLOCK = 512 << 20
"""Bytes: one block of an insert as it stands in memory while its end is looked for."""
_RECEIVE = 1 << 20


class HungUp(EOFError):
    """The client closed the connection, in the middle of something or between two requests."""


def varint(number: int) -> bytes:
    """An unsigned LEB128 integer."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def string(text: str | bytes) -> bytes:
    """A length and the bytes."""
    raw = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
    return varint(len(raw)) + raw


def int32(number: int) -> bytes:
    """A signed 32-bit integer, little-endian."""
    return struct.pack("<i", number)


class Source:
    """A growing buffer that is read by position, so that a block can be walked before it is taken.

    `buffer[:position]` is what was read already; `compact()` forgets it, between packets.
    """

    most = MAX_BLOCK
    """Bytes that may be wanted at once: what they are kept in grows with them."""

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.position = 0

    def fill(self) -> None:
        """Append at least one byte to the buffer, or raise HungUp."""
        raise HungUp

    def want(self, end: int) -> None:
        """Make sure that the buffer reaches absolute position `end`."""
        if end - self.position > self.most:
            raise BrokenStream(TOO_LARGE_STRING_SIZE, f"DB::Exception: a block may hold {self.most} bytes at most.")
        while len(self.buffer) < end:
            self.fill()

    def compact(self) -> None:
        """Forget what was read."""
        del self.buffer[: self.position]
        self.position = 0

    def varint_at(self, at: int) -> tuple[int, int]:
        """The integer at `at`, and the position after it."""
        result = shift = 0
        while True:
            self.want(at + 1)
            byte = self.buffer[at]
            at += 1
            result |= (byte & 127) << shift
            if byte < 128:
                return result, at
            shift += 7
            if shift > 63:
                raise BrokenStream(TOO_LARGE_STRING_SIZE, "DB::Exception: a number of the packet is over 64 bits.")

    def string_at(self, at: int) -> tuple[str, int]:
        """The text at `at`, and the position after it."""
        length, at = self.varint_at(at)
        if length > MAX_STRING:
            text = f"DB::Exception: a text of the packet has {length} bytes, {MAX_STRING} are allowed."
            raise BrokenStream(TOO_LARGE_STRING_SIZE, text)
        self.want(at + length)
        return self.buffer[at : at + length].decode("utf-8", "surrogateescape"), at + length

    def take(self, length: int) -> bytes:
        """The next `length` bytes."""
        end = self.position + length
        self.want(end)
        taken = bytes(self.buffer[self.position : end])
        self.position = end
        return taken

    def byte(self) -> int:
        """The next byte."""
        return self.take(1)[0]

    def varint(self) -> int:
        """The next unsigned integer."""
        number, self.position = self.varint_at(self.position)
        return number

    def string(self) -> str:
        """The next text; bytes that are not UTF-8 survive as surrogates."""
        text, self.position = self.string_at(self.position)
        return text


class SocketSource(Source):
    """What a client sends."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__()
        self._connection = connection

    def fill(self) -> None:
        """Wait for the client."""
        received = self._connection.recv(_RECEIVE)
        if not received:
            raise HungUp
        self.buffer += received


class MemorySource(Source):
    """Bytes that are all there already, such as a block that the engine made."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.buffer = content  # type: ignore[assignment]  # only read: indexing and slicing are the same
