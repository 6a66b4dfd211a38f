"""The events of the race, and what there is to count in them, by a reading of its own."""

from __future__ import annotations

import itertools
import json
import time
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from pipeline.core.columns import Columns, Words
from schemas.reference import profils, services
from tests.bench.loading import RATE, simulated
from tests.core import oracle

MAX_AGE_US = 46 * 3600 * 1_000_000
CHUNK = 10_000


class Expected(NamedTuple):
    """What a contestant must find."""

    hits: int
    visits: int
    visitors: int


def prepare(count: int, rate: int = RATE) -> list[bytes]:
    """So many simulated events; repeated ones among them, but none that is rejected or names things the old way.

    A contestant that counts by itself then needs no rules: neither those of the rejects nor those of old names.
    """
    return list(itertools.islice(_plain(count, rate), count))


def _plain(count: int, rate: int) -> Iterator[bytes]:
    known = {f'"service":"{row.service}"'.encode() for row in services()}
    profil = {f'"profil":"{row.profil_code}"'.encode() for row in profils()}
    words = Words()
    records = simulated(count * 2, rate)
    while chunk := list(itertools.islice(records, CHUNK)):
        judged = Columns(words, MAX_AGE_US).add(chunk, [-1] * len(chunk), time.time_ns() // 1_000_000)
        bad = {rejected.at for rejected in judged}
        for at, record in enumerate(chunk):
            if at not in bad and _member(record, b'"service":') in known and _member(record, b'"profil":') in profil:
                yield record


def _member(record: bytes, name: bytes) -> bytes:
    """A member of the object as it is written, its value without escapes; empty when it is not there."""
    start = record.find(name)
    return record[start : record.find(b'"', start + len(name) + 1) + 1] if start >= 0 else b""


def expected(records: list[bytes]) -> Expected:
    """Distinct event, visit and visitor ids of each cell, summed over the cells, as the tests' oracle reads events.

    Raises:
        AssertionError: the oracle would not count one of them.
    """
    departement, service, profil = cache(oracle._departement), cache(oracle.service_of), cache(oracle.profil_of)
    sets: dict[tuple[int, str | None, str, str], tuple[set[str], set[str], set[str]]]
    sets = defaultdict(lambda: (set(), set(), set()))
    for record in records:
        event = json.loads(record)
        time_us = oracle.instant(event["event_time"])
        place = departement(event["uai"])
        assert time_us is not None
        assert place is not None
        cell = (time_us // 10_000_000, place, service(event["service"])[0], profil(event["profil"])[0])
        hits, visits, visitors = sets[cell]
        hits.add(event["event_id"])
        visits.add(event["visit_id"])
        visitors.add(event["visitor_id"])
    return Expected(*(sum(len(cell[at]) for cell in sets.values()) for at in range(3)))
