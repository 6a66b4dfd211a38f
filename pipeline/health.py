"""/metrics and /health of a worker, from threads of their own: they answer, and end the worker, when it is stuck."""

from __future__ import annotations

import logging
import socket
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

log = logging.getLogger(__name__)

MOST_CLIENTS, CLIENT_SECONDS = 64, 10.0
"""At once, and for how long each: an answer takes some milliseconds."""
STUCK_SECONDS = 30.0
"""A worker is not healthy after so long without progress while records wait, without an answer of the broker, or
without a beat of the event loop."""
EXCUSED_SECONDS = 50.0
"""A failed insert explains a lack of progress for so long: one try may last 30 s, the pause before it 6."""
JOIN_SECONDS = 90.0
"""A worker may ask its consumer group for partitions for so long: the group waits at most 30 s for a member that is
still flushing, and may have to begin again."""


class Pulse:
    """Signs of life of a worker: written by its event loop and its sink, read by the health thread and the watchdog.

    Args:
        clock: monotonic seconds.
        stuck_seconds: how long a sign may be missing.
        join_seconds: how long joining the consumer group may take, at the start and again.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        stuck_seconds: float = STUCK_SECONDS,
        join_seconds: float = JOIN_SECONDS,
    ) -> None:
        self.stuck_seconds = stuck_seconds
        self._join_seconds = join_seconds
        self._clock = clock
        self._beat: float | None = None
        self._lag = 0
        self._joined = clock()
        """When it was last seen to be a member; until the first beat, when it began."""
        self._progress = clock()
        self._heard = clock()
        self._refused = -EXCUSED_SECONDS

    def beat(self, lag: int, heard: bool, joined: bool = True) -> None:
        """The event loop runs.

        Args:
            lag: records known to wait, over all partitions of this worker.
            heard: whether the broker has answered since the last beat, or there is nothing to ask it for.
            joined: whether the consumer group has given the worker its partitions, and takes none back now.
        """
        now = self._clock()
        first = self._beat is None  # records that waited for the worker to start are no fault of its
        if joined:
            self._joined = now
        elif self._beat is not None:  # while it joins, it can neither read nor be heard: that time does not count
            self._progress += now - self._beat
            self._heard += now - self._beat
        self._beat = now
        self._lag = lag
        if heard or first:
            self._heard = now
        if not lag or first:
            self._progress = now

    def progress(self) -> None:
        """Records have become durable."""
        self._progress = self._clock()

    def insert_failed(self) -> None:
        """The store did not take an insert; the same rows will be sent again."""
        self._refused = self._clock()

    def ailment(self) -> str | None:
        """What is wrong, in words; None when records flow or there are none to read."""
        now = self._clock()
        if self._beat is None:
            asked = now - self._joined
            if asked <= self._join_seconds:
                return "starting: the worker has not joined its consumer group yet"
            return f"stuck: the worker has not joined its consumer group for {asked:.0f} s"
        is_blocked = now - self._beat > self.stuck_seconds
        since, words = (self._beat, "the event loop has not run") if is_blocked else self._moved()
        if now - since <= self.stuck_seconds:
            return None
        return f"{'waiting for ClickHouse' if self._is_excused(now) else 'stuck'}: {words} for {now - since:.0f} s"

    def silent_for(self) -> float:
        """Seconds for which a sign of life has been missing that a new start could bring back; 0 when all is well."""
        now = self._clock()
        if self._beat is None:
            asked = now - self._joined
            return asked if asked > self._join_seconds else 0.0
        if self._is_excused(now):
            return 0.0
        silent = now - min(self._beat, self._moved()[0])
        return silent if silent > self.stuck_seconds else 0.0

    def is_lost(self) -> bool:
        """Whether it has been silent for so long that only a new start can help."""
        silent = self.silent_for()
        if self._beat is None or (self._is_joining and self._clock() - self._beat < 2 * self.stuck_seconds):
            return silent > self._join_seconds
        return silent >= 2 * self.stuck_seconds

    @property
    def _is_joining(self) -> bool:
        """Whether it was no member at the last beat."""
        return self._beat is not None and self._beat > self._joined

    def _moved(self) -> tuple[float, str]:
        """When something last moved, and what is to be said once that is too long ago."""
        if self._is_joining:
            return self._joined, "its consumer group has given it no partitions"
        if self._lag:
            return self._progress, f"{self._lag} records wait and none became durable"
        return self._heard, "the broker has answered no fetch"

    def _is_excused(self, now: float) -> bool:
        """Whether records wait for a store that does not take them, while the loop runs."""
        assert self._beat is not None
        return self._lag > 0 and now - self._beat <= self.stuck_seconds and now - self._refused < EXCUSED_SECONDS


class Watchdog:
    """Ends a worker that lives and no longer moves, from a thread of its own: a blocked event loop does not hold it up.

    It acts when a sign of life is missing for twice the pulse's limit: /health has said so for as long; or when joining
    the consumer group takes longer than it ever should. A worker that waits for ClickHouse is left alone, and so is one
    whose broker is away: a new start would help neither.

    Args:
        pulse: the worker's.
        end: ends the process; gets the reason.
        reachable: whether a broker takes connections now.
        look_seconds: time between two looks.
    """

    def __init__(
        self,
        pulse: Pulse,
        end: Callable[[str], None],
        reachable: Callable[[], bool],
        look_seconds: float = 1.0,
    ) -> None:
        self._pulse = pulse
        self._end = end
        self._reachable = reachable
        self._look_seconds = look_seconds
        self._reachable_for = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stopping.wait(self._look_seconds):
            if not self._pulse.is_lost():
                self._reachable_for = 0
                continue
            # A broker that has just come back gets the time to be joined again.
            self._reachable_for = self._reachable_for + 1 if self._reachable() else 0
            if self._reachable_for * self._look_seconds >= self._pulse.stuck_seconds / 3:
                self._end(self._pulse.ailment() or "stuck")
                return

    def close(self) -> None:
        """Watch no longer."""
        self._stopping.set()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    """A thread for each client, but for few of them, and not for long."""

    daemon_threads = True
    request_queue_size = MOST_CLIENTS

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._open: dict[socket.socket, float] = {}
        """Since when, monotonic; the oldest comes first."""
        self._lock = threading.Lock()
        super().__init__(address, handler)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Take everyone in; where there are too many, the one who has been there longest has to go."""
        with self._lock:
            if len(self._open) >= MOST_CLIENTS:
                oldest = next(iter(self._open))
                del self._open[oldest]
                _hang_up(oldest)
            self._open[request] = time.monotonic()
        return True

    def service_actions(self) -> None:
        """Called twice a second: a client that sends a byte now and then holds its thread no longer than others."""
        oldest = time.monotonic() - CLIENT_SECONDS
        with self._lock:
            for client, since in self._open.items():
                if since < oldest:
                    _hang_up(client)

    def shutdown_request(self, request: Any) -> None:
        """The client is done."""
        with self._lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that is gone is no news; what else goes wrong with one is a sentence, not a traceback."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            log.warning("A request for /metrics or /health failed: %r.", error)


def _hang_up(client: socket.socket) -> None:
    try:
        client.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # gone already


class HealthServer:
    """The HTTP server of /metrics and /health, on its own thread.

    Raises:
        OSError: the port cannot be used.
    """

    def __init__(self, host: str, port: int, registry: CollectorRegistry, pulse: Pulse) -> None:
        class Handler(BaseHTTPRequestHandler):
            timeout = CLIENT_SECONDS

            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                if path == "/metrics":
                    self._answer(200, generate_latest(registry), CONTENT_TYPE_LATEST)
                elif path == "/health":
                    ailment = pulse.ailment()
                    text = f"{ailment or 'ok'}\n".encode()
                    self._answer(503 if ailment else 200, text, "text/plain; charset=utf-8")
                else:
                    self._answer(404, b"try /metrics or /health\n", "text/plain; charset=utf-8")

            def _answer(self, status: int, body: bytes, content_type: str) -> None:
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing: a scrape every few seconds is no news."""

        self._server = _Server((host, port), Handler)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, name="health", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving and free the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
