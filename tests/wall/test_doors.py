"""Who may hold a connection, and who is let go: a real aiohttp server, and a clock that the test sets."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.http import HttpProcessingError

from pipeline.wall.doors import Doors, is_news, room
from tests.support.loops import run_apart

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
GET = b"GET / HTTP/1.1\r\nHost: wall\r\n\r\n"


class Stage:
    """A server with few places; its page is made as long as `made` is not set."""

    def __init__(self, most: int) -> None:
        self.now = 1000.0
        self.doors = Doors(most, lambda: self.now)
        self.made = asyncio.Event()
        self.made.set()
        self.size = 2
        self.port = 0
        self._opened: list[asyncio.StreamWriter] = []

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        with self.doors.busy(request.protocol):
            await self.made.wait()
            return web.Response(text="x" * self.size)

    async def connect(self, sent: bytes = b"") -> Streams:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self._opened.append(writer)
        writer.write(sent)
        await writer.drain()
        await asyncio.sleep(0.05)
        return reader, writer

    def hang_up(self) -> None:
        for writer in self._opened:
            writer.transport.abort()


@asynccontextmanager
async def stage(most: int) -> AsyncIterator[Stage]:
    this = Stage(most)
    runner = web.ServerRunner(web.Server(this.answer))
    await runner.setup()
    assert runner.server is not None
    this.doors.open(runner.server)
    listener = await asyncio.get_running_loop().create_server(this.doors, "127.0.0.1", 0)
    this.port = listener.sockets[0].getsockname()[1]
    try:
        yield this
    finally:
        this.made.set()
        this.hang_up()
        listener.close()
        await runner.cleanup()


def play(most: int, scene: Callable[[Stage], Awaitable[None]]) -> None:
    async def run() -> None:
        async with stage(most) as this:
            await asyncio.wait_for(scene(this), 20)

    run_apart(run())


async def is_ended(streams: Streams) -> bool:
    """Whether the other side has hung up."""
    try:
        while True:
            if not await asyncio.wait_for(streams[0].read(65_536), 0.1):
                return True
    except TimeoutError:
        return False
    except ConnectionError:
        return True


async def status(streams: Streams) -> bytes:
    return (await asyncio.wait_for(streams[0].readline(), 5))[9:12]


def test_the_longest_idle_goes_for_the_one_that_comes() -> None:
    async def scene(wall: Stage) -> None:
        silent = [await wall.connect() for _ in range(4)]
        halves = await wall.connect(b"GET / HTTP/1.1\r\nX: ")
        viewer = await wall.connect(GET)
        assert await status(viewer) == b"200"
        assert [await is_ended(each) for each in [*silent, halves]] == [True, False, False, False, False]

    play(5, scene)


def test_who_is_being_answered_is_never_the_one_to_go() -> None:
    async def scene(wall: Stage) -> None:
        wall.made.clear()
        waiting = [await wall.connect(GET) for _ in range(3)]
        for _ in range(10):
            await wall.connect()
        wall.now += 3600
        wall.doors.sweep()
        wall.made.set()
        assert [await status(each) for each in waiting] == [b"200", b"200", b"200"]

    play(5, scene)


def test_where_everybody_is_being_answered_one_more_is_refused_at_once_and_served_later() -> None:
    async def scene(wall: Stage) -> None:
        wall.made.clear()
        waiting = [await wall.connect(GET) for _ in range(3)]
        assert await is_ended(await wall.connect(GET))
        wall.made.set()
        assert [await status(each) for each in waiting] == [b"200", b"200", b"200"]
        assert await status(await wall.connect(GET)) == b"200"

    play(3, scene)


def test_a_connection_may_be_idle_for_twenty_seconds_whatever_it_dribbles_meanwhile() -> None:
    async def scene(wall: Stage) -> None:
        silent, dribbling = await wall.connect(), await wall.connect(b"GET / HT")
        wall.now += 19.0
        dribbling[1].write(b"TP/1.1\r\nX: y")
        kept = await wall.connect(GET)
        assert await status(kept) == b"200"
        wall.now += 1.0
        wall.doors.sweep()
        assert not await is_ended(silent)
        wall.now += 0.1
        wall.doors.sweep()
        assert [await is_ended(each) for each in (silent, dribbling, kept)] == [True, True, False]
        kept[1].write(GET)
        assert await status(kept) == b"200"  # its twenty seconds begin behind each answer

    play(10, scene)


def test_who_takes_no_answer_is_let_go_with_what_it_was_to_be_sent() -> None:
    async def scene(wall: Stage) -> None:
        wall.size = 50_000_000
        reader, _ = await wall.connect(GET)
        await reader.readline()  # it has begun; the rest fills every buffer on the way
        wall.now += 20.1
        wall.doors.sweep()
        taken = 0
        try:
            while part := await asyncio.wait_for(reader.read(1 << 20), 5):
                taken += len(part)
        except ConnectionError:
            pass
        assert taken < wall.size / 2

    play(10, scene)


def test_connections_that_are_over_take_no_place() -> None:
    async def scene(wall: Stage) -> None:
        for _ in range(20):
            _, writer = await wall.connect(GET)
            writer.transport.abort()
        wall.made.clear()
        waiting = [await wall.connect(GET) for _ in range(3)]
        wall.made.set()
        assert [await status(each) for each in waiting] == [b"200", b"200", b"200"]

    play(3, scene)


def test_there_is_room_for_two_thousand_where_so_many_files_may_be_open() -> None:
    assert 1 <= room() <= 2000


@pytest.mark.parametrize(
    ("error", "told"),
    [(HttpProcessingError(message="no HTTP"), False), (ConnectionResetError("closing"), False), (KeyError("t"), True)],
)
def test_who_talks_no_http_or_hangs_up_in_mid_answer_is_no_news(error: Exception, told: bool) -> None:
    record = logging.LogRecord("aiohttp.server", logging.ERROR, "", 0, "failed", (), (type(error), error, None))
    assert is_news(record) is told
