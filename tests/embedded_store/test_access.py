"""What each login may do. The tables of attempts stand in `attempts.py`."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from clickhouse_driver import Client
from clickhouse_driver.errors import ServerException

from tests.embedded_store.attempts import ALLOWED, REFUSED_READS, REFUSED_WRITES
from tests.embedded_store.conftest import connect
from tests.support.gateway import GatewayHandle

ACCESS_DENIED, READONLY, NOT_IMPLEMENTED, SYNTAX_ERROR, UNKNOWN_TABLE, NO_PARAMETER = 497, 164, 48, 62, 60, 456
OUT = Path("/tmp/instant-t-out")


def code_of(client: Any, statement: str) -> int:
    """The code with which a statement is refused; 0 when it is not."""
    try:
        client.execute(statement)
    except ServerException as error:
        return int(error.code)
    return 0


@pytest.mark.parametrize("database", ["default", "bi", "system"])
def test_a_reader_gets_round_the_rules_in_no_way(gateway: GatewayHandle, database: str) -> None:
    answers = {}
    for attempt in REFUSED_READS + REFUSED_WRITES:
        with closing(connect(gateway, "default", database=database)) as reader:
            answers[attempt] = code_of(reader, attempt)
    let_through = [attempt for attempt, code in answers.items() if code == 0]
    assert let_through == []
    # Where it is not a refusal of ours, the statement means nothing at all.
    others = {attempt: code for attempt, code in answers.items() if code not in (ACCESS_DENIED, READONLY)}
    for attempt, code in others.items():
        if code == NOT_IMPLEMENTED:
            assert "FILE" in attempt or "SHUTDOWN" in attempt
        elif code == UNKNOWN_TABLE:
            assert "/etc/passwd" in attempt
        else:
            assert code in (SYNTAX_ERROR, NO_PARAMETER), attempt
    assert not OUT.exists()


def test_after_all_those_attempts_nothing_has_changed(gateway: GatewayHandle, admin: Client) -> None:
    assert admin.execute("SELECT day, cell, ids FROM ent.hits WHERE day = '2026-09-01' ORDER BY cell") == [
        (admin.execute("SELECT toDate('2026-09-01')")[0][0], 1, [11, 12, 13]),
        (admin.execute("SELECT toDate('2026-09-01')")[0][0], 2, [14]),
    ]
    assert admin.execute("SELECT name FROM system.tables WHERE database = 'bi' ORDER BY name") == [
        ("above",),
        ("by_name",),
    ]


@pytest.mark.parametrize("statement", ALLOWED)
def test_a_reader_does_what_bi_tools_do(gateway: GatewayHandle, statement: str) -> None:
    with closing(connect(gateway, "default")) as reader:
        reader.execute(statement)


def test_a_view_of_bi_reads_ent_for_a_reader(reader: Client) -> None:
    assert reader.execute("SELECT name, hits FROM by_name WHERE name != 'x' ORDER BY name") == [
        ("COURRIER", 3),
        ("VISIO", 1),
    ]
    assert reader.execute("SELECT name FROM above(least=2)") == [("COURRIER",)]


def test_a_reader_cannot_make_ent_its_database(gateway: GatewayHandle) -> None:
    with closing(connect(gateway, "default", database="ent")) as reader:
        assert code_of(reader, "SELECT 1") == ACCESS_DENIED


def test_a_name_of_a_common_table_expression_hides_no_table_of_the_current_database(gateway: GatewayHandle) -> None:
    shadowed = "SELECT * FROM (WITH parts AS (SELECT 1) SELECT 1), (SELECT count() FROM parts)"
    with closing(connect(gateway, "default", database="system")) as reader:
        assert code_of(reader, shadowed) == ACCESS_DENIED
        assert code_of(reader, "WITH parts AS y SELECT 1 IN y") == ACCESS_DENIED


@pytest.mark.parametrize(
    "name", ["additional_table_filters", "implicit_table_at_top_level", "dialect", "format_schema", "param_x", "limit"]
)
def test_a_reader_cannot_send_a_setting_that_could_read_something(gateway: GatewayHandle, name: str) -> None:
    with closing(connect(gateway, "default", settings={name: "1"})) as reader:
        assert code_of(reader, "SELECT 1") == READONLY


def test_a_refusal_says_who_and_what_and_what_else_to_do(reader: Client) -> None:
    with pytest.raises(ServerException) as refused:
        reader.execute("SELECT * FROM ent.hits")
    assert refused.value.message.startswith("DB::Exception: default: ent.hits is refused; use the views of bi.")


WRITER_MAY = """
SELECT count() FROM ent.hits
SELECT * FROM bi.by_name
SELECT count() FROM system.parts WHERE database = 'ent'
INSERT INTO ent.hits (day, cell) VALUES ('2020-01-01', 1)
INSERT INTO hits (day, cell) VALUES ('2020-01-01', 1)
INSERT INTO ent.hits (day, cell) SELECT day, cell + 1 FROM ent.hits WHERE day = '2020-01-01'
INSERT INTO ent.hits (day, cell) SETTINGS async_insert = 0 VALUES ('2020-01-01', 1)
SELECT uniqExactArray(ids) FROM ent.hits SETTINGS max_threads = 1, optimize_read_in_order = 0
ALTER TABLE ent.hits DROP PARTITION '2020-01-01'
ALTER TABLE hits DROP PARTITION '2020-01-01'
CREATE TEMPORARY TABLE wanted (a UInt64)
DROP TEMPORARY TABLE IF EXISTS wanted
SET max_threads = 1
USE ent
EXISTS TABLE ent.hits
SHOW TABLES FROM ent
DESCRIBE TABLE ent.hits
""".strip().splitlines()

WRITER_MAY_NOT = """
CREATE TABLE ent.x (a UInt8) ENGINE = Memory
CREATE OR REPLACE TABLE ent.hits (a UInt8) ENGINE = Memory
CREATE VIEW bi.x AS SELECT 1
CREATE DATABASE x
CREATE TEMPORARY TABLE x (a UInt8) ENGINE = File(CSV)
CREATE TEMPORARY TABLE x AS SELECT * FROM file('/etc/passwd', 'LineAsString')
DROP TABLE ent.hits
DROP VIEW bi.by_name
TRUNCATE TABLE ent.hits
RENAME TABLE ent.hits TO ent.x
ALTER TABLE ent.hits DETACH PARTITION '2026-09-01'
ALTER TABLE ent.hits DROP PARTITION '2020-01-01', DELETE WHERE 1
ALTER TABLE ent.hits DELETE WHERE 1
ALTER TABLE ent.hits DROP COLUMN ids
ALTER TABLE ent.hits ADD COLUMN x UInt8
ALTER TABLE bi.by_name DROP PARTITION '2026-09-01'
ALTER TABLE ent.hits REPLACE PARTITION '2026-09-01' FROM ent.x
DELETE FROM ent.hits WHERE 1
OPTIMIZE TABLE ent.hits
INSERT INTO bi.by_name VALUES ('x', 1)
INSERT INTO system.one VALUES (1)
INSERT INTO FUNCTION null('a UInt8') SELECT 1
INSERT INTO FUNCTION file('/tmp/instant-t-out', 'CSV', 'a UInt8') SELECT 1
INSERT INTO ent.hits (cell) SELECT * FROM file('/etc/passwd', 'LineAsString')
INSERT INTO ent.hits (cell) SELECT length(file('/etc/passwd'))
INSERT INTO ent.hits (cell) FROM INFILE '/etc/passwd' FORMAT LineAsString
SELECT * FROM ent.hits INTO OUTFILE '/tmp/instant-t-out'
SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'a String')
SELECT file('/etc/passwd')
SYSTEM FLUSH LOGS
KILL QUERY WHERE 1
SET dialect = 'prql'
SELECT 1; DROP TABLE ent.hits
EXPLAIN CREATE TABLE ent.x (a UInt8) ENGINE = Memory
""".strip().splitlines()


def test_the_writer_reads_inserts_into_ent_and_drops_its_partitions(writer: Client) -> None:
    for statement in WRITER_MAY:  # one after another: what some insert, others drop
        writer.execute(statement)


def test_the_writer_does_nothing_else(writer: Client) -> None:
    let_through = [attempt for attempt in WRITER_MAY_NOT if code_of(writer, attempt) == 0]
    assert let_through == []
    assert writer.execute("SELECT count() FROM ent.hits WHERE day = '2026-09-01'") == [(2,)]
    assert not OUT.exists()


ADMIN_MAY_NOT = """
CREATE TABLE ent.k (a UInt8) ENGINE = Kafka SETTINGS kafka_broker_list = 'x', kafka_topic_list = 'x', kafka_group_name = 'x', kafka_format = 'CSV'
CREATE TABLE ent.k (a UInt8) ENGINE=Kafka('127.0.0.1:1', 'a', 'b', 'CSV')
CREATE TABLE ent.k (a UInt8) ENGINE = /* not */ `Kafka`('127.0.0.1:1', 'a', 'b', 'CSV')
CREATE TABLE ent.k (a UInt8) ENGINE = RabbitMQ SETTINGS rabbitmq_host_port = 'x:1'
CREATE TABLE ent.k (a String) ENGINE = File(LineAsString)
CREATE TABLE ent.k (a String) ENGINE = URL('http://127.0.0.1:1/', CSV)
CREATE TABLE ent.k (a String) ENGINE = Executable('x', CSV)
CREATE DATABASE k ENGINE = Filesystem('/etc')
CREATE DATABASE k ENGINE = MySQL('127.0.0.1:1', 'a', 'b', 'c')
CREATE VIEW ent.k AS SELECT file('/etc/passwd')
CREATE DICTIONARY ent.k (a UInt64) PRIMARY KEY a SOURCE(FILE(path '/etc/passwd' format 'CSV')) LAYOUT(FLAT()) LIFETIME(1)
SELECT file('/etc/passwd')
SELECT * APPLY(x -> file('/etc/passwd')) FROM system.one
SELECT * FROM file('/etc/passwd', 'LineAsString')
SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'a String')
SELECT * FROM remote('127.0.0.1', 'ent.hits')
SELECT * FROM executable('x', 'TSV', 'a String')
SELECT * FROM python(gateway)
SELECT * FROM eval('SELECT 1')
SELECT 1 INTO OUTFILE '/tmp/instant-t-out'
INSERT INTO ent.hits (name) FROM INFILE '/etc/passwd' FORMAT LineAsString
INSERT INTO FUNCTION file('/tmp/instant-t-out', 'CSV', 'a UInt8') VALUES (1)
SYSTEM SHUTDOWN
SET dialect = 'prql'
SELECT 1; SELECT 2
""".strip().splitlines()  # fmt: skip  # noqa: E501


def test_not_even_admin_reaches_files_addresses_or_what_would_ruin_the_data_folder(admin: Client) -> None:
    let_through = [attempt for attempt in ADMIN_MAY_NOT if code_of(admin, attempt) == 0]
    assert let_through == []
    assert not OUT.exists()
    assert admin.execute("SELECT 1") == [(1,)]


def test_admin_defines_what_migrations_need(admin: Client) -> None:
    for statement in (
        "CREATE DATABASE made",
        "CREATE TABLE made.raw (a UInt64, s String) ENGINE = Null",
        "CREATE TABLE made.sets (s String, ids SimpleAggregateFunction(groupUniqArrayArray, Array(UInt64)))"
        " ENGINE = AggregatingMergeTree ORDER BY s SETTINGS index_granularity = 1024",
        "CREATE MATERIALIZED VIEW made.fill TO made.sets AS SELECT s, [a] AS ids FROM made.raw",
        "CREATE VIEW made.v AS SELECT s, length(ids) AS n FROM made.sets FINAL WHERE s = {s:String}",
        "INSERT INTO made.raw VALUES (1, 'a'), (2, 'a'), (1, 'a')",
        "ALTER TABLE made.sets ADD COLUMN x UInt8",
        "RENAME TABLE made.sets TO made.sets2",
        "OPTIMIZE TABLE made.sets2 FINAL",
    ):
        admin.execute(statement)
    assert admin.execute("SELECT s, arraySort(ids) FROM made.sets2") == [("a", [1, 2])]
    admin.execute("DROP DATABASE made")


def test_the_engine_itself_refuses_what_a_rule_might_overlook(admin: Client) -> None:
    with pytest.raises(ServerException) as refused:
        admin.execute("SELECT * FROM mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')")
    assert refused.value.code == ACCESS_DENIED
    assert "READ ON MYSQL" in refused.value.message
