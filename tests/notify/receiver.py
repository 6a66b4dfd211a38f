"""Somebody who is told of alerts: a real HTTP server whose answers a test sets, and that keeps what it was sent."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

HANG = 0
"""In place of a status: never answer."""


@dataclass
class Receiver:
    """What it will say, and what it has heard."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    """Statuses of the next answers, in order; 200 when there are no more."""
    refused_key: str = ""
    """Requests with this Idempotency-Key get 400, whenever they come."""
    slow: float = 0.0
    """Seconds before each answer."""
    heard: list[tuple[dict[str, str], Any]] = field(default_factory=list)
    """(headers and `path`, body) of every request, answered or not."""
    taken: list[Any] = field(default_factory=list)
    """Bodies answered with 200."""
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one POST."""
        body = json.loads(await request.read())
        headers = {name.lower(): value for name, value in request.headers.items()} | {"path": request.path_qs}
        self.heard.append((headers, body))
        await asyncio.sleep(self.slow)
        status = self.answers.pop(0) if self.answers else 200
        if self.refused_key and headers.get("idempotency-key") == self.refused_key:
            status = 400
        if status == HANG:
            await self.over.wait()
        if status == 200:
            self.taken.append(body)
        return web.Response(status=status, text="" if status == 200 else "ne convient pas\n\x1b[2J", headers={
            "Location": "http://127.0.0.1:1/"} if status in (301, 307) else {})  # fmt: skip

    @property
    def keys(self) -> list[str]:
        """The Idempotency-Key of each request, in order."""
        return [headers.get("idempotency-key", "") for headers, _ in self.heard]


@contextmanager
def running_receiver() -> Iterator[Receiver]:
    """A receiver on a free port, in a thread of its own, until the block ends."""
    receiver = Receiver()
    ready = threading.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        app = web.Application()
        app.router.add_post("/{path:.*}", receiver.handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        ready.set()
        await receiver.over.wait()
        await runner.cleanup()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield receiver
    finally:
        loop.call_soon_threadsafe(receiver.over.set)
        thread.join(10)
        loop.close()
