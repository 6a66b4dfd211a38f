"""Prometheus and Alertmanager for real, with the files of `deploy/prometheus/`, in a time that runs faster."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml

from tests.support.brokers import free_port

FOLDER = Path(__file__).parents[2] / "deploy" / "prometheus"
RULES = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("rules/*.yml"))}
ALERTS: list[dict[str, Any]] = [rule for group in RULES["alerts"]["groups"] for rule in group["rules"]]
RECORDS: list[dict[str, Any]] = [rule for group in RULES["recording"]["groups"] for rule in group["rules"]]

MILLISECONDS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(r"(?<=[\[ ])(\d+)([smhd])(?=[\]\s,}]|$)", re.MULTILINE)


def program(*names: str) -> str:
    """The path of the first of these programs that is installed; skips the test where none is."""
    for name in names:
        found = shutil.which(name)
        if found:
            return found
    pytest.skip(f"{names[0]} is not installed")


def hastened(text: str, factor: int) -> str:
    """A file of Prometheus, its rules or Alertmanager with every duration (`5m`, `[1m]`, `offset 10m`) cut short.

    The wait for a lost worker stays: a worker takes as long to start here as anywhere.
    """

    def cut(match: re.Match[str]) -> str:
        return f"{max(1, int(match[1]) * MILLISECONDS[match[2]] // factor)}ms"

    head, gone, rest = text.partition("- alert: EntWorkerGone")
    kept, mark, rest = rest.partition("- alert: ") if gone else ("", "", rest)
    return _DURATION.sub(cut, head) + gone + kept + mark + _DURATION.sub(cut, rest)


@dataclass
class Inbox:
    """A webhook receiver: keeps what Alertmanager posts, by the path it was posted to."""

    url: str
    posts: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def notifications(self, path: str = "/on-call") -> list[tuple[str, list[str]]]:
        """What a receiver was told, in order: status, and the alerts listed, each as `name status`."""
        return [
            (body["status"], sorted(f"{alert['labels']['alertname']} {alert['status']}" for alert in body["alerts"]))
            for where, body in self.posts
            if where == path
        ]


@contextmanager
def inbox() -> Iterator[Inbox]:
    """A receiver on a free port of loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            received.posts.append((self.path, body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    received = Inbox(f"http://127.0.0.1:{server.server_address[1]}")
    try:
        yield received
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def wait_until(
    holds: Callable[[], object], seconds: float, otherwise: Callable[[], object] = lambda: "it did not"
) -> None:
    """Wait for something; an AssertionError with what `otherwise` says when it does not come."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, otherwise()
        time.sleep(0.05)


@contextmanager
def _running(command: Sequence[str], ready: str, log: Path) -> Iterator[None]:
    def answers() -> bool:
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(ready, timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
    try:
        wait_until(answers, 30, log.read_text)
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


@contextmanager
def running_alertmanager(folder: Path, receiver: str, factor: int) -> Iterator[str]:
    """Alertmanager with our routes and inhibitions; gives host:port.

    Args:
        folder: where its files go.
        receiver: the inbox that stands in for the three addresses, which become its paths.
        factor: how much faster its waits are.
    """
    binary = program("alertmanager", "prometheus-alertmanager")
    text = (FOLDER / "alertmanager.yml").read_text(encoding="utf-8")
    text = re.sub(r"http://([a-z-]+)\.invalid/", rf"{receiver}/\1", hastened(text, factor))
    (folder / "alertmanager.yml").write_text(text, encoding="utf-8")
    address = f"127.0.0.1:{free_port()}"
    command = [binary, f"--config.file={folder}/alertmanager.yml", f"--storage.path={folder}/alertmanager"]
    command += [f"--web.listen-address={address}", "--cluster.listen-address=", "--log.level=warn"]
    with _running(command, f"http://{address}/-/ready", folder / "alertmanager.log"):
        yield address


@contextmanager
def running_prometheus(folder: Path, targets: Sequence[str], alertmanager: str, factor: int) -> Iterator[str]:
    """Prometheus with our configuration and rules; gives its address.

    Args:
        folder: where its files go.
        targets: host:port of each worker, in place of what Docker's DNS would say.
        alertmanager: host:port.
        factor: how much faster everything is but the start of a worker.
    """
    binary = program("prometheus")
    (folder / "rules").mkdir()
    for rules in FOLDER.glob("rules/*.yml"):
        (folder / "rules" / rules.name).write_text(hastened(rules.read_text(encoding="utf-8"), factor))
    config = yaml.safe_load(hastened((FOLDER / "prometheus.yml").read_text(encoding="utf-8"), factor))
    (job,) = config["scrape_configs"]
    del job["dns_sd_configs"]
    job["static_configs"] = [{"targets": list(targets)}]
    config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = [alertmanager]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    address = f"127.0.0.1:{free_port()}"
    command = [binary, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    command += [f"--web.listen-address={address}", "--log.level=warn"]
    # Alertmanager forgets an alert that is not repeated; nothing is sent again sooner than this by itself.
    command += [f"--rules.alert.resend-delay={max(1, 60 // factor)}s"]
    with _running(command, f"http://{address}/-/ready", folder / "prometheus.log"):
        yield f"http://{address}"
