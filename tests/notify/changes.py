"""Changes of an alert, as a test needs them, and as rows of the store."""

from __future__ import annotations

from typing import Any

from pipeline.alerts.change import Change
from pipeline.store.alerts import write_changes
from pipeline.store.client import Store

T0 = 1_788_244_440
"""2026-09-01 08:34:00 in Paris."""


def change(**fields: Any) -> Change:
    """NEO has dropped since 08:30; some fields may be others."""
    known: dict[str, Any] = {
        "alert_id": "00000000000000aa", "revision": 1, "state": "opened", "direction": "drop", "kind": "plateforme",
        "key": "NEO", "opened_at": T0, "since": T0 - 240, "changed_at": T0, "closed_at": None, "observed": 12.0,
        "expected": 1050.0, "low": 930.0, "high": 1170.0, "window_seconds": 60, "data_age_seconds": 20.0,
        "sentence": "Plateforme NEO : 12 pages/min au lieu de 1 050.", "look_at": "Appeler l'exploitant.",
    }  # fmt: skip
    return Change(**(known | fields))


def story(alert_id: str = "00000000000000aa", at: int = T0) -> list[Change]:
    """Opened, updated, closed."""
    return [
        change(alert_id=alert_id, revision=1, opened_at=at, since=at, changed_at=at),
        change(alert_id=alert_id, revision=2, state="updated", opened_at=at, since=at, changed_at=at + 300),
        change(
            alert_id=alert_id, revision=3, state="closed", opened_at=at, since=at, changed_at=at + 600,
            closed_at=at + 600, why_closed="recovered",
        ),
    ]  # fmt: skip


def put(store: Store, *changes: Change) -> None:
    """As the detector writes them."""
    write_changes(store, changes)
