"""The HTTP server of the wall: pages, their event streams, and the few files they need."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

from aiohttp import web

from pipeline.errors import InstantTError, StoreUnavailable
from pipeline.wall.address import Address, BadAddress, parse
from pipeline.wall.channel import EVERY, GZIP_HEADER, PAST_EVERY, Channel, Parts, message
from pipeline.wall.doors import Doors
from pipeline.wall.facts import Facts
from pipeline.wall.gather import live_facts, past_facts
from pipeline.wall.pages import render_error, render_page, render_parts
from pipeline.wall.past import Past
from pipeline.wall.taker import COUNTRY, Taker
from pipeline.wall.trust import live_trust, past_trust

FIRST_PAINT_SECONDS, PAST_PAINT_SECONDS = 5.0, 12.0
"""A page waits so long for its first figures (of now, of the past), then says that it has none yet."""
SLOW_SECONDS = 10.0
"""A viewer who does not take a message within it is let go; the page comes back by itself."""
BEAT_SECONDS = 2.0
"""A page that has nothing new hears at least that the wall is there."""
BEAT = message(0, {})
REFERENCE_SECONDS = 2.5
"""The present does not wait longer for what it is compared with."""
VIEWERS_MAX, CHANNELS_MAX = 1000, 300
IDLE_SECONDS = 15.0
"""A page nobody has looked at for so long is no longer made."""
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}
STATIC = Path(str(files("pipeline.wall").joinpath("static")))
_log = logging.getLogger(__name__)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Wall:
    """Pages by address, and who looks at them.

    Args:
        url: ClickHouse, as the reader.
        health: address of the local worker's /health.
        doors: told which connections are busy.
        password: asked of every viewer; '' for none.
    """

    def __init__(self, url: str, health: str, doors: Doors, password: str = "") -> None:
        self._doors = doors
        self._password = password
        self._taker = Taker(url, health)
        self._past = Past(url)
        self._channels: dict[Address, Channel] = {}
        self._last: dict[Address, Facts] = {}
        self._viewers = 0

    def app(self) -> web.Application:
        """The application that serves it."""
        app = web.Application(middlewares=[self._guard])
        app.add_routes(
            [
                web.get("/", self._page),
                web.get("/flux", self._stream),
                web.get("/sante", self._health),
                web.static("/static", STATIC),
            ]
        )
        app.on_response_prepare.append(_set_headers)
        app.on_shutdown.append(self._end_streams)
        app.cleanup_ctx.append(self._life)
        return app

    async def _life(self, _: web.Application) -> AsyncIterator[None]:
        sweeper = asyncio.create_task(self._sweep())
        yield
        sweeper.cancel()
        await asyncio.to_thread(self._taker.close)
        await self._past.close()

    async def _end_streams(self, _: web.Application) -> None:
        """No viewer holds up the end; their pages say that the wall is gone, and look for it again."""
        await asyncio.gather(*(channel.close() for channel in list(self._channels.values())))

    async def _sweep(self) -> None:
        """Forget pages that nobody looks at, and connections that nobody uses."""
        while True:
            await asyncio.sleep(1)
            self._doors.sweep()
            now = time.monotonic()
            for address, channel in list(self._channels.items()):
                if channel.is_over or (not channel.viewers and now - channel.wanted_at > IDLE_SECONDS):
                    del self._channels[address]
                    self._last.pop(address, None)
                    await channel.close()
            self._tell_taker()

    def _tell_taker(self) -> None:
        self._taker.wanted = frozenset(
            ((address.kind, address.key), address.window) for address in self._channels if address.at is None
        )

    def _channel(self, request: web.Request) -> tuple[Address, Channel]:
        address = parse(request.query, datetime.now(UTC))
        channel = self._channels.get(address)
        if channel is None or channel.is_over:
            if len(self._channels) >= CHANNELS_MAX:
                raise web.HTTPServiceUnavailable(text="Trop de pages différentes sont ouvertes : réessayez plus tard.")
            channel = Channel(lambda: self._make(address), EVERY if address.at is None else PAST_EVERY)
            self._channels[address] = channel
            self._tell_taker()
        channel.wanted_at = time.monotonic()
        return address, channel

    async def _make(self, address: Address) -> Parts:
        now = datetime.now(UTC)
        if address.at is None:
            await self._wait_for(address)
        live = self._taker.latest
        notice = ""
        facts = None
        try:
            if address.at is not None:
                facts = await past_facts(address, self._past)
            elif live.taken_at:
                facts = await asyncio.wait_for(live_facts(address, live, self._past), REFERENCE_SECONDS)
        except TimeoutError:
            pass  # the bar goes on beating while the day of comparison is on its way
        except InstantTError as error:
            _log.warning("A page could not be made: %s", error)
            is_away = isinstance(error, StoreUnavailable)
            notice = "ClickHouse ne répond pas" if is_away else "ClickHouse refuse la demande"
        if facts is not None:
            self._last[address] = facts
            notice = "" if facts.is_known else "Aucune donnée n'est conservée autour de cet instant."
        else:
            facts = self._last.get(address)
        if address.at is None:
            trust = live_trust(live, time.time())
        else:
            trust = past_trust(address.at, facts is not None and facts.by_hours)
        return render_parts(address, facts, trust, now, notice)

    async def _wait_for(self, address: Address) -> None:
        """Until the taker has been asked for what a new page is about."""
        deadline = time.monotonic() + FIRST_PAINT_SECONDS
        while time.monotonic() < deadline:
            live = self._taker.latest
            focus = (address.kind, address.key)
            known = live.taken_at and focus in live.series and (address.window, "profil") in live.counts
            if known or live.trouble:
                return
            await asyncio.sleep(0.05)

    async def _page(self, request: web.Request) -> web.StreamResponse:
        address, channel = self._channel(request)
        try:
            patience = FIRST_PAINT_SECONDS + REFERENCE_SECONDS if address.at is None else PAST_PAINT_SECONDS
            await asyncio.wait_for(channel.after(0), patience)
            parts = channel.parts
        except TimeoutError:
            live = live_trust(self._taker.latest, time.time())
            trust = live if address.at is None else past_trust(address.at, by_hours=False)
            parts = render_parts(address, None, trust, datetime.now(UTC), "Les chiffres demandés arrivent…")
        answer = web.Response(text=render_page(address, parts), content_type="text/html")
        answer.headers["Cache-Control"] = "no-store"
        answer.enable_compression()
        return answer

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        _, channel = self._channel(request)
        if self._viewers >= VIEWERS_MAX:
            raise web.HTTPServiceUnavailable(text="Trop de pages sont ouvertes : réessayez plus tard.")
        is_packed = "gzip" in request.headers.get("Accept-Encoding", "")
        answer = web.StreamResponse(
            headers={"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-store"}
            | ({"Content-Encoding": "gzip"} if is_packed else {})
        )
        await answer.prepare(request)
        self._viewers += 1
        channel.viewers += 1
        try:
            if is_packed:
                await answer.write(GZIP_HEADER)
            version = 0
            while True:
                try:
                    version, news = await asyncio.wait_for(channel.after(version), BEAT_SECONDS)
                except TimeoutError:
                    news = BEAT
                await asyncio.wait_for(answer.write(news.packed if is_packed else news.plain), SLOW_SECONDS)
        except (ConnectionError, TimeoutError):
            pass  # gone, or too slow: its page will come back by itself
        finally:
            self._viewers -= 1
            channel.viewers -= 1
            channel.wanted_at = time.monotonic()
        return answer

    async def _health(self, _: web.Request) -> web.StreamResponse:
        """How the wall itself is: 200 as long as it serves, whatever it has to show."""
        live = self._taker.latest
        return web.json_response(
            {
                "clickhouse": bool(live.taken_at) and not live.trouble,
                "taken_at": live.taken_at,
                "pages": len(self._channels),
                "viewers": self._viewers,
                "connections": self._doors.held,
                "queries": self._taker.asked + self._past.asked,
                "country_known": COUNTRY in live.series,
            }
        )

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """The password first, then every error as a sentence."""
        with self._doors.busy(request.protocol):
            return await self._guarded(request, handler)

    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if self._password and request.path != "/sante" and not self._is_known(request):
            return web.Response(
                status=401,
                text=render_error(401, "Cette page demande un mot de passe."),
                content_type="text/html",
                headers={"WWW-Authenticate": 'Basic realm="instant-t", charset="UTF-8"'},
            )
        try:
            return await handler(request)
        except BadAddress as error:
            return _sentence(400, str(error))
        except web.HTTPNotFound:
            return _sentence(404, "Il n'y a rien à cette adresse.")
        except web.HTTPServiceUnavailable as error:
            return _sentence(503, error.text or "")

    def _is_known(self, request: web.Request) -> bool:
        scheme, _, content = request.headers.get("Authorization", "").partition(" ")
        try:
            _, _, password = base64.b64decode(content, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        return scheme.lower() == "basic" and hmac.compare_digest(password.encode(), self._password.encode())


def _sentence(status: int, sentence: str) -> web.Response:
    return web.Response(status=status, text=render_error(status, sentence), content_type="text/html")


async def _set_headers(_: web.Request, answer: web.StreamResponse) -> None:
    answer.headers.update(HEADERS)
