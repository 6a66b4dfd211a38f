"""What the login without a password can do to others: read past the rules by parameters, look around, use it all up."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from urllib.parse import urlencode

import lz4.block
import pytest
from clickhouse_cityhash.cityhash import CityHash128
from clickhouse_driver import Client
from clickhouse_driver.errors import ServerException

from deploy.embedded.rules import LONGEST_READ, MOST_SENT
from tests.embedded_store.conftest import connect
from tests.support.gateway import GatewayHandle

ACCESS_DENIED, READONLY, OUT_OF_BOUNDS, SYNTAX_ERROR, LIMIT_EXCEEDED = 497, 164, 452, 62, 290
UNKNOWN_FORMAT, TOO_LARGE, TIMEOUT_EXCEEDED = 73, 131, 159
OUT = Path("/tmp/instant-t-out")
NOTHING: Mapping[str, str] = {}


def ask(handle: GatewayHandle, body: str | bytes, sent_headers: Mapping[str, str] = NOTHING, /, **query: str) -> str:
    """The answer to a reader over HTTP, or `CODE: message`."""
    connection = http.client.HTTPConnection("127.0.0.1", handle.http_port, timeout=60)
    with closing(connection):
        sent = body if isinstance(body, bytes) else body.encode()
        connection.request("POST", f"/?{urlencode(query)}", sent, dict(sent_headers))
        answer = connection.getresponse()
        text = answer.read().decode()
        return text if answer.status == 200 else f"{answer.headers['X-ClickHouse-Exception-Code']}: {text}"


def code(answer: str) -> int:
    head = answer.partition(":")[0]
    return int(head) if head.isdigit() and ":" in answer else 0


# -- by parameters


@pytest.mark.parametrize(
    ("statement", "params"),
    [
        ("SELECT * FROM {x:Identifier}.{y:Identifier}", {"x": "ent", "y": "hits"}),
        ("SELECT * FROM {x:Identifier}", {"x": "ent.hits"}),
        ("SELECT * FROM ent.{y:Identifier}", {"y": "hits"}),
        ("SELECT * FROM {x:Identifier}.hits", {"x": "ent"}),
        ("SELECT 1 IN {x:Identifier}", {"x": "ent.hits"}),
        ("SELECT {f:Identifier}.* FROM {x:Identifier}", {"x": "ent.hits", "f": "hits"}),
        ("USE {x:Identifier}", {"x": "ent"}),
        ("DESCRIBE {x:Identifier}.{y:Identifier}", {"x": "ent", "y": "hits"}),
        ("SHOW CREATE TABLE {x:Identifier}.{y:Identifier}", {"x": "ent", "y": "hits"}),
        ("EXISTS {x:Identifier}.{y:Identifier}", {"x": "ent", "y": "hits"}),
    ],
)
def test_no_parameter_names_a_table_that_the_text_could_not_name(
    gateway: GatewayHandle, statement: str, params: dict[str, str]
) -> None:
    for database in ("default", "bi", "system"):
        answer = ask(
            gateway, statement, database=database, **{f"param_{name}": value for name, value in params.items()}
        )
        assert code(answer) in (ACCESS_DENIED, READONLY), answer


def test_a_parameter_is_a_value_and_no_text_of_the_statement(gateway: GatewayHandle) -> None:
    assert ask(gateway, "SELECT {x:String}", param_x="', (SELECT max(cell) FROM ent.hits), '") == (
        "\\', (SELECT max(cell) FROM ent.hits), \\'\n"
    )
    assert code(ask(gateway, "SELECT {x:Array(String)}", param_x="['a', (SELECT 1)]"))
    assert ask(gateway, "SELECT getSetting('readonly')", log_comment="', readonly = '0") == "2\n"


@pytest.mark.parametrize(
    "name", ["TSV INTO OUTFILE '/tmp/instant-t-out'", "TSV SETTINGS readonly = 0", "../../x", "TSV;"]
)
def test_a_format_is_a_name_and_nothing_more(gateway: GatewayHandle, name: str) -> None:
    assert code(ask(gateway, "SELECT 1", default_format=name)) == UNKNOWN_FORMAT
    assert code(ask(gateway, "SELECT 1", {"X-ClickHouse-Format": name})) == UNKNOWN_FORMAT
    assert not OUT.exists()


@pytest.mark.parametrize(
    "statement",
    [
        b"SELECT 1\0; SELECT * FROM ent.hits",
        b"SELECT 1\0",
        b"SELECT 1; SELECT 2",
        b"SELECT '\xff\xfe'",
        b"SELECT 1 AS `\xed\xa0\x80`",
    ],
)
def test_what_two_parsers_could_read_differently_is_no_statement(gateway: GatewayHandle, statement: bytes) -> None:
    answer = ask(gateway, statement)
    assert code(answer) == SYNTAX_ERROR
    assert "chdb" not in answer


# -- looking around


def test_a_reader_is_not_told_what_tables_there_are_besides_its_own(gateway: GatewayHandle) -> None:
    known = {"bi", "default", "system", "information_schema", "INFORMATION_SCHEMA"}
    for statement in (
        "SELECT DISTINCT database FROM system.tables",
        "SELECT DISTINCT t.database FROM system.tables AS t, system.one",
        "SELECT DISTINCT database FROM (SELECT * FROM system.columns)",
        "SELECT name FROM system.databases",
        "SELECT DISTINCT table_schema FROM information_schema.tables",
        "SELECT DISTINCT table_schema FROM INFORMATION_SCHEMA.COLUMNS",
        "SHOW DATABASES",
    ):
        found = set(ask(gateway, statement).split())
        assert found <= known, statement
        assert "bi" in found, statement
    assert ask(gateway, "SELECT 'ent' IN (SELECT name FROM system.databases)") == "0\n"


def test_the_others_see_all_tables_as_before(admin: Client, writer: Client) -> None:
    for client in (admin, writer):
        assert ("ent",) in client.execute("SELECT DISTINCT database FROM system.tables")


def test_a_reader_cannot_put_the_filter_of_what_it_sees_away(gateway: GatewayHandle) -> None:
    for answer in (
        ask(gateway, "SELECT 1", additional_table_filters="{}"),
        ask(gateway, "SET additional_table_filters = {}"),
        ask(gateway, "SET profile = 'default'"),
        ask(gateway, "SELECT 1 SETTINGS profile = 'default'"),
        ask(gateway, "SELECT * FROM system.tables SETTINGS additional_table_filters = {}"),
    ):
        assert code(answer) == READONLY


# -- using it all up


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_execution_time", "0"),
        ("max_execution_time", "601"),
        ("max_memory_usage", "0"),
        ("max_memory_usage", "2000000001"),
        ("max_threads", "5"),
        ("max_query_size", "262145"),
    ],
)
def test_a_reader_cannot_loosen_its_bounds(gateway: GatewayHandle, name: str, value: str) -> None:
    assert code(ask(gateway, "SELECT 1", **{name: value})) == OUT_OF_BOUNDS
    assert code(ask(gateway, f"SELECT 1 SETTINGS {name} = {value}")) == OUT_OF_BOUNDS
    with closing(connect(gateway, "default", settings={name: value})) as reader:
        with pytest.raises(ServerException) as refused:
            reader.execute("SELECT 1")
        assert refused.value.code == OUT_OF_BOUNDS


def test_a_reader_that_says_nothing_has_two_minutes_for_a_statement_and_may_ask_for_less(
    gateway: GatewayHandle,
) -> None:
    assert ask(gateway, "SELECT getSetting('max_execution_time')") == "120\n"
    began = time.monotonic()
    assert code(ask(gateway, "SELECT count() FROM numbers(1e15)", max_execution_time="1")) == TIMEOUT_EXCEEDED
    assert time.monotonic() - began < 10


def test_a_setting_that_one_query_brings_is_for_the_next_what_it_was_before(gateway: GatewayHandle) -> None:
    with closing(connect(gateway, "default")) as reader:
        asked = "SELECT getSetting('max_execution_time'), getSetting('max_memory_usage'), getSetting('max_threads')"
        begun = reader.execute(asked)
        settings = {"max_execution_time": 5, "max_memory_usage": 1_000_000_000, "max_threads": 1}
        assert reader.execute(asked, settings=settings) == [(5.0, 1_000_000_000, 1)]
        assert reader.execute(asked) == begun == [(120.0, 2_000_000_000, 2)]


def longest(before: str, unit: str, after: str = "") -> str:
    """As much of it as a reader may say."""
    return before + unit * ((LONGEST_READ - len(before) - len(after)) // len(unit)) + after


NASTY = {
    "heredocs never closed": "INSERT " + " ".join(f"$a{i}$" for i in range(30_000)),
    "names like heredocs": "SELECT " + ",".join(f"1 AS a{i}$b{i}$" for i in range(2_000)),
    "comments never closed": longest("INSERT INTO x ", "/* "),
    "strings never closed": longest("INSERT INTO x ", "'\\"),
    "names never closed": longest("INSERT INTO x ", "`\\"),
    "brackets": longest("SELECT ", "["),
    "a list": longest("SELECT 1 IN (", "1,", "1)"),
    "columns": longest("SELECT ", "1,", "1"),
    "terms": longest("SELECT ", "1+", "1"),
    "settings": longest("SELECT 1 SETTINGS ", "max_threads=1,", "max_threads=1"),
    "names that double": "WITH (1,1) AS x0, "
    + ", ".join(f"(x{i},x{i}) AS x{i + 1}" for i in range(24))
    + " SELECT x24",
    "a result in one piece": "SELECT repeat('x', 1000000) FROM numbers(5000) FORMAT JSON",
}


@pytest.fixture
def another(gateway: GatewayHandle) -> Iterator[list[float]]:
    """Seconds that somebody else's questions took meanwhile."""
    stop = threading.Event()
    took: list[float] = []

    def ask_on() -> None:
        with closing(connect(gateway, "writer", database="ent")) as writer:
            while not stop.is_set():
                began = time.monotonic()
                writer.execute("SELECT count() FROM ent.hits")
                took.append(time.monotonic() - began)
                stop.wait(0.02)

    thread = threading.Thread(target=ask_on)
    thread.start()
    yield took
    stop.set()
    thread.join()


