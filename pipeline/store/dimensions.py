"""Fills the dimension tables from the reference files, each replaced as a whole and at once when it differs."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import astuple
from typing import Any

from pipeline.store.client import Store
from pipeline.store.school_calendar import calendar_days
from pipeline.store.sql import query
from schemas.reference import profils, services, territories

Row = tuple[Any, ...]

DIMENSIONS: dict[str, Callable[[], list[Row]]] = {
    "services": lambda: [astuple(row) for row in services()],
    "profils": lambda: [astuple(row) for row in profils()],
    "territories": lambda: [astuple(row) for row in territories()],
    "calendar": lambda: [tuple(row) for row in calendar_days()],
}
"""Table of the database `ent` -> the rows it has to hold, in the order of its columns."""


def differs(store: Store, table: str) -> bool:
    """Whether a dimension table holds other rows than the reference files. The table exists."""
    return sorted(store.execute(f"SELECT * FROM ent.{table}")) != sorted(DIMENSIONS[table]())  # noqa: S608


def replace(store: Store, table: str) -> None:
    """Put the rows of the reference files in place of what the table holds; a reader sees the old or the new ones.

    Two that run at once work on staging tables of their own, and leave the same rows.
    """
    staging = f"staging_{table}_{secrets.token_hex(4)}"
    names = {"table": table, "staging": staging}
    store.execute(query("create_staging").format_map(names))
    try:
        store.execute(f"INSERT INTO ent.{staging} VALUES", DIMENSIONS[table]())
        store.execute(query("exchange_staging").format_map(names))
    finally:
        store.execute(query("drop_staging").format_map(names))
