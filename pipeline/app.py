"""The Faust app: `faust -A pipeline.app worker -l info`, or `instant-t worker`."""

from __future__ import annotations

import logging
import os

import faust

from pipeline import settings as settings_module
from pipeline import topology, transport
from pipeline.health import HealthServer
from pipeline.metrics import Metrics
from pipeline.settings import Settings
from pipeline.worker_board import WorkerBoard

log = logging.getLogger(__name__)


async def _end_worker(error: BaseException) -> None:
    """End the process at once: nothing unacknowledged is lost, and the supervisor starts it again."""
    log.error("The worker stops: %s Nothing is lost: what was not acknowledged is read again.", error)
    logging.shutdown()
    os._exit(1)


def create_app(settings: Settings) -> faust.App:
    """Build the app with everything wired; nothing connects before it starts.

    Raises:
        UserError: the embedded store has never been started, and no other is named.
    """
    app = faust.App(settings.group, **transport.app_settings(settings.kafka, settings.session_timeout))
    board = WorkerBoard(Metrics())
    topology.wire(app, settings, board, _end_worker)
    servers: list[HealthServer] = []

    async def serve_health() -> None:
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

    app.task(serve_health)
    app.on_before_shutdown.connect(stop_health, weak=False)
    return app


app = create_app(settings_module.load())
