"""Clients that lie, leave, stall or ask too much: one clear error, and nobody else notices."""

from __future__ import annotations

import random
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from clickhouse_driver import Client
from clickhouse_driver.varint import write_varint
from clickhouse_driver.writer import write_binary_str

from deploy.embedded.compression import frames
from deploy.embedded.native_block import BLOCK_INFO, EMPTY_BLOCK
from deploy.embedded.wire import SocketSource, string, varint
from tests.embedded_store.conftest import connect
from tests.support.gateway import GatewayHandle

HELLO = varint(0) + string("test") + varint(1) + varint(1) + varint(54453) + string("default")
CLIENT_INFO = (
    b"\x01" + string("") + string("") + string("0.0.0.0:0") + b"\0" * 8 + b"\x01" + string("") * 3
    + varint(1) * 2 + varint(54453) + string("") + varint(0) * 2 + b"\0" + varint(0) * 3
)  # fmt: skip
NO_TABLES = varint(2) + string("") + BLOCK_INFO + EMPTY_BLOCK


def query(sql: str, *, compression: int = 0) -> bytes:
    return (
        varint(1) + string("") + CLIENT_INFO + string("") + string("") + varint(2) + varint(compression) + string(sql)
    )


EXTERNAL = query("SELECT 1") + varint(2) + string("t") + BLOCK_INFO
FRAMED = query("SELECT 1", compression=1) + varint(2) + string("t")


@pytest.fixture
def raw(gateway: GatewayHandle) -> Iterator[socket.socket]:
    """A connection that sends what the test says."""
    with socket.create_connection(("127.0.0.1", gateway.native_port), timeout=10) as connection:
        yield connection


def log_in(gateway: GatewayHandle, connection: socket.socket) -> SocketSource:
    connection.sendall(HELLO + string("admin") + string(gateway.logins.admin))
    source = SocketSource(connection)
    assert source.varint() == 0
    (
        source.string(),
        source.varint(),
        source.varint(),
        source.varint(),
        source.string(),
        source.string(),
        source.varint(),
    )
    return source


def exception(source: SocketSource) -> tuple[int, str]:
    """The code and text of the exception that comes next."""
    assert source.varint() == 2
    code = struct.unpack("<i", source.take(4))[0]
    source.string()
    text = source.string()
    source.string(), source.byte()
    return code, text


def closed(source: SocketSource) -> bool:
    try:
        source.take(1)
    except (EOFError, ConnectionError):
        return True
    return False


@pytest.fixture(autouse=True)
def others_are_unaffected(gateway: GatewayHandle) -> Iterator[None]:
    """Another client has a connection before the trouble, and its answers after it."""
    with closing(connect(gateway, "writer", database="ent")) as bystander:
        bystander.execute("SELECT 1")
        yield
        assert bystander.execute("SELECT count() FROM ent.hits WHERE day = '2026-09-01'") == [(2,)]
        assert gateway.process.poll() is None


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (varint(7), 101),
        (varint(0) + varint(1 << 40), 131),
        (varint(0) + b"\xff" * 20, 131),
    ],
    ids=["not Hello", "a name of a terabyte", "a number without end"],
)
def test_nonsense_before_the_login_is_refused(raw: socket.socket, sent: bytes, code: int) -> None:
    raw.sendall(sent)
    source = SocketSource(raw)
    assert exception(source)[0] == code
    assert closed(source)


def test_http_on_the_native_port_is_told_so(raw: socket.socket) -> None:
    raw.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"native port" in raw.recv(4096)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (varint(77), 99),
        (varint(1) + varint(1 << 30), 131),
        (query("SELECT 1") + varint(9), 101),
        (EXTERNAL + varint(1 << 40) + varint(1), 48),
        (EXTERNAL + varint(1) + varint(1 << 62), 48),
        (EXTERNAL + b"\1\1" + string("a") + string("JSON"), 48),
        (EXTERNAL + b"\1\1" + string("a") + string("Array(" * 5000), 48),
        (EXTERNAL + b"\1\1" + string("a") + string("Array(UInt8)") + b"\xff" * 8, 131),
        (FRAMED + b"\0" * 16 + b"\x82" + struct.pack("<II", 1, 1), 131),
        (FRAMED + b"\0" * 16 + b"\x82" + struct.pack("<II", 9, 1), 40),
        (FRAMED + frames(b"x" * 100)[:-1] + b"!", 40),
        (query("x" * (1 << 20) + "y"), 131),
    ],
)  # fmt: skip
def test_nonsense_after_the_login_is_one_error_and_the_end_of_the_connection(
    gateway: GatewayHandle, raw: socket.socket, sent: bytes, code: int
) -> None:
    source = log_in(gateway, raw)
    raw.sendall(sent)
    answered, text = exception(source)
    assert answered == code
    assert text.startswith("DB::")
    assert closed(source)