@pytest.mark.parametrize("name", NASTY)
def test_no_statement_of_a_reader_holds_the_worker_up(gateway: GatewayHandle, another: list[float], name: str) -> None:
    began = time.monotonic()
    ask(gateway, NASTY[name])
    assert time.monotonic() - began < 40
    assert max(another, default=0.0) < 5
    assert gateway.process.poll() is None


def test_a_longer_statement_is_refused_unread(gateway: GatewayHandle) -> None:
    began = time.monotonic()
    answer = ask(gateway, "SELECT " + "1," * 400_000 + "1")
    assert code(answer) == SYNTAX_ERROR
    assert "a reader's statement may have 262144 bytes" in answer
    assert time.monotonic() - began < 5


def test_a_reader_sends_no_more_along_than_a_statement_may_need(gateway: GatewayHandle) -> None:
    def frame(plain: bytes) -> bytes:
        packed = lz4.block.compress(plain, store_size=False)
        framed: bytes = b"\x82" + (len(packed) + 9).to_bytes(4, "little") + len(plain).to_bytes(4, "little") + packed
        digest = CityHash128(framed)
        head: bytes = (digest >> 64).to_bytes(8, "little") + (digest & (1 << 64) - 1).to_bytes(8, "little")
        return head + framed

    assert ask(gateway, frame(b"SELECT 42"), decompress="1") == "42\n"
    bomb = frame(b"SELECT 1" + b" " * (MOST_SENT - 8)) * 5
    assert len(bomb) < 1_000_000
    assert code(ask(gateway, bomb, decompress="1")) == TOO_LARGE

    with closing(connect(gateway, "default")) as reader:
        table = {"name": "sent", "structure": [("a", "String")], "data": [{"a": "x" * 60_000}] * 100}
        assert reader.execute("SELECT count() FROM sent", external_tables=[table]) == [(100,)]
        table["data"] = [{"a": "x" * 60_000}] * 300
        with pytest.raises(ServerException) as refused:
            reader.execute("SELECT count() FROM sent", external_tables=[table])
        assert refused.value.code in (TOO_LARGE, LIMIT_EXCEEDED)  # one block, or all of them
