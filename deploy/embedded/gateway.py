"""The embedded ClickHouse: `python -m deploy.embedded.gateway --state DIR` owns DIR/clickhouse and serves it.

Ready when it prints `gateway ready: …`. SIGTERM or SIGINT closes the data cleanly, exit status 0; what it cannot start
with is one sentence on stderr, exit status 1. It ends by itself, status 1, when a write to disk has failed, and is to
be started again.
"""

from __future__ import annotations

import argparse
import errno
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from http.server import ThreadingHTTPServer
from pathlib import Path

from deploy.embedded.access import Access
from deploy.embedded.engine import Engine, FolderInUse
from deploy.embedded.failed_writes import forget_unacknowledged, leave_word
from deploy.embedded.failures import Failure
from deploy.embedded.http_server import HttpHandler
from deploy.embedded.http_sessions import Sessions
from deploy.embedded.logins import Logins, LoginsMissing, load_or_create
from deploy.embedded.native_server import Client
from deploy.embedded.spool import Spool

MAX_CONNECTIONS = 128
"""Clients at once, on each of the two ports."""
CLOSING_SECONDS = 5.0
"""How long requests under way may take to end once the gateway is told to stop."""
LOOK_EVERY = 0.5
"""Seconds between two looks at whether a write has failed. What parts were merged from is kept for a hundred times as
long (engine/config.xml)."""
LAST_WORDS = 0.2
"""Seconds in which clients are told that their change has failed."""

_log = logging.getLogger(__name__)


class CannotStart(Exception):
    """What a user can mend: the message is the whole report."""


class Connections:
    """The clients that are served now: how many there may be, and the end of them all."""

    def __init__(self) -> None:
        self._open: set[socket.socket] = set()
        self._changed = threading.Condition()

    def enter(self, connection: socket.socket) -> bool:
        """Count one in; False when there are too many."""
        with self._changed:
            if len(self._open) >= MAX_CONNECTIONS:
                return False
            self._open.add(connection)
            return True

    def leave(self, connection: socket.socket) -> None:
        """Count one out, and close it."""
        connection.close()
        with self._changed:
            self._open.discard(connection)
            self._changed.notify_all()

    def end(self, seconds: float) -> None:
        """Take no more bytes from anyone, and give what is under way so long to end."""
        deadline = time.monotonic() + seconds
        with self._changed:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RD)
                except OSError:
                    pass  # gone already
            while self._open and (left := deadline - time.monotonic()) > 0:
                self._changed.wait(left)


class NativeListener:
    """Accepts clients of the native protocol, a thread for each."""

    def __init__(self, listener: socket.socket, make: Callable[[socket.socket], Client]) -> None:
        self._listener = listener
        self._make = make
        self.connections = Connections()

    def serve(self) -> None:
        """Until the listener is closed."""
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE):
                    time.sleep(0.1)
                    continue
                return
            if self.connections.enter(connection):
                threading.Thread(target=self._one, args=(connection,), name="native", daemon=True).start()
            else:
                connection.close()

    def _one(self, connection: socket.socket) -> None:
        try:
            self._make(connection).serve()
        finally:
            self.connections.leave(connection)


