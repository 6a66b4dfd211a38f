"""What commands print, whatever the data holds."""

from __future__ import annotations

import json

import pytest

from pipeline.commands.output import print_csv, print_json, print_table, printable, printable_bytes, show

NASTY = "é\x1b[31m\x9b2J\u202e\n\U000e0001"


def test_what_a_terminal_might_obey_is_escaped_and_accents_are_not() -> None:
    assert printable(NASTY) == "é\\x1b[31m\\x9b2J\\u202e\\n\\U000e0001"
    assert printable_bytes(b"\xc3\xa9\xff\x00") == "é\\xff\\x00"


def test_the_spaces_of_french_figures_stay() -> None:
    assert printable("1\u202f050 pages\u00a0!") == "1\u202f050 pages\u00a0!"


def test_json_holds_the_same_text_without_a_raw_control_character(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"projet": NASTY})
    out = capsys.readouterr().out
    assert json.loads(out) == {"projet": NASTY}
    assert out.startswith('{\n  "projet": "é')
    assert [c for c in out if not c.isprintable() and c != "\n"] == []


def test_a_table_aligns_numbers_to_the_right_and_sets_the_total_apart(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("projet", "hits"), [(NASTY[:1], 1234567), ("MonLycée", 5)], ("total", 1234572))
    assert capsys.readouterr().out == (
        "projet         hits\né         1,234,567\nMonLycée          5\n\ntotal     1,234,572\n"
    )


def test_csv_quotes_what_needs_it_and_writes_numbers_plain(capsys: pytest.CaptureFixture[str]) -> None:
    print_csv(("projet", "hits"), [('a "b", c', 1234567), ("", 0)])
    assert capsys.readouterr().out == 'projet,hits\n"a ""b"", c",1234567\n,0\n'


@pytest.mark.parametrize(("value", "text"), [(None, "-"), ("", "-"), (0, "0"), (-1234, "-1,234"), ("x", "x")])
def test_an_empty_cell_is_a_dash(value: object, text: str) -> None:
    assert show(value) == text
