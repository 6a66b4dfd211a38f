"""A whole pipeline with a wall before it: started once, ended by process id."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.acceptance.stack import Stack
from tests.support.brokers import free_port

READY_SECONDS, STOP_SECONDS = 90.0, 20.0


@dataclass
class Answer:
    """What the wall said."""

    status: int
    headers: dict[str, str]
    body: str


def get(url: str, **headers: str) -> Answer:
    """One request; a status of 400 and above is an answer too."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=60) as response:
            return Answer(response.status, _lower(response.headers), response.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, _lower(error.headers), error.read().decode())


def _lower(headers: object) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}  # type: ignore[attr-defined]


def wall_environment(stack: Stack, port: int) -> dict[str, str]:
    """What a wall beside this pipeline is started with: it knows the reader's login only."""
    metrics = stack.metrics_ports[-1] if stack.metrics_ports else free_port()
    return stack.environment() | {
        "INSTANT_T_CLICKHOUSE": stack.gateway.url("default").removesuffix("/bi"),
        "INSTANT_T_DASHBOARD_PORT": str(port),
        "INSTANT_T_METRICS_PORT": str(metrics),
    }


@contextmanager
def running_wall(stack: Stack, **variables: str) -> Iterator[str]:
    """`instant-t wall` before a pipeline; gives its address."""
    port = free_port()
    log = stack.folder / f"wall-{port}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-X", "faulthandler", "-m", "pipeline", "wall"],
            env=wall_environment(stack, port) | variables,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                get(f"{url}/")
                break
            except OSError:
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        try:
            status = process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGABRT)  # its log then says what each of its threads is waiting for
            status = process.wait(10)
        assert status == 0, log.read_text()
