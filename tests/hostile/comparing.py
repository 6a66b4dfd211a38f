"""Three readings of the same records: many at once, one at a time, and the oracle's. They agree, or it is a finding."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from pipeline.core.classify import DEPARTEMENTS, PROFILS, SERVICES
from pipeline.core.columns import (
    BUCKET_SECONDS,
    ORIGIN_BITS,
    PROFIL_BITS,
    SERVICE_BITS,
    TERRITORY_BITS,
    Columns,
    Words,
)
from pipeline.core.event import Event, judge
from pipeline.core.ids import hash_text
from tests.core import oracle
from tests.core.traffic import NOW_MS
from tests.hostile.payloads import Record, flow

CHUNK = 500
CHUNKS_OF_A_RUN = 20
"""Chunks that share what the scanner learns; a run is what can be repeated by itself."""

OF_SHAPE = ("too_large", "not_json", "missing_field", "wrong_type")
"""What one event's judgement says of itself; the other reasons need the record's timestamp and the clock."""


class Finding(NamedTuple):
    """A record of which two readings differ, or that took too long."""

    record: Record
    what: str


class Outcome(NamedTuple):
    """What some runs showed."""

    payloads: int
    verdicts: Counter[str]
    """Events counted, and rejects by reason."""
    slowest_seconds: float
    """CPU seconds of the slowest judgement of one record."""
    findings: list[Finding]


Row = tuple[Any, ...]
"""bucket, département, service, profil, projet, exploitant, plateforme, three ids, number of the school."""


def run(seed: int, number: int) -> Outcome:
    """Run `number` of a seed: `CHUNK * CHUNKS_OF_A_RUN` payloads."""
    rng = random.Random(f"{seed}:{number}")
    words = Words()
    return together([compare(records, words) for records in flow(rng, CHUNKS_OF_A_RUN, CHUNK)])


def together(parts: Sequence[Outcome]) -> Outcome:
    """Several outcomes as one."""
    verdicts: Counter[str] = Counter()
    for part in parts:
        verdicts += part.verdicts
    return Outcome(
        sum(part.payloads for part in parts),
        verdicts,
        max((part.slowest_seconds for part in parts), default=0.0),
        [finding for part in parts for finding in part.findings],
    )


def compare(records: Sequence[Record], words: Words) -> Outcome:
    """Judge the records in all three ways."""
    expected = [oracle.verdict(value, stamp_ms, NOW_MS) for value, stamp_ms in records]
    findings: list[Finding] = []
    slowest = 0.0
    rows: Counter[Row] = Counter()
    for record, verdict in zip(records, expected, strict=True):
        began = time.thread_time()
        judged = judge(record.value)
        slowest = max(slowest, time.thread_time() - began)
        findings += _of_one(record, judged, verdict)
        if isinstance(verdict, oracle.Counted) and isinstance(judged, Event):
            rows[_expected_row(verdict, judged)] += 1
    columns = Columns(words, oracle.MAX_AGE_US)
    rejects = columns.add([value for value, _ in records], [stamp_ms for _, stamp_ms in records], NOW_MS)
    reasons = {at: str(rejected.reason) for at, rejected in rejects}
    for at, (record, verdict) in enumerate(zip(records, expected, strict=True)):
        wanted = verdict if isinstance(verdict, str) else None
        if reasons.get(at) != wanted:
            findings.append(Finding(record, f"many at once: {reasons.get(at)}, oracle: {wanted}"))
    if [at for at, _ in rejects] != sorted(reasons):
        findings.append(Finding(records[0], "rejects out of order, or twice"))
    for _, rejected in rejects:
        if not rejected.error.isprintable() or len(rejected.error) > 400:
            findings.append(Finding(records[0], f"error is not one short printable line: {rejected.error!a}"))
    counted = Counter(_rows(columns))
    for row in (counted - rows) | (rows - counted):
        findings.append(Finding(records[0], f"many at once {counted[row]} times, oracle {rows[row]}: {row!a}"))
    verdicts = Counter(verdict if isinstance(verdict, str) else "counted" for verdict in expected)
    return Outcome(len(records), verdicts, slowest, findings)


def _of_one(record: Record, judged: Any, verdict: oracle.Verdict) -> list[Finding]:
    wanted = verdict if verdict in OF_SHAPE else None
    got = None if isinstance(judged, Event) else str(judged.reason)
    return [] if got == wanted else [Finding(record, f"one at a time: {got}, oracle: {wanted}")]


def _expected_row(counted: oracle.Counted, event: Event) -> Row:
    ids = (hash_text(counted.event_id), hash_text(counted.visit_id), hash_text(counted.visitor_id))
    return (*counted.cell, *ids, int(event.uai[:7]))


def _rows(columns: Columns) -> list[Row]:
    keys, ids = columns.take()
    origins = list(columns.origins)
    fields: list[list[int]] = []
    for bits in (ORIGIN_BITS, PROFIL_BITS, SERVICE_BITS, TERRITORY_BITS):
        fields.append((keys & (1 << bits) - 1).tolist())
        keys = keys >> bits
    buckets = (keys * BUCKET_SECONDS).tolist()
    return [
        (bucket, DEPARTEMENTS[territory], SERVICES[service], PROFILS[profil], *origins[origin], *three, school)
        for bucket, territory, service, profil, origin, three, school in zip(
            buckets, *reversed(fields), ids.tolist(), columns.schools().tolist(), strict=True
        )
    ]
