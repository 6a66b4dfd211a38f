"""One POST of JSON, whose every failure is one of two exceptions: again later, or never."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit, urlunsplit

import aiohttp

from pipeline.errors import ReceiverRefused, ReceiverUnavailable

SECONDS = 10.0
"""Longest time for one POST, from the connection to the answer."""
AGAIN = (408, 425, 429)
"""Statuses under 500 that ask for the same again, later."""
SHOWN_BYTES = 200
"""How much of a refusal is repeated in the log."""


class Poster:
    """Sends to one address. Its login, path and query may be secrets: messages name the host and port only.

    Args:
        url: http or https, `user:password@` before the host for HTTP basic.
        path: added to the path of `url`.
        seconds: longest time for one POST.
    """

    def __init__(self, url: str, path: str = "", seconds: float = SECONDS) -> None:
        parts = urlsplit(url)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
        place = f"{host}:{parts.port}" if parts.port else host
        self._url = urlunsplit(
            (parts.scheme, place, parts.path.rstrip("/") + path if path else parts.path, parts.query, "")
        )
        self._headers = {"User-Agent": "instant-t", "Content-Type": "application/json"}
        if parts.username:
            login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._headers["Authorization"] = f"Basic {base64.b64encode(login.encode()).decode()}"
        self._timeout = aiohttp.ClientTimeout(total=seconds)
        self._session: aiohttp.ClientSession | None = None
        self.address = f"{parts.scheme}://{place}"
        """For messages."""

    async def post(self, body: bytes, headers: Mapping[str, str]) -> None:
        """Return once the receiver has taken it (2xx).

        Raises:
            ReceiverUnavailable: no connection, no answer in time, 5xx, or it asks to wait.
            ReceiverRefused: any other status.
        """
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=self._timeout, headers=self._headers)
        try:
            # A redirected POST would become a GET, or go with its login to another host.
            async with self._session.post(self._url, data=body, headers=dict(headers), allow_redirects=False) as answer:
                status = answer.status
                said = await answer.content.read(SHOWN_BYTES) if status >= 300 else b""
        except TimeoutError:
            raise ReceiverUnavailable(f"{self.address} did not answer within {self._timeout.total:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise ReceiverUnavailable(f"{self.address} cannot be reached ({type(error).__name__})") from None
        if 200 <= status < 300:
            return
        words = f"{self.address} answered {status}{_quoted(said)}"
        raise (ReceiverUnavailable if status >= 500 or status in AGAIN else ReceiverRefused)(words)

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            await asyncio.sleep(0)  # lets the transports of closed connections go
            self._session = None


def _quoted(said: bytes) -> str:
    text = "".join(c if c.isprintable() else " " for c in said.decode("utf-8", "replace")).strip()
    return f": {text}" if text else ""
