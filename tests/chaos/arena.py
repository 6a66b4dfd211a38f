"""The arena: a broker, a gateway behind a bad network, and workers that are started again when they end."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from deploy.embedded.logins import LoginsMissing, load
from pipeline import settings as settings_module
from pipeline.broker.topics_admin import ensure_topics
from pipeline.errors import InstantTError
from pipeline.store import migrate
from pipeline.store.client import Store
from pipeline.topics import VISITS
from tests.chaos.flow import PARTITIONS
from tests.chaos.proxy import Proxy
from tests.support.brokers import BROKERS, Broker, free_port
from tests.support.gateway import READY_SECONDS, free_ports

RESTART_SECONDS = 0.5
"""After so long a worker that ended is started again, as `up` does it."""
STUCK_SECONDS = 10
"""The watchdog's limit in a campaign: shorter than the default, so that a wedged worker shows within it."""
DISK_MIB = 256


@dataclass
class WorkerSlot:
    """A place for a worker: its process now, and what all its processes have counted."""

    number: int
    log: Path
    clock: Path
    tally: Path
    """A line for each flush that its workers acknowledged: how many records."""
    port: int
    process: subprocess.Popen[bytes] | None = None
    wanted: bool = True
    ended_at: float = 0.0
    starts: int = 0
    statuses: list[int] = field(default_factory=list)
    """Exit statuses of the processes that ended."""


