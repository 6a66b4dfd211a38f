"""`make hostile [SEED=1] [PAYLOADS=1000000]`: a seeded million of payloads through every reading of an event.

    python -m tests.hostile --seed 1 --payloads 1000000 [--processes 2] [--first RUN]

The last line reads `1000000 payloads, 0 findings`; a finding is printed with its bytes and the run that shows it.
"""

from __future__ import annotations

import argparse
import functools
import multiprocessing
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor

from tests.hostile.comparing import CHUNK, CHUNKS_OF_A_RUN, Outcome, run, together

_SHOWN = 20
SLOW_SECONDS = 0.25
"""CPU time over which the judgement of one record is a stall: 16 KiB take a thousandth of a second."""


def main() -> int:
    """Run it; the exit status is 1 when anything was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.hostile")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--payloads", type=int, default=1_000_000)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--first", type=int, default=0, help="the first run: to repeat one that showed something")
    options = parser.parse_args()
    per_run = CHUNK * CHUNKS_OF_A_RUN
    numbers = range(options.first, options.first + -(-options.payloads // per_run))
    began = time.monotonic()
    parts: list[Outcome] = []
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(options.processes, spawn) as pool:  # it says so when one of its processes is killed
        for number, part in zip(numbers, pool.map(functools.partial(run, options.seed), numbers), strict=True):
            parts.append(part)
            for found in part.findings[:_SHOWN]:
                print(f"run {number}: {found.what}")
                print(f"  timestamp {found.record.stamp_ms}, value {found.record.value!a}")
            if sys.stderr.isatty():
                print(f"\r{len(parts)}/{len(numbers)} runs", end="", file=sys.stderr)
    total = together(parts)
    for verdict, count in sorted(total.verdicts.items()):
        print(f"{verdict:14} {count:>9,}")
    stalled = total.slowest_seconds > SLOW_SECONDS
    seconds = time.monotonic() - began
    slowest_ms = total.slowest_seconds * 1000
    print(f"seed {options.seed}, {seconds:.0f} s, slowest judgement {slowest_ms:.1f} ms")
    print(f"{total.payloads} payloads, {len(total.findings) + stalled} findings")
    return 1 if total.findings or stalled else 0


if __name__ == "__main__":
    sys.exit(main())
