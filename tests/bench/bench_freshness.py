"""Freshness: from the moment an event is sent until the view shows it, at steady rates.

    python -m tests.bench freshness [--rates 2000,20000] [--seconds S] [--broker embedded|apache]

Events happen when they are sent. A reader asks `bi.instant_t_total` for the last fifteen minutes again and again; when
an answer counts n events, the age of event n + 1 (the oldest one it does not show) is one sample, taken when the
answer arrived: the time of the query is part of it. Prints p50 and p99, and what the worker used.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import time
from datetime import UTC, datetime, timedelta
from multiprocessing.sharedctypes import Synchronized

from aiokafka import AIOKafkaProducer

from pipeline.topics import VISITS
from tests.acceptance.awkward import UAIS
from tests.acceptance.stack import Stack
from tests.bench.processes import cpu_seconds, peak_mb
from tests.bench.stacks import add_broker_option, bench_stack
from tests.core.oracle import PROFIL_ROWS, SERVICE_ROWS

TICK = 0.02
"""Seconds between two bursts of the producer."""


def produce(address: str, rate: int, seconds: float, sent: Synchronized[int], started: Synchronized[float]) -> None:
    """Send `rate` events a second, evenly; `sent` is raised before each burst, so that ages are never too small."""
    asyncio.run(_produce(address, rate, seconds, sent, started))


async def _produce(
    address: str, rate: int, seconds: float, sent: Synchronized[int], started: Synchronized[float]
) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=address, compression_type="lz4", linger_ms=5, max_batch_size=1 << 18)
    await producer.start()
    services = [row["service"] for row in SERVICE_ROWS]
    profils = [row["profil_code"] for row in PROFIL_ROWS]
    begun = time.time()
    started.value = begun
    number = 0
    while (elapsed := time.time() - begun) < seconds:
        due = int(elapsed * rate)
        sent.value = due
        batches = {partition: producer.create_batch() for partition in range(4)}
        now_ms = int(time.time() * 1000)
        for event in range(number, due):
            value = (
                f'{{"event_id":"{event:032x}","event_time":{now_ms},"visit_id":"{event // 5:032x}",'
                f'"visitor_id":"{event // 6:032x}","uai":"{UAIS[event % len(UAIS)]}",'
                f'"service":"{services[event % len(services)]}","profil":"{profils[event % len(profils)]}",'
                f'"projet":"PCN","exploitant":"Kosmos","plateforme":"Skolengo","type":"NATIF","page":"/accueil"}}'
            ).encode()
            batch = batches[event % 4]
            if batch.append(value=value, key=None, timestamp=now_ms) is None:
                await producer.send_batch(batch, VISITS, partition=event % 4)
                batches[event % 4] = producer.create_batch()
                batches[event % 4].append(value=value, key=None, timestamp=now_ms)
        number = due
        for partition, batch in batches.items():
            if batch.record_count():
                await producer.send_batch(batch, VISITS, partition=partition)
        await asyncio.sleep(TICK)
    await producer.stop()


def measure(stack: Stack, rate: int, seconds: float) -> None:
    """One rate: print its line."""
    admin = stack.store("admin")
    for table in ("cells", "marks", "keys_minute", "keys_ten", "keys_hour", "minutes"):
        admin.execute(f"TRUNCATE TABLE ent.{table}")
    admin.close()
    context = multiprocessing.get_context("spawn")
    sent, started = context.Value("q", 0), context.Value("d", 0.0)
    arguments = (stack.broker.address, rate, seconds, sent, started)
    producer = context.Process(target=produce, args=arguments)
    producer.start()
    while not started.value:
        time.sleep(0.01)
    worker, store_pid = stack.workers[-1].pid, stack.gateway.process.pid
    cpu, wall = (cpu_seconds(worker), cpu_seconds(store_pid)), time.monotonic()
    store = stack.store()
    ages: list[float] = []
    queries: list[float] = []
    while producer.is_alive():
        asked = time.monotonic()
        at = f"{datetime.now(UTC) + timedelta(minutes=1):%Y-%m-%d %H:%M:%S}"
        ((hits, _, _),) = store.execute(f"SELECT * FROM bi.instant_t_total(at='{at}', minutes=15)")
        now = time.time()
        queries.append(time.monotonic() - asked)
        if hits < sent.value and now - started.value > 3:
            ages.append(now - (started.value + (hits + 1) / rate))
        time.sleep(0.05)
    used = [after - before for after, before in zip((cpu_seconds(worker), cpu_seconds(store_pid)), cpu, strict=True)]
    wall = time.monotonic() - wall
    store.close()
    ages.sort()
    queries.sort()

    def at_share(values: list[float], share: float) -> float:
        return 1000 * values[min(len(values) - 1, int(len(values) * share))]

    print(
        f"{rate:>8,} ev/s  fresh p50 {at_share(ages, 0.5):.0f} ms, p99 {at_share(ages, 0.99):.0f} ms   "
        f"query p50 {at_share(queries, 0.5):.0f} ms, p99 {at_share(queries, 0.99):.0f} ms   "
        f"worker {100 * used[0] / wall:.0f} % of a core, {peak_mb(worker):.0f} MiB at most; "
        f"store {100 * used[1] / wall:.0f} %",
        flush=True,
    )


def main() -> None:
    """Print one line for each rate."""
    parser = argparse.ArgumentParser(prog="bench freshness", description=__doc__)
    parser.add_argument("--rates", default="2000,20000")
    parser.add_argument("--seconds", type=float, default=30.0)
    add_broker_option(parser)
    options = parser.parse_args()
    with bench_stack(options.broker) as stack:
        stack.start_worker()
        for rate in map(int, options.rates.split(",")):
            measure(stack, rate, options.seconds)


if __name__ == "__main__":
    main()
