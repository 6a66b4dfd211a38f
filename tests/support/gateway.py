"""The real embedded ClickHouse gateway, for the tests of any room."""

from __future__ import annotations

import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.embedded.logins import LoginName, Logins, load

READY_SECONDS = 30.0
_PROJECT = Path(__file__).parents[2]


@dataclass(frozen=True)
class GatewayHandle:
    """A running gateway: its state folder, where it listens on 127.0.0.1, its process, and the passwords."""

    state: Path
    native_port: int
    http_port: int
    process: subprocess.Popen[str]
    logins: Logins
    ready_line: str

    def url(self, login: LoginName) -> str:
        """The address that a ClickHouse driver takes."""
        return self.logins.url(login, "127.0.0.1", self.native_port)


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago, all different, below the ephemeral range where the machine has one."""
    held = []
    for port in range(20_000 + time.monotonic_ns() // 1000 % 11_000, 32_768):
        candidate = socket.socket()
        try:
            candidate.bind(("127.0.0.1", port))
        except OSError:
            candidate.close()
            continue
        held.append(candidate)
        if len(held) == count:
            break
    ports = [candidate.getsockname()[1] for candidate in held]
    for candidate in held:
        candidate.close()
    return ports


def start_gateway(state: Path, native_port: int, http_port: int, *more: str) -> subprocess.Popen[str]:
    """Start the program; its standard output and error are pipes of text."""
    command = [sys.executable, "-m", "deploy.embedded.gateway", "--state", str(state)]
    command += ["--port", str(native_port), "--http-port", str(http_port), *more]
    return subprocess.Popen(command, cwd=_PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_until_ready(process: subprocess.Popen[str]) -> str:
    """The ready line; an AssertionError with the program's own words when it ends or says nothing."""
    assert process.stdout is not None
    readable, _, _ = select.select([process.stdout], [], [], READY_SECONDS)
    line = process.stdout.readline() if readable else ""
    if not line.startswith("gateway ready: "):
        process.kill()
        raise AssertionError(f"the gateway did not start: {line!r} {process.communicate()}")
    return line.rstrip("\n")


def stop(process: subprocess.Popen[str]) -> int:
    """End it by SIGTERM, or by force when it does not listen; the exit status."""
    if process.poll() is None:
        process.terminate()
    try:
        process.communicate(timeout=15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
    return process.returncode


@contextmanager
def running_gateway(state: Path) -> Iterator[GatewayHandle]:
    """A gateway on free ports that keeps its data in `state`; ended cleanly afterwards."""
    native_port, http_port = free_ports(2)
    process = start_gateway(state, native_port, http_port)
    try:
        ready_line = wait_until_ready(process)
        yield GatewayHandle(state, native_port, http_port, process, load(state), ready_line)
    finally:
        stop(process)