class HttpListener(ThreadingHTTPServer):
    """Accepts HTTP clients, a thread for each."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], handler: type[HttpHandler]) -> None:
        self.connections = Connections()
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, handler)

    def server_bind(self) -> None:
        """Bind, without asking the resolver for the machine's name as HTTPServer does."""
        socket.socket.setsockopt(self.socket, socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]

    def verify_request(self, request: object, client_address: object) -> bool:
        """Refuse a client when there are too many."""
        assert isinstance(request, socket.socket)
        return self.connections.enter(request)

    def process_request_thread(self, request: object, client_address: object) -> None:
        """One client, to its end."""
        assert isinstance(request, socket.socket)
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.connections.leave(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that leaves is no error; anything else is logged by the handler."""
        if not isinstance(sys.exc_info()[1], OSError):
            _log.exception("An HTTP connection failed for a reason of ours.")


class Gateway:
    """The engine on a state folder, with its two listeners.

    Raises:
        CannotStart: one sentence on what stands in the way.
    """

    def __init__(self, state: Path, host: str, port: int, http_port: int) -> None:
        folder = state / "clickhouse"
        self.logins = _logins(state)
        native = _listen(host, port, "native", "INSTANT_T_CLICKHOUSE_PORT")
        self.engine = _open(folder)
        if removed := forget_unacknowledged(state, folder):
            _log.warning("A write to disk had failed: %d parts that were not whole are gone, and no row.", removed)
        self.access = Access(self.engine)
        self._sessions = Sessions(lambda login: self.engine.session(read_only=login == "default"))
        make_spool = lambda: Spool(folder)  # noqa: E731
        attributes = {
            "engine": self.engine,
            "access": self.access,
            "logins": self.logins,
            "spool": staticmethod(make_spool),
            "sessions": self._sessions,
        }
        try:
            self._http = HttpListener((host, http_port), type("Handler", (HttpHandler,), attributes))
        except OSError as error:
            native.close()
            self.engine.close()
            raise CannotStart(_port_trouble(error, host, http_port, "HTTP", "INSTANT_T_CLICKHOUSE_HTTP_PORT")) from None
        self._listener = native
        self._native = NativeListener(
            native, lambda connection: Client(connection, self.engine, self.access, self.logins, make_spool)
        )
        self.native_address = "{}:{}".format(*native.getsockname()[:2])
        self.http_address = "{}:{}".format(*self._http.server_address[:2])

    def start(self) -> None:
        """Begin to answer."""
        threading.Thread(target=self._native.serve, name="accept-native", daemon=True).start()
        threading.Thread(target=self._http.serve_forever, name="accept-http", daemon=True).start()

    def close(self) -> None:
        """Take no more clients, let what runs end for a few seconds, then close the data."""
        try:
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept(); a close alone does not
        except OSError:
            pass
        self._listener.close()
        self._http.shutdown()
        self._http.server_close()
        for connections in (self._native.connections, self._http.connections):
            connections.end(CLOSING_SECONDS / 2)
        self._sessions.close()
        self.access.close()
        self.engine.close()


def _logins(state: Path) -> Logins:
    try:
        return load_or_create(state)
    except LoginsMissing as error:
        raise CannotStart(str(error)) from None
    except OSError as error:
        raise CannotStart(f"The state folder {state} cannot be used: {error.strerror}.") from None


def _listen(host: str, port: int, what: str, variable: str) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=128)
    except (OSError, OverflowError) as error:
        raise CannotStart(_port_trouble(error, host, port, what, variable)) from None


def _port_trouble(error: Exception, host: str, port: int, what: str, variable: str) -> str:
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return f"Port {port} (ClickHouse, {what}) is in use: set {variable} to a free one."
    return f"ClickHouse cannot listen on {host}:{port} ({what}, {variable}): {error}."


def _open(folder: Path) -> Engine:
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            raise CannotStart(f"The data folder {folder} cannot be read and written by this user.")
        return Engine(folder)
    except OSError as error:
        raise CannotStart(f"The data folder {folder} cannot be used: {error.strerror}.") from None
    except FolderInUse:
        raise CannotStart(f"The data folder {folder} is in use by another gateway: end that one first.") from None
    except Failure as error:
        first_line = error.message.splitlines()[0]
        raise CannotStart(f"The data folder {folder} cannot be opened: {first_line}") from None


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; the exit status."""
    parser = argparse.ArgumentParser(prog="gateway", description=__doc__, allow_abbrev=False)
    parser.add_argument("--state", type=Path, required=True, metavar="DIR", help="state folder; made if missing")
    parser.add_argument("--port", type=int, default=19000, help="native protocol (default: %(default)s)")
    parser.add_argument("--http-port", type=int, default=18123, help="HTTP (default: %(default)s)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        gateway = Gateway(options.state.resolve(), options.host, options.port, options.http_port)
    except CannotStart as error:
        print(error, file=sys.stderr)
        return 1
    gateway.start()
    addresses = f"native {gateway.native_address}, http {gateway.http_address}"
    print(f"gateway ready: {addresses}, ClickHouse {gateway.engine.version}", flush=True)
    stopping = False
    while not stopping:
        stopping = stop.wait(LOOK_EVERY)
        if failed := _failed_writes(gateway):
            _log.error(
                "%d writes to disk have failed (is %s full?). The gateway ends: the next start sets aside what is not "
                "whole. Nothing of it was acknowledged.", failed, options.state
            )  # fmt: skip
            leave_word(options.state)
            time.sleep(LAST_WORDS)
            return 1  # the data are not closed: nothing more is to be written
    gateway.close()
    return 0


def _failed_writes(gateway: Gateway) -> int:
    try:
        return gateway.engine.failed_writes.count()
    except Failure as error:  # no memory, most likely; until an answer comes, changes are not acknowledged either
        _log.warning("Whether writes have failed is not known: %s", error.message)
        return 0


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    # The engine keeps threads of its own; after close() nothing is left to save, and waiting for them can hang.
    os._exit(status)
