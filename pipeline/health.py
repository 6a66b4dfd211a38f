"""/metrics and /health of a worker, served from a thread of their own: they answer even when the worker is stuck."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

STUCK_SECONDS = 30.0
"""Without progress for so long while records wait, or without a beat of the event loop, the worker is not healthy."""


class Pulse:
    """Signs of life of a worker: written by its event loop, read by the health thread.

    Args:
        clock: monotonic seconds.
        lag: records still to count, over all partitions of this worker; None before any are assigned.
    """

    def __init__(self, lag: Callable[[], int | None], clock: Callable[[], float] = time.monotonic) -> None:
        self._lag = lag
        self._clock = clock
        self._beat: float | None = None
        self._progress = clock()

    def beat(self) -> None:
        """The event loop runs."""
        self._beat = self._clock()

    def progress(self) -> None:
        """Records have become durable, or there are none to read."""
        self._progress = self._clock()

    def ailment(self) -> str | None:
        """What is wrong, in words; None when records flow or there are none to read."""
        now = self._clock()
        if self._beat is None:
            return "starting: the worker has not joined its consumer group yet"
        if now - self._beat > STUCK_SECONDS:
            return f"stuck: the event loop has not run for {now - self._beat:.0f} s"
        lag = self._lag()
        if lag == 0:
            self.progress()
        if lag and now - self._progress > STUCK_SECONDS:
            return f"stuck: {lag} records wait and none became durable for {now - self._progress:.0f} s"
        return None


class HealthServer:
    """The HTTP server of /metrics and /health, on its own thread.

    Raises:
        OSError: the port cannot be used.
    """

    def __init__(self, host: str, port: int, registry: CollectorRegistry, pulse: Pulse) -> None:
        class Handler(BaseHTTPRequestHandler):
            timeout = 10  # seconds a slow client may hold its thread

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

        self._server = ThreadingHTTPServer((host, port), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, name="health", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving and free the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
