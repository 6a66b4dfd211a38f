"""Cells leave the core as sets: no key in two rows, no id twice in one set."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.cells import _compact, _without_duplicates, from_columns
from pipeline.core.columns import ORIGIN_BITS, Columns, Words
from pipeline.core.sorting import digits, first_digit, order_by
from tests.core import oracle
from tests.core.native_reader import read_cells
from tests.core.traffic import NOW_MS, value

few_numbers = st.sampled_from([0, 1, 2, 2**63, 2**64 - 1])


def _sets(pairs: list[tuple[int, int]]) -> dict[int, list[int]]:
    """The sets that come out for some (key, id)."""
    keys = np.array([key for key, _ in pairs], np.int64)
    ids = np.array([id_ for _, id_ in pairs], np.uint64)
    order = order_by([first_digit(ids), *digits(_compact(keys, 1 << ORIGIN_BITS))])
    keys = keys[order]
    assert keys.tolist() == sorted(keys.tolist())
    same_cell = keys[1:] == keys[:-1]
    starts = np.flatnonzero(np.concatenate(([True], ~same_cell)))
    ends, flat = _without_duplicates(ids[order], same_cell, np.append(starts[1:], keys.size))
    bounds = [0, *ends.tolist()]
    assert len(flat) == bounds[-1]
    cells = keys[starts].tolist()
    return {key: flat[bounds[i] : bounds[i + 1]].tolist() for i, key in enumerate(cells)}


def _expected(pairs: list[tuple[int, int]]) -> dict[int, list[int]]:
    found: dict[int, set[int]] = {}
    for key, id_ in pairs:
        found.setdefault(key, set()).add(id_)
    return {key: sorted(ids) for key, ids in found.items()}


@given(st.lists(st.tuples(st.integers(0, 3) | st.just(2**60 - 1), few_numbers), min_size=1, max_size=30))
def test_an_id_stands_once_in_each_cell_it_belongs_to(pairs: list[tuple[int, int]]) -> None:
    assert {key: sorted(ids) for key, ids in _sets(pairs).items()} == _expected(pairs)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2**17).map(lambda end: 2**63 + end)), min_size=1))
def test_ids_that_begin_alike_are_told_apart(pairs: list[tuple[int, int]]) -> None:
    for again in (pairs, pairs[::-1], pairs * 3):
        assert {key: sorted(ids) for key, ids in _sets(again).items()} == _expected(pairs)


def test_a_visit_of_many_hits_is_one_visit_of_one_visitor_in_each_cell_it_touches() -> None:
    columns = Columns(Words(), oracle.MAX_AGE_US)
    raws = [
        value(event_id=f"e-{hit}", service=("NOTES", "ABSENCES")[hit % 2], event_time=NOW_MS + hit // 10 * 10_000)
        for hit in range(40)
    ]
    assert columns.add(raws, [NOW_MS] * 40, NOW_MS) == []
    cells = read_cells(from_columns(columns))
    assert len(cells) == 8
    assert {tuple(len(ids) for ids in sets) for sets in cells.values()} == {(5, 1, 1)}


def test_the_same_id_as_event_visit_and_visitor_is_kept_in_each() -> None:
    columns = Columns(Words(), oracle.MAX_AGE_US)
    columns.add([value(event_id="same", visit_id="same", visitor_id="same")], [NOW_MS], NOW_MS)
    ((hits, visits, visitors),) = read_cells(from_columns(columns)).values()
    assert hits == visits == visitors
    assert len(hits) == 1


def test_the_last_bucket_territory_service_profil_and_origin_do_not_run_into_each_other() -> None:
    columns = Columns(Words(), oracle.MAX_AGE_US)
    raws = [value(event_id=str(i), projet=str(i), uai="0010001W", service="PAGE_ENT") for i in range(3000)]
    raws += [value(event_id="last", projet="2999", uai="9870026P", service="NON_CLASSE", profil="AUTRE")]
    for start in range(0, len(raws), 1000):
        part = raws[start : start + 1000]
        assert columns.add(part, [NOW_MS] * len(part), NOW_MS) == []
    keys = {key[1:5] for key in read_cells(from_columns(columns))}
    assert keys == {("01", "PAGE_ENT", "ELEVE", str(i)) for i in range(3000)} | {("987", "NON_CLASSE", "AUTRE", "2999")}
