"""`instant-t up`, as a person starts it: what it says, what it restarts, and how it ends."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaProducer

from deploy.embedded.logins import load as load_logins
from pipeline.store.client import Store
from tests.support.gateway import free_ports


class Up:
    """A running `instant-t up` with ports and a state folder of its own."""

    def __init__(self, folder: Path, *options: str, ports: list[int] | None = None, **variables: str) -> None:
        self.ports = ports or free_ports(5)
        self.state = folder / "state"
        self.output = folder / f"output-{time.monotonic_ns()}.txt"
        names = ("KAFKA", "CLICKHOUSE", "CLICKHOUSE_HTTP", "METRICS", "DASHBOARD")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("INSTANT_T_")}
        environment = inherited | {
            f"INSTANT_T_{name}_PORT": str(port) for name, port in zip(names, self.ports, strict=True)
        }
        environment |= variables
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "pipeline", "up", "--state", str(self.state), *options],
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def said(self) -> str:
        return self.output.read_text(encoding="utf-8")

    def wait_for(self, pattern: str, seconds: float = 60.0) -> None:
        deadline = time.monotonic() + seconds
        while not re.search(pattern, self.said()):
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.1)

    def total_hits(self) -> int:
        store = Store(load_logins(self.state).url("default", "127.0.0.1", self.ports[1]))
        try:
            ((hits, _, _),) = store.execute("SELECT * FROM bi.now_total")
        finally:
            store.close()
        return int(hits)

    def child(self, words: str) -> int:
        """The process id of the part whose command line holds `words`."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for pid in children:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
            if words in command:
                return int(pid)
        raise AssertionError(f"no child with {words!r} among {children}")

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(60)


@pytest.fixture
def started(tmp_path: Path) -> Iterator[list[Up]]:
    """A list for the `Up`s of a test; all are ended after it."""
    running: list[Up] = []
    yield running
    for up in running:
        if up.process.poll() is None:
            up.process.kill()
            up.process.wait(10)


def test_it_waits_for_events_counts_them_restarts_what_dies_and_keeps_the_data(
    tmp_path: Path, started: list[Up]
) -> None:
    up = Up(tmp_path, "--scenario", "none")
    started.append(up)
    up.wait_for("ready")
    assert f"Kafka: 127.0.0.1:{up.ports[0]}" in up.said()
    assert f"http://127.0.0.1:{up.ports[3]}/metrics" in up.said()

    _send(up, "first")
    _wait_for_hits(up, 1)
    os.kill(up.child(" worker"), signal.SIGKILL)
    up.wait_for("worker was killed by signal 9; starting it again")
    up.wait_for("worker is back")
    _send(up, "second")
    _wait_for_hits(up, 2)
    os.kill(up.child(".gateway"), signal.SIGKILL)
    up.wait_for("gateway was killed by signal 9; starting it again")
    up.wait_for("gateway is back")
    assert up.total_hits() == 2
    _send(up, "third")
    _wait_for_hits(up, 3)

    second = Up(tmp_path, "--scenario", "none", ports=up.ports)
    started.append(second)
    assert second.process.wait(30) == 1
    assert second.said().count("\n") == 1
    assert f"port {up.ports[0]} cannot be used" in second.said()
    assert "INSTANT_T_KAFKA_PORT" in second.said()

    children = Path(f"/proc/{up.process.pid}/task/{up.process.pid}/children").read_text().split()
    assert up.end(signal.SIGINT) == 0
    assert "Traceback" not in up.said()
    assert [pid for pid in children if Path(f"/proc/{pid}").exists()] == []

    again = Up(tmp_path, "--scenario", "none")
    started.append(again)
    again.wait_for("ready")
    assert again.total_hits() == 3


def test_a_broker_that_dies_takes_its_log_along_and_counting_goes_on_afresh(tmp_path: Path, started: list[Up]) -> None:
    up = Up(tmp_path, "--scenario", "none")
    started.append(up)
    up.wait_for("ready")
    _send(up, "before")
    _wait_for_hits(up, 1)
    os.kill(up.child("tansu"), signal.SIGKILL)
    up.wait_for("worker has started afresh with it")
    _send(up, "after")
    _wait_for_hits(up, 2)
    assert up.end() == 0


