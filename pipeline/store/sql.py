"""Reads the project's SQL files: statements, named queries, and the one template of the contract views."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

_COMMENT = re.compile(r"^\s*--[^\n]*\n", re.MULTILINE)
_PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")

LIVE, STAGING = "ent", "ent_staging"
"""Databases with the same tables of counts: the one the views show, and the one where days from files are counted."""

_COUNTS_OF_LIVE = re.compile(r"\bent\.(?!(?:services|profils|territories|calendar)\b)|(?<=database = ')ent(?=')")


def statements(text: str) -> tuple[str, ...]:
    """The statements of a file, without its comment lines. A statement ends with `;` at the end of a line."""
    parts = (part.strip() for part in re.split(r";\s*(?:\n|\Z)", _COMMENT.sub("", text)))
    return tuple(part for part in parts if part)


@cache
def queries(name: str, database: str = LIVE) -> tuple[str, ...]:
    """The statements of `queries/<name>.sql`.

    Args:
        name: of the file.
        database: LIVE or STAGING: whose counts the statements are about. The files are written for LIVE; the
            reference tables (services, territories…) are its own whatever the database.
    """
    if database not in (LIVE, STAGING):
        raise ValueError(f"{database!r} is no database of counts")
    text = files("pipeline.store").joinpath("queries", f"{name}.sql").read_text(encoding="utf-8")

    def moved(match: re.Match[str]) -> str:
        return match[0].replace(LIVE, database)

    return tuple(_COUNTS_OF_LIVE.sub(moved, statement) for statement in statements(text))


def query(name: str, database: str = LIVE) -> str:
    """The only statement of `queries/<name>.sql`; see `queries`."""
    (statement,) = queries(name, database)
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