class Arena:
    """What faults strike. Only the campaign's thread and the keeper of the workers touch it."""

    def __init__(self, broker: Broker, folder: Path, disk: Path) -> None:
        self.broker = broker
        self.folder = folder
        self.disk = disk
        """Where the gateway's data are; a small file system of its own where that can be had."""
        self.native_port, self._http_port, proxy_port = free_ports(3)
        self._lock = threading.RLock()
        self._gateway_wanted = True
        self._gateway_ended_at = 0.0
        self.gateway_restarts = 0
        """By itself, after a write to disk had failed; a fault that kills it starts it again itself."""
        self.gateway = self._spawn_gateway()
        self._await_gateway()
        self.logins = load(self.disk)
        self.proxy = Proxy(self.native_port, proxy_port)
        self.slots: list[WorkerSlot] = []
        self._asker: KafkaConsumer | None = None
        self._asking = threading.Lock()
        self._keeping = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="keeper", daemon=True)
        admin = Store(self.logins.url("admin", "127.0.0.1", self.native_port))
        migrate.apply(admin)
        admin.close()
        ensure_topics(settings_module.load({"INSTANT_T_KAFKA": broker.address}))

    # -- the store --

    def _spawn_gateway(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "deploy.embedded.gateway", "--state", str(self.disk)]
        command += ["--port", str(self.native_port), "--http-port", str(self._http_port)]
        with (self.folder / "gateway.log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)

    def _await_gateway(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                store = Store(load(self.disk).url("default", "127.0.0.1", self.native_port), timeout=5.0)
                try:
                    store.execute("SELECT 1")
                    return
                finally:
                    store.close()
            except (InstantTError, LoginsMissing):
                assert time.monotonic() < deadline, (self.folder / "gateway.log").read_text()[-2000:]
                time.sleep(0.1)

    def kill_gateway(self) -> None:
        """kill -9; it stays dead until `start_gateway`."""
        with self._lock:
            self._gateway_wanted = False
            self.gateway.kill()
            self.gateway.wait(10)

    def keep_store(self) -> Path:
        """A copy of the store's files beside the logs, for whoever looks into what a campaign lost; where it is."""
        kept = self.folder / "store-after"
        shutil.copytree(self.disk, kept, dirs_exist_ok=True, ignore_dangling_symlinks=True)
        return kept

    def start_gateway(self) -> None:
        """Start it again on its data, and wait until it answers."""
        with self._lock:
            self.gateway = self._spawn_gateway()
            self._gateway_wanted = True
        self._await_gateway()

    def _look_at_gateway(self) -> None:
        """Start it again when it has ended by itself, as `up` does."""
        with self._lock:
            if not self._gateway_wanted or self.gateway.poll() is None:
                self._gateway_ended_at = 0.0
            elif not self._gateway_ended_at:
                self._gateway_ended_at = time.monotonic()
            elif time.monotonic() - self._gateway_ended_at > RESTART_SECONDS:
                self._gateway_ended_at = 0.0
                self.gateway_restarts += 1
                self.gateway = self._spawn_gateway()

    def reader(self) -> Store:
        """A connection past the bad network."""
        return Store(self.logins.url("default", "127.0.0.1", self.native_port))

    # -- the workers --

    def add_worker(self) -> WorkerSlot:
        """A new place, whose worker is started at once and started again whenever it ends."""
        with self._lock:
            number = len(self.slots)
            clock = self.folder / f"clock-{number}"
            clock.write_text("0")
            tally = self.folder / f"tally-{number}"
            tally.touch()
            slot = WorkerSlot(number, self.folder / f"worker-{number}.log", clock, tally, free_port())
            self.slots.append(slot)
            self._start(slot)
            return slot

    def remove_worker(self, slot: WorkerSlot) -> None:
        """SIGTERM, and not started again."""
        with self._lock:
            slot.wanted = False
            if slot.process is not None:
                slot.process.terminate()

    def alive(self) -> list[WorkerSlot]:
        """Places whose worker runs."""
        with self._lock:
            return [s for s in self.slots if s.wanted and s.process is not None and s.process.poll() is None]

    def send(self, slot: WorkerSlot, how: signal.Signals) -> None:
        """Send a signal to a worker, if it still runs."""
        with self._lock:
            if slot.process is not None and slot.process.poll() is None:
                slot.process.send_signal(how)

    def _start(self, slot: WorkerSlot) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("INSTANT_T_")}
        environment = inherited | {
            "INSTANT_T_KAFKA": self.broker.address,
            "INSTANT_T_CLICKHOUSE": self.logins.url("writer", "127.0.0.1", self.proxy.port),
            "INSTANT_T_SESSION_TIMEOUT": str(self.broker.session_timeout),
            "INSTANT_T_STUCK_SECONDS": str(STUCK_SECONDS),
            "INSTANT_T_METRICS_PORT": str(slot.port),
            "CHAOS_CLOCK": str(slot.clock),
            "CHAOS_TALLY": str(slot.tally),
        }
        with slot.log.open("ab") as log:
            slot.process = subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.worker"], env=environment, stdout=log, stderr=subprocess.STDOUT
            )
        slot.starts += 1

    def keep_all(self) -> None:
        """From now on: start again what ends, workers and gateway."""
        self._keeper.start()

    def _keep(self) -> None:
        while not self._keeping.wait(0.25):
            self._look_at_gateway()
            for slot in list(self.slots):
                self._look_at(slot)

    def _look_at(self, slot: WorkerSlot) -> None:
        with self._lock:
            if slot.process is None:
                return
            status = slot.process.poll()
            if status is None:
                return
            if not slot.ended_at:
                slot.ended_at = time.monotonic()
                slot.statuses.append(status)
            if slot.wanted and time.monotonic() - slot.ended_at > RESTART_SECONDS:
                slot.ended_at = 0.0
                self._start(slot)

    def judged(self) -> int:
        """Records made durable by all workers, repeats included."""
        return sum(int(line) for slot in self.slots for line in slot.tally.read_text().splitlines())

    def last_words(self) -> str:
        """The end of each log that has one, for a report of what did not come back."""
        logs = [slot.log for slot in self.slots if slot.wanted] + [self.folder / "gateway.log"]
        return "\n".join(f"-- {log.name}\n{log.read_text()[-1500:]}" for log in logs if log.exists())

    # -- how far --

    def committed(self) -> dict[int, int]:
        """Partition → committed offset; empty while the broker does not answer."""
        with self._asking:
            try:
                if self._asker is None:
                    self._asker = KafkaConsumer(
                        bootstrap_servers=self.broker.address,
                        group_id="instant-t",
                        enable_auto_commit=False,
                        request_timeout_ms=3_000,
                        bootstrap_timeout_ms=2_000,
                    )
                return {
                    number: self._asker.committed(TopicPartition(VISITS, number), timeout_ms=2_000) or 0
                    for number in range(PARTITIONS)
                }
            except KafkaError:
                self._ask_no_more()
                return {}

    def _ask_no_more(self) -> None:
        if self._asker is not None:
            self._asker.close(autocommit=False)
            self._asker = None

    def close(self) -> None:
        """End everything, by process id."""
        self._keeping.set()
        if self._keeper.is_alive():
            self._keeper.join()
        with self._asking:
            self._ask_no_more()
        for slot in self.slots:
            if slot.process is not None and slot.process.poll() is None:
                slot.process.send_signal(signal.SIGCONT)
                slot.process.kill()
                slot.process.wait(10)
        self.proxy.close()
        self.gateway.kill()
        self.gateway.wait(10)


@contextmanager
def running_arena(broker: str, folder: Path) -> Iterator[Arena]:
    """An arena without workers, with its broker ("apache" or "embedded"); its logs stay in `folder`."""
    kafka = folder / "kafka"
    kafka.mkdir()
    with warnings.catch_warnings():
        # kafka-python leaves the sockets of connections that a dead broker refused to the garbage collector.
        warnings.filterwarnings("ignore", "unclosed <socket", ResourceWarning)
        with BROKERS[broker](kafka) as started, small_disk(folder / "store") as disk:
            arena = Arena(started, folder, disk)
            try:
                yield arena
            finally:
                arena.close()
        gc.collect()


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A folder on a small file system of its own, where we may mount one; else an ordinary folder."""
    folder.mkdir()
    mounted = (
        os.geteuid() == 0
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m,mode=700", "tmpfs", str(folder)], capture_output=True
        ).returncode
    )
    try:
        yield folder
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], capture_output=True)
