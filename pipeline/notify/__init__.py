"""Who is told of alerts, over HTTP: Prometheus' Alertmanager, and any webhook."""

from pipeline.notify.alertmanager import Alertmanager
from pipeline.notify.receivers import receivers
from pipeline.notify.webhook import Webhook

__all__ = ["Alertmanager", "Webhook", "receivers"]
