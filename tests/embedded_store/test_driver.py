"""The native protocol, seen from clickhouse-driver: the only path of the pipeline into ClickHouse."""

from __future__ import annotations

import datetime as dt
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from threading import Thread
from typing import Any

import pytest
from clickhouse_driver import Client
from clickhouse_driver.errors import ServerException

from tests.embedded_store.conftest import connect
from tests.support.gateway import GatewayHandle

NOON = dt.datetime(2026, 9, 1, 12, 30, 15, tzinfo=dt.UTC)
TYPES: list[tuple[str, list[Any]]] = [
    ("UInt64", [0, 2**64 - 1]),
    ("Int8", [-128, 127]),
    ("Int256", [-(2**255), 2**255 - 1]),
    ("Float64", [0.5, -1e300]),
    ("Bool", [True, False]),
    ("String", ["", "é" * 200, "\x00\n\n;'"]),
    ("FixedString(3)", ["abc", "xyz"]),
    ("LowCardinality(String)", ["a", "b", "a", ""]),
    ("LowCardinality(Nullable(String))", ["a", None]),
    ("Nullable(UInt32)", [1, None]),
    ("Date", [dt.date(2026, 9, 1)]),
    ("DateTime('UTC')", [NOON]),
    ("DateTime64(3, 'UTC')", [NOON.replace(microsecond=123000)]),
    ("Decimal(18, 4)", [Decimal("1.2345")]),
    ("UUID", [uuid.UUID(int=1)]),
    ("IPv4", [IPv4Address("127.0.0.1")]),
    ("IPv6", [IPv6Address("::1")]),
    ("Enum8('a' = 1, 'b, (c)' = 2)", ["a", "b, (c)"]),
    ("Array(UInt64)", [[], [1, 2, 3]]),
    ("Array(Array(String))", [[["a"], []], []]),
    ("Array(Nullable(String))", [["a", None]]),
    ("Tuple(a UInt8, b Array(String))", [(1, ["x"]), (2, [])]),
    ("Map(String, Array(UInt8))", [{"a": [1], "b": []}, {}]),
    ("SimpleAggregateFunction(groupUniqArrayArray, Array(UInt64))", [[1, 2]]),
]


@pytest.fixture(params=[False, "lz4"], ids=["plain", "lz4"])
def packed(request: pytest.FixtureRequest, gateway: GatewayHandle) -> Iterator[Client]:
    with closing(connect(gateway, "admin", compression=request.param)) as client:
        yield client


@pytest.mark.parametrize(("type_name", "values"), TYPES, ids=[name for name, _ in TYPES])
def test_values_of_every_type_come_back_as_they_were_sent(packed: Client, type_name: str, values: list[Any]) -> None:
    packed.execute("DROP TABLE IF EXISTS ent.typed")
    packed.execute(f"CREATE TABLE ent.typed (n UInt32, v {type_name}) ENGINE = MergeTree ORDER BY n")
    assert packed.execute("INSERT INTO ent.typed (n, v) VALUES", list(enumerate(values))) == len(values)
    rows, columns = packed.execute("SELECT n, v FROM ent.typed ORDER BY n", with_column_types=True)
    assert [value for _, value in rows] == values
    assert columns[0] == ("n", "UInt32")
    assert columns[1][0] == "v"


def test_the_zone_of_a_time_is_kept(reader: Client) -> None:
    rows, columns = reader.execute("SELECT toDateTime(0, 'Europe/Paris') AS t, 1 AS n", with_column_types=True)
    assert columns == [("t", "DateTime('Europe/Paris')"), ("n", "UInt8")]
    assert rows[0][0].isoformat() == "1970-01-01T01:00:00+01:00"


def test_an_empty_result_still_has_its_columns(reader: Client) -> None:
    rows, columns = reader.execute(
        "SELECT toDateTime(0, 'UTC') AS t, name FROM bi.by_name WHERE name = 'none'", with_column_types=True
    )
    assert (rows, columns) == ([], [("t", "DateTime('UTC')"), ("name", "String")])


def test_a_result_of_many_blocks_streams(packed: Client) -> None:
    total = rows = 0
    for (number,) in packed.execute_iter("SELECT number FROM numbers(500000)", settings={"max_block_size": 50000}):
        total += number
        rows += 1
    assert (rows, total) == (500_000, 124_999_750_000)


