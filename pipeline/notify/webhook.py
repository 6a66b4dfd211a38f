"""Any program that takes a POST: one request for each change, as `schemas/alert-v1.json` describes it."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.alerts.change import Change
from pipeline.notify.posting import Poster


class Webhook:
    """Implements `agents.deliver_alerts.Receiver`.

    Args:
        url: whole address.
        seconds: longest time for one POST.
    """

    name = "webhook"
    wants_repeats = False

    def __init__(self, url: str, seconds: float = 10.0) -> None:
        self._poster = Poster(url, seconds=seconds)

    async def tell(self, change: Change) -> None:
        """See `agents.deliver_alerts.Receiver.tell`; the key lets the other side know a change it has had."""
        await self._poster.post(change.to_json(), {"Idempotency-Key": f"{change.alert_id}:{change.revision}"})

    async def repeat(self, changes: Sequence[Change]) -> None:
        """Nothing: a webhook remembers."""

    async def close(self) -> None:
        """Close the connections."""
        await self._poster.close()
