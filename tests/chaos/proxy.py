"""A small TCP proxy between the workers and ClickHouse, whose network can be made bad."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from enum import Enum

CHUNK = 16 << 10
SLOW_BYTES_PER_SECOND = 40_000


class Net(Enum):
    """How the network behaves."""

    GOOD = "good"
    REFUSES = "refuses"
    """Connections are reset at once, old ones and new ones."""
    HANGS = "hangs"
    """Connections stay open and carry nothing, in either direction."""
    CUTS_REQUESTS = "cuts requests"
    """A connection breaks in the middle of the next few kilobytes that the client sends."""
    CUTS_ANSWERS = "cuts answers"
    """What the client sends arrives; the first byte of the answer breaks the connection."""
    SLOW = "slow"
    """A few kilobytes a second."""


class Proxy:
    """Listens on a port of 127.0.0.1 and forwards to another; `net` may be changed at any time.

    Args:
        target: port of the server.
        port: port to listen on.
    """

    def __init__(self, target: int, port: int) -> None:
        self.target = target
        self.port = port
        self.cuts = 0
        """Connections broken so far."""
        self._net = Net.GOOD
        self._good = threading.Event()
        self._good.set()
        self._closed = False
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    @property
    def net(self) -> Net:
        """How the network behaves now."""
        return self._net

    @net.setter
    def net(self, net: Net) -> None:
        self._net = net
        if net is Net.HANGS:
            self._good.clear()
        else:
            self._good.set()
        if net is Net.REFUSES:
            for pair in list(self._pairs):
                self._cut(pair)

    def close(self) -> None:
        """Stop listening and break what is open."""
        self._closed = True
        self._good.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for pair in list(self._pairs):
            self._cut(pair)

    def _accept(self) -> None:
        while not self._closed:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._net is Net.REFUSES:
                client.close()
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self.target), timeout=5)
                server.settimeout(None)
            except OSError:
                client.close()
                continue
            pair = (client, server)
            self._pairs.add(pair)
            for source, sink, answers in ((client, server, False), (server, client, True)):
                threading.Thread(target=self._pump, args=(pair, source, sink, answers), daemon=True).start()

    def _pump(
        self, pair: tuple[socket.socket, socket.socket], source: socket.socket, sink: socket.socket, answers: bool
    ) -> None:
        try:
            while chunk := source.recv(CHUNK):
                self._good.wait()
                net = self._net
                if net is Net.CUTS_ANSWERS and answers:
                    break
                if net is Net.CUTS_REQUESTS and not answers:
                    sink.sendall(chunk[: len(chunk) // 2])
                    break
                if net is Net.SLOW:
                    time.sleep(len(chunk) / SLOW_BYTES_PER_SECOND)
                sink.sendall(chunk)
            else:
                self._drop(pair)
                return
        except OSError:
            pass
        self._cut(pair)

    def _cut(self, pair: tuple[socket.socket, socket.socket]) -> None:
        if pair in self._pairs:
            self.cuts += 1
        self._drop(pair)

    def _drop(self, pair: tuple[socket.socket, socket.socket]) -> None:
        self._pairs.discard(pair)
        for end in pair:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
