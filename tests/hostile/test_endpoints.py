"""The HTTP doors: /metrics and /health of the worker, the gateway. Slow, many, large and lying clients."""

from __future__ import annotations

import random
import socket
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from urllib.parse import quote

import pytest
from prometheus_client import CollectorRegistry, Counter

from deploy.embedded.wire import string, varint
from pipeline import health
from pipeline.health import HealthServer, Pulse
from tests.support.gateway import GatewayHandle, running_gateway

REQUESTS = (
    b"GET /../../etc/passwd HTTP/1.1\r\n\r\n",
    b"GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\n\r\n",
    b"GET //evil.example/metrics HTTP/1.1\r\n\r\n",
    b"POST /metrics HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
    b"DELETE / HTTP/1.1\r\n\r\n",
    b"TRACE / HTTP/1.1\r\n\r\n",
    b"\x1b[31m / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n",
    b"GET / HTTP/1.1\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nx",
    b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
    b"\x00" * 1000,
    b"\r\n" * 1000,
)


SELECT = b"GET /?query=SELECT+40%2B2 HTTP/1.1\r\nHost: x\r\n\r\n"
ANSWER = b"\r\n42\n\r\n0\r\n\r\n"
"""The end of what the gateway answers to SELECT 40+2: one chunk."""


def ask(port: int, sent: bytes, seconds: float = 20.0) -> bytes:
    """Whatever one connection answers to these bytes."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        answer = b""
        try:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(65_536):
                answer += part
        except TimeoutError:
            raise
        except OSError:
            pass  # reset, or closed before we were done
        return answer


@pytest.fixture(scope="module")
def metrics() -> Iterator[HealthServer]:
    """A worker's /metrics and /health."""
    registry = CollectorRegistry()
    Counter("ent_events", "Events.", registry=registry).inc()
    with closing(HealthServer("127.0.0.1", 0, registry, Pulse())) as server:
        yield server


def scrape(server: HealthServer) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics", timeout=10) as answer:
        content: bytes = answer.read()
        return content


@pytest.mark.parametrize("sent", REQUESTS, ids=range(len(REQUESTS)))
def test_no_request_ends_the_workers_metrics_or_gives_away_a_file(metrics: HealthServer, sent: bytes) -> None:
    answer = ask(metrics.port, sent)
    assert b"root:" not in answer
    assert b" 200 " not in answer.split(b"\r\n")[0]
    assert b"\x1b" not in answer
    assert b"ent_events_total 1.0" in scrape(metrics)


def test_a_scrape_passes_between_hundreds_of_silent_clients(metrics: HealthServer) -> None:
    with ExitStack() as silent:
        for _ in range(300):
            silent.enter_context(closing(socket.create_connection(("127.0.0.1", metrics.port), timeout=10)))
        began = time.monotonic()
        assert b"ent_events_total 1.0" in scrape(metrics)
        assert time.monotonic() - began < 5
        assert len(metrics._server._open) <= health.MOST_CLIENTS + 1


def test_a_client_that_sends_a_byte_now_and_then_is_let_go(
    metrics: HealthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "CLIENT_SECONDS", 1.0)
    with socket.create_connection(("127.0.0.1", metrics.port), timeout=10) as slow:
        slow.sendall(b"GET / HTTP/1.0\r\n")
        began = time.monotonic()
        while not hung_up(slow):
            assert time.monotonic() - began < 8
            time.sleep(0.2)


def hung_up(connection: socket.socket) -> bool:
    """Whether the other side takes no byte more."""
    try:
        connection.sendall(b"X")
    except ConnectionError:
        return True
    return False


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayHandle]:
    """A gateway of its own: what is thrown at it must not trouble others."""
    with running_gateway(tmp_path_factory.mktemp("store")) as handle:
        yield handle


