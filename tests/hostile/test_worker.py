"""The real worker under a flood of hostile records: each is counted or a dead letter, exactly; nothing leaks out."""

from __future__ import annotations

import asyncio
import random
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from pipeline.topics import VISITS
from tests.acceptance.stack import Stack, fresh_stack
from tests.core.oracle import Counted, verdict
from tests.core.traffic import value
from tests.hostile import payloads, tokens
from tests.hostile.payloads import Record

CODECS = ("lz4", "zstd", "gzip", "snappy", None)
PAYLOADS = 3_000
BROKER_LIMIT = 1_000_000
"""A record of about the most that Kafka takes in one batch (1 MiB with what stands around it)."""


@pytest.fixture(params=["embedded", pytest.param("apache", marks=pytest.mark.kafka)])
def stack(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stack]:
    """A fresh pipeline without workers, on each broker."""
    with fresh_stack(request.param, tmp_path) as running:
        yield running


HEADERS: tuple[list[tuple[str, bytes]], ...] = (
    [],
    [("reason", b"counted"), ("topic", b"ent.alerts.v1")],
    [("\x1b[31m", b"\x00\xff" * 20)],
    [("h" * 300, b"")] * 30,
    [("", b"")],
)
KEYS: tuple[bytes | None, ...] = (None, b"", b"\x00", b"\xff" * 40, b"k" * 2000, "clé".encode())


async def flood(address: str, records: Sequence[Record], rng: random.Random) -> dict[int, int]:
    """Send the records by every codec, with headers and keys of every kind; where each partition ends then."""
    ends: dict[int, int] = {}
    for number, name in enumerate(CODECS):
        producer = AIOKafkaProducer(
            bootstrap_servers=address, compression_type=name, linger_ms=10, max_request_size=2 << 20
        )
        await producer.start()
        try:
            sent = []
            for content, stamp_ms in records[number :: len(CODECS)]:
                key = rng.choice(KEYS) if content is not None else b"tombstone"
                headers = rng.choice(HEADERS)
                future = await producer.send(
                    VISITS, content, key, rng.randrange(4), stamp_ms if stamp_ms >= 0 else None, headers
                )
                sent.append(future)
            for future in sent:
                done = await future
                ends[done.partition] = max(ends.get(done.partition, 0), done.offset + 1)
        finally:
            await producer.stop()
    return ends


