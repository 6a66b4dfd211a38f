"""`instant-t up`: everything on this machine, each part a process of its own."""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
from rich.console import Console

from deploy.embedded.broker import broker_command, wait_ready
from pipeline import settings as settings_module
from pipeline.broker.topics_admin import ensure_topics
from pipeline.errors import InstantTError, UserError
from pipeline.servers import store_url
from pipeline.settings import Settings
from pipeline.simulate.scenario import DEFAULT, scenario
from pipeline.store import migrate
from pipeline.store.client import Store
from pipeline.supervisor.children import Child
from pipeline.supervisor.picture import PictureTaker
from pipeline.supervisor.ports import check_free
from pipeline.supervisor.screen import Screen
from pipeline.supervisor.supervise import Supervisor

LOOK_EVERY = 0.25
MOST = 1_000_000


@click.command()
@click.option(
    "--scenario", "name", default=DEFAULT, show_default=True, help="Simulated traffic; none: wait for events."
)
@click.option("--rate", type=float, help="Mean hits per second of the simulated traffic.  [default: the scenario's]")
@click.option("--speed", type=float, default=1.0, show_default=True, help="Simulated seconds per second, up to now.")
@click.option("--duration", type=float, help="Stop after so many seconds of wall time.  [default: until Ctrl-C]")
@click.option("--state", type=click.Path(path_type=Path), help="Folder of the store, logins and logs.")
def up(name: str, rate: float | None, speed: float, duration: float | None, state: Path | None) -> None:
    """Start the broker, the store, the worker, the wall and simulated traffic on this machine; show what they count.

    \b
    instant-t up                             the rentrée morning, from now on
    instant-t up --scenario none             wait for your own events on ent.visits.v1
    instant-t up --rate 500 --duration 60    a minute of light traffic, then exit
    instant-t up --speed 20                  the last hours at 20 times their speed, then real time

    With INSTANT_T_KAFKA or INSTANT_T_CLICKHOUSE set, that server is used instead of starting one. ClickHouse's data
    stay in the state folder; the embedded broker keeps its log in memory.
    """
    settings = settings_module.load()
    if state is not None:
        settings = dataclasses.replace(settings, state=state)
    if name != "none":
        scenario(name)
    numbers = [number for number in (rate, speed, duration) if number is not None]
    if not all(0 < number <= MOST for number in numbers):
        raise UserError(f"--rate, --speed and --duration are numbers above 0 and up to {MOST:,}.")
    _check_ports(settings)
    logs = _make_folder(settings.state)
    stop = _StopOnSignal()
    deadline = None if duration is None else time.monotonic() + duration
    with Screen(Console(), _addresses(settings)) as screen:
        supervisor = Supervisor(screen.say, lambda: not stop.requested)
        taker: PictureTaker | None = None
        try:
            if settings.kafka_is_embedded:
                screen.say("the embedded broker keeps its log in memory: what it holds is gone when it ends")
            _start(supervisor, settings, logs)
            if not stop.requested:
                screen.say("ready")
                taker = PictureTaker(store_url(settings, "reader"))
            if name != "none":
                _start_traffic(supervisor, logs, _environment(settings), name, rate, speed, duration)
            while taker and not stop.requested and (deadline is None or time.monotonic() < deadline):
                supervisor.watch()
                screen.show(taker.latest)
                time.sleep(LOOK_EVERY)
        finally:
            if taker is not None:
                taker.close()
            try:
                screen.say("stopping")
            finally:  # whoever read us may have gone
                supervisor.stop()


class _StopOnSignal:
    """SIGINT and SIGTERM ask for the end; a second one changes nothing, so that the end stays a clean one."""

    def __init__(self) -> None:
        self.requested = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note)

    def _note(self, *_: object) -> None:
        self.requested = True


def _check_ports(settings: Settings) -> None:
    if settings.kafka_is_embedded:
        check_free("127.0.0.1", settings.kafka_port, "INSTANT_T_KAFKA_PORT")
    if settings.clickhouse is None:
        check_free("127.0.0.1", settings.clickhouse_port, "INSTANT_T_CLICKHOUSE_PORT")
        check_free("127.0.0.1", settings.clickhouse_http_port, "INSTANT_T_CLICKHOUSE_HTTP_PORT")
    check_free(settings.metrics_host, settings.metrics_port, "INSTANT_T_METRICS_PORT")
    check_free(settings.dashboard_host, settings.dashboard_port, "INSTANT_T_DASHBOARD_PORT")


def _make_folder(state: Path) -> Path:
    logs = state / "logs"
    try:
        if not state.exists():
            state.mkdir(mode=0o700, parents=True)
        logs.mkdir(exist_ok=True)
        for old in logs.glob("*.log"):
            old.unlink()
    except OSError as error:
        raise UserError(
            f"the state folder {state} cannot be used ({error.strerror}): give another with --state or INSTANT_T_STATE."
        ) from error
    return logs


