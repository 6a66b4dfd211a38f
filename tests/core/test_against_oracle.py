"""The fast core and the slow oracle agree on whatever a producer sends."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.core.cells import from_columns
from pipeline.core.columns import Columns, RejectedAt, Words
from pipeline.core.event import Event, judge
from pipeline.core.ids import hash_text
from tests.core import oracle, traffic
from tests.core.native_reader import Sets, read_cells
from tests.core.traffic import NOW_MS

Record = tuple[bytes | None, int]

WORDS = Words()
"""Shared by all examples, as a worker shares them over all flushes."""


def _add(columns: Columns, chunk: list[Record]) -> list[RejectedAt]:
    return columns.add([value for value, _ in chunk], [stamp for _, stamp in chunk], NOW_MS)


def _cells(columns: Columns) -> dict[tuple[Any, ...], Sets]:
    return read_cells(from_columns(columns)) if len(columns) else {}


def _expected_cells(chunk: list[Record]) -> dict[tuple[Any, ...], Sets]:
    verdicts = [oracle.verdict(value, stamp, NOW_MS) for value, stamp in chunk]
    counted = [verdict for verdict in verdicts if isinstance(verdict, oracle.Counted)]
    cells: dict[tuple[Any, ...], Sets] = {}
    for cell, (hits, visits, visitors) in oracle.cells(counted).items():
        cells[tuple(cell)] = (
            {hash_text(text) for text in hits},
            {hash_text(text) for text in visits},
            {hash_text(text) for text in visitors},
        )
    return cells


@given(traffic.chunks)
@example([(b"\xef\xbb\xbf" + traffic.value(), NOW_MS), (traffic.value(), NOW_MS)])
def test_a_chunk_is_judged_and_counted_as_its_events_one_at_a_time(chunk: list[Record]) -> None:
    verdicts = [oracle.verdict(value, stamp, NOW_MS) for value, stamp in chunk]
    columns = Columns(WORDS, oracle.MAX_AGE_US)
    rejects = [(at, str(rejected.reason)) for at, rejected in _add(columns, chunk)]
    assert rejects == [(at, verdict) for at, verdict in enumerate(verdicts) if isinstance(verdict, str)]
    assert columns.tally.counted == len(chunk) - len(rejects)
    assert _cells(columns) == _expected_cells(chunk)


@given(traffic.mutations, traffic.mutations)
def test_a_damaged_record_is_judged_like_any_other_and_never_raises(first: bytes, second: bytes) -> None:
    for value in (first, second):
        verdict = judge(value)
        expected = oracle.verdict(value, NOW_MS, NOW_MS)
        if not isinstance(verdict, Event):
            assert verdict.reason == expected
            assert len(verdict.error.encode()) < 400
        else:
            assert expected not in ("too_large", "not_json", "missing_field", "wrong_type")


@given(traffic.chunks)
def test_a_good_event_counts_the_same_beside_bad_ones(chunk: list[Record]) -> None:
    alone = Columns(Words(), oracle.MAX_AGE_US)
    together = Columns(WORDS, oracle.MAX_AGE_US)
    for record in chunk:
        _add(alone, [record])
    bad: Record = (b"{", NOW_MS)
    _add(together, [record for good in chunk for record in (bad, good)])
    assert _cells(alone) == _cells(together)


@given(st.data())
def test_any_split_any_order_and_any_repetition_of_any_part_give_the_same_cells(data: st.DataObject) -> None:
    sent = data.draw(st.lists(traffic.records | traffic.usual_records, min_size=1, max_size=15))
    order = data.draw(st.permutations(range(len(sent))))
    again = data.draw(st.lists(st.sampled_from(range(len(sent))), max_size=15))
    cuts = data.draw(st.lists(st.integers(0, len(sent) + len(again)), max_size=6).map(sorted))
    delivered = [sent[i] for i in [*order, *again]]
    union: dict[tuple[Any, ...], Sets] = {}
    columns = Columns(WORDS, oracle.MAX_AGE_US)
    for start, end in zip([0, *cuts], [*cuts, len(delivered)], strict=True):
        if start == end:
            continue
        _add(columns, delivered[start:end])
        if data.draw(st.booleans()) or end == len(delivered):
            for key, sets in _cells(columns).items():
                known = union.setdefault(key, (set(), set(), set()))
                for ids, more in zip(known, sets, strict=True):
                    ids |= more
            columns = Columns(WORDS, oracle.MAX_AGE_US)
    for key, sets in _cells(columns).items():
        known = union.setdefault(key, (set(), set(), set()))
        for ids, more in zip(known, sets, strict=True):
            ids |= more
    assert union == _expected_cells(sent)


@given(traffic.chunks)
def test_the_tally_counts_what_was_late_and_what_was_not_recognised(chunk: list[Record]) -> None:
    late = services = profils = newest = 0
    for value, stamp in chunk:
        verdict = oracle.verdict(value, stamp, NOW_MS)
        if isinstance(verdict, oracle.Counted):
            event = judge(value)
            assert isinstance(event, Event)
            time_us = oracle.instant(event.event_time)
            assert time_us is not None
            late += (NOW_MS if stamp < 0 else stamp) * 1000 - time_us > 60_000_000
            services += not oracle.service_of(event.service)[1]
            profils += not oracle.profil_of(event.profil)[1]
            newest = max(newest, time_us)
    columns = Columns(WORDS, oracle.MAX_AGE_US)
    _add(columns, chunk)
    tally = columns.tally
    assert (tally.late, tally.unknown_services, tally.unknown_profils, tally.newest_us) == (
        late,
        services,
        profils,
        newest,
    )
    assert sum(tally.by_famille().values()) == tally.counted
