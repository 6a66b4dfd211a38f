"""What dies is started again, once."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from pipeline.supervisor.children import Child
from pipeline.supervisor.supervise import Supervisor


def running(mark: str) -> list[int]:
    """Process ids whose command line holds `mark`."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def test_a_part_that_dies_together_with_what_it_depends_on_is_started_once(tmp_path: Path) -> None:
    said: list[str] = []
    supervisor = Supervisor(said.append, lambda: True)
    marks = {name: f"987.{time.monotonic_ns()}{place}" for place, name in enumerate(("broker", "worker"))}
    children = {
        name: Child(name, ["sleep", mark], dict(os.environ), tmp_path / f"{name}.log") for name, mark in marks.items()
    }
    supervisor.run(children["broker"], restarts_with_it=("worker",))
    supervisor.run(children["worker"])
    try:
        for child in children.values():
            assert child.pid is not None
            os.kill(child.pid, signal.SIGKILL)
        time.sleep(0.1)
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            supervisor.watch()
            time.sleep(0.05)
        assert {name: len(running(mark)) for name, mark in marks.items()} == {"broker": 1, "worker": 1}
        assert "worker has started afresh with it" in said
    finally:
        supervisor.stop()
        left = [pid for mark in marks.values() for pid in running(mark)]
        for pid in left:
            os.kill(pid, signal.SIGKILL)
    assert left == []
