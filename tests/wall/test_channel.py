"""One page for many viewers: how it ends."""

from __future__ import annotations

import asyncio

from pipeline.wall.channel import Channel, Parts
from tests.support.loops import run_apart


def test_it_ends_although_what_makes_the_page_swallows_being_cancelled() -> None:
    """As `asyncio.wait_for` does up to Python 3.11, where it is cancelled at the moment at which its answer comes."""
    swallowed: list[int] = []

    async def make() -> Parts:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            if swallowed:
                raise
            swallowed.append(1)
        return {"titre": "Lyon"}

    async def run() -> None:
        channel = Channel(make, every=3600)
        await asyncio.sleep(0)
        await asyncio.wait_for(channel.close(), 5)
        assert channel.is_over

    run_apart(run())
    assert swallowed == [1]
