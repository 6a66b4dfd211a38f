"""What a report says about the machine it was made on."""

from __future__ import annotations

import os
from pathlib import Path


def machine() -> str:
    """Processors, memory and the load of the last minute, in a few words (Linux)."""
    total_kb = next(
        int(line.split()[1]) for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal:")
    )
    return f"{os.cpu_count()} processors, {total_kb / (1 << 20):.0f} GiB, load {os.getloadavg()[0]:.1f}"
