"""Who is to be told, as the settings say."""

from __future__ import annotations

import time

from pipeline.notify.alertmanager import Alertmanager
from pipeline.notify.webhook import Webhook
from pipeline.settings import Settings


def receivers(settings: Settings) -> tuple[Alertmanager | Webhook, ...]:
    """The receivers that are set, none by default; nothing connects before the first alert."""
    found: list[Alertmanager | Webhook] = []
    if settings.alertmanager:
        found.append(Alertmanager(settings.alertmanager, time.time))
    if settings.webhook:
        found.append(Webhook(settings.webhook))
    return tuple(found)
