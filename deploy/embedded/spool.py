"""The rows of one insert, kept aside until all of them are there, then handed to the engine in one go.

chDB's own streaming insert loses rows silently when a constraint or a view fails, and an inline insert is cut at the
first empty line of its bytes; `FROM INFILE` on a file of ours reports every error and reads 1.5 M rows/s. Nothing
reaches the engine before the client has said that its insert is whole, so a client that hangs up inserts nothing.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from types import TracebackType

from deploy.embedded.failures import LIMIT_EXCEEDED, Failure

IN_MEMORY = 64 << 20
"""Bytes of one insert that stay in memory; what is over it lies in an unlinked file of the state folder."""
MAX_INSERT = 4 << 30
"""Bytes of one insert."""


class Spool:
    """Rows on their way into the engine, in one of ClickHouse's formats. Close it, or use it in a `with`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._on_disk = False
        self._descriptor = os.memfd_create("insert")
        self.size = 0
        """Bytes written so far."""

    def write(self, content: bytes | bytearray | memoryview) -> None:
        """Append.

        Raises:
            Failure: more bytes than one insert may have.
        """
        if self.size + len(content) > MAX_INSERT:
            raise Failure(LIMIT_EXCEEDED, f"DB::Exception: one insert may have {MAX_INSERT} bytes: send smaller ones.")
        if self.size + len(content) > IN_MEMORY and not self._on_disk:
            self._move_to_disk()
        with memoryview(content) as view:
            written = 0
            while written < len(view):
                written += os.write(self._descriptor, view[written:])
        self.size += len(content)

    def _move_to_disk(self) -> None:
        descriptor = os.open(self._folder, os.O_TMPFILE | os.O_RDWR, 0o600)
        copied = 0
        while copied < self.size:
            copied += os.sendfile(descriptor, self._descriptor, copied, self.size - copied)
        os.close(self._descriptor)
        self._descriptor = descriptor
        self._on_disk = True

    @property
    def path(self) -> str:
        """Where the engine, which is in this process, finds the rows."""
        return f"/proc/self/fd/{self._descriptor}"

    def close(self) -> None:
        """Forget the rows."""
        with contextlib.suppress(OSError):
            os.close(self._descriptor)

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
