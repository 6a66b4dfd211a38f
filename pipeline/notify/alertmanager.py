"""Prometheus' Alertmanager, by its v2 API: it groups, silences and routes; an alert that is not repeated resolves."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline.alerts.change import Change
from pipeline.alerts.sentence import RUNBOOK, plain
from pipeline.notify.posting import Poster

PATH = "/api/v2/alerts"
NAME = "EntAudience"
"""`alertname` of all alerts on traffic; routes and inhibitions are by the other labels."""
FORGET = timedelta(minutes=10)
"""How long an open alert stays open there when nobody repeats it: a pipeline that died is another alert's matter."""
WIDE = ("national", "famille", "academie", "plateforme", "exploitant")


class Alertmanager:
    """Implements `agents.deliver_alerts.Receiver`.

    Args:
        url: base address, as `http://host:9093`.
        clock: now, epoch seconds: Alertmanager goes by the clock of the wall, not by event time.
        seconds: longest time for one POST.
    """

    name = "alertmanager"
    wants_repeats = True

    def __init__(self, url: str, clock: Callable[[], float], seconds: float = 10.0) -> None:
        self._poster = Poster(url, PATH, seconds)
        self._clock = clock

    async def tell(self, change: Change) -> None:
        """See `agents.deliver_alerts.Receiver.tell`."""
        await self.repeat([change])

    async def repeat(self, changes: Sequence[Change]) -> None:
        """Post the present state of some alerts, open or closed, in one request."""
        now = datetime.fromtimestamp(self._clock(), UTC)
        body = json.dumps([_alert(change, now) for change in changes], ensure_ascii=False).encode()
        await self._poster.post(body, {})

    async def close(self) -> None:
        """Close the connections."""
        await self._poster.close()


def severity(change: Change) -> str:
    """`critical` wakes somebody: a drop or a silence of more than a crossing. It never changes while an alert lives."""
    return "critical" if change.direction in ("drop", "silence") and change.kind in WIDE else "warning"


def _alert(change: Change, now: datetime) -> dict[str, Any]:
    anchor, _ = RUNBOOK[change.direction]
    starts = min(datetime.fromtimestamp(change.opened_at, UTC), now)
    ends = now if change.state == "closed" else now + FORGET
    return {
        # An alert is its labels: they are those of its opening, whatever is said of it later.
        "labels": {
            "alertname": NAME,
            "service": "instant-t",
            "component": "traffic",
            "severity": severity(change),
            "direction": change.direction,
            "kind": change.kind,
            "key": plain(change.key),
            "alert_id": change.alert_id,
        },
        "annotations": {
            "summary": change.sentence,
            "description": change.look_at,
            "runbook_url": f"deploy/runbook.md#{anchor}",
        },
        "startsAt": _time(starts),
        "endsAt": _time(ends),
    }


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
