"""What receivers of alerts were told, in `ent.deliveries`: the memory that makes a delivery happen once."""

from __future__ import annotations

from pipeline.alerts.change import Change
from pipeline.store.client import Store
from pipeline.store.sql import query

_FIELDS = (
    "alert_id", "revision", "state", "direction", "kind", "key", "opened_at", "since", "changed_at", "observed",
    "expected", "low", "high", "window_seconds", "data_age_seconds", "closure", "sentence", "look_at",
)  # fmt: skip
"""Fields of a change in the order of `list_told_alerts.sql`."""


class DeliveryMemory:
    """Implements `agents.deliver_alerts.Memory`. For one thread at a time.

    Args:
        store: a connection of its own, as the writer.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def newest(self, receiver: str, alert_id: str) -> int:
        """See `agents.deliver_alerts.Memory.newest`."""
        ((revision,),) = self._store.execute(query("read_delivered"), {"receiver": receiver, "alert_id": alert_id})
        return int(revision)

    def remember(self, receiver: str, change: Change, outcome: str) -> None:
        """See `agents.deliver_alerts.Memory.remember`; once more of the same changes nothing."""
        self._store.execute(query("remember_delivery"), [(receiver, change.alert_id, change.revision, outcome)])

    def open_alerts(self, receiver: str) -> list[Change]:
        """See `agents.deliver_alerts.Memory.open_alerts`; without neighbours and scope, whose words are written."""
        rows = self._store.execute(query("list_told_alerts"), {"receiver": receiver})
        return [Change(closed_at=None, **dict(zip(_FIELDS, row, strict=True))) for row in rows]

    def close(self) -> None:
        """Close the connection."""
        self._store.close()
