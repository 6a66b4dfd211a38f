"""The HTTP interface, seen from curl and from clickhouse-connect."""

from __future__ import annotations

import gzip
import http.client
import json
import shutil
import subprocess
import zlib
from typing import Any
from urllib.parse import urlencode

import clickhouse_connect
import cramjam
import lz4.frame
import pytest
from clickhouse_driver import Client

from tests.support.gateway import GatewayHandle


def ask(
    handle: GatewayHandle,
    body: bytes | str = b"",
    *,
    method: str = "POST",
    path: str = "/",
    headers: Any = None,
    **query: str,
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of one request."""
    connection = http.client.HTTPConnection("127.0.0.1", handle.http_port, timeout=30)
    try:
        connection.request(method, f"{path}?{urlencode(query)}" if query else path, body, dict(headers or {}))
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def as_admin(handle: GatewayHandle) -> dict[str, str]:
    return {"X-ClickHouse-User": "admin", "X-ClickHouse-Key": handle.logins.admin}


@pytest.fixture
def table(admin: Client) -> str:
    admin.execute("DROP TABLE IF EXISTS ent.web")
    admin.execute("CREATE TABLE ent.web (a UInt64, s String) ENGINE = MergeTree ORDER BY a")
    return "ent.web"


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_asks_with_and_without_a_password(gateway: GatewayHandle) -> None:
    address = f"http://127.0.0.1:{gateway.http_port}/"

    def curl(*arguments: str) -> str:
        return subprocess.run(["curl", "-sS", *arguments], check=True, capture_output=True, text=True).stdout

    assert curl(address) == "Ok.\n"
    assert curl(address + "ping") == "Ok.\n"
    assert curl(address + "?query=SELECT+1") == "1\n"
    assert curl(address, "-d", "SELECT hits FROM bi.by_name WHERE name = 'VISIO'") == "1\n"
    assert curl(address, "-u", f"admin:{gateway.logins.admin}", "-d", "SELECT 2") == "2\n"
    assert curl(address, "-u", "admin:wrong", "-d", "SELECT 2").startswith("Code: 516. DB::Exception: admin: ")
    assert json.loads(curl(address, "--compressed", "-d", "SELECT 1 AS a FORMAT JSON"))["data"] == [{"a": 1}]


def test_a_reader_is_as_bounded_as_on_the_native_port(gateway: GatewayHandle) -> None:
    for query in (
        {"query": "SELECT * FROM ent.hits"},
        {"query": "SELECT * FROM hits", "database": "ent"},
        {"query": "SELECT 1", "database": "ent"},
        {"query": "SELECT * FROM {t:Identifier}", "param_t": "ent.hits"},
        {"query": "SELECT * FROM {d:Identifier}.{t:Identifier}", "param_d": "ent", "param_t": "hits"},
        {"query": "SELECT 1 IN {t:Identifier}", "param_t": "ent.hits"},
        {"query": "SELECT 1", "additional_result_filter": "1 IN (SELECT cell FROM ent.hits)"},
        {"query": "SELECT 1", "readonly": "0"},
        {"query": "SELECT 1; SELECT 2"},
        {"query": "INSERT INTO ent.hits (cell) VALUES (1)"},
        {"query": "SELECT * FROM bi.by_name INTO OUTFILE '/tmp/instant-t-out'"},
    ):
        status, headers, body = ask(gateway, **query)
        assert status in (400, 403, 404, 501), (query, body)
        assert int(headers["X-ClickHouse-Exception-Code"]) in (497, 164, 62, 60, 48), (query, body)
        assert body.count(b"\n") == 1, "one sentence"
    status, _, body = ask(gateway, "SELECT cell FROM ent.hits", headers={"X-ClickHouse-Database": "ent"})
    assert status == 403


def test_parameters_settings_and_formats_are_taken_from_the_address(gateway: GatewayHandle) -> None:
    assert ask(gateway, query="SELECT {a:UInt8} + 1", param_a="41")[2] == b"42\n"
    assert ask(gateway, query="SELECT name FROM above(least=2)", database="bi")[2] == b"COURRIER\n"
    assert ask(gateway, query="SELECT getSetting('max_block_size')", max_block_size="77")[2] == b"77\n"
    assert ask(gateway, query="SELECT 1 AS a", default_format="JSONEachRow")[2] == b'{"a":1}\n'
    assert ask(gateway, b"1 AS b", query="SELECT", default_format="JSONEachRow")[2] == b'{"b":1}\n'
    assert ask(gateway, query="SELECT 1", nothing="1", headers=as_admin(gateway))[0] == 500


@pytest.mark.parametrize("coding", ["", "gzip", "deflate", "lz4", "zstd"])
def test_rows_arrive_whatever_their_coding(gateway: GatewayHandle, admin: Client, table: str, coding: str) -> None:
    rows = b"".join(b"%d\tline %d\n" % (number, number) for number in range(200_000))
    packed = {
        "": lambda: rows,
        "gzip": lambda: gzip.compress(rows, 1),
        "deflate": lambda: zlib.compress(rows, 1),
        "lz4": lambda: bytes(lz4.frame.compress(rows)),
        "zstd": lambda: bytes(cramjam.zstd.compress(rows)),
    }[coding]()
    headers = as_admin(gateway) | ({"Content-Encoding": coding} if coding else {})
    status, answered, body = ask(gateway, packed, query=f"INSERT INTO {table} FORMAT TSV", headers=headers)
    assert (status, body) == (200, b"")
    assert json.loads(answered["X-ClickHouse-Summary"])["written_rows"] == "200000"
    assert admin.execute(f"SELECT count(), sum(a) FROM {table}") == [(200_000, 19_999_900_000)]


def test_a_statement_and_its_rows_may_stand_in_one_body(gateway: GatewayHandle, admin: Client, table: str) -> None:
    for body in (
        f'INSERT INTO {table} FORMAT CSV\n1,"a\n\nb"\n',
        f"INSERT INTO {table} VALUES (2, 'b;'), (3, 'c')",
        f"INSERT INTO {table} (a) FORMAT JSONEachRow\n" + '{"a": 4}\n',
        f"INSERT INTO {table} SELECT 5, 'e'",
    ):
        assert ask(gateway, body, headers=as_admin(gateway))[0] == 200
    assert admin.execute(f"SELECT * FROM {table} ORDER BY a") == [(1, "a\n\nb"), (2, "b;"), (3, "c"), (4, ""), (5, "e")]


def test_a_bad_row_inserts_nothing(gateway: GatewayHandle, admin: Client, table: str) -> None:
    status, headers, _ = ask(gateway, f"INSERT INTO {table} FORMAT TSV\n1\ta\nx\tb\n", headers=as_admin(gateway))
    assert (status, headers["X-ClickHouse-Exception-Code"]) == (400, "27")
    assert ask(gateway, b"\x1f\x8bnot", query=f"INSERT INTO {table} FORMAT TSV",
               headers=as_admin(gateway) | {"Content-Encoding": "gzip"})[0] == 400  # fmt: skip
    assert admin.execute(f"SELECT count() FROM {table}") == [(0,)]


def test_sessions_keep_settings_and_temporary_tables(gateway: GatewayHandle) -> None:
    admin = as_admin(gateway)
    for statement in (
        "CREATE TEMPORARY TABLE mine (a UInt8)",
        "INSERT INTO mine VALUES (7)",
        "SET max_block_size = 55",
    ):
        assert ask(gateway, statement, session_id="one", headers=admin)[0] == 200
    asked = "SELECT a, getSetting('max_block_size') FROM mine"
    assert ask(gateway, asked, session_id="one", headers=admin)[2] == b"7\t55\n"
    assert ask(gateway, asked, session_id="two", headers=admin)[0] == 404
    assert ask(gateway, "SELECT 1", session_id="three", session_check="1", headers=admin)[0] == 404


def test_a_large_answer_streams_and_an_early_error_has_its_status(gateway: GatewayHandle) -> None:
    status, headers, body = ask(gateway, "SELECT number FROM numbers(1000000)", enable_http_compression="1",
                                headers={"Accept-Encoding": "gzip"})  # fmt: skip
    assert (status, headers["Transfer-Encoding"], headers["Content-Encoding"]) == (200, "chunked", "gzip")
    assert gzip.decompress(body).count(b"\n") == 1_000_000
    assert ask(gateway, "SELECT nothing")[0] == 404
    assert ask(gateway, "SELECT 1 +")[0] == 400
    assert ask(gateway, "SELECT 1", path="/nowhere")[0] == 404


def test_one_connection_serves_one_request_after_another(gateway: GatewayHandle) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", gateway.http_port, timeout=30)
    for body, expected in (
        ("SELECT 1", b"1\n"),
        ("SELECT nothing", None),
        ("SELECT 2 FORMAT JSONEachRow", b'{"2":2}\n'),
    ):
        connection.request("POST", "/", body)
        answer = connection.getresponse().read()
        assert expected is None or answer == expected
    connection.close()


def test_clickhouse_connect_queries_and_inserts(gateway: GatewayHandle, table: str) -> None:
    client = clickhouse_connect.get_client(
        host="127.0.0.1", port=gateway.http_port, username="admin", password=gateway.logins.admin
    )
    try:
        client.insert(table, [[1, "a"], [2, "b"]], column_names=["a", "s"])
        assert client.query(f"SELECT * FROM {table} ORDER BY a").result_rows == [(1, "a"), (2, "b")]
        zoned = client.query("SELECT toDateTime(0, 'Europe/Paris') AS t")
        assert zoned.column_types[0].name == "DateTime('Europe/Paris')"
        assert client.query("SELECT number FROM numbers(200000)").row_count == 200_000
        assert client.query(f"SELECT * FROM {table} WHERE a = {{a:UInt64}}", parameters={"a": 2}).result_rows == [
            (2, "b")
        ]
        assert client.command("SELECT count() FROM " + table) == 2
        with pytest.raises(clickhouse_connect.driver.exceptions.DatabaseError, match="60"):
            client.query("SELECT * FROM ent.nothing")
    finally:
        client.close()


def test_clickhouse_connect_reads_bi_without_a_password(gateway: GatewayHandle) -> None:
    client = clickhouse_connect.get_client(host="127.0.0.1", port=gateway.http_port, database="bi")
    try:
        assert client.query("SELECT name, hits FROM by_name WHERE hits > 2").result_rows == [("COURRIER", 3)]
        assert client.query("SELECT * FROM by_name WHERE name = 'none'").result_rows == []
        with pytest.raises(clickhouse_connect.driver.exceptions.DatabaseError, match=r"ent\.hits is refused"):
            client.query("SELECT * FROM ent.hits")
    finally:
        client.close()
