"""The one ClickHouse engine of the process, inside chDB, and the sessions that clients get on it.

chDB runs one query at a time on each connection, so every client has its own; opening one takes 0.2 ms.
"""

from __future__ import annotations

import fcntl
import os
import select
import socket
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import chdb

from deploy.embedded import rules
from deploy.embedded.failed_writes import FailedWrites
from deploy.embedded.failures import as_failure
from deploy.embedded.shared_answers import SharedAnswers
from deploy.embedded.statements import identifier, text_literal

_CHDB: Any = chdb._chdb
"""The binding itself: its connections take parameters and say how much was read, which the public class hides."""
_LOOK_EVERY = 0.05
"""Seconds between two looks at whether the client of a running query is still there."""


class FolderInUse(Exception):
    """Another gateway has the data folder."""


class Session:
    """One client's connection to the engine: its current database, its settings, its temporary tables."""

    def __init__(self, connection: Any, shared: SharedAnswers, failed_writes: FailedWrites | None) -> None:
        self._connection = connection
        self._shared = shared
        self._failed_writes = failed_writes
        self.database = "default"

    def run(self, sql: str, data_format: str = "Null", params: Mapping[str, str] | None = None) -> Any:
        """Execute one statement whole; the result has `bytes()`, `rows_read()` and `rows_written()`.

        Raises:
            Failure: the engine's own code and text.
        """
        try:
            return self._connection.query(sql, data_format, params=dict(params or {}))
        except Exception as error:
            raise as_failure(error) from None

    def text(self, sql: str, params: Mapping[str, str] | None = None) -> str:
        """The result as text: columns between tabs, rows on lines, nothing escaped."""
        content: bytes = self.run(sql, "TSVRaw", params).bytes()
        return content.decode("utf-8", "surrogateescape")

    def insert(self, sql: str) -> int:
        """Execute an INSERT and say how many rows it wrote."""
        return int(self.change(sql).rows_written())

    def change(self, sql: str, data_format: str = "Null", params: Mapping[str, str] | None = None) -> Any:
        """As `run`, for a statement that may change what others read, even where it fails."""
        if self._failed_writes is not None:
            self._failed_writes.require_space(sql)
        try:
            result = self.run(sql, data_format, params)
        finally:
            self._shared.written()
        if self._failed_writes is not None:
            self._failed_writes.check()
        return result

    def stream(self, sql: str, data_format: str, params: Mapping[str, str] | None = None) -> Iterator[Any]:
        """Execute a SELECT piece by piece, each in `data_format`; the engine waits while a piece is being sent.

        Closing the generator cancels the query. The session can run nothing else until then.
        """
        try:
            handle = self._connection.send_query(sql, data_format, params=dict(params or {}))
        except Exception as error:
            raise as_failure(error) from None
        finished = False
        try:
            while True:
                try:
                    piece = self._connection.streaming_fetch_result(handle)
                except Exception as error:
                    finished = True
                    raise as_failure(error) from None
                if not piece.bytes():
                    finished = True
                    return
                yield piece
        finally:
            if not finished:
                self._connection.streaming_cancel_query(handle)

    def use(self, database: str) -> None:
        """Change the current database, where it is another one."""
        if database != self.database:
            self.run(f"USE {identifier(database)}")
            self.database = database

    def set(self, name: str, value: str) -> None:
        """Change one setting; `name` must be a word."""
        self.run(f"SET {name} = {text_literal(value)}")

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()


@dataclass(eq=False)
class Watched:
    """A running query and the socket of whoever asked for it."""

    connection: socket.socket
    tag: str = field(default_factory=lambda: f"query:{uuid.uuid4().hex}")
    since: float = field(default_factory=time.monotonic)
    cancelled: bool = False

    def mark(self, sql: str) -> str:
        """The statement with its tag in a comment, by which it can be found and killed."""
        return f"{sql}\n/*{self.tag}*/"