def test_progress_and_profile_say_what_was_read(reader: Client) -> None:
    reader.execute("SELECT number FROM numbers(1000)")
    assert reader.last_query.profile_info.rows == 1000
    assert reader.last_query.progress.rows == 1000


def test_an_insert_with_named_columns_gives_the_others_their_defaults(admin: Client) -> None:
    admin.execute("DROP TABLE IF EXISTS ent.d")
    admin.execute(
        "CREATE TABLE ent.d (a UInt8, b UInt8 DEFAULT a + 1, c UInt8 MATERIALIZED 9, `d e` String) ENGINE = Memory"
    )
    admin.execute("INSERT INTO ent.d (a, `d e`) VALUES", [(1, "x")])
    admin.execute("INSERT INTO ent.d (* EXCEPT(b)) VALUES", [(2, "y")])
    admin.execute("INSERT INTO ent.d VALUES", [(3, 7, "z")])
    admin.execute("INSERT INTO ent.d (a) VALUES (4), (5)")
    admin.execute('INSERT INTO ent.d (`d e`) FORMAT CSV\n"a\n\n;b"\n')
    assert admin.execute("SELECT a, b, c, `d e` FROM ent.d ORDER BY a") == [
        (0, 1, 9, "a\n\n;b"), (1, 2, 9, "x"), (2, 3, 9, "y"), (3, 7, 9, "z"), (4, 5, 9, ""), (5, 6, 9, ""),
    ]  # fmt: skip


def test_a_failed_insert_says_so_and_inserts_nothing(admin: Client) -> None:
    admin.execute("DROP TABLE IF EXISTS ent.small")
    admin.execute("CREATE TABLE ent.small (a UInt8, CONSTRAINT few CHECK a < 10) ENGINE = MergeTree ORDER BY a")
    with pytest.raises(ServerException) as refused:
        admin.execute("INSERT INTO ent.small VALUES", [(1,), (2,), (99,)])
    assert refused.value.code == 469
    assert admin.execute("SELECT count() FROM ent.small") == [(0,)]
    assert admin.execute("INSERT INTO ent.small VALUES", [(1,)]) == 1


def test_a_failing_view_of_a_table_fails_its_insert(admin: Client) -> None:
    admin.execute("DROP TABLE IF EXISTS ent.view_of_raw")
    admin.execute("DROP TABLE IF EXISTS ent.raw")
    admin.execute("CREATE TABLE ent.raw (a UInt8) ENGINE = MergeTree ORDER BY a")
    admin.execute(
        "CREATE MATERIALIZED VIEW ent.view_of_raw ENGINE = MergeTree ORDER BY a"
        " AS SELECT throwIf(a = 7) AS a FROM ent.raw"
    )
    with pytest.raises(ServerException) as refused:
        admin.execute("INSERT INTO ent.raw VALUES", [(7,)])
    assert refused.value.code == 395
    admin.execute("DROP TABLE ent.view_of_raw")


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("SELECT nothing", 47),
        ("SELECT 1 +", 62),
        ("SELECT * FROM ent.nothing", 60),
        ("SELECT * FROM nowhere.nothing", 81),
        ("SELECT throwIf(number = 3000000) FROM numbers(4000000)", 395),
        ("SELECT toUInt8('x')", 6),
        ("INSERT INTO ent.nothing VALUES (1)", 60),
        ("INSERT INTO ent.hits (nothing) VALUES", 16),
        ("SELECT 1 SETTINGS nothing = 1", 115),
        ("SELECT groupArray(number) FROM numbers(100000000) SETTINGS max_memory_usage = 20000000", 241),
        ("", 62),
    ],
)
def test_errors_carry_the_code_of_their_cause(admin: Client, statement: str, code: int) -> None:
    with pytest.raises(ServerException) as failed:
        admin.execute(statement, [(1,)] if statement.endswith("VALUES") else None)
    assert failed.value.code == code
    assert "Code: " not in failed.value.message
    assert admin.execute("SELECT 1") == [(1,)]


def test_settings_of_a_query_end_with_it(admin: Client) -> None:
    asked = "SELECT getSetting('max_block_size'), getSetting('join_use_nulls')"
    before = admin.execute(asked)
    assert admin.execute(asked, settings={"max_block_size": 123, "join_use_nulls": 1}) == [(123, True)]
    assert admin.execute(asked) == before


