"""Real brokers for tests: the embedded Tansu, and a single-node Apache Kafka 4.1 from Maven Central.

Both are context managers that give a `Broker`; each takes a free port of its own below the ephemeral range, and ends
what it started by process id.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import pytest

from deploy.embedded.broker import broker_command, wait_ready

HERE = Path(__file__).parent / "kafka"
READY_SECONDS = 90.0
"""Apache Kafka needs 6 s on an idle machine, and looks through its log after a kill -9; tests share theirs."""


@dataclass
class Broker:
    """A running broker. `address` is host:port and stays the same over `restart`."""

    address: str
    command: list[str]
    name: str
    """`embedded` or `apache`."""
    session_timeout: float
    """The shortest consumer session this broker accepts with a quick start, in seconds."""
    log: IO[bytes]
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process and wait until it answers."""
        self.process = subprocess.Popen(
            self.command, stdout=self.log, stderr=subprocess.STDOUT, env=os.environ | self.environment
        )
        try:
            wait_ready(self.address, READY_SECONDS)
        except BaseException:
            self.kill()
            raise

    def stop(self, patience: float = 20.0) -> None:
        """Ask the process to end (SIGTERM), and kill it when it does not within `patience` seconds."""
        self._end(signal.SIGTERM, patience)

    def kill(self) -> None:
        """End the process with SIGKILL."""
        self._end(signal.SIGKILL, 10.0)

    def restart(self) -> None:
        """Stop, and start again on the same port (Apache Kafka keeps its data, the embedded broker does not)."""
        self.stop()
        self.start()

    def _end(self, how: signal.Signals, patience: float) -> None:
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(how)
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
        self.process = None


def free_port() -> int:
    """A port nobody listens on, below 32768: above it, a client's own connection could take it meanwhile."""
    while True:
        port = random.randint(20000, 32000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


@contextlib.contextmanager
def embedded_broker(port: int | None = None) -> Iterator[Broker]:
    """The broker that `instant-t up` starts, as a process of its own."""
    port = port or free_port()
    with tempfile.TemporaryFile() as log:
        broker = Broker(f"127.0.0.1:{port}", broker_command(port), "embedded", 2.0, log)
        broker.start()
        try:
            yield broker
        finally:
            broker.stop()


@contextlib.contextmanager
def apache_kafka(tmp: Path, **server_props: str) -> Iterator[Broker]:
    """Apache Kafka (KRaft, one node) with its data under `tmp`; the test is skipped where Java or Maven is missing.

    Args:
        tmp: an empty folder for data, configuration and log.
        server_props: properties added to `server.properties`, dots written as underscores.
    """
    classpath = kafka_classpath()
    port, controller_port = free_port(), free_port()
    data = tmp / "data"
    properties = (HERE / "server.properties").read_text()
    properties = properties.format(port=port, controller_port=controller_port, data=data)
    properties += "".join(f"{name.replace('_', '.')}={value}\n" for name, value in server_props.items())
    config = tmp / "server.properties"
    config.write_text(properties)
    java = ["java", "-Xmx512m", "-Xms128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
    java += [f"-Dlog4j2.configurationFile={HERE / 'log4j2.yaml'}", "-cp", f"{classpath}/*"]
    with (tmp / "kafka.log").open("wb") as log:
        storage = ["kafka.tools.StorageTool", "format", "-t", "aW5zdGFudC10LXRlc3QtYQ", "-c", str(config)]
        subprocess.run([*java, *storage], check=True, stdout=log, stderr=subprocess.STDOUT)
        broker = Broker(f"127.0.0.1:{port}", [*java, "kafka.Kafka", str(config)], "apache", 6.0, log)
        broker.start()
        try:
            yield broker
        finally:
            broker.stop()


def kafka_classpath() -> Path:
    """The folder with Kafka's jars, fetched by Maven once per user.

    Raises:
        pytest.skip.Exception: Java or Maven is missing, or Maven cannot fetch the jars.
    """
    missing = [tool for tool in ("java", "mvn") if shutil.which(tool) is None]
    wanted = hashlib.sha256((HERE / "pom.xml").read_bytes()).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "instant-t" / f"kafka-{wanted}"
    if "java" in missing or (missing and not cache.is_dir()):
        pytest.skip(f"Apache Kafka needs java and mvn: {' and '.join(missing)} not found")
    if cache.is_dir():
        return cache
    cache.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache.parent) as scratch:
        jars = Path(scratch) / "jars"
        shutil.copy(HERE / "pom.xml", scratch)
        maven = ["mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={jars}"]
        done = subprocess.run(maven, cwd=scratch, capture_output=True, text=True, timeout=300)
        if done.returncode:
            pytest.skip(f"Apache Kafka needs java and mvn: mvn failed: {done.stdout.strip()[:300]}")
        with contextlib.suppress(OSError):  # somebody else was faster: theirs is the same
            jars.rename(cache)
    return cache


BROKERS: dict[str, Callable[[Path], contextlib.AbstractContextManager[Broker]]] = {
    "embedded": lambda tmp: embedded_broker(),
    "apache": apache_kafka,
}
"""Every kind of broker there is, for fixtures that run a test against each."""
