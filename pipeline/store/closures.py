"""Planned closures: what is meant to be quiet, from when to when, and why."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np

from pipeline.alerts.sample import Ints
from pipeline.store.client import Store
from pipeline.store.sql import query

NO_CLOSURE = -1
_COLUMNS = (
    "closure_id", "academie", "plateforme", "exploitant", "famille", "profil", "starts_at", "ends_at", "why",
    "added_by", "added_at", "removed_by", "removed_at",
)  # fmt: skip


class InForce(NamedTuple):
    """What a closure that is in force covers; '' stands for any value."""

    academie: str
    plateforme: str
    exploitant: str
    famille: str
    profil: str
    why: str
    closure_id: str

    def covers(self, leaf: tuple[str, str, str, str, str]) -> bool:
        """Whether a leaf (academie, plateforme, exploitant, famille, profil) is closed.

        A leaf that does not tell apart what the closure names is not: leaves by profil know no platform, the others
        know no profil.
        """
        return all(mine in ("", its) for mine, its in zip(self[:5], leaf, strict=True))


class Closure(NamedTuple):
    """A planned closure, as it was added; '' stands for any value."""

    closure_id: str
    academie: str
    plateforme: str
    exploitant: str
    famille: str
    profil: str
    starts_at: datetime
    """Aware, UTC, as all its instants."""
    ends_at: datetime
    why: str
    added_by: str
    added_at: datetime
    removed_by: str = ""
    removed_at: datetime | None = None
    """None: it is in force."""

    @property
    def who(self) -> tuple[tuple[str, str], ...]:
        """(dimension, value) of what is closed."""
        return tuple((name, value) for name, value in zip(_COLUMNS[1:6], self[1:6], strict=True) if value)


def covering(closures: Sequence[InForce], leaves: Sequence[tuple[str, str, str, str, str]]) -> Ints:
    """For each leaf the first closure that covers it, by its place; -1 for none. Array (leaves,)."""
    found = np.full(len(leaves), NO_CLOSURE, np.int64)
    for place, closure in reversed(list(enumerate(closures))):
        for row, leaf in enumerate(leaves):
            if closure.covers(leaf):
                found[row] = place
    return found


def closure_id(who: Sequence[tuple[str, str]], starts_at: datetime, ends_at: datetime) -> str:
    """The name of a closure: 8 hexadecimal digits; the same closure added twice is one."""
    text = "\x1f".join([*(part for pair in who for part in pair), starts_at.isoformat(), ends_at.isoformat()])
    return hashlib.blake2b(text.encode(), digest_size=4).hexdigest()


def add_closure(store: Store, closure: Closure) -> None:
    """Add a closure; one that was removed before is in force again.

    Raises:
        StoreUnavailable, StoreRefused: as every call.
    """
    _write(store, closure._replace(removed_by="", removed_at=None), _version(store, closure.closure_id) + 1)


def remove_closure(store: Store, closure: Closure, by: str, at: datetime) -> None:
    """Take a closure out of force; it stays on the list."""
    _write(store, closure._replace(removed_by=by, removed_at=at), _version(store, closure.closure_id) + 1)


def read_closures(store: Store) -> list[Closure]:
    """Every closure that was ever added, the latest to begin first."""
    rows = store.execute(query("read_closures"))
    return [Closure._make(_aware(value) if isinstance(value, datetime) else value for value in row) for row in rows]


def known_values(store: Store, dimension: str) -> list[str]:
    """The values of a dimension that have been counted, sorted.

    Args:
        store: any login that reads `bi`.
        dimension: academie, plateforme, exploitant, famille or profil.
    """
    return [value for (value,) in store.execute(query("list_known_values"), {"kind": dimension})]


def _version(store: Store, name: str) -> int:
    ((version,),) = store.execute(query("read_closure_version"), {"closure_id": name})
    return int(version)


def _write(store: Store, closure: Closure, version: int) -> None:
    columns = ", ".join((*_COLUMNS, "version"))
    store.execute(f"INSERT INTO ent.closures ({columns}) VALUES", [(*closure, version)])


def _aware(instant: datetime) -> datetime:
    return instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)