def _addresses(settings: Settings) -> list[tuple[str, str]]:
    store = settings.clickhouse
    return [
        ("Wall", f"{_wall(settings)}/"),
        ("Kafka", ", ".join(settings.kafka)),
        (
            "ClickHouse",
            f"127.0.0.1:{settings.clickhouse_port}, http://127.0.0.1:{settings.clickhouse_http_port}"
            if store is None
            else store.rpartition("@")[2].rpartition("/")[0],
        ),
        ("Metrics", f"http://{settings.metrics_host}:{settings.metrics_port}/metrics"),
    ]


def _wall(settings: Settings) -> str:
    host = settings.dashboard_host
    if host in ("0.0.0.0", "::"):  # noqa: S104 - any address: this one is for a person at this machine
        host = "127.0.0.1"
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.dashboard_port}"


def _environment(settings: Settings) -> dict[str, str]:
    # The parts import what is installed, never a file of the folder one happens to stand in.
    safe = {"PYTHONSAFEPATH": "1", "PYTHONUNBUFFERED": "1"}
    return dict(os.environ) | safe | {"INSTANT_T_STATE": str(settings.state.resolve())}


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "pipeline", *arguments]


def _start(supervisor: Supervisor, settings: Settings, logs: Path) -> None:
    """Broker, topics, store, schema, worker, wall: in this order, each when the one before serves."""
    environment = _environment(settings)
    if settings.kafka_is_embedded:
        broker = Child(
            "broker",
            broker_command(settings.kafka_port),
            environment,
            logs / "broker.log",
            lambda: wait_ready(settings.kafka[0], 0.5),
        )
        # Its log and the committed offsets are gone with it: whoever reads or writes begins again.
        supervisor.run(broker, lambda: _make_topics(settings), restarts_with_it=("worker", "simulate"))
    else:
        _make_topics(settings)
    if settings.clickhouse is None:
        command = [sys.executable, "-m", "deploy.embedded.gateway", "--state", str(settings.state.resolve())]
        command += ["--port", str(settings.clickhouse_port), "--http-port", str(settings.clickhouse_http_port)]
        gateway = Child("gateway", command, environment, logs / "gateway.log", lambda: _ask_store(settings))
        supervisor.run(gateway, lambda: _migrate(settings))
    else:
        _migrate(settings)
    health = f"http://{settings.metrics_host}:{settings.metrics_port}/health"
    worker = Child("worker", _command("worker"), environment, logs / "worker.log", lambda: _get(health))
    supervisor.run(worker)
    supervisor.run(
        Child("wall", _command("wall"), environment, logs / "wall.log", lambda: _get(f"{_wall(settings)}/sante"))
    )


def _start_traffic(
    supervisor: Supervisor,
    logs: Path,
    environment: dict[str, str],
    name: str,
    rate: float | None,
    speed: float,
    duration: float | None,
) -> None:
    command = _command("simulate", "--scenario", name, "--speed", str(speed))
    if rate is not None:
        command += ["--rate", str(rate)]

    def simulate(*more: str) -> Child:
        return Child("simulate", [*command, *more], environment, logs / "simulate.log")

    if duration is not None:
        supervisor.run(simulate("--duration", str(duration * speed)))
    elif speed <= 1:
        supervisor.run(simulate())
    else:
        # The past hours at that speed reach the present after past / (speed - 1) seconds; then time is real.
        past = scenario(name).length_s
        start = datetime.now(UTC) - timedelta(seconds=past)
        chase = simulate("--start", start.isoformat(), "--duration", str(past * speed / (speed - 1)))
        command[command.index("--speed") + 1] = "1"
        supervisor.run(chase, then=simulate())


def _make_topics(settings: Settings) -> None:
    ensure_topics(settings)


def _migrate(settings: Settings) -> None:
    store = Store(store_url(settings, "admin"))
    try:
        migrate.apply(store)
    finally:
        store.close()


def _ask_store(settings: Settings) -> None:
    """Raises OSError while the store does not answer."""
    try:
        store = Store(store_url(settings, "reader"), timeout=5.0)
        try:
            store.execute("SELECT 1")
        finally:
            store.close()
    except InstantTError as error:
        raise OSError(str(error)) from error


def _get(address: str) -> None:
    """Raises OSError while `address` does not answer 200."""
    try:
        urllib.request.urlopen(address, timeout=1.0).close()  # noqa: S310 - our own http:// address
    except urllib.error.HTTPError as error:
        error.close()
        raise OSError(f"{address} answers {error.code}") from error