def hostile_records(now_ms: int) -> list[Record]:
    """Payloads of every kind, with timestamps that both brokers take; the largest values among them."""
    rng = random.Random(20260901)
    records = [record for part in payloads.flow(rng, PAYLOADS // 500, 500, now_ms) for record in part]
    records = [record._replace(stamp_ms=now_ms) for record in records]
    for size in (16_383, 16_384, 16_385, 200_000, BROKER_LIMIT):
        bare = value(event_time=now_ms, inconnu="")
        records.append(Record(value(event_time=now_ms, inconnu="x" * (size - len(bare))), now_ms))
    for number, text in enumerate(tokens.TEXTS):
        fields = {"event_id": f"t-{number}", "projet": text, "exploitant": text, "plateforme": text}
        records.append(Record(value(event_time=now_ms, **fields), now_ms))
    rng.shuffle(records)
    return [record for record in records if not _passing(record, now_ms)]


def _passing(record: Record, now_ms: int) -> bool:
    """Whether the verdict changes while the test runs, or the event is still to come (views end with the present)."""
    judged = verdict(*record, now_ms)
    if isinstance(judged, Counted) and judged.cell.bucket * 1000 > now_ms:
        return True
    return judged != verdict(*record, now_ms + 600_000)


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=20) as answer:
        content: bytes = answer.read()
        return content


def forbidden(shown: bytes) -> list[int]:
    """Control characters that no line, page or table of ours contains."""
    return sorted({byte for byte in shown if byte < 0x20 and byte not in b"\n\t\r"} | ({0x7F} & set(shown)))


def test_each_hostile_record_is_counted_or_a_dead_letter_and_shown_to_nobody_as_it_is(stack: Stack) -> None:
    now_ms = time.time_ns() // 1_000_000
    records = hostile_records(now_ms)
    verdicts = [verdict(content, stamp_ms, now_ms) for content, stamp_ms in records]
    counted = [judged for judged in verdicts if isinstance(judged, Counted)]
    worker = stack.start_worker()
    began = peak_mib(stack.workers[worker].pid)
    stack.sent = asyncio.run(flood(stack.broker.address, records, random.Random(1)))
    stack.wait_counted()

    # Counted, exactly.
    store = stack.store("admin")
    try:
        ((hits,),) = store.execute("SELECT sum(hits) FROM bi.traffic_minute")
        origins = set(store.execute("SELECT DISTINCT projet, exploitant, plateforme FROM bi.traffic_minute"))
        assert store.execute("SELECT count() FROM system.tables WHERE database = 'ent' AND name = 'cells'") == [(1,)]
    finally:
        store.close()
    assert hits == len({(judged.event_id, judged.cell) for judged in counted})
    assert origins == {(judged.cell.projet, judged.cell.exploitant, judged.cell.plateforme) for judged in counted}

    # Rejected, exactly: the bytes, the reason, and a sentence without a control character.
    letters = stack.rejects()
    wanted = Counter(
        (content or b"", judged)
        for (content, _), judged in zip(records, verdicts, strict=True)
        if isinstance(judged, str)
    )
    assert Counter((content, headers["reason"]) for headers, content in letters) == wanted
    assert all(headers["error"].isprintable() for headers, _ in letters)

    # Alive, caught up, and no larger than before a flood of a hundred times as much.
    samples = stack.metrics(worker)
    assert stack.health(worker) == 200
    assert sum(lag for name, lag in samples.items() if name.startswith("ent_consumer_lag_records")) == 0
    assert samples['ent_events_total{outcome="rejected"}'] == sum(wanted.values())
    assert peak_mib(stack.workers[worker].pid) - began < 200

    # Nothing unescaped in a log line, a metric or a terminal.
    assert forbidden((stack.folder / f"worker-{worker}.log").read_bytes()) == []
    assert forbidden(get(f"http://127.0.0.1:{stack.metrics_ports[worker]}/metrics")) == []
    offset = next(headers for headers, content in letters if b"\x1b" in content)
    place = f"{offset['topic']}:{offset['partition']}:{offset['offset']}"
    for arguments in (("rejects", "list", "--limit", "100000"), ("rejects", "show", place), ("at", "--by", "projet")):
        done = stack.command(*arguments)
        assert (done.returncode, forbidden(done.stdout + done.stderr)) == (0, []), arguments
    assert stack.stop_worker(worker) == 0


def peak_mib(pid: int) -> int:
    """The most memory that a process ever had, MiB."""
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(fields["VmHWM"].split()[0]) // 1024


def test_a_bomb_ends_in_one_dead_letter_and_the_worker_goes_on(stack: Stack) -> None:
    """A hundred megabytes of one event, again and again, compressed to a few kilobytes."""
    now_ms = time.time_ns() // 1_000_000
    worker = stack.start_worker()
    before = peak_mib(stack.workers[worker].pid)

    async def send() -> int:
        producer = AIOKafkaProducer(
            bootstrap_servers=stack.broker.address, compression_type="zstd",
            max_request_size=200 << 20, max_batch_size=200 << 20, linger_ms=500,
        )  # fmt: skip
        await producer.start()
        try:
            first, last = (value(event_id=name, event_time=now_ms) for name in "ab")
            for content in (first, b" " * (100 << 20), last):
                sent = await producer.send_and_wait(VISITS, content, partition=0)
            end: int = sent.offset + 1
            return end
        finally:
            await producer.stop()

    stack.sent = {0: asyncio.run(send()), 1: 0, 2: 0, 3: 0}
    stack.wait_counted()
    ((headers, content),) = stack.rejects()
    assert (headers["reason"], headers["offset"]) == ("not_json", "1")
    assert len(content) < 20_000
    assert stack.metrics(worker)['ent_events_total{outcome="counted"}'] == 2
    assert peak_mib(stack.workers[worker].pid) - before < 250
    assert b"cannot be read" in (stack.folder / f"worker-{worker}.log").read_bytes()
    assert stack.health(worker) == 200


def test_timestamps_of_any_64_bits_neither_end_a_worker_nor_spoil_the_freshness(tmp_path: Path) -> None:
    """Apache Kafka refuses those from the future; the embedded broker takes them all."""
    with fresh_stack("embedded", tmp_path) as stack:
        now_ms = time.time_ns() // 1_000_000
        tomorrow_ms = now_ms + 86_400_000
        records = [Record(value(event_time=now_ms), stamp) for stamp in sorted(set(tokens.STAMPS)) if stamp >= 0]
        records += [Record(value(event_time=now_ms), now_ms), Record(value(event_time=tomorrow_ms), tomorrow_ms)] * 10
        worker = stack.start_worker()
        stack.sent = asyncio.run(flood(stack.broker.address, records, random.Random(2)))
        stack.wait_counted()
        store = stack.store()
        newest, deadline = 0, time.monotonic() + 20
        try:
            while not newest and time.monotonic() < deadline:  # positions are told once a second
                ((newest, arrival, age),) = store.execute(
                    "SELECT toUnixTimestamp(newest_event_time), toUnixTimestamp(newest_arrival), data_age_seconds"
                    " FROM bi.freshness"
                )
        finally:
            store.close()
        assert now_ms // 1000 <= newest <= time.time() + 300
        assert arrival <= time.time() + 1
        assert age >= 0
        assert stack.stop_worker(worker) == 0
