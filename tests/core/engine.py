"""The real ClickHouse engine for a few questions, in a process of its own (an embedded engine marks its process)."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

_SERVE = """
import json, sys
import chdb
connection = chdb.connect(":memory:")
for line in sys.stdin:
    try:
        answer = connection.query(json.loads(line), "JSONCompact").bytes().decode()
        reply = json.loads(answer)["data"] if answer else []
    except Exception as error:
        reply = str(error)
    print(json.dumps(reply), flush=True)
connection.close()
"""


class Engine:
    """One engine with an empty memory."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, query: str) -> list[list[Any]]:
        """The rows of a query (64-bit integers are exact); fails with the engine's words."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(query) + "\n")
        self._process.stdin.flush()
        reply: list[list[Any]] | str = json.loads(self._process.stdout.readline())
        assert not isinstance(reply, str), reply
        return reply


@contextlib.contextmanager
def running() -> Iterator[Engine]:
    """Start an engine and end it."""
    command = [sys.executable, "-c", _SERVE]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Engine(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(30)