@pytest.fixture(autouse=True)
def still_there(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "gateway" in request.fixturenames:
        handle: GatewayHandle = request.getfixturevalue("gateway")
        assert handle.process.poll() is None
        assert ask(handle.http_port, SELECT).endswith(ANSWER)


@pytest.mark.parametrize("sent", REQUESTS, ids=range(len(REQUESTS)))
def test_no_request_ends_the_gateway_or_gives_away_a_file(gateway: GatewayHandle, sent: bytes) -> None:
    answer = ask(gateway.http_port, sent)
    assert b"root:" not in answer
    assert b"Traceback" not in answer
    assert b"\x1b" not in answer


@pytest.mark.parametrize("name", ["query_id", "default_format", "session_id", "database", "user", "no_such_setting"])
def test_what_a_client_puts_into_a_parameter_makes_no_header_of_its_own(gateway: GatewayHandle, name: str) -> None:
    bad = quote("x\r\nSet-Cookie: owned=1\r\n\r\n<script>é\x1b[31m")
    for statement in ("SELECT+1", "SET+max_threads=1", "USE+bi"):
        answer = ask(gateway.http_port, f"POST /?query={statement}&{name}={bad} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        head, _, _ = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 ")
        assert b"\r\nset-cookie" not in head.lower()
        assert b"\r\nContent-Type: text/" in head
        assert answer.count(b"HTTP/1.1 ") == 1


def test_a_wrong_password_says_nothing_of_which_part_was_wrong_and_takes_as_long(gateway: GatewayHandle) -> None:
    def refused(login: str, password: str) -> tuple[str, float]:
        head = f"GET /?query=SELECT+1 HTTP/1.1\r\nHost: x\r\nX-ClickHouse-User: {login}\r\n"
        began = time.perf_counter()
        answer = ask(gateway.http_port, f"{head}X-ClickHouse-Key: {password}\r\n\r\n".encode())
        took = time.perf_counter() - began
        return answer.partition(b"\r\n\r\n")[2].decode().replace(login, "LOGIN"), took

    right = gateway.logins.writer
    tries = [("writer", "x"), ("writer", right[:-1] + "!"), ("nobody", "x"), ("nobody", right), ("root", "")]
    texts = {refused(login, password)[0] for login, password in tries}
    assert len(texts) == 1
    assert "password is incorrect, or there is no user with such name" in texts.pop()
    # The least of many is what the machine's load leaves alone; a comparison byte by byte would not show in it either,
    # but a look-up of users in a file, or a hash for known ones only, would.
    least = [min(refused(login, password)[1] for _ in range(25)) for login, password in tries[:3]]
    assert max(least) - min(least) < 0.02


def test_random_bytes_on_either_port_end_nothing(gateway: GatewayHandle) -> None:
    rng = random.Random(4711)
    hello = varint(0) + string("test") + varint(1) + varint(1) + varint(54453) + string("default")
    for _ in range(150):
        whole = bytearray(hello + string("default") + string(""))
        for _ in range(rng.randrange(1, 6)):
            whole[rng.randrange(len(whole))] = rng.randrange(256)
        ask(gateway.native_port, bytes(whole[: rng.randrange(1, len(whole) + 1)]) + rng.randbytes(rng.randrange(60)))
        ask(gateway.http_port, rng.choice(REQUESTS)[:200] + rng.randbytes(rng.randrange(300)))


def test_many_silent_clients_do_not_keep_a_new_one_out_for_long(gateway: GatewayHandle) -> None:
    """Hundreds of them on both ports, while one asks; the 128 that are let in are let go after ten seconds."""
    with ExitStack() as silent:
        for port in (gateway.http_port, gateway.native_port):
            for _ in range(260):
                silent.enter_context(closing(socket.create_connection(("127.0.0.1", port), timeout=10)))
        hello = varint(0) + string("t") + varint(1) + varint(1) + varint(54453) + string("default")
        wait_for(lambda: ask(gateway.http_port, SELECT).endswith(ANSWER))
        wait_for(lambda: ask(gateway.native_port, hello + string("default") + string(""))[:1] == b"\0")


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)
