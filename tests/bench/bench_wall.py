"""The wall under load: many viewers of one page, and of many pages, while events flow.

    python -m tests.bench wall [--viewers 1,200] [--rate 20000] [--seconds S] [--pages N] [--broker embedded|apache]

Viewers are event streams as a browser opens them (gzip). Prints, for each number of viewers: queries a second that the
wall sent to ClickHouse, time between two updates of the figures on a viewer's page (p50, p99, longest), kilobytes a
second for one viewer, and what the wall used. With `--pages`, the viewers look at so many different addresses.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import signal
import statistics
import subprocess
import sys
import time
import urllib.request
import zlib
from urllib.parse import quote

import aiohttp

from pipeline.wall.places import places
from tests.acceptance.stack import Stack
from tests.bench.bench_freshness import produce
from tests.bench.processes import cpu_seconds, peak_mb
from tests.bench.stacks import add_broker_option, bench_stack
from tests.support.brokers import free_port

SETTLE_SECONDS = 8.0


class Viewer:
    """One open page: when its updates came, and how many bytes they took on the way."""

    def __init__(self) -> None:
        self.updates: list[float] = []
        self.bytes = 0

    async def watch(self, session: aiohttp.ClientSession, url: str, until: float) -> None:
        """Read the stream until `until`, monotonic seconds."""
        unpack = zlib.decompressobj(16 + zlib.MAX_WBITS)
        async with session.get(url, headers={"Accept-Encoding": "gzip"}) as answer:
            while (left := until - time.monotonic()) > 0:
                try:
                    content = await asyncio.wait_for(answer.content.readany(), left)
                except TimeoutError:
                    return
                self.bytes += len(content)
                if b'"titre"' in unpack.decompress(content):
                    self.updates.append(time.monotonic())


async def watch(base: str, viewers: int, pages: int, seconds: float) -> list[Viewer]:
    """Open the pages, all at once, for so many seconds."""
    names = list(places())
    queries = ["", *(f"?academie={quote(name)}" for name in names)]
    watching = [Viewer() for _ in range(viewers)]
    until = time.monotonic() + seconds
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=False) as session:
        await asyncio.gather(
            *(
                viewer.watch(session, f"{base}/flux{queries[number % min(pages, len(queries))]}", until)
                for number, viewer in enumerate(watching)
            )
        )
    return watching


def asked(base: str) -> int:
    """Queries that the wall has sent to ClickHouse so far."""
    with urllib.request.urlopen(f"{base}/sante", timeout=5) as answer:
        return int(json.load(answer)["queries"])


def measure(base: str, pid: int, viewers: int, pages: int, seconds: float) -> None:
    """Print one row."""
    asyncio.run(watch(base, viewers, pages, SETTLE_SECONDS))
    queries, cpu, began = asked(base), cpu_seconds(pid), time.monotonic()
    watching = asyncio.run(watch(base, viewers, pages, seconds))
    took = time.monotonic() - began
    gaps = sorted(
        later - earlier
        for viewer in watching
        for earlier, later in zip(viewer.updates, viewer.updates[1:], strict=False)
    )
    percentiles = statistics.quantiles(gaps, n=100)
    kilobytes = sum(viewer.bytes for viewer in watching) / len(watching) / took / 1024
    cells = (
        f"{viewers:>7} {pages:>5} {(asked(base) - queries) / took:>9.1f}",
        f"{percentiles[49]:>8.2f} {percentiles[98]:>8.2f} {gaps[-1]:>9.2f} {kilobytes:>9.1f}",
        f"{100 * (cpu_seconds(pid) - cpu) / took:>6.0f} % {peak_mb(pid):>6.0f}",
    )
    print(*cells, flush=True)


def start_wall(stack: Stack, port: int) -> subprocess.Popen[bytes]:
    """`instant-t wall` before the stack, with the reader's login."""
    environment = stack.environment() | {
        "INSTANT_T_CLICKHOUSE": stack.gateway.url("default").removesuffix("/bi"),
        "INSTANT_T_DASHBOARD_PORT": str(port),
        "INSTANT_T_METRICS_PORT": str(stack.metrics_ports[0]),
    }
    wall = subprocess.Popen([sys.executable, "-m", "pipeline", "wall"], env=environment, stdout=subprocess.PIPE)
    assert wall.stdout is not None
    assert wall.stdout.readline().startswith(b"wall ready")
    return wall


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench wall")
    parser.add_argument("--viewers", default="1,200")
    parser.add_argument("--pages", type=int, default=1)
    parser.add_argument("--rate", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=60.0)
    add_broker_option(parser)
    options = parser.parse_args()
    counts = [int(count) for count in options.viewers.split(",")]
    with bench_stack(options.broker) as stack:
        stack.start_worker()
        context = multiprocessing.get_context("spawn")
        sent, started = context.Value("q", 0), context.Value("d", 0.0)
        length = (options.seconds + SETTLE_SECONDS + 5) * len(counts) + 30
        arguments = (stack.broker.address, options.rate, length, sent, started)
        producer = context.Process(target=produce, args=arguments)
        port = free_port()
        wall = start_wall(stack, port)
        producer.start()
        try:
            print(f"{options.rate:,} events/s")
            print("viewers pages queries/s  p50 s    p99 s  longest s  kB/s each  CPU   peak MiB")
            for viewers in counts:
                measure(f"http://127.0.0.1:{port}", wall.pid, viewers, options.pages, options.seconds)
        finally:
            os.kill(wall.pid, signal.SIGTERM)
            wall.wait(15)
            producer.terminate()
            producer.join()


if __name__ == "__main__":
    main()
