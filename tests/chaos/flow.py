"""The flow: numbered events, some repeated, some late, some bad; and the ledger of what Kafka acknowledged."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import threading
import time
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from pipeline.topics import VISITS
from tests.acceptance.awkward import UAIS
from tests.core.oracle import PROFIL_ROWS, SERVICE_ROWS

TICK = 0.05
REPEATED, LATE, BAD = 0.05, 0.03, 0.01
"""Shares of the flow."""
LATEST_S = 1800
"""How late a late event may be."""
REMEMBERED = 5_000
PARTITIONS = 4
MOST_WAITING = 1_000
"""Events not yet acknowledged, at which the flow holds back: thousands of sends that fail again and again would keep
the event loop from connecting to a broker that is back."""
RETRY_S = 1.0
LONGEST_SEND_S = 60
"""A producer that neither sends nor fails for so long is replaced; no fault lasts half of it."""


class Acknowledged(NamedTuple):
    """A record that Kafka has acknowledged."""

    value: bytes
    stamp_ms: int
    partition: int
    offset: int


class Flow:
    """Produces `rate` events a second from a thread of its own until `stop`; nothing unacknowledged is forgotten.

    Args:
        address: the broker's.
        seed: of the events.
        rate: events a second.
    """

    def __init__(self, address: str, seed: int, rate: float) -> None:
        self.ledger: list[Acknowledged] = []
        self.retried = 0
        """Sends that failed and were made again: the log may hold such a record twice."""
        self.replaced = 0
        """Producers that died of the broker's troubles; aiokafka does not start its sending task again."""
        self._address = address
        self._rng = random.Random(seed)
        self._rate = rate
        self._number = 0
        self._recent: list[bytes] = []
        self._stopping = threading.Event()
        self._failure: BaseException | None = None
        self._producer: Any = None
        self._is_stuck = False
        self._thread = threading.Thread(target=self._run, name="flow", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, seconds: float = 90.0) -> None:
        """Send no more, and wait until everything sent is acknowledged.

        Raises:
            AssertionError: it was not in time.
        """
        self._stopping.set()
        self._thread.join(seconds)
        assert not self._thread.is_alive(), "records are still not acknowledged"
        if self._failure is not None:
            raise self._failure

    def ends(self) -> dict[int, int]:
        """Partition → offset after the last record acknowledged so far."""
        ends: dict[int, int] = {}
        for record in list(self.ledger):
            ends[record.partition] = max(ends.get(record.partition, 0), record.offset + 1)
        return ends

    def _run(self) -> None:
        try:
            asyncio.run(self._produce())
        except BaseException as error:  # told by `stop`, in the thread of the campaign
            self._failure = error

    async def _produce(self) -> None:
        self._producer = await self._new_producer()
        waiting: set[asyncio.Task[None]] = set()
        due = 0.0
        try:
            while not self._stopping.is_set() or waiting:
                await asyncio.sleep(TICK)
                if self._is_stuck or self._producer._sender.sender_task.done():
                    await self._replace_producer()
                if self._stopping.is_set() or len(waiting) > MOST_WAITING:
                    continue
                due += TICK * self._rate
                while due >= 1:
                    due -= 1
                    value = self._next()
                    task = asyncio.create_task(self._send(value, self._rng.randrange(PARTITIONS)))
                    waiting.add(task)
                    task.add_done_callback(waiting.discard)
        finally:
            await self._producer.stop()

    async def _new_producer(self) -> AIOKafkaProducer:
        while True:
            producer = AIOKafkaProducer(
                bootstrap_servers=self._address,
                compression_type="lz4",
                linger_ms=5,
                acks="all",
                request_timeout_ms=5_000,
            )
            try:
                await producer.start()
            except KafkaError:
                await producer.stop()
                await asyncio.sleep(0.5)
            else:
                return producer

    async def _replace_producer(self) -> None:
        self.replaced += 1
        self._is_stuck = False
        with contextlib.suppress(KafkaError, TimeoutError):
            await asyncio.wait_for(self._producer.stop(), LONGEST_SEND_S)
        self._producer = await self._new_producer()

    async def _send(self, value: bytes, partition: int) -> None:
        stamp_ms = time.time_ns() // 1_000_000
        while True:
            try:
                sending = self._producer.send_and_wait(VISITS, value, partition=partition, timestamp_ms=stamp_ms)
                sent = await asyncio.wait_for(sending, LONGEST_SEND_S)
            except TimeoutError:
                self.retried += 1
                self._is_stuck = True
            except KafkaError:
                self.retried += 1
                await asyncio.sleep(RETRY_S)
            else:
                self.ledger.append(Acknowledged(value, stamp_ms, sent.partition, sent.offset))
                return

    def _next(self) -> bytes:
        rng = self._rng
        self._number += 1
        if self._recent and rng.random() < REPEATED:
            return rng.choice(self._recent)
        number = self._number
        time_ms = time.time_ns() // 1_000_000
        if rng.random() < LATE:
            time_ms -= rng.randrange(LATEST_S * 1000)
        event = {
            "event_id": f"n{number}",
            "event_time": time_ms,
            "visit_id": f"v{number // 5}",
            "visitor_id": f"p{number // 7}",
            "uai": rng.choice(UAIS),
            "service": rng.choice(SERVICE_ROWS)["service"],
            "profil": rng.choice(PROFIL_ROWS)["profil_code"],
            "projet": rng.choice(("PCN", "MBN")),
            "exploitant": "Kosmos",
            "plateforme": rng.choice(("NEO", "Skolengo")),
        }
        if rng.random() < BAD:
            event |= rng.choice(({"uai": "0750123Z"}, {"event_time": "hier"}, {"event_id": None, "page": f"{number}"}))
        value = json.dumps(event).encode()
        self._recent.append(value)
        del self._recent[:-REMEMBERED]
        return value
