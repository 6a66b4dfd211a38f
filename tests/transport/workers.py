"""Workers of the conformance tests as processes, and what they wrote."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PATIENCE = 30.0
"""Seconds a condition may take; the machine may be busy with other things."""


def encoded(value: bytes | None) -> str | None:
    """A value that fits in JSON: text when it is short ASCII, else its length and a mark."""
    if value is None or (len(value) <= 64 and value.isascii()):
        return None if value is None else value.decode()
    return f"{len(value)}:{base64.b64encode(value[:12]).decode()}"


class Worker:
    """One `tests.transport.worker_app` process, running in a folder of its own."""

    def __init__(self, folder: Path, name: str, address: str, group: str, topic: str, *options: str) -> None:
        self.folder = folder / name
        self.folder.mkdir()
        self.out = folder / f"{name}.jsonl"
        self.log = folder / f"{name}.log"
        command = [sys.executable, "-m", "tests.transport.worker_app", address, group, topic, str(self.out), *options]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, cwd=self.folder, env=environment, stdout=log, stderr=subprocess.STDOUT
            )
        self.proc = Path("/proc") / str(self.process.pid)

    def lines(self) -> list[dict[str, Any]]:
        """Everything the worker noted so far; a last line that is still being written is left out."""
        text = self.out.read_text() if self.out.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def batches(self) -> list[dict[str, Any]]:
        """The batches it made durable."""
        return [line for line in self.lines() if "tp" in line]

    def values(self, partition: int) -> list[str | None]:
        """The values of one partition in the order it made them durable, repetitions included."""
        return [value for batch in self.batches() if batch["tp"][1] == partition for value in batch["values"]]

    def records(self) -> int:
        """How many records it made durable, repetitions included."""
        return sum(len(batch["values"]) for batch in self.batches())

    def ready(self) -> list[dict[str, Any]]:
        """One line for each time it got an assignment and was ready."""
        return [line for line in self.lines() if "ready" in line]

    def lags(self) -> dict[str, int]:
        """The last lags it reported, by topic/partition."""
        reports: list[dict[str, int]] = [line["lags"] for line in self.lines() if "lags" in line]
        return reports[-1] if reports else {}

    def logged(self, text: str) -> list[str]:
        """The lines of its log that contain `text`."""
        return [line for line in self.log.read_text().splitlines() if text in line]

    def alive(self) -> bool:
        """Whether the process still runs."""
        return self.process.poll() is None

    def wait_until(self, condition: Callable[[Worker], object], what: str, patience: float = PATIENCE) -> None:
        """Wait until `condition(self)` holds; fail with the log when it does not in time."""
        deadline = time.monotonic() + patience
        while not condition(self):
            if time.monotonic() > deadline or not self.alive():
                tail = "\n".join(self.log.read_text().splitlines()[-30:])
                raise AssertionError(f"{what}: not within {patience:g} s; the worker's log ends\n{tail}")
            time.sleep(0.05)

    def stop(self) -> int:
        """SIGTERM; returns the exit status."""
        if self.alive():
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
            raise

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.wait(10)
