"""Brings a ClickHouse to the schema of this release: an empty server, an older release, or the same one again.

Migrations are `migrations/NNNN_verb_noun.sql`, contiguous from 0001, frozen once shipped: the checksum of what was
run is kept in `ent.migrations`. A file with a `.csv` of the same name beside it is a template, run once for each row.
Every statement can be run twice (IF NOT EXISTS, OR REPLACE), so that a migration that stopped half-way ends in the
same schema: ClickHouse has no transactions of DDL. Two at once do as well, up to 0008; those after it may put one table
in the place of another, and are run by one process at a time.
"""

from __future__ import annotations

import hashlib
import random
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from pipeline.errors import UserError
from pipeline.store import dimensions
from pipeline.store.client import Store
from pipeline.store.sql import expand, query, statements
from pipeline.store.table_lock import TableLock

_FILE_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")


AT_ONCE = 8
"""Migrations up to here may run twice at a time; the lock itself needs what they make."""
PATIENCE_SECONDS = 600.0
"""How long another migration is waited for."""


@dataclass(frozen=True)
class Migration:
    """One file of migrations/."""

    number: int
    name: str
    """File name without its ending."""
    statements: tuple[str, ...]
    """What is run, placeholders replaced."""

    @property
    def checksum(self) -> str:
        """Sha256 of the statements, in hexadecimal; comments may be mended, statements may not."""
        return hashlib.sha256("\0".join(self.statements).encode()).hexdigest()


@dataclass(frozen=True)
class Plan:
    """What `apply` has to do, or has done."""

    migrations: tuple[Migration, ...]
    """Not yet in the ledger, in order."""
    dimensions: tuple[str, ...]
    """Tables of the database `ent` whose rows are not those of this release's reference files."""

    @property
    def is_empty(self) -> bool:
        """Whether the store is up to date."""
        return not self.migrations and not self.dimensions


@cache
def shipped() -> tuple[Migration, ...]:
    """The migrations of this release, in order."""
    folder = files("pipeline.store").joinpath("migrations")
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    migrations = []
    for number, name in enumerate(names, 1):
        match = _FILE_NAME.fullmatch(name)
        if not match or int(match[1]) != number:
            raise AssertionError(f"migrations/{name} is not numbered {number:04d}_verb_noun.sql")
        text = folder.joinpath(name).read_text(encoding="utf-8")
        table = folder.joinpath(name.replace(".sql", ".csv"))
        if table.is_file():
            text = expand(text, table.read_text(encoding="utf-8"))
        migrations.append(Migration(number, name.removesuffix(".sql"), statements(text)))
    return tuple(migrations)


def plan(store: Store, migrations: Sequence[Migration] | None = None) -> Plan:
    """Compare the store with this release; changes nothing, and needs no more than to read.

    Args:
        store: any login that reads `ent`.
        migrations: those of this release unless given.

    Raises:
        UserError: a migration that was applied has changed since, or a newer release has been here.
        StoreUnavailable, StoreRefused: as every call.
    """
    pending = unapplied(store, migrations)
    existing = {name for (name,) in store.execute(query("list_tables"))}
    stale = (t for t in dimensions.DIMENSIONS if t not in existing or dimensions.differs(store, t))
    return Plan(pending, tuple(stale))


def unapplied(store: Store, migrations: Sequence[Migration] | None = None) -> tuple[Migration, ...]:
    """The migrations that are not in the ledger, in order; the quick half of `plan`, with its errors."""
    release = shipped() if migrations is None else migrations
    applied = _ledger(store)
    for number, (name, checksum) in applied.items():
        ours = next((m for m in release if m.number == number), None)
        if ours is None:
            raise UserError(
                f"ClickHouse at {store.address} has migration {name}, which this release does not know: "
                "it belongs to a newer one; install that, or use another ClickHouse."
            )
        if ours.checksum != checksum:
            raise UserError(
                f"Migration {ours.name} has changed since it was applied to ClickHouse at {store.address}: "
                "put the file back as it was, and write the change as a new migration."
            )
    return tuple(m for m in release if m.number not in applied)


def apply(store: Store, dry_run: bool = False, migrations: Sequence[Migration] | None = None) -> Plan:
    """Run what is missing, then fill the dimension tables; returns what was done (or would be, with `dry_run`).

    Args:
        store: an admin's login; the server may be empty.
        dry_run: change nothing.
        migrations: those of this release unless given.

    Raises:
        UserError: as `plan`, or another migration does not end.
        StoreUnavailable, StoreRefused: as every call; run it again afterwards.
    """
    todo = plan(store, migrations)
    if dry_run:
        return todo
    for migration in todo.migrations:
        if migration.number <= AT_ONCE:
            _run(store, migration)
    if any(migration.number > AT_ONCE for migration in todo.migrations):
        with _alone(store):
            for migration in unapplied(store, migrations):  # somebody else may have run them meanwhile
                _run(store, migration)
    for table in todo.dimensions:
        dimensions.replace(store, table)
    return todo


def _run(store: Store, migration: Migration) -> None:
    for statement in migration.statements:
        store.execute(statement)
    entry = (migration.number, migration.name, migration.checksum)
    store.execute("INSERT INTO ent.migrations (number, name, checksum) VALUES", [entry])


@contextmanager
def _alone(store: Store) -> Iterator[None]:
    """Hold the lock of the migrations; wait for whoever has it, for ten minutes at most."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        lock = TableLock(store.another, "migrate")
        try:
            lock.__enter__()
            break
        except UserError:
            if time.monotonic() > deadline:
                raise
        time.sleep(random.uniform(0.1, 0.5))  # noqa: S311 - so that two that met do not meet again; no secret
    try:
        yield
    finally:
        lock.__exit__(None, None, None)


def _ledger(store: Store) -> dict[int, tuple[str, str]]:
    """Number -> (name, checksum) of what was applied; empty on an empty server."""
    if not store.execute(query("find_ledger")):
        return {}
    return {number: (name, checksum) for number, name, checksum in store.execute(query("read_ledger"))}
