"""Writes to disk that failed. The engine counts them and goes on as if they had not (decisions/0002-fail-stop.md).

A server throws when a write fails. chDB leaves the loop: a part whose files were cut off, by a full disk or a dying
one, becomes active all the same, and its insert is acknowledged. So from the first failed write on nothing is
acknowledged any more, and the gateway ends: the next start finds by their checksums what is not whole and sets it
aside, and takes up again what it had been merged from.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.embedded.failures import CANNOT_WRITE_TO_FILE_DESCRIPTOR, NOT_ENOUGH_SPACE, Failure
from deploy.embedded.statements import first_word

if TYPE_CHECKING:
    from deploy.embedded.engine import Session

RESERVE = 32 << 20
"""Bytes that stay free, as in engine/config.xml."""
_FREEING = ("DROP", "TRUNCATE", "KILL", "SYSTEM")
_WORD = "writes-failed"
"""A file of the state folder."""
_COUNT = "SELECT sum(value) FROM system.events WHERE event = 'WriteBufferFromFileDescriptorWriteFailed'"


class FailedWrites:
    """How many writes have failed since the engine was opened.

    Args:
        session: of its own.
        folder: the engine's.
    """

    def __init__(self, session: Session, folder: Path) -> None:
        self._session = session
        self._folder = folder
        self._lock = threading.Lock()

    def count(self) -> int:
        """Asks the engine: a millisecond."""
        with self._lock:
            return int(self._session.text(_COUNT))

    def require_space(self, sql: str) -> None:
        """To be called before a change: the definition of a table that is cut off would keep the engine from opening.

        Raises:
            Failure: too little space is left for anything but freeing some.
        """
        if first_word(sql) in _FREEING:
            return
        disk = os.statvfs(self._folder)
        if disk.f_bavail * disk.f_frsize < RESERVE:
            text = f"DB::Exception: fewer than {RESERVE >> 20} MiB of the disk are free. (NOT_ENOUGH_SPACE)"
            raise Failure(NOT_ENOUGH_SPACE, text)

    def check(self) -> None:
        """To be called between a change and its acknowledgement: its writes are behind it, and counted.

        Raises:
            Failure: a write has failed, of this change or of another, which others may have been merged with since.
        """
        if self.count():
            text = (
                "DB::Exception: a write to disk has failed (is it full?): nothing is acknowledged any more, and the "
                "gateway ends; send it again. (CANNOT_WRITE_TO_FILE_DESCRIPTOR)"
            )
            raise Failure(CANNOT_WRITE_TO_FILE_DESCRIPTOR, text)

    def close(self) -> None:
        """Give the session back."""
        with self._lock:
            self._session.close()


def leave_word(state: Path) -> None:
    """Before the gateway ends for a failed write: what the next start sets aside as broken was never acknowledged."""
    with contextlib.suppress(OSError):  # an empty file needs no block, yet the disk may be dead
        (state / _WORD).touch()


def forget_unacknowledged(state: Path, folder: Path) -> int:
    """After the engine was opened again: remove what it has set aside of what `leave_word` was left for.

    Of a part that was not written whole, either nobody was told that it is there, or it was merged from parts that
    are kept for longer than a gateway lives after a failed write: these have taken its place. What is set aside for
    any other reason stays: rows were lost.

    Args:
        state: where the word was left.
        folder: the engine's, opened.

    Returns:
        How many parts were removed.
    """
    word = state / _WORD
    try:
        since = word.stat().st_mtime_ns
    except FileNotFoundError:
        return 0
    removed = 0
    for part in folder.glob("store/*/*/detached/broken-on-start_*"):
        if part.stat().st_ctime_ns >= since:  # when it got this name
            shutil.rmtree(part, ignore_errors=True)
            removed += 1
    word.unlink()
    return removed
