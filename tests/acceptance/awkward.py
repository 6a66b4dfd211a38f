"""Awkward traffic: everything the contract lets a producer send, and everything it does not."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Sequence
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer

from pipeline.topics import VISITS
from tests.core.oracle import PROFIL_ROWS, SERVICE_ROWS

CODECS = ("lz4", "zstd", "gzip", "snappy", None)
CHECK_LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"


class Sent(NamedTuple):
    """A record as it was produced."""

    value: bytes | None
    stamp_ms: int


def uai(digits: str) -> str:
    """The seven digits with their check letter."""
    return digits + CHECK_LETTERS[int(digits) % 23]


UAIS = [
    uai(digits)
    for digits in (
        "0010001", "0750123", "0690456", "0130789", "0310042", "6200001", "7200999", "9710001", "9720002", "9730003",
        "9740004", "9760005", "9750001", "9830002", "9840007", "9870026", "0950001", "0590777",
    )
]  # fmt: skip


def events(seed: int, count: int, now_ms: int) -> list[Sent]:
    """`count` records around `now_ms`: good ones in every form, repeats, edges, and each kind of bad one.

    Event times lie in the 40 minutes before now, many exactly on the edges of minutes and buckets.
    """
    rng = random.Random(seed)
    words = [row["service"] for row in SERVICE_ROWS] + [row["service"].lower() for row in SERVICE_ROWS]
    words += [row["legacy_name_2012"] for row in SERVICE_ROWS if row["legacy_name_2012"]]
    words += [row["legacy_id_2012"] for row in SERVICE_ROWS if row["legacy_id_2012"]]
    words += ["", "  Notes ", "SERVICE_INCONNU", "Пример", "<script>alert(1)</script>", "'; DROP TABLE ent.cells; --"]
    profils = [row["profil_code"] for row in PROFIL_ROWS] + ["eleve", "1", "6", "", "Chef", "9"]
    minute = now_ms // 60_000 * 60_000
    sent: list[Sent] = []
    for number in range(count):
        if sent and rng.random() < 0.08:
            sent.append(rng.choice(sent))  # sent again as it was
            continue
        time_ms = minute - rng.randrange(40) * 60_000 + rng.choice((0, -1, 1, 9_999, 10_000, rng.randrange(60_000)))
        time_ms = min(time_ms, now_ms)
        event: dict[str, Any] = {
            # The last one comes again in other cells, where it counts again.
            "event_id": rng.choice(
                (
                    f"{rng.getrandbits(128):032x}",
                    f"evt-{number}",
                    f"É{number}",
                    f"{number:064d}",
                    f"shared-{number % 40}",
                )
            ),
            "event_time": _time(rng, time_ms),
            "visit_id": f"visit-{rng.randrange(count // 4 + 1)}",
            "visitor_id": f"{rng.randrange(count // 5 + 1):016x}",
            "uai": rng.choice(UAIS) if rng.random() < 0.9 else rng.choice(UAIS).lower(),
            "service": rng.choice(words),
            "profil": rng.choice(profils),
        }
        if rng.random() < 0.7:
            event |= {"projet": rng.choice(("Mon Bureau Numérique", "PCN", "x'y\"z")), "exploitant": "Kosmos"}
            event |= {
                "plateforme": rng.choice(("NEO", "Skolengo", "")),
                "type": "NATIF",
                "page": "/a\\b",
                "device": "tél",
            }
        if rng.random() < 0.1:
            event["inconnu"] = {"x": [1, None, 1e400, "é"]}
        stamp_ms = now_ms - rng.choice((0, 0, 1, 500))
        value: bytes | None = json.dumps(event, ensure_ascii=rng.random() < 0.5).encode()
        if rng.random() < 0.12:
            value = _spoil(rng, event, stamp_ms)
        sent.append(Sent(value, stamp_ms))
    return sent


def _time(rng: random.Random, time_ms: int) -> str | int:
    form = rng.randrange(5)
    if form == 0:
        return time_ms
    offset_minutes = rng.choice((0, 120, -240, 330, 660)) if form in (1, 2) else 0
    local_ms = time_ms + offset_minutes * 60_000
    seconds, millis = divmod(local_ms, 1000)
    text = _civil(seconds)
    fraction = f".{millis:03d}" if millis else rng.choice(("", ".0", ".000000000"))
    if form in (1, 2):
        sign = "-" if offset_minutes < 0 else "+"
        zone = f"{sign}{abs(offset_minutes) // 60:02d}:{abs(offset_minutes) % 60:02d}"
    else:
        zone = rng.choice("Zz")
    return f"{text}{fraction}{zone}"


def _civil(seconds: int) -> str:
    import datetime

    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _spoil(rng: random.Random, event: dict[str, Any], stamp_ms: int) -> bytes | None:
    hours = 3_600_000
    changes: list[dict[str, Any]] = [
        {"event_id": None}, {"event_id": 7}, {"event_id": ""}, {"visit_id": "v" * 65}, {"service": 3}, {"profil": None},
        {"uai": 7}, {"uai": "0010001A"}, {"uai": "9990001" + CHECK_LETTERS[9990001 % 23]}, {"uai": "x" * 3000},
        {"event_time": True}, {"event_time": 1.5}, {"event_time": "2026-09-01T08:00:00"}, {"event_time": "hier"},
        {"event_time": stamp_ms - 46 * hours - 60_000}, {"event_time": stamp_ms + 300_001},
        {"event_time": -5}, {"page": "p" * 257}, {"projet": ["x"]}, {"page": "p" * 17_000},
    ]  # fmt: skip
    kind = rng.randrange(len(changes) + 6)
    if kind < len(changes):
        return json.dumps(event | changes[kind]).encode()
    whole = json.dumps(event).encode()
    without = {name: value for name, value in event.items() if name != rng.choice(("event_id", "uai", "profil"))}
    return (None, b"", b"\xff\xfe" + whole, whole[:-1], b"[" + whole + b"]", json.dumps(without).encode())[
        kind - len(changes)
    ]


def produce(address: str, records: Sequence[Sent], seed: int, partitions: int = 4) -> dict[int, int]:
    """Send everything in a seeded order, over all codecs and partitions; returns where each partition ends."""

    async def send() -> dict[int, int]:
        rng = random.Random(seed)
        order = list(records)
        rng.shuffle(order)
        ends: dict[int, int] = {}
        share = -(-len(order) // len(CODECS))
        for number, codec in enumerate(CODECS):
            producer = AIOKafkaProducer(
                bootstrap_servers=address, compression_type=codec, linger_ms=5, max_request_size=2 << 20
            )
            await producer.start()
            try:
                waiting = [
                    await producer.send(
                        VISITS,
                        value=record.value,
                        key=None if record.value is not None else b"tombstone",
                        partition=rng.randrange(partitions),
                        timestamp_ms=record.stamp_ms,
                    )
                    for record in order[number * share : (number + 1) * share]
                ]
                for future in waiting:
                    done = await future
                    ends[done.partition] = max(ends.get(done.partition, 0), done.offset + 1)
            finally:
                await producer.stop()
        return ends

    return asyncio.run(send())