class Engine:
    """Opens a data folder, for this process alone.

    Raises:
        FolderInUse: another gateway has it open.
        Failure: what the engine says against the folder.
    """

    def __init__(self, folder: Path) -> None:
        settings = Path(str(files("deploy.embedded") / "engine"))
        # The place of users.xml is only known here; the engine reads it from its environment, which is this process's.
        os.environ["EMBEDDED_ENGINE_USERS"] = str(settings / "users.xml")
        self._address = f"{folder}?config-file={settings / 'config.xml'}"
        _CHDB.set_signal_handlers_enabled(False)  # SIGTERM is the gateway's to handle
        self.shared = SharedAnswers()
        self._folder_lock = _lock(folder)
        with _words_of_the_engine() as said:
            try:
                self._own = self._new_session(None)
            except Exception as error:
                raise as_failure(Exception(said() or error)) from None
        self._own_lock = threading.Lock()
        self.failed_writes = FailedWrites(self._new_session(None), folder)
        self._make_default_plain()
        facts = self._own.text("SELECT version(), timezone(), hostName()").rstrip("\n").split("\t")
        self.version, self.timezone, self.host_name = facts
        self.version_numbers = [int(part) for part in self.version.split(".")]
        self._watched: set[Watched] = set()
        self._changed = threading.Condition()
        self._closing = False
        threading.Thread(target=self._watch, name="watch-clients", daemon=True).start()

    def session(self, *, read_only: bool = False) -> Session:
        """A session for one client. Read-only, it refuses writes and DDL, and takes other settings (`readonly=2`)."""
        session = self._new_session(self.failed_writes)
        if read_only:
            for name, value in rules.READER_BEGINS_WITH.items():
                session.set(name, value)
            # Of a profile, chDB takes the bounds and leaves the values.
            session.run("SET profile = 'reader'")
            session.run("SET readonly = 2")
        return session

    def _new_session(self, failed_writes: FailedWrites | None) -> Session:
        session = Session(_CHDB.connect(self._address), self.shared, failed_writes)
        session.run("SET implicit_select = 0")  # chDB would take `foo` for `SELECT foo`; a server does not
        return session

    def _make_default_plain(self) -> None:
        """Replace the `default` that chDB makes, which takes the names of unknown tables for names of files."""
        kept = self._own.text("SELECT count() FROM system.tables WHERE database = 'default'")
        if kept == "0\n":
            self._own.run("DROP DATABASE IF EXISTS default")
            self._own.run("CREATE DATABASE IF NOT EXISTS default ENGINE = Atomic")

    @contextmanager
    def watched(self, connection: socket.socket) -> Iterator[Watched]:
        """While inside, a client that hangs up or sends Cancel has its query killed: `mark` the statement."""
        entry = Watched(connection)
        with self._changed:
            self._watched.add(entry)
            self._changed.notify()
        try:
            yield entry
        finally:
            with self._changed:
                self._watched.discard(entry)

    def _watch(self) -> None:
        while True:
            with self._changed:
                while not self._watched and not self._closing:
                    self._changed.wait()
                if self._closing:
                    return
                ripe = time.monotonic() - _LOOK_EVERY
                looked_at = [entry for entry in self._watched if entry.since < ripe and not entry.cancelled]
            for entry in looked_at:
                if _wants_out(entry.connection):
                    entry.cancelled = True
                    self._kill(entry.tag)
            time.sleep(_LOOK_EVERY)

    def _kill(self, tag: str) -> None:
        with self._own_lock:
            self._own.run(f"KILL QUERY WHERE query LIKE '%{tag}*/' AND query NOT LIKE 'KILL%' ASYNC")

    def close(self) -> None:
        """Stop what runs, then close the data folder."""
        with self._changed:
            self._closing = True
            running = list(self._watched)
            self._changed.notify()
        for entry in running:
            entry.cancelled = True
            self._kill(entry.tag)
        self.failed_writes.close()
        with self._own_lock:
            self._own.close()
        os.close(self._folder_lock)


def _lock(folder: Path) -> int:
    """Keep other gateways out; the lock goes with the process, however it ends."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise FolderInUse from None
    return descriptor


@contextmanager
def _words_of_the_engine() -> Iterator[Callable[[], str]]:
    """Hold back what the engine writes to stderr while it opens: only there stands the cause of a failure."""
    sys.stderr.flush()
    usual = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield lambda: os.pread(held.fileno(), 10_000, 0).decode("utf-8", "replace").strip()
        finally:
            os.dup2(usual, 2)
            os.close(usual)


def _wants_out(connection: socket.socket) -> bool:
    """Whether the client hung up, or sent Cancel (packet 3 of the native protocol)."""
    try:
        poll = select.poll()
        poll.register(connection, select.POLLIN | select.POLLRDHUP)
        return bool(poll.poll(0)) and connection.recv(1, socket.MSG_PEEK) in (b"", b"\x03")
    except (OSError, ValueError):
        return True