def test_a_worker_that_lives_and_no_longer_moves_ends_itself_and_is_started_again(
    tmp_path: Path, started: list[Up]
) -> None:
    up = Up(tmp_path, "--scenario", "none", INSTANT_T_STUCK_SECONDS="2")
    started.append(up)
    up.wait_for("ready")
    _send(up, "before")
    _wait_for_hits(up, 1)
    broker, worker = up.child("tansu"), up.child(" worker")
    os.kill(broker, signal.SIGSTOP)  # it takes connections, and answers nothing
    try:
        up.wait_for("worker ended with status 1; starting it again")
    finally:
        os.kill(broker, signal.SIGCONT)
    up.wait_for("worker is back")
    assert up.child(" worker") != worker
    _send(up, "after")
    _wait_for_hits(up, 2)
    assert up.end() == 0


def test_simulated_traffic_is_counted(tmp_path: Path, started: list[Up]) -> None:
    up = Up(tmp_path, "--rate", "300")
    started.append(up)
    up.wait_for(r"last 15 min: ([1-9],\d{3}|[5-9]\d\d) hits")
    assert "vie_scolaire " in up.said()
    assert up.end() == 0
    assert "Traceback" not in up.said()


def test_a_duration_ends_it_well(tmp_path: Path, started: list[Up]) -> None:
    up = Up(tmp_path, "--scenario", "none", "--duration", "3")
    started.append(up)
    assert up.process.wait(90) == 0
    assert up.said().rstrip().endswith("stopping")


def test_ctrl_c_at_once_ends_it_cleanly(tmp_path: Path, started: list[Up]) -> None:
    up = Up(tmp_path)
    started.append(up)
    up.wait_for("Kafka: ")
    assert up.end(signal.SIGINT) == 0
    assert "Traceback" not in up.said()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--scenario", "lundi"), "instant-t: There is no scenario 'lundi'"),
        (("--rate", "-1"), "instant-t: --rate, --speed and --duration are numbers above 0 and up to 1,000,000."),
        (("--rate", "2000000"), "instant-t: --rate, --speed and --duration are numbers above 0 and up to 1,000,000."),
        (("--duration", "nan"), "instant-t: --rate, --speed and --duration are numbers above 0 and up to 1,000,000."),
        (("--state", "/proc/nowhere"), "instant-t: the state folder /proc/nowhere cannot be used"),
    ],
)
def test_a_mistake_is_one_clear_sentence(
    options: tuple[str, ...], sentence: str, tmp_path: Path, started: list[Up]
) -> None:
    up = Up(tmp_path, *options)
    started.append(up)
    assert up.process.wait(30) == 1
    assert up.said().startswith(sentence)
    assert up.said().count("\n") == 1


@pytest.mark.parametrize(
    ("place", "variable"),
    list(enumerate(("KAFKA", "CLICKHOUSE", "CLICKHOUSE_HTTP", "METRICS", "DASHBOARD"))),
)
def test_a_port_in_use_is_named_with_its_variable_before_anything_starts(
    place: int, variable: str, tmp_path: Path, started: list[Up]
) -> None:
    ports = free_ports(5)
    with socket.create_server(("127.0.0.1", ports[place])):
        up = Up(tmp_path, ports=ports)
        started.append(up)
        assert up.process.wait(30) == 1
    assert up.said().startswith(f"instant-t: port {ports[place]} cannot be used")
    assert f"INSTANT_T_{variable}_PORT" in up.said()
    assert up.said().count("\n") == 1
    assert not (tmp_path / "state").exists()


def test_a_wrong_option_is_one_clear_sentence_too(tmp_path: Path, started: list[Up]) -> None:
    up = Up(tmp_path, "--port", "1")
    started.append(up)
    assert up.process.wait(30) == 2
    assert re.fullmatch(r"instant-t: No such option:? '?--port.*; see `instant-t up --help`\.\n", up.said())


def _send(up: Up, event_id: str) -> None:
    producer = KafkaProducer(bootstrap_servers=f"127.0.0.1:{up.ports[0]}")
    event = (
        f'{{"event_id":"{event_id}","event_time":{time.time_ns() // 1_000_000},"visit_id":"v","visitor_id":"p",'
        '"uai":"0010001W","service":"NOTES","profil":"ELEVE"}'
    )
    producer.send("ent.visits.v1", event.encode()).get(20)
    producer.close()


def _wait_for_hits(up: Up, hits: int) -> None:
    deadline = time.monotonic() + 40
    while (shown := up.total_hits()) != hits:
        assert time.monotonic() < deadline, (shown, up.said())
        time.sleep(0.2)
