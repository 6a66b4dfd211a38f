"""How fast the simulator writes: events a second to a file, and to the embedded broker, on one core each.

    python -m tests.bench simulate [--events N] [--rounds R]

The seconds are those of the processor that the simulator used (broker not counted), and of the clock. Prints the best
of the rounds: on a shared machine the others measure the neighbours.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from pipeline.broker.publish import Publisher
from pipeline.simulate.scenario import scenario
from pipeline.simulate.traffic import Traffic
from tests.support.brokers import embedded_broker

RATE = 2_000
"""Events a second of simulated time: the rentrée morning of the whole country."""


def main() -> None:
    """Run it all; see the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--events", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, embedded_broker() as broker:
        report("to a file", options.rounds, options.events, lambda traffic: write(traffic, Path(folder) / "events"))
        report("to Kafka", options.rounds, options.events, lambda traffic: publish(traffic, broker.address))
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB")


def report(name: str, rounds: int, events: int, send: Callable[[Traffic], int]) -> None:
    """Print the best of some rounds."""
    played = scenario("rentree-2026")
    best_cpu, best_clock = 0.0, 0.0
    for _ in range(rounds):
        traffic = Traffic(played, played.opens, events / RATE, RATE, seed=1)
        cpu, clock = time.process_time(), time.perf_counter()
        sent = send(traffic)
        best_cpu = max(best_cpu, sent / (time.process_time() - cpu))
        best_clock = max(best_clock, sent / (time.perf_counter() - clock))
    print(f"{name:10} {best_cpu:9,.0f} events per second of processor   {best_clock:9,.0f} per second of the clock")


def write(traffic: Traffic, path: Path) -> int:
    """As `instant-t simulate --out FILE` does."""
    sent = 0
    with path.open("wb") as file:
        for records in traffic.batches():
            if records:
                file.write(b"\n".join(records) + b"\n")
            sent += len(records)
    return sent


def publish(traffic: Traffic, address: str) -> int:
    """As `instant-t simulate` does at a speed that nothing holds back."""
    with Publisher([address], "ent.bench") as publisher:
        for records in traffic.batches():
            for record in records:
                publisher.send(record)
        publisher.flush()
        return publisher.acknowledged


if __name__ == "__main__":
    main()
