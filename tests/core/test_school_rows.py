"""Rows of schools: one for each counted event, with its school, the hour and the ten seconds of it, and three ids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pipeline.core import cells, school_rows
from pipeline.core.columns import Columns, Words
from pipeline.core.ids import hash_text
from tests.core import oracle, traffic
from tests.core.native_reader import read_block, read_cells
from tests.core.traffic import NOW_MS, value

NAMES = ["hour", "uai", "service", "profil", "projet", "exploitant", "plateforme", "step", "event", "visit", "visitor"]


def rows_of(raws: Sequence[bytes]) -> list[tuple[Any, ...]]:
    """The rows of some good records, in the order of the records."""
    columns = Columns(Words(), oracle.MAX_AGE_US)
    assert columns.add(raws, [NOW_MS] * len(raws), NOW_MS) == []
    schools = school_rows.from_columns(columns)
    block = read_block(schools.encode(0))
    assert list(block) == NAMES
    rows = list(zip(*block.values(), strict=True))
    assert len(rows) == schools.rows
    return rows


def test_an_event_is_one_row_of_its_school_and_hour() -> None:
    row = value(event_time="2026-09-01T08:29:59.999+02:00", uai="6200001g", service="13", profil="2", plateforme="É")
    assert rows_of([row]) == [
        (
            1788242400,  # 06:00:00Z
            "6200001G",
            "RESSOURCE_DOCUMENTAIRE",
            "ENSEIGNANT",
            "PCN",
            "Kosmos",
            "É",
            179,  # the last ten seconds of the first half of the hour
            hash_text("e-1"),
            hash_text("v-1"),
            hash_text("p-1"),
        )
    ]


def test_steps_count_ten_seconds_from_the_start_of_the_hour() -> None:
    # 05:59:59 │ 06:00:00 … 06:00:09 │ 06:00:10 … │ 06:34:50
    times = ["05:59:59.999999Z", "06:00:00Z", "06:00:09.999999Z", "06:00:10Z", "06:34:50Z"]
    raws = [value(event_time=f"2026-09-01T{time}") for time in times]
    assert [(row[0], row[7]) for row in rows_of(raws)] == [
        (1788238800, 359), (1788242400, 0), (1788242400, 0), (1788242400, 1), (1788242400, 209),
    ]  # fmt: skip


def test_the_schools_of_a_flush_keep_their_events_when_others_are_rejected() -> None:
    columns = Columns(Words(), oracle.MAX_AGE_US)
    uais = ["0010001W", "0750001A", "0590123N", "nonsense", "9870026P"]
    raws = [value(event_id=uai, uai=uai) for uai in uais] + [b"{"]
    assert [reject.at for reject in columns.add(raws, [NOW_MS] * 6, NOW_MS)] == [1, 3, 5]
    assert columns.add([value(event_id="0750001U")], [NOW_MS], NOW_MS) == []
    block = read_block(school_rows.from_columns(columns).encode(0))
    assert block["uai"] == ["0010001W", "0590123N", "0750001U", "9870026P"]
    assert block["event"] == [hash_text(uai) for uai in block["uai"]]


def test_rows_stand_by_hour_and_school_as_the_table_has_them() -> None:
    # Hours: 06:00, 05:00, 06:00, 05:00; the visitor's id decides between two rows of a school.
    sent = [("0750001U", 0), ("9870026P", -3600), ("0010001W", 0), ("0750001U", -3600), ("0750001U", -3600)]
    raws = [
        value(uai=uai, event_time=NOW_MS + 1000 * later, visitor_id=f"p-{i}") for i, (uai, later) in enumerate(sent)
    ]
    rows = rows_of(raws)
    assert [(row[0], row[1]) for row in rows] == [
        (1788238800, "0750001U"), (1788238800, "0750001U"), (1788238800, "9870026P"),
        (1788242400, "0010001W"), (1788242400, "0750001U"),
    ]  # fmt: skip
    assert [row[10] for row in rows[:2]] == sorted([hash_text("p-3"), hash_text("p-4")])


def test_columns_without_events_have_no_schools() -> None:
    assert Columns(Words(), oracle.MAX_AGE_US).schools().tolist() == []


def test_a_server_that_asks_for_it_gets_the_byte_about_serialization() -> None:
    columns = Columns(Words(), oracle.MAX_AGE_US)
    columns.add([value()], [NOW_MS], NOW_MS)
    rows = school_rows.from_columns(columns)
    assert read_block(rows.encode(54_454), 54_454) == read_block(rows.encode(54_453))


@given(st.lists(traffic.usual_values, min_size=1, max_size=20))
def test_rows_of_schools_hold_the_same_events_in_the_same_dimensions_as_the_cells(raws: list[bytes]) -> None:
    columns = Columns(Words(), oracle.MAX_AGE_US)
    columns.add(raws, [NOW_MS] * len(raws), NOW_MS)
    if not len(columns):
        return
    found: dict[tuple[Any, ...], tuple[set[int], set[int], set[int]]] = {}
    for row in zip(*read_block(school_rows.from_columns(columns).encode(0)).values(), strict=True):
        key = (row[0] + row[7] * 10, *row[2:7])
        for ids, id_ in zip(found.setdefault(key, (set(), set(), set())), row[8:], strict=True):
            ids.add(id_)
    expected: dict[tuple[Any, ...], tuple[set[int], set[int], set[int]]] = {}
    for cell, sets in read_cells(cells.from_columns(columns)).items():
        known = expected.setdefault((cell[0], *cell[2:]), (set(), set(), set()))
        for ids, more in zip(known, sets, strict=True):
            ids |= more
    assert found == expected
