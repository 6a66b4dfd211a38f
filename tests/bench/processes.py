"""What a process used, from the operating system's own accounting (Linux)."""

from __future__ import annotations

import os
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """User and system time of all its threads so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def peak_mb(pid: int) -> float:
    """Its largest resident set so far, MiB."""
    return _status_kb(pid, "VmHWM") / 1024


def resident_mb(pid: int) -> float:
    """Its resident set now, MiB."""
    return _status_kb(pid, "VmRSS") / 1024


def _status_kb(pid: int, name: str) -> int:
    status = Path(f"/proc/{pid}/status")
    try:
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith(f"{name}:"))
    except (StopIteration, FileNotFoundError):  # of a process that has ended, nothing or its name is left
        raise RuntimeError(f"process {pid}, which was being measured, has ended") from None
