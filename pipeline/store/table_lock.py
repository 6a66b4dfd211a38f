"""One load of history at a time, one migration at a time, on whatever machine: a table of `ent_staging` is the lock.

Making a table is the one thing that of two only one can do. The holder inserts a row every 20 seconds; a lock is
dead when its holder has been silent for three minutes, or was a process of this machine that is no more. A dead lock is
taken over by making the next number and dropping the dead one; who finds another live lock after making its own gives
way, so that two at once both stop rather than both go on.
"""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Literal

from pipeline.errors import InstantTError, StoreRefused, StoreUnavailable, UserError
from pipeline.store.client import Store
from pipeline.store.sql import query

Lock = Literal["load", "migrate"]
_NAMES: dict[Lock, str] = {"load": "load of history", "migrate": "migration"}

BEAT_SECONDS = 20.0
DEAD_SECONDS = 180


class TableLock:
    """Holds the lock while it is entered.

    Args:
        connect: gives a new connection of the admin's; the signs of life have one of their own.
        lock: which lock.
        holder: who asks; `this_process()` unless a test is somebody else.

    Raises:
        UserError: on entering, when somebody else holds it.
        StoreUnavailable, StoreRefused: as every call.
    """

    def __init__(self, connect: Callable[[], Store], lock: Lock, holder: str | None = None) -> None:
        self._connect = connect
        self._lock = lock
        self._holder = this_process() if holder is None else holder
        self._number = 0
        self._done = threading.Event()

    def __enter__(self) -> TableLock:
        self._store = self._connect()
        try:
            self._acquire()
        except BaseException:
            self._store.close()
            raise
        self._thread = threading.Thread(target=self._beat, name="lock", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()
        try:
            self._drop(self._number)
        except (StoreUnavailable, StoreRefused):
            if kind is None:
                raise
        finally:
            self._store.close()

    def check(self) -> None:
        """See that the lock is still ours, before a step that another load must not meet.

        Raises:
            UserError: this process was silent for so long that another load has taken over.
        """
        if self._number not in {number for _, number, _, _ in self._locks()}:
            raise UserError(
                f"Another {_NAMES[self._lock]} took over while this one was silent for minutes: run it again."
            )

    def _acquire(self) -> None:
        found = self._locks()
        for _, number, holder, silent in found:
            if self._lives(number, holder, silent):
                raise _busy(self._lock, holder)
        self._number = max((number for _, number, _, _ in found), default=0) + 1
        try:
            self._store.execute(
                query("create_lock").format(lock=self._lock, number=self._number), {"holder": self._holder}
            )
        except StoreRefused:
            for _, number, holder, _ in self._locks():
                if number == self._number:
                    raise _busy(self._lock, holder) from None
            raise
        for _, number, holder, silent in self._locks():
            if number == self._number:
                continue
            if self._lives(number, holder, silent):
                self._drop(self._number)
                raise _busy(self._lock, holder)
            self._drop(number)

    def _locks(self) -> list[tuple[str, int, str, int]]:
        """Table, number, holder, seconds since it was made."""
        rows = self._store.execute(query("list_locks"), {"lock": self._lock})
        return [(name, number, holder, age) for name, number, holder, age in rows]

    def _lives(self, number: int, holder: str, silent: int) -> bool:
        if is_gone(holder):
            return False
        if silent < DEAD_SECONDS:
            return True
        try:
            beats = self._store.execute(query("read_lock_beat").format(lock=self._lock, number=number))
        except StoreRefused:  # it was released since it was listed
            return False
        return bool(beats) and beats[0][0] < DEAD_SECONDS

    def _drop(self, number: int) -> None:
        self._store.execute(query("drop_lock").format(lock=self._lock, number=number))

    def _beat(self) -> None:
        store = self._connect()
        try:
            while not self._done.wait(BEAT_SECONDS):
                try:
                    store.execute(query("beat_lock").format(lock=self._lock, number=self._number))
                except StoreUnavailable:
                    continue  # the next one is in time
        except InstantTError:
            pass  # the lock is gone: `check` will say so
        finally:
            store.close()


def this_process() -> str:
    """This process as no other is, for other processes to see whether it is gone."""
    pid = os.getpid()
    return json.dumps({"host": socket.gethostname(), "space": _process_space(), "pid": pid, "start": _start_of(pid)})


def is_gone(holder: str) -> bool:
    """Whether the holder was a process of this machine that is no more; False when that cannot be known."""
    try:
        known = json.loads(holder)
        pid, start = int(known["pid"]), known["start"]
        if (known["host"], known["space"]) != (socket.gethostname(), _process_space()):
            return False
    except (ValueError, KeyError, TypeError):
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return bool(_start_of(pid) != start)


def _busy(lock: Lock, holder: str) -> UserError:
    try:
        known = json.loads(holder)
        who = f"process {known['pid']} on {known['host']}"
    except (ValueError, KeyError, TypeError):
        who = holder or "another process"
    return UserError(
        f"Another {_NAMES[lock]} is under way ({who}): wait until it ends "
        f"(if it died elsewhere, it is given up after {DEAD_SECONDS // 60} minutes)."
    )


def _process_space() -> str:
    """What tells one container's process numbers from another's; empty where the system does not say."""
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _start_of(pid: int) -> str:
    """When a process began, in ticks since the machine did; empty where the system does not say, or it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[19]
