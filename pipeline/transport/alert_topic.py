"""Changes of alerts to their topic, by Faust's own producer: one record each, in order, keyed by the alert."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from aiokafka.errors import KafkaError
from faust.exceptions import ProducerSendError

from pipeline.errors import ReceiverUnavailable


class Change(Protocol):
    """A change of state of one alert."""

    @property
    def alert_id(self) -> str:
        """The record's key."""

    def to_json(self) -> bytes:
        """The record's value."""


class AlertTopic:
    """Sends changes to one topic and waits for the broker's acknowledgement of each.

    Args:
        app: a Faust app.
        topic: the topic of alerts.
    """

    def __init__(self, app: Any, topic: str) -> None:
        self._app = app
        self._topic = topic

    async def send(self, changes: Sequence[Change]) -> None:
        """Return once every change is in the topic, one behind the other.

        Raises:
            ReceiverUnavailable: the broker did not take one; the first changes may have been sent, and will be again.
        """
        if not changes:
            return
        producer = await self._app.maybe_start_producer() or self._app.producer
        for change in changes:
            try:
                await producer.send_and_wait(self._topic, change.alert_id.encode(), change.to_json(), None, None, [])
            except (KafkaError, ProducerSendError) as error:
                raise ReceiverUnavailable(f"Kafka did not take a change for {self._topic} ({error!r})") from error
