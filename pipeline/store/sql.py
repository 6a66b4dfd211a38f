"""Reads the project's SQL files: statements, named queries, and the one template of the contract views."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

_COMMENT = re.compile(r"^\s*--[^\n]*\n", re.MULTILINE)
_PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")


def statements(text: str) -> tuple[str, ...]:
    """The statements of a file, without its comment lines. A statement ends with `;` at the end of a line."""
    parts = (part.strip() for part in re.split(r";\s*(?:\n|\Z)", _COMMENT.sub("", text)))
    return tuple(part for part in parts if part)


@cache
def queries(name: str) -> tuple[str, ...]:
    """The statements of `queries/<name>.sql`."""
    return statements(files("pipeline.store").joinpath("queries", f"{name}.sql").read_text(encoding="utf-8"))


def query(name: str) -> str:
    """The only statement of `queries/<name>.sql`."""
    (statement,) = queries(name)
    return statement


def expand(template: str, table: str) -> str:
    """The text of `template` once for each row of the CSV text `table`, `{{column}}` replaced by the row's value.

    Raises:
        KeyError: the template names a column that the table does not have.
    """
    bare = _COMMENT.sub("", template)

    def filled(row: Mapping[str, str]) -> str:
        return _PLACEHOLDER.sub(lambda match: row[match[1]], bare)

    return "\n".join(filled(row) for row in csv.DictReader(table.splitlines()))
