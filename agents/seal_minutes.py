"""Seal minutes: turn ended minutes of cells into rows that only grow, close old days, drop what is past its keeping.

Every worker does it; any number may at a time, and a crash at any point is harmless (see `pipeline/store`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from typing import Protocol

from pipeline.errors import StoreRefused, StoreUnavailable

log = logging.getLogger(__name__)


class Sealer(Protocol):
    """One round of sealing; blocking."""

    def round(self) -> None:
        """Raises StoreUnavailable or StoreRefused."""


def make(sealer: Sealer, thread: Executor) -> Callable[[], Awaitable[None]]:
    """The timer: one round each time it is called, in its own thread."""

    async def seal_minutes() -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(thread, sealer.round)
        except StoreUnavailable as error:
            log.warning("Sealing waits: %s.", error)
        except StoreRefused as error:
            # Figures stay right: unsealed minutes are read from the cells. Someone has to look, though.
            log.error("Sealing was refused: %s.", error)

    return seal_minutes
