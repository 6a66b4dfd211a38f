"""A program under measurement: what it says of its progress, and what its processes had used by then.

A contestant writes JSON objects to standard output, one a line: `{"events": N}` for the events counted so far, as often
as it likes, then its figures (see `telling`). The first such line has 0 events, when the first of them has come: the
start of a virtual machine and the joining of a group are no part of its time.
"""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.bench.processes import cpu_seconds, peak_mb

PATIENCE = 240.0
"""Seconds for one run of one contestant."""


class Sample(NamedTuple):
    """The state when a line was read."""

    events: int
    at: float
    """Seconds of the monotonic clock."""
    cpu: float
    """Seconds of the processor, user and system, by all processes of the contestant."""


class ContestantFailed(Exception):
    """It ended too early, or took too long; says what it last wrote."""


class Contestant:
    """One running program.

    Args:
        command: what to start.
        log: where its standard error goes.
        environment: its variables.
        folder: its current folder.
    """

    def __init__(self, command: Sequence[str], log: Path, environment: Mapping[str, str], folder: Path | None = None):
        self.log = log
        self.samples: list[Sample] = []
        self.figures: dict[str, int] | None = None
        self.peak_mb = 0.0
        """Largest resident set of its processes together when it was last asked, MiB."""
        with log.open("wb") as errors:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=environment, cwd=folder)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if not line.startswith(b"{"):
                continue
            said = json.loads(line)
            if "events" in said:
                self._take(said["events"])
            else:
                self.figures = said

    def _take(self, events: int) -> None:
        pids = family(self.process.pid)
        try:
            cpu = sum(map(cpu_seconds, pids))
            self.peak_mb = sum(map(peak_mb, pids))
        except (OSError, StopIteration):  # one of them has just ended; the next line counts
            return
        self.samples.append(Sample(events, time.monotonic(), cpu))

    @property
    def events(self) -> int:
        """Events counted so far."""
        return self.samples[-1].events if self.samples else 0

    def check(self) -> None:
        """Raise ContestantFailed when it has ended on its own."""
        status = self.process.poll()
        if status is not None:
            raise ContestantFailed(f"ended with status {status}: {self._last_words()}")

    def wait(self, events: int, figures: bool) -> None:
        """Until it has counted so many events and, if asked for, said its figures.

        Raises:
            ContestantFailed: it will not.
        """
        deadline = time.monotonic() + PATIENCE
        while self.events < events or (figures and self.figures is None):
            self._reader.join(0.02)
            if self.events >= events and (self.figures or not figures):
                return
            self.check()
            if time.monotonic() > deadline:
                raise ContestantFailed(f"{self.events} events in {PATIENCE:.0f} s: {self._last_words()}")

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return " | ".join(line.strip() for line in lines[-3:]) or "no word"

    def end(self) -> None:
        """kill -9, with what it started."""
        for pid in family(self.process.pid):
            if pid != self.process.pid:
                os.kill(pid, 9)
        self.process.kill()
        self.process.wait(10)
        self._reader.join(10)
        assert self.process.stdout is not None
        self.process.stdout.close()


def family(pid: int) -> list[int]:
    """The process and all that descend from it."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:  # it has ended
                continue
    found = [pid]
    for member in found:
        found += [child for child, parent in parents.items() if parent == member]
    return found


def speed(first: Sample, last: Sample) -> tuple[float, float]:
    """Events per second and CPU seconds per million events between two samples."""
    events = last.events - first.events
    return events / (last.at - first.at), (last.cpu - first.cpu) * 1e6 / events
