"""Who may hold a connection to the wall, and for how long: a viewer who behaves is served, however many do not.

A connection is busy while a request of it is being answered. One that is not (it has sent nothing or half a request,
or takes no answer) is ended after `IDLE_SECONDS`; where there are too many, the one that has been idle longest is ended
for the one that comes. Streams of events are busy for as long as they are looked at, and bounded by the server.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from aiohttp.http import HttpProcessingError

IDLE_SECONDS = 20.0
"""A request, or the taking of an answer, may lie still for so long."""
MOST = 2000
"""Connections at once: twice as many as there may be viewers."""
BACKLOG = 1024
"""Connections that may wait to be taken."""
_SPARE_FILES = 100
"""Files that the process needs besides its connections."""
_MADE_SECONDS = 1.0
"""A protocol without a connection after so long has had one."""


class Doors:
    """Makes the protocol of each connection: call `open`, then give it to `loop.create_server`.

    Args:
        most: connections at once.
        clock: seconds, never going back.
    """

    def __init__(self, most: int = MOST, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._make: Callable[[], Any] = asyncio.Protocol
        self._idle: dict[Any, float] = {}
        """Since when; the one that has been so for longest comes first. Some are over, and not yet forgotten."""
        self._busy: set[Any] = set()

    def open(self, make: Callable[[], Any]) -> None:
        """Whatever comes in is served by what `make` gives (aiohttp's server)."""
        self._make = make

    def __call__(self) -> asyncio.BaseProtocol:
        """The protocol of a connection that has come in."""
        while self._idle and self.held >= self._most:
            self._end(next(iter(self._idle)))
        if len(self._busy) >= self._most:
            return _Refusal()
        protocol: asyncio.BaseProtocol = self._make()
        self._idle[protocol] = self._clock()
        return protocol

    @property
    def held(self) -> int:
        """Connections that take a place."""
        return len(self._idle) + len(self._busy)

    @contextmanager
    def busy(self, protocol: Any) -> Iterator[None]:
        """While inside, a request of this connection is answered."""
        self._idle.pop(protocol, None)
        self._busy.add(protocol)
        try:
            yield
        finally:
            self._busy.discard(protocol)
            if protocol.transport is not None:
                self._idle[protocol] = self._clock()

    def sweep(self) -> None:
        """End what has been idle for too long, forget what is over: call it now and then."""
        now = self._clock()
        for protocol, since in list(self._idle.items()):
            is_over = protocol.transport is None and now - since > _MADE_SECONDS
            if is_over or now - since > IDLE_SECONDS:
                self._end(protocol)

    def _end(self, protocol: Any) -> None:
        del self._idle[protocol]
        if protocol.transport is not None:
            protocol.transport.abort()  # not close: that would wait for the other side to take what it was sent


class _Refusal(asyncio.Protocol):
    """Of a connection for which there is no room."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hang up."""
        assert isinstance(transport, asyncio.Transport)
        transport.abort()


def is_news(record: logging.LogRecord) -> bool:
    """A filter of aiohttp's log: no traceback of ours for what is no HTTP, nor for who hangs up in mid-answer."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError | ConnectionResetError))


def room() -> int:
    """Connections that this process may have; raises its limit on open files as far as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST + _SPARE_FILES
    if soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(1, min(MOST, soft - _SPARE_FILES))
