"""What commands print: plain aligned tables for a person, JSON and CSV for a program."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

FORMATS = ("table", "json", "csv")

format_option: Callable[[Any], Any] = click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="table",
    show_default=True,
    help="table for reading, json (one object) or csv for programs",
)


_SPACES = "\u00a0\u202f"
"""The no-break spaces of French: Python does not call them printable, and no terminal obeys them."""


def printable(text: str) -> str:
    r"""`text` with everything that is not printable escaped (`\x1b`, `\n`): safe on a terminal, whatever it holds."""
    return "".join(c if c.isprintable() or c in _SPACES else c.encode("unicode_escape").decode() for c in text)


def printable_bytes(value: bytes) -> str:
    """The same for bytes, read as UTF-8; what is not UTF-8 is escaped byte by byte."""
    return printable(value.decode("utf-8", "backslashreplace"))


def show(value: object) -> str:
    """One cell of a table: integers with thousands separated, texts printable, nothing as a dash."""
    if value is None or value == "":
        return "-"
    if isinstance(value, int):
        return f"{value:,}"
    return printable(str(value))


def print_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    total: Sequence[object] | None = None,
) -> None:
    """Print aligned columns, numbers to the right, with neither boxes nor cuts; bold heads on a terminal.

    Args:
        columns: heads.
        rows: values, one for each column.
        total: a last row set apart, or None.
    """
    body = [[show(value) for value in row] for row in rows]
    foot = [["" if value is None else show(value) for value in total]] if total is not None else []
    to_right = [isinstance(value, int) for value in (rows[0] if rows else total or columns)]
    widths = [max(map(len, column)) for column in zip(columns, *body, *foot, strict=True)]

    def line(cells: Sequence[str]) -> str:
        padded = (
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(cells, widths, to_right, strict=True)
        )
        return "  ".join(padded).rstrip()

    click.secho(line(columns), bold=True)  # click drops the style when nobody looks
    for cells in body:
        click.echo(line(cells))
    if foot:
        click.echo()
        click.secho(line(foot[0]), bold=True)


def json_text(value: Mapping[str, object]) -> str:
    """One JSON object, indented; accents as they are, what a terminal might obey as JSON's own escapes."""
    text = json.dumps(value, ensure_ascii=False, indent=2) + "\n"
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def csv_text(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A head line and one line a row, as RFC 4180 says but with plain line ends."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()


def print_json(value: Mapping[str, object]) -> None:
    """Print one JSON object."""
    click.echo(json_text(value), nl=False)


def print_csv(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print CSV."""
    click.echo(csv_text(columns, rows), nl=False)
