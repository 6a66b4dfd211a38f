"""An event loop of one's own."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def run_apart(work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine in a thread of its own: a browser that other tests of the process use holds this one's loop."""
    with ThreadPoolExecutor(1, "loop") as thread:
        thread.submit(asyncio.run, work).result()
