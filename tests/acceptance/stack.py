"""A whole pipeline for a test: broker, gateway, schema, topics, and worker processes that can be killed."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kafka import KafkaConsumer, TopicPartition

from pipeline import settings as settings_module
from pipeline.broker.topics_admin import ensure_topics
from pipeline.settings import Settings
from pipeline.store.client import Store
from pipeline.topics import REJECTS, VISITS
from tests.support.brokers import Broker, apache_kafka, embedded_broker, free_port
from tests.support.gateway import GatewayHandle
from tests.support.stores import migrated_gateway

QUIET = 90.0
"""Seconds within which everything sent is counted; far more than it takes."""


@dataclasses.dataclass
class Stack:
    """What a test talks to."""

    broker: Broker
    gateway: GatewayHandle
    settings: Settings
    folder: Path
    workers: list[subprocess.Popen[bytes]] = dataclasses.field(default_factory=list)
    metrics_ports: list[int] = dataclasses.field(default_factory=list)

    def environment(self) -> dict[str, str]:
        """The variables of every process of this stack."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("INSTANT_T_")}
        return inherited | {
            "INSTANT_T_KAFKA": self.broker.address,
            "INSTANT_T_CLICKHOUSE": self.gateway.url("writer"),
            "INSTANT_T_CLICKHOUSE_ADMIN": self.gateway.url("admin"),
            "INSTANT_T_SESSION_TIMEOUT": str(self.broker.session_timeout),
            "INSTANT_T_STATE": str(self.folder / "state"),
        }

    def command(self, *arguments: str, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
        """Run `instant-t …` to its end."""
        return subprocess.run(
            [sys.executable, "-m", "pipeline", *arguments],
            env=self.environment(),
            input=stdin,
            capture_output=True,
            timeout=120,
        )

    def start_worker(self, **variables: str) -> int:
        """Start a worker and wait until it has joined its group; returns its place in `workers`."""
        port = free_port()
        environment = self.environment() | {"INSTANT_T_METRICS_PORT": str(port)} | variables
        with (self.folder / f"worker-{len(self.workers)}.log").open("wb") as log:
            worker = subprocess.Popen(
                [sys.executable, "-m", "pipeline", "worker"], env=environment, stdout=log, stderr=subprocess.STDOUT
            )
        self.workers.append(worker)
        self.metrics_ports.append(port)
        deadline = time.monotonic() + 60
        while self.health(len(self.workers) - 1) is None:
            assert worker.poll() is None, (self.folder / f"worker-{len(self.workers) - 1}.log").read_text()
            assert time.monotonic() < deadline, (self.folder / f"worker-{len(self.workers) - 1}.log").read_text()
            time.sleep(0.1)
        return len(self.workers) - 1

    def health(self, worker: int) -> int | None:
        """The status of /health, or None while nothing answers (or the worker is still starting)."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_ports[worker]}/health", timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return None if b"starting" in error.read() else error.code
        except OSError:
            return None

    def metrics(self, worker: int) -> dict[str, float]:
        """Every sample of /metrics, by name and labels as exposed."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_ports[worker]}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        return {
            name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line and line[0] != "#")
        }

    def kill_worker(self, worker: int) -> None:
        """kill -9."""
        self.workers[worker].kill()
        self.workers[worker].wait(10)

    def stop_worker(self, worker: int) -> int:
        """SIGTERM; the exit status."""
        self.workers[worker].terminate()
        return self.workers[worker].wait(40)

    def store(self, login: str = "default") -> Store:
        """A connection as one of the embedded store's logins; the caller closes it."""
        return Store(self.gateway.url(login))  # type: ignore[arg-type]

    def wait_counted(self) -> None:
        """Wait until every record of the input topic is behind the committed offsets."""
        consumer = KafkaConsumer(bootstrap_servers=self.broker.address, group_id=self.settings.group)
        try:
            partitions = [TopicPartition(VISITS, number) for number in consumer.partitions_for_topic(VISITS)]
            deadline = time.monotonic() + QUIET
            while True:
                ends = self.ends()
                committed = {tp: consumer.committed(tp) or 0 for tp in partitions}
                if all(committed[tp] >= ends[tp.partition] for tp in partitions):
                    return
                assert time.monotonic() < deadline, (ends, committed)
                time.sleep(0.2)
        finally:
            consumer.close()

    def ends(self) -> dict[int, int]:
        """The end of each partition of the input topic, as what was produced says (see `sent`)."""
        return dict(self.sent)

    sent: dict[int, int] = dataclasses.field(default_factory=dict)
    """Partition → offset after the last record produced; the producers of the tests keep it."""

    def rejects(self) -> list[tuple[dict[str, str], bytes]]:
        """Every dead letter so far: headers, value."""
        consumer = KafkaConsumer(
            REJECTS,
            bootstrap_servers=self.broker.address,
            auto_offset_reset="earliest",
            consumer_timeout_ms=3000,
            max_partition_fetch_bytes=4 << 20,
        )
        try:
            return [({name: content.decode() for name, content in record.headers}, record.value) for record in consumer]
        finally:
            consumer.close()


@contextmanager
def running_stack(broker: Broker, folder: Path) -> Iterator[Stack]:
    """Gateway, schema and topics beside a running broker; ends the workers that a test started."""
    with migrated_gateway(folder / "state") as gateway:
        settings = settings_module.load({"INSTANT_T_KAFKA": broker.address})
        stack = Stack(broker, gateway, settings, folder)
        ensure_topics(settings)
        try:
            yield stack
        finally:
            for worker in stack.workers:
                if worker.poll() is None:
                    worker.kill()
                    worker.wait(10)


@contextmanager
def fresh_stack(kind: str, folder: Path) -> Iterator[Stack]:
    """A stack with a broker of its own, `embedded` or `apache`; no worker runs yet."""
    if kind == "embedded":
        with embedded_broker() as broker, running_stack(broker, folder) as stack:
            yield stack
    else:
        (folder / "kafka").mkdir()
        with apache_kafka(folder / "kafka") as broker, running_stack(broker, folder) as stack:
            yield stack
