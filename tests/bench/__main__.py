"""`python -m tests.bench [NAME …]`: all of them without a name, in turn, but those that take long."""

from __future__ import annotations

import importlib
import sys

BENCHES = {
    "simulate": "tests.bench.bench_simulate",
    "worker": "tests.bench.bench_worker",
    "null": "tests.bench.bench_null",
    "freshness": "tests.bench.bench_freshness",
    "store": "tests.bench.bench_store",
    "queries": "tests.bench.bench_queries",
    "schools": "tests.bench.bench_schools",
    "wall": "tests.bench.bench_wall",
    "peers": "tests.bench.peers.bench",
    "alerts": "tests.bench.alerts.bench",
    "outage": "tests.bench.bench_outage",
    "soak": "tests.bench.bench_soak",
    "whole-day": "tests.bench.bench_whole_day",
}

LONG = {"peers", "alerts", "outage", "soak", "whole-day"}


def main() -> None:
    """Run what the command line names; options go to that one."""
    arguments = sys.argv[1:]
    names = (
        [arguments.pop(0)] if arguments and arguments[0] in BENCHES else [name for name in BENCHES if name not in LONG]
    )
    if arguments and len(names) > 1:
        sys.exit(f"name one of {', '.join(BENCHES)} before its options")
    for name in names:
        print(f"== {name}", flush=True)
        sys.argv = [name, *arguments]
        importlib.import_module(BENCHES[name]).main()


if __name__ == "__main__":
    main()
