"""`instant-t wall`: the live page for operators, on its own."""

from __future__ import annotations

import asyncio
import logging
import signal

import click
from aiohttp import web

from pipeline import settings as setting
from pipeline.errors import UserError
from pipeline.servers import store_url
from pipeline.settings import Settings
from pipeline.wall.doors import BACKLOG, Doors, is_news, room
from pipeline.wall.server import Wall

STOP_SECONDS = 2.0


@click.command()
def wall() -> None:
    """Serve the wall: one page, in French, of what is happening in every territory, service and platform.

    It reads the views of `bi` and writes nothing. INSTANT_T_DASHBOARD_HOST and _PORT say where it listens;
    INSTANT_T_WALL_PASSWORD asks every viewer for a password.

    \b
    instant-t wall
    INSTANT_T_CLICKHOUSE=clickhouse://reader:...@store:9000/ent INSTANT_T_DASHBOARD_HOST=0.0.0.0 instant-t wall
    """
    settings = setting.load()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("aiohttp.server").addFilter(is_news)
    asyncio.run(_serve(settings, store_url(settings, "reader")))


async def _serve(settings: Settings, url: str) -> None:
    metrics_host = settings.metrics_host if settings.metrics_host not in ("0.0.0.0", "::") else "127.0.0.1"  # noqa: S104
    health = f"http://{f'[{metrics_host}]' if ':' in metrics_host else metrics_host}:{settings.metrics_port}/health"
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    doors = Doors(room())
    runner = web.AppRunner(
        Wall(url, health, doors, settings.wall_password).app(), access_log=None, shutdown_timeout=STOP_SECONDS
    )
    await runner.setup()
    assert runner.server is not None
    doors.open(runner.server)
    listener: asyncio.Server | None = None
    try:
        host, port = settings.dashboard_host, settings.dashboard_port
        try:
            listener = await asyncio.get_running_loop().create_server(doors, host, port, backlog=BACKLOG)
        except OSError as error:
            raise UserError(
                f"port {port} of {host} cannot be used ({error.strerror}): another program has it. "
                "Stop that one, or set INSTANT_T_DASHBOARD_PORT to a free port."
            ) from error
        click.echo(f"wall ready: http://{f'[{host}]' if ':' in host else host}:{port}/")
        await stop.wait()
    finally:
        if listener is not None:
            listener.close()
        await runner.cleanup()
