"""Changes of alerts in `ent.alerts`, and where the detector is in `ent.detector`.

A change written twice is the same row: ids and revisions come from the traffic, not from who writes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from pipeline.alerts.change import Change, Neighbour
from pipeline.store.client import Store
from pipeline.store.sql import query

_FIELDS = (
    "alert_id", "revision", "state", "direction", "kind", "key", "opened_at", "since", "changed_at", "closed_at",
    "observed", "expected", "low", "high", "window_seconds", "data_age_seconds", "neighbours", "scope", "why_closed",
    "closure", "sentence", "look_at",
)  # fmt: skip
"""Columns of `ent.alerts`, which are fields of `Change`."""
_INSTANTS = frozenset({"opened_at", "since", "changed_at", "closed_at"})
_DETECTOR = "alerts"
"""Name of the one detector there is."""


class Snapshot(NamedTuple):
    """The state of the detector after a tick."""

    tick: int
    """Seconds since 1970."""
    state: bytes


def write_changes(store: Store, changes: Sequence[Change]) -> None:
    """Write changes of alerts; when this returns, `bi.alerts` shows them.

    Raises:
        StoreUnavailable, StoreRefused: write the same again.
    """
    if changes:
        store.execute(f"INSERT INTO ent.alerts ({', '.join(_FIELDS)}) VALUES", [_row(change) for change in changes])


def read_changes(store: Store, after: int) -> list[Change]:
    """The changes of alerts at ticks after `after` (seconds since 1970), oldest first; each once."""
    rows = store.execute(query("list_changes"), {"after": after})
    return [_change(dict(zip(_FIELDS, row, strict=True))) for row in rows]


def write_snapshot(store: Store, snapshot: Snapshot) -> None:
    """Keep where the detector is; an older tick's state never replaces a newer one's."""
    row = (_DETECTOR, snapshot.tick, snapshot.state.decode())
    store.execute("INSERT INTO ent.detector (name, tick, state) VALUES", [row])


def read_snapshot(store: Store) -> Snapshot | None:
    """The newest state there is."""
    for tick, state in store.execute(query("read_detector"), {"name": _DETECTOR}):
        return Snapshot(tick, state.encode())
    return None


def read_last_tick(store: Store) -> int:
    """The tick of the newest state there is, without the state; 0 where there is none."""
    ((tick,),) = store.execute(query("read_detector_tick"), {"name": _DETECTOR})
    return int(tick)


def _row(change: Change) -> tuple[Any, ...]:
    def value(field: str) -> Any:
        found = getattr(change, field)
        if field == "neighbours":
            return [(n.kind, n.key, n.observed, n.expected) for n in found]
        if field in _INSTANTS:
            return None if found is None else datetime.fromtimestamp(found, UTC)
        return list(found) if field == "scope" else found

    return tuple(value(field) for field in _FIELDS)


def _change(fields: dict[str, Any]) -> Change:
    for field in _INSTANTS:
        if fields[field] is not None:
            fields[field] = int(fields[field].timestamp())
    fields["neighbours"] = tuple(Neighbour(*each) for each in fields["neighbours"])
    fields["scope"] = tuple((kind, key) for kind, key in fields["scope"])
    return Change(**fields)
