"""The connection: ready-made blocks, and errors that say what to do."""

from __future__ import annotations

import socket
import time

import numpy as np
import pytest

from pipeline.core.native import Column, arrays, date_times, encode_block, low_cardinality
from pipeline.errors import StoreRefused, StoreUnavailable
from pipeline.store.client import Store
from tests.support.gateway import GatewayHandle, free_ports

DIMENSIONS = ("departement", "service", "profil", "projet", "exploitant", "plateforme")


def cells_block() -> list[Column]:
    """Two cells: one with hits 1, 2 and one with hit 2**64 - 1."""
    ends, flat = np.array([2, 3]), np.array([1, 2, 2**64 - 1], np.uint64)
    columns = [Column("bucket", "DateTime('UTC')", date_times(np.array([1_788_246_000, 1_788_246_010])))]
    words = low_cardinality(["", "é"], np.array([0, 1]))
    columns += [Column(name, "LowCardinality(String)", words) for name in DIMENSIONS]
    return columns + [Column(name, "Array(UInt64)", arrays(ends, flat)) for name in ("hits", "visits", "visitors")]


def test_a_ready_made_block_is_stored_as_it_is(worker: Store) -> None:
    block = cells_block()
    revisions = []

    def body(revision: int) -> bytes:
        revisions.append(revision)
        return encode_block(block, 2, revision)

    worker.insert_block("ent.cells", [column.name for column in block], body)
    rows = worker.execute("SELECT toUnixTimestamp(bucket), service, hits, visitors FROM ent.cells ORDER BY bucket")
    assert rows == [(1_788_246_000, "", [1, 2], [1, 2]), (1_788_246_010, "é", [2**64 - 1], [2**64 - 1])]
    assert revisions == [54_453]


def test_the_connection_serves_again_after_a_block_was_refused(worker: Store) -> None:
    broken = [Column("start", "String", b"\x03abc")]
    with pytest.raises(StoreRefused):
        worker.insert_block("ent.marks", ["start"], lambda revision: encode_block(broken, 1, revision))
    assert worker.execute("SELECT count() FROM ent.marks") == [(0,)]


@pytest.mark.parametrize(
    ("sql", "settings"),
    [
        ("SELECT groupArray(number) FROM numbers(50000000)", {"max_memory_usage": 10_000_000}),
        ("SELECT count() FROM system.numbers", {"max_execution_time": 0.3}),
    ],
    ids=["memory", "time"],
)
def test_what_passes_is_unavailable(worker: Store, sql: str, settings: dict[str, float]) -> None:
    with pytest.raises(StoreUnavailable):
        worker.execute(sql, settings=settings)
    assert worker.execute("SELECT 1") == [(1,)]


def test_too_many_parts_is_unavailable(admin: Store) -> None:
    admin.execute(
        "CREATE TABLE ent.crowded (n UInt8) ENGINE = MergeTree ORDER BY n"
        " SETTINGS parts_to_throw_insert = 1, parts_to_delay_insert = 1000000, max_delay_to_insert = 1"
    )
    admin.execute("SYSTEM STOP MERGES ent.crowded")
    admin.execute("INSERT INTO ent.crowded VALUES", [(1,)])
    with pytest.raises(StoreUnavailable, match="TOO_MANY_PARTS"):
        admin.execute("INSERT INTO ent.crowded VALUES", [(1,)])
    admin.execute("DROP TABLE ent.crowded SYNC")


@pytest.mark.parametrize(
    "sql",
    ["SELECT * FROM ent.nothing", "SELECT nothing FROM ent.cells", "SELEC 1", "INSERT INTO ent.cells (nothing) VALUES"],
)
def test_what_never_passes_is_refused(worker: Store, sql: str) -> None:
    with pytest.raises(StoreRefused):
        worker.execute(sql, [(1,)] if sql.startswith("INSERT") else None)


def test_a_value_of_another_type_than_the_column_is_refused(worker: Store) -> None:
    with pytest.raises(StoreRefused):
        worker.execute("INSERT INTO ent.progress (partition) VALUES", [("first",)])
    assert worker.execute("SELECT 1") == [(1,)]


def test_a_wrong_password_is_refused_and_not_repeated(gateway: GatewayHandle) -> None:
    store = Store(f"clickhouse://writer:open%20sesame@127.0.0.1:{gateway.native_port}/ent")
    with pytest.raises(StoreRefused) as caught:
        store.execute("SELECT 1")
    assert "open sesame" not in str(caught.value)
    assert f"127.0.0.1:{gateway.native_port}" in str(caught.value)


def test_a_server_that_is_not_there_is_unavailable() -> None:
    (port,) = free_ports(1)
    with pytest.raises(StoreUnavailable):
        Store(f"clickhouse://writer:x@127.0.0.1:{port}/ent").execute("SELECT 1")


def test_a_server_that_says_nothing_is_unavailable_after_the_time_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        store = Store(f"clickhouse://writer:x@127.0.0.1:{silent.getsockname()[1]}/ent", timeout=0.5)
        start = time.monotonic()
        with pytest.raises(StoreUnavailable):
            store.execute("SELECT 1")
        assert time.monotonic() - start < 5
