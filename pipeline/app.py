"""The Faust app: `faust -A pipeline.app worker -l info`, or `instant-t worker`."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Sequence

import faust

from pipeline import settings as settings_module
from pipeline import topology, transport
from pipeline.health import HealthServer, Pulse, Watchdog
from pipeline.metrics import Metrics
from pipeline.settings import Settings
from pipeline.worker_board import WorkerBoard

log = logging.getLogger(__name__)

REBALANCES = 3
"""A worker that has joined nothing after so many rebalance timeouts of its group never will."""


def _end(reason: object) -> None:
    """End the process at once: nothing unacknowledged is lost, and the supervisor starts it again."""
    why = str(reason).rstrip(".")
    log.error("The worker stops: %s. Nothing is lost: what was not acknowledged is read again.", why)
    logging.shutdown()
    os._exit(1)


async def _end_worker(error: BaseException) -> None:
    _end(error)


def _is_reachable(addresses: Sequence[str]) -> bool:
    """Whether one of the brokers takes connections now."""
    for address in addresses:
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=1.0).close()
        except OSError:
            continue
        return True
    return False


class _App(faust.App):  # type: ignore[misc]
    """Faust begins an app's own tasks once it has joined its group; a worker is looked at before that."""

    before_start: Callable[[], None]

    async def on_first_start(self) -> None:
        await super().on_first_start()
        self.before_start()


def create_app(settings: Settings, *, join_seconds: float | None = None) -> faust.App:
    """Build the app with everything wired; nothing connects before it starts.

    Args:
        settings: the worker's.
        join_seconds: how long joining the consumer group may take; unless given, as long as three rebalances.

    Raises:
        UserError: the embedded store has never been started, and no other is named.
    """
    app = _App(settings.group, **transport.app_settings(settings.kafka, settings.session_timeout))
    join_seconds = join_seconds or REBALANCES * transport.rebalance_seconds(settings.session_timeout)
    board = WorkerBoard(Metrics(), Pulse(stuck_seconds=settings.stuck_seconds, join_seconds=join_seconds))
    topology.wire(app, settings, board, _end_worker)
    servers: list[HealthServer | Watchdog] = []

    def serve_health() -> None:
        servers.append(Watchdog(board.pulse, _end, lambda: _is_reachable(settings.kafka)))
        try:
            server = HealthServer(settings.metrics_host, settings.metrics_port, board.metrics.registry, board.pulse)
        except OSError as error:
            log.warning(
                "No /metrics and /health from this worker: port %d cannot be used (%s); "
                "set INSTANT_T_METRICS_PORT to another. Counting goes on.",
                settings.metrics_port,
                error.strerror,
            )
        else:
            servers.append(server)

    def stop_health(*_: object, **__: object) -> None:
        while servers:
            servers.pop().close()

    app.before_start = serve_health
    app.on_before_shutdown.connect(stop_health, weak=False)
    return app


app = create_app(settings_module.load())
