"""What every HTTP client is held to, whatever it asks: how long it may be silent, and what it gets back of its own."""

from __future__ import annotations

import re
from http.server import BaseHTTPRequestHandler
from typing import Any

FIRST_SECONDS, IDLE_SECONDS = 10.0, 300.0
"""How long a client may be silent: until the first line of its first request is there, and later."""
_NOT_IN_A_HEADER = re.compile(r"[^\x20-\x7e]")


class GuardedHandler(BaseHTTPRequestHandler):
    """One connection, of which nothing is logged."""

    timeout = FIRST_SECONDS

    def parse_request(self) -> bool:
        """Who has begun to say what it wants may take its time; who only holds a connection may not."""
        self.connection.settimeout(IDLE_SECONDS)
        return super().parse_request()

    def send_header(self, keyword: str, value: str) -> None:
        """A header is one line, whatever the client put into a parameter that is given back to it."""
        super().send_header(keyword, _NOT_IN_A_HEADER.sub("?", value))

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing about each request."""
