"""One page that some viewers look at: made once a second, sent to all of them as the same bytes."""

from __future__ import annotations

import asyncio
import json
import time
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

EVERY = 1.0
"""Seconds between two versions of a live page."""
PAST_EVERY = 10.0
"""The same of a past instant: only late events can change it."""
GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"
"""What a gzip stream begins with; what follows are deflate blocks, and the end never comes."""

Parts = dict[str, str]
"""Name of a part of the page → its HTML."""


@dataclass(frozen=True)
class Message:
    """Bytes of an event stream, as they are and as blocks of a gzip stream that may follow any others."""

    plain: bytes
    packed: bytes


def message(version: int, parts: Parts) -> Message:
    """One event `etat`; packed once for all viewers: a full flush refers to nothing that went before."""
    content = json.dumps({"version": version, "parts": parts}, ensure_ascii=False, separators=(",", ":"))
    plain = f"id: {version}\nevent: etat\ndata: {content}\n\n".encode()
    packer = zlib.compressobj(5, zlib.DEFLATED, -zlib.MAX_WBITS)
    return Message(plain, packer.compress(plain) + packer.flush(zlib.Z_FULL_FLUSH))


class Channel:
    """The versions of one page.

    Args:
        make: makes the parts of the page as it is now.
        every: seconds between two versions.
    """

    def __init__(self, make: Callable[[], Awaitable[Parts]], every: float) -> None:
        self.viewers = 0
        self.version = 0
        self.parts: Parts = {}
        self.wanted_at = time.monotonic()
        """When somebody last asked for it."""
        self._make = make
        self._every = every
        self._changed: Message | None = None
        self._whole: Message | None = None
        self._next: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while True:
            began = time.monotonic()
            self._publish(await self._make())
            await asyncio.sleep(max(0.05, self._every - (time.monotonic() - began)))

    def _publish(self, parts: Parts) -> None:
        changed = {name: content for name, content in parts.items() if self.parts.get(name) != content}
        self.parts = parts
        self.version += 1
        self._changed, self._whole = message(self.version, changed), None
        self._next, over = asyncio.get_running_loop().create_future(), self._next
        over.set_result(None)

    async def after(self, version: int) -> tuple[int, Message]:
        """The newest version after `version`, as the changes from it where that is enough; waits for one."""
        while self.version <= version:
            waited = {self._task, self._next}
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            if self._task.done():
                await self._task  # it only ends by an error, which is whoever waits to know
        if self._changed is not None and version == self.version - 1 and version > 0:
            return self.version, self._changed
        if self._whole is None:
            self._whole = message(self.version, self.parts)
        return self.version, self._whole

    @property
    def is_over(self) -> bool:
        """An error ended it."""
        return self._task.done()

    async def close(self) -> None:
        """No more versions."""
        while not self._task.done():
            # Once may not do: up to Python 3.11, `wait_for` takes the cancellation for its own when its time is just up
            # or its answer just there, and the channel would go on for good.
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=0.2)
        if not self._next.done():
            self._next.cancel()
