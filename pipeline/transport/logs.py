"""aiokafka's log during an outage: the same sentence ten times a second becomes one in ten seconds."""

from __future__ import annotations

import logging
import time

QUIET_SECONDS = 10.0
NOISY = ("aiokafka", "aiokafka.consumer.fetcher", "aiokafka.consumer.group_coordinator", "aiokafka.producer.sender")


class SayOnce(logging.Filter):
    """Lets a WARNING or ERROR of one logger through once in `QUIET_SECONDS`, whatever its arguments."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[tuple[str, str], float] = {}
        self._held: dict[tuple[str, str], int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """False for a repetition; the next one that passes says how many were held back."""
        if record.levelno < logging.WARNING:
            return True
        key = (record.name, str(record.msg))
        now = time.monotonic()
        if now - self._last.get(key, -QUIET_SECONDS) < QUIET_SECONDS:
            self._held[key] = self._held.get(key, 0) + 1
            return False
        self._last[key] = now
        held = self._held.pop(key, 0)
        if held:
            record.msg = f"{record.msg} ({held} more like this meanwhile)"
        return True


_once = SayOnce()


def quieten_aiokafka() -> None:
    """Put the filter on aiokafka's loggers; harmless to repeat."""
    for name in NOISY:
        logging.getLogger(name).addFilter(_once)