def test_random_bytes_after_the_login_never_hang_or_end_the_gateway(gateway: GatewayHandle) -> None:
    dice = random.Random(4711)
    for _ in range(60):
        with socket.create_connection(("127.0.0.1", gateway.native_port), timeout=10) as connection:
            log_in(gateway, connection)
            whole = bytearray(query("SELECT 1") + NO_TABLES)
            for _ in range(dice.randrange(1, 8)):
                whole[dice.randrange(len(whole))] = dice.randrange(256)
            try:
                connection.sendall(whole + dice.randbytes(dice.randrange(200)))
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass
            except ConnectionError:
                pass


def test_a_client_that_hangs_up_in_the_middle_of_an_insert_inserts_nothing(
    gateway: GatewayHandle, admin: Client
) -> None:
    admin.execute("DROP TABLE IF EXISTS ent.half")
    admin.execute("CREATE TABLE ent.half (a UInt64) ENGINE = MergeTree ORDER BY a")
    block = varint(1) + varint(100_000) + string("a") + string("UInt64") + bytes(800_000)
    for stop_after in (block[:400_000], block, block * 2, block + b"\2\0" + BLOCK_INFO + block):
        leaver = connect(gateway, "admin")
        leaver.connection.force_connect()
        leaver.connection.send_query("INSERT INTO ent.half VALUES")
        leaver.connection.send_external_tables(None)
        leaver.receive_sample_block()
        write_varint(2, leaver.connection.fout)
        write_binary_str("", leaver.connection.fout)
        leaver.connection.fout.write(BLOCK_INFO + stop_after)
        leaver.connection.fout.flush()
        leaver.close()
    time.sleep(0.3)
    assert admin.execute("SELECT count() FROM ent.half") == [(0,)]
    assert admin.execute("SELECT count() FROM system.processes") == [(1,)]


def test_a_client_that_hangs_up_in_the_middle_of_an_http_body_inserts_nothing(
    gateway: GatewayHandle, admin: Client
) -> None:
    admin.execute("CREATE TABLE IF NOT EXISTS ent.half (a UInt64) ENGINE = MergeTree ORDER BY a")
    for head in ("Content-Length: 1000", "Transfer-Encoding: chunked"):
        with socket.create_connection(("127.0.0.1", gateway.http_port), timeout=10) as connection:
            lines = ["POST /?query=INSERT+INTO+ent.half+FORMAT+TSV HTTP/1.1", "Host: x", "X-ClickHouse-User: admin"]
            lines += [f"X-ClickHouse-Key: {gateway.logins.admin}", head, "", "4\r\n1\n2\n\r\n"]
            connection.sendall("\r\n".join(lines).encode())
    time.sleep(0.3)
    assert admin.execute("SELECT count() FROM ent.half") == [(0,)]


def test_a_slow_reader_holds_up_neither_others_nor_the_memory(gateway: GatewayHandle, raw: socket.socket) -> None:
    log_in(gateway, raw)
    before = resident(gateway)
    raw.sendall(query("SELECT number, repeat('x', 100) FROM numbers(20000000)") + NO_TABLES)
    time.sleep(1.5)
    with closing(connect(gateway, "default")) as other:
        started = time.monotonic()
        assert other.execute("SELECT count() FROM numbers(10)") == [(10,)]
        assert time.monotonic() - started < 1
    assert resident(gateway) - before < 300


def test_a_large_insert_lies_on_disk_and_not_in_memory(gateway: GatewayHandle, admin: Client) -> None:
    admin.execute("DROP TABLE IF EXISTS ent.large")
    admin.execute("CREATE TABLE ent.large (a UInt64) ENGINE = Null")
    before = resident(gateway)
    blocks, rows = 40, 1_000_000
    admin.connection.send_query("INSERT INTO ent.large VALUES")
    admin.connection.send_external_tables(None)
    admin.receive_sample_block()
    peak = 0
    for _ in range(blocks):
        admin.connection.socket.sendall(
            varint(2)
            + string("")
            + BLOCK_INFO
            + varint(1)
            + varint(rows)
            + string("a")
            + string("UInt64")
            + bytes(8 * rows)
        )
        peak = max(peak, resident(gateway))
    admin.connection.socket.sendall(NO_TABLES)
    progress = [packet.progress for packet in packets(admin) if getattr(packet, "progress", None)]
    assert sum(entry.written_rows for entry in progress) == blocks * rows
    assert max(peak, resident(gateway)) - before < 200, "320 MB were sent"


def packets(client: Client) -> Iterator[Any]:
    while True:
        packet = client.receive_packet()
        if packet is True or packet is False:
            return
        yield packet


def resident(gateway: GatewayHandle) -> int:
    """Megabytes of memory that are the gateway's own, those of a memfd included."""
    status = Path(f"/proc/{gateway.process.pid}/status").read_text()
    fields = dict(line.split(":", 1) for line in status.splitlines())
    return (int(fields["RssAnon"].split()[0]) + int(fields["RssShmem"].split()[0])) // 1024


def test_no_file_descriptor_is_left_behind(gateway: GatewayHandle) -> None:
    folder = Path(f"/proc/{gateway.process.pid}/fd")
    counts = []
    for _ in range(2):
        for _ in range(30):
            with closing(connect(gateway, "default")) as client:
                client.execute("SELECT 1")
        time.sleep(0.3)
        counts.append(sum(1 for _ in folder.iterdir()))
    assert counts[1] - counts[0] < 10
