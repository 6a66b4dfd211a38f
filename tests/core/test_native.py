"""Native blocks: the wire form is what the real engine reads, and what it writes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.cells import from_columns
from pipeline.core.columns import Columns, Words
from pipeline.core.ids import hash_text
from pipeline.core.native import Column, arrays, date_times, encode_block, low_cardinality
from tests.core import oracle
from tests.core.engine import Engine, running
from tests.core.native_reader import read_block, read_cells
from tests.core.traffic import NOW_MS, value

LOW = "LowCardinality(String)"
CELLS = """(
    bucket DateTime('UTC'), departement LowCardinality(String), service LowCardinality(String),
    profil LowCardinality(String), projet LowCardinality(String), exploitant LowCardinality(String),
    plateforme LowCardinality(String), hits SimpleAggregateFunction(groupUniqArrayArray, Array(UInt64)),
    visits SimpleAggregateFunction(groupUniqArrayArray, Array(UInt64)),
    visitors SimpleAggregateFunction(groupUniqArrayArray, Array(UInt64))
) ENGINE = AggregatingMergeTree
ORDER BY (bucket, service, departement, profil, projet, exploitant, plateforme)"""


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with running() as started:
        yield started


def _counted(raws: list[bytes | None]) -> Columns:
    columns = Columns(Words(), oracle.MAX_AGE_US)
    assert columns.add(raws, [NOW_MS] * len(raws), NOW_MS) == []
    return columns


def test_a_block_is_these_bytes() -> None:
    columns = [
        Column("t", "DateTime('UTC')", date_times(np.array([1, 2**32 - 1]))),
        Column("w", LOW, low_cardinality(("a", "é"), np.array([1, 0]))),
        Column("s", "Array(UInt64)", arrays(np.array([1, 3]), np.array([7, 8, 2**64 - 1], np.uint64))),
    ]
    assert encode_block(columns, 2, 0) == (
        b"\x03\x02"
        b"\x01t\x0fDateTime('UTC')" + b"\x01\0\0\0\xff\xff\xff\xff"
        b"\x01w\x16LowCardinality(String)"
        + b"\x01\0\0\0\0\0\0\0" + b"\0\x02\0\0\0\0\0\0" + b"\x03\0\0\0\0\0\0\0" + b"\0\x01a\x02\xc3\xa9"
        + b"\x02\0\0\0\0\0\0\0" + b"\x02\x01"
        + b"\x01s\x0dArray(UInt64)"
        + b"\x01\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0"
        + b"\x07\0\0\0\0\0\0\0\x08\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff"
    )  # fmt: skip


@pytest.mark.parametrize(("revision", "flag"), [(0, b""), (54_453, b""), (54_454, b"\0"), (54_500, b"\0")])
def test_from_revision_54454_each_column_says_that_it_is_serialized_as_usual(revision: int, flag: bytes) -> None:
    block = encode_block([Column("t", "DateTime('UTC')", b"\1\0\0\0")], 1, revision)
    assert block == b"\x01\x01\x01t\x0fDateTime('UTC')" + flag + b"\1\0\0\0"


@given(st.lists(st.text(max_size=200), min_size=1, unique=True), st.data())
def test_words_and_codes_are_read_back(words: list[str], data: st.DataObject) -> None:
    codes = data.draw(st.lists(st.integers(0, len(words) - 1), min_size=1))
    raw = encode_block([Column("w", LOW, low_cardinality(words, np.array(codes)))], len(codes), 0)
    assert read_block(raw) == {"w": [words[code] for code in codes]}


@pytest.mark.parametrize("size", [1, 2, 254, 255, 256, 65_534, 65_535, 65_536])
def test_the_engine_reads_a_dictionary_of_any_size(size: int, engine: Engine, tmp_path: Path) -> None:
    words = [f"word {number}" for number in range(size)]
    codes = np.arange(size)[::-1].copy()
    columns = [
        Column("place", "Array(UInt64)", arrays(np.arange(1, size + 1), np.arange(size, dtype=np.uint64))),
        Column("word", LOW, low_cardinality(words, codes)),
    ]
    file = tmp_path / "block.native"
    file.write_bytes(encode_block(columns, size, 0))
    rows = engine.ask(
        f"SELECT count(), uniqExact(word), countIf(word != concat('word ', toString({size - 1} - place[1]))), "
        f"any(toTypeName(word)) FROM file('{file}', 'Native')"
    )
    assert rows == [[size, size, 0, LOW]]


def test_the_empty_word_of_an_event_is_the_empty_word_of_the_engine(engine: Engine, tmp_path: Path) -> None:
    # Entry 0 of a dictionary is the engine's own ""; the block brings another "" beside it.
    file = tmp_path / "block.native"
    block = encode_block([Column("w", LOW, low_cardinality(("x", ""), np.array([1, 0, 1])))], 3, 0)
    file.write_bytes(block)
    engine.ask("CREATE TABLE empties (w LowCardinality(String)) ENGINE = MergeTree ORDER BY w")
    engine.ask(f"INSERT INTO empties SELECT w FROM file('{file}', 'Native')")
    engine.ask("INSERT INTO empties VALUES (''), ('x')")
    query = "SELECT w, count() FROM empties GROUP BY w ORDER BY w"
    assert engine.ask(query) == [["", 3], ["x", 2]]
    engine.ask("OPTIMIZE TABLE empties FINAL")
    assert engine.ask(query) == [["", 3], ["x", 2]]


def test_cells_written_by_the_engine_are_read_as_they_were_sent(engine: Engine, tmp_path: Path) -> None:
    projets = ("", "PCN", "Élan")
    cells = from_columns(_counted([value(event_id=str(i % 70), projet=projets[i % 3]) for i in range(100)]))
    sent, returned = tmp_path / "sent.native", tmp_path / "returned.native"
    sent.write_bytes(encode_block(cells.columns, cells.rows, 0))
    engine.ask(f"SELECT * FROM file('{sent}', 'Native') INTO OUTFILE '{returned}' FORMAT Native")
    block = read_block(returned.read_bytes())
    found = {row[:7]: tuple(map(set, row[7:])) for row in zip(*block.values(), strict=True)}
    assert found == read_cells(cells)
    assert len(found) == 3


def test_the_engine_unites_flushes_of_the_same_events_into_the_same_sets(engine: Engine, tmp_path: Path) -> None:
    raws: list[bytes | None] = [
        value(event_id=f"e-{i}", visit_id=f"v-{i // 4}", visitor_id=f"p-{i // 8}", service=("NOTES", "ABSENCES")[i % 2])
        for i in range(64)
    ]
    engine.ask(f"CREATE TABLE cells {CELLS}")
    # Once in two flushes, once in three others, and a part once more in reverse.
    for number, part in enumerate((raws[:20], raws[20:], raws[:40], raws[40:50], raws[50:], raws[::-1][:30])):
        cells = from_columns(_counted(part))
        file = tmp_path / f"{number}.native"
        file.write_bytes(encode_block(cells.columns, cells.rows, 0))
        engine.ask(f"INSERT INTO cells SELECT * FROM file('{file}', 'Native')")
    select = (
        "SELECT bucket, departement, service, profil, projet, exploitant, plateforme, "
        "arraySort(hits), arraySort(visits), arraySort(visitors) FROM cells FINAL ORDER BY service"
    )
    expected = [
        [
            "2026-09-01 06:30:00",
            "75",
            service,
            "ELEVE",
            "PCN",
            "Kosmos",
            "Skolengo",
            _ids(f"e-{i}" for i in range(start, 64, 2)),
            _ids(f"v-{i}" for i in range(16)),
            _ids(f"p-{i}" for i in range(8)),
        ]
        for service, start in (("ABSENCES", 1), ("NOTES", 0))
    ]
    assert engine.ask(select) == expected
    engine.ask("OPTIMIZE TABLE cells FINAL")
    assert engine.ask(select) == expected


def _ids(texts: Iterator[str]) -> list[int]:
    return sorted(hash_text(text) for text in texts)