def test_a_setting_that_nobody_knows_is_an_error_only_where_it_matters(gateway: GatewayHandle) -> None:
    with closing(connect(gateway, "admin", settings={"nothing": 1})) as client:
        assert client.execute("SELECT 1") == [(1,)]
    with closing(connect(gateway, "admin", settings={"nothing": 1}, settings_is_important=True)) as client:
        with pytest.raises(ServerException) as unknown:
            client.execute("SELECT 1")
        assert unknown.value.code == 115


def test_tables_can_be_sent_along_with_a_query(reader: Client) -> None:
    wanted = {"name": "wanted", "structure": [("name", "String"), ("n", "UInt8")], "data": [{"name": "VISIO", "n": 5}]}
    asked = "SELECT name, hits + n FROM bi.by_name JOIN wanted USING name"
    assert reader.execute(asked, external_tables=[wanted]) == [("VISIO", 6)]
    with pytest.raises(ServerException):
        reader.execute(asked)


@pytest.mark.parametrize("wait", [0, 0.4], ids=["at once", "while it runs"])
def test_a_query_can_be_cancelled_and_its_connection_used_again(admin: Client, wait: float) -> None:
    admin.execute("SELECT 1")
    admin.connection.send_query("SELECT sleepEachRow(0.01) FROM numbers(100000) SETTINGS max_block_size = 10")
    admin.connection.send_external_tables(None)
    started = time.monotonic()
    time.sleep(wait)
    admin.connection.send_cancel()
    admin.receive_result()
    assert time.monotonic() - started < 5
    assert admin.execute("SELECT 1") == [(1,)]


def test_a_client_that_leaves_has_its_query_killed(gateway: GatewayHandle, admin: Client) -> None:
    leaver = connect(gateway, "admin")
    leaver.connection.force_connect()
    leaver.connection.send_query("SELECT count() FROM numbers(100000000000) WHERE sipHash64(number) = 4711")
    leaver.connection.send_external_tables(None)
    running = "SELECT count() FROM system.processes WHERE query LIKE '%4711%' AND query NOT LIKE '%processes%'"
    assert _becomes(admin, running, 1)
    leaver.close()
    assert _becomes(admin, running, 0)


def _becomes(client: Client, statement: str, expected: int) -> bool:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if client.execute(statement) == [(expected,)]:
            return True
        time.sleep(0.05)
    return False


def test_many_clients_ask_at_once(gateway: GatewayHandle) -> None:
    answers: list[int] = []

    def ask(number: int) -> None:
        with closing(connect(gateway, "default")) as client:
            for _ in range(5):
                answers.append(client.execute(f"SELECT sum(number) + {number} FROM numbers(100000)")[0][0])

    threads = [Thread(target=ask, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert sorted(answers) == sorted(4_999_950_000 + number for number in range(12) for _ in range(5))


def test_the_database_of_the_connection_may_be_made_by_admin_over_it(gateway: GatewayHandle) -> None:
    with closing(connect(gateway, "admin", database="later")) as client:
        with pytest.raises(ServerException) as missing:
            client.execute("SELECT 1")
        assert missing.value.code == 81
        client.execute("CREATE DATABASE later")
        assert client.execute("SELECT currentDatabase()") == [("later",)]
        client.execute("DROP DATABASE later")


def test_use_changes_the_database_of_this_client_alone(gateway: GatewayHandle, admin: Client) -> None:
    admin.execute("USE bi")
    assert admin.execute("SELECT currentDatabase()") == [("bi",)]
    with closing(connect(gateway, "admin")) as other:
        assert other.execute("SELECT currentDatabase()") == [("default",)]


@pytest.mark.parametrize(
    ("login", "password"),
    [("admin", "secret-word"), ("admin", ""), ("nobody", "secret-word"), ("default", "secret-word")],
)
def test_a_wrong_password_is_refused(gateway: GatewayHandle, login: str, password: str) -> None:
    client = Client("127.0.0.1", port=gateway.native_port, user=login, password=password)
    with pytest.raises(ServerException) as refused:
        client.execute("SELECT 1")
    client.disconnect()
    assert refused.value.code == 516
    assert not password or password not in refused.value.message.replace("password is incorrect", "")
