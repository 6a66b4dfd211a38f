"""A steady flow of numbered events whose counts are known by construction: millions of them cost no ledger of records.

Events happen when they are sent. Of every hundred, five repeat the one ten before them and one has a wrong UAI.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from types import TracebackType

import numpy as np
from aiokafka import AIOKafkaProducer

from pipeline.topics import VISITS
from tests.acceptance.awkward import UAIS
from tests.core.oracle import PROFIL_ROWS, SERVICE_ROWS
from tests.support.machine import machine

TICK = 0.05
"""Seconds between two bursts."""
PARTITIONS = 4
EVENTS_PER_VISIT = 8
EVENTS_PER_VISITOR = 20
COUNTED_SHARE = 0.94
"""Of the records, the distinct good events."""
SERVICES = [row["service"] for row in SERVICE_ROWS]
_PROFILS = [row["profil_code"] for row in PROFIL_ROWS]
_BACK = 10
"""A repeat is of the event so many before."""


@dataclass(frozen=True)
class Ledger:
    """What a flow has sent; all of it was acknowledged by Kafka."""

    records: int
    bad: int
    hits: dict[tuple[int, str], int]
    """(minute as epoch seconds, service) → distinct good events."""


class SteadyFlow:
    """A process that sends `rate` events a second, evenly, from `with` on until `stop`.

    Args:
        address: the broker's.
        rate: events a second.
    """

    def __init__(self, address: str, rate: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._acknowledged: Synchronized[int] = context.Value("q", 0)
        self._here, there = context.Pipe()
        self._process = context.Process(
            target=_produce, args=(address, rate, self._acknowledged, there), name="steady-flow", daemon=True
        )

    def __enter__(self) -> SteadyFlow:
        self._process.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.join()
        self._here.close()

    @property
    def pid(self) -> int:
        """Of the process that sends."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def acknowledged(self) -> int:
        """Records that Kafka has so far."""
        return int(self._acknowledged.value)

    def stop(self) -> Ledger:
        """Send no more; what was sent, once all of it is acknowledged."""
        self._here.send("stop")
        if not self._here.poll(60):
            raise TimeoutError("the steady flow did not end within 60 s")
        ledger: Ledger = self._here.recv()
        return ledger


def _produce(address: str, rate: int, acknowledged: Synchronized[int], pipe: Connection) -> None:
    bursts = asyncio.run(_send(address, rate, acknowledged, pipe))
    pipe.send(_ledger(bursts))


async def _send(
    address: str, rate: int, acknowledged: Synchronized[int], pipe: Connection
) -> list[tuple[int, int, int]]:
    """Send until told to stop; the bursts as (epoch milliseconds, first number, number after the last)."""
    producer = AIOKafkaProducer(bootstrap_servers=address, compression_type="lz4", acks="all", max_batch_size=1 << 18)
    await producer.start()
    bursts: list[tuple[int, int, int]] = []
    flying: list[tuple[asyncio.Future[object], int]] = []
    began = time.monotonic()
    number = 0
    try:
        while not pipe.poll():
            due = int((time.monotonic() - began) * rate)
            now_ms = time.time_ns() // 1_000_000
            bursts.append((now_ms, number, due))
            for partition in range(PARTITIONS):
                flying += await _burst(producer, range(number + partition, due, PARTITIONS), bursts, partition)
            number = due
            waiting = []
            for delivery, records in flying:
                if delivery.done():
                    delivery.result()
                    acknowledged.value += records
                else:
                    waiting.append((delivery, records))
            flying = waiting
            await asyncio.sleep(TICK)
        for delivery, records in flying:
            await delivery
            acknowledged.value += records
    finally:
        await producer.stop()
    return bursts


async def _burst(
    producer: AIOKafkaProducer, numbers: range, bursts: list[tuple[int, int, int]], partition: int
) -> list[tuple[asyncio.Future[object], int]]:
    """Send the last burst's events of one partition, in as many batches as it takes."""
    now_ms, first, _ = bursts[-1]
    sent = []
    batch = producer.create_batch()
    for number in numbers:
        if _is_repeat(number):
            original = number - _BACK
            value = event(original, now_ms if original >= first else _sent_at(bursts, original))
        else:
            value = event(number, now_ms)
        if batch.append(value=value, key=None, timestamp=now_ms) is None:
            sent.append((await producer.send_batch(batch, VISITS, partition=partition), batch.record_count()))
            batch = producer.create_batch()
            batch.append(value=value, key=None, timestamp=now_ms)
    if batch.record_count():
        sent.append((await producer.send_batch(batch, VISITS, partition=partition), batch.record_count()))
    return sent


def _sent_at(bursts: list[tuple[int, int, int]], number: int) -> int:
    """Epoch milliseconds of the burst that holds the event; one of the last few."""
    return next(now_ms for now_ms, first, end in reversed(bursts) if first <= number < end)


def _is_repeat(number: int) -> bool:
    return number % 20 == 19


def _is_bad(number: int) -> bool:
    return number % 100 == 50


def event(number: int, now_ms: int) -> bytes:
    """The value of an event that is no repeat."""
    uai = "0750123Z" if _is_bad(number) else UAIS[number % len(UAIS)]
    return (
        f'{{"event_id":"{number:032x}","event_time":{now_ms},"visit_id":"{number // EVENTS_PER_VISIT:032x}",'
        f'"visitor_id":"{number // EVENTS_PER_VISITOR:032x}","uai":"{uai}",'
        f'"service":"{SERVICES[number % len(SERVICES)]}","profil":"{_PROFILS[number % len(_PROFILS)]}",'
        f'"projet":"PCN","exploitant":"Kosmos","plateforme":"Skolengo","type":"NATIF","page":"/accueil"}}'
    ).encode()


def _ledger(bursts: list[tuple[int, int, int]]) -> Ledger:
    hits: dict[tuple[int, str], int] = {}
    bad = 0
    for now_ms, first, end in bursts:
        numbers = np.arange(first, end)
        minute = now_ms // 60_000 * 60
        spoilt = numbers % 100 == 50
        bad += int(spoilt.sum())
        fresh = numbers[~spoilt & (numbers % 20 != 19)]
        counts = np.bincount(fresh % len(SERVICES), minlength=len(SERVICES))
        for service, count in zip(SERVICES, counts.tolist(), strict=True):
            if count:
                hits[minute, service] = hits.get((minute, service), 0) + count
    return Ledger(bursts[-1][2] if bursts else 0, bad, hits)


def steady_options(name: str, about: str | None, *, minutes: float, kept: str) -> argparse.Namespace:
    """The options of a bench that holds a steady flow; it says first what it runs on, and how.

    Args:
        name: of the bench.
        about: for `--help`.
        minutes: how long it runs by default.
        kept: what `--json` keeps.
    """
    parser = argparse.ArgumentParser(prog=f"bench {name}", description=about)
    parser.add_argument("--minutes", type=float, default=minutes)
    parser.add_argument("--rate", type=int, default=5_000)
    parser.add_argument("--broker", choices=("embedded", "apache"), default="apache")
    parser.add_argument("--json", type=Path, metavar="FILE", help=f"write {kept} there as well")
    given = parser.parse_args()
    print(f"{machine()}; {given.broker} broker, {given.rate:,} events/s, {given.minutes:g} minutes", flush=True)
    return given
