"""How many events a second `instant-t simulate` writes to a file, as a program of its own."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

SECONDS = 300
RATE = 2000


def measure_simulator() -> str:
    """Run it once, its start included; a sentence."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "events.ndjson"
        command = [sys.executable, "-m", "pipeline", "simulate", "--scenario", "rentree-2026", "--seed", "1"]
        command += ["--start", "2026-09-01T06:00:00Z", "--rate", str(RATE), "--duration", str(SECONDS)]
        start = time.perf_counter()
        subprocess.run([*command, "--out", str(out)], check=True, stderr=subprocess.DEVNULL, timeout=600)
        took = time.perf_counter() - start
        with out.open("rb") as file:
            events = sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))
        size = out.stat().st_size / events
    return f"simulator: {events:,} events of {size:.0f} bytes to a file in {took:.1f} s, {events / took:,.0f} events/s"
