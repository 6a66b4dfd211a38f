"""A write to disk that fails: nothing is acknowledged, the gateway ends, and no row that was acknowledged is lost."""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from clickhouse_driver.errors import Error, ServerException

from deploy.embedded import failed_writes
from deploy.embedded.engine import Session
from deploy.embedded.failed_writes import RESERVE, FailedWrites
from deploy.embedded.failures import CANNOT_WRITE_TO_FILE_DESCRIPTOR, NOT_ENOUGH_SPACE, Failure
from tests.embedded_store.conftest import connect
from tests.support.gateway import GatewayHandle, running_gateway

LARGEST_FILE = 4096
"""Bytes to which files may grow in these tests: larger ones fail as on a full disk (EFBIG for ENOSPC)."""
ROWS = "SELECT number, toString(sipHash64(number)) FROM numbers"


@contextmanager
def fresh(state: Path) -> Iterator[GatewayHandle]:
    with running_gateway(state) as handle:
        with closing(connect(handle, "admin")) as admin:
            admin.execute("CREATE DATABASE IF NOT EXISTS ent")
            admin.execute("CREATE TABLE IF NOT EXISTS ent.rows (id UInt64, text String) ENGINE = MergeTree ORDER BY id")
        yield handle


def fill_disk(gateway: GatewayHandle) -> None:
    _, hard = resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE, (LARGEST_FILE, hard))


def refused(gateway: GatewayHandle, statement: str) -> int:
    """The code with which a statement is refused."""
    with closing(connect(gateway, "admin")) as admin, pytest.raises(ServerException) as error:
        admin.execute(statement)
    code: int = error.value.code
    return code


def last_words(process: subprocess.Popen[str]) -> str:
    """What a gateway says as it ends by itself; its status is 1."""
    _, words = process.communicate(timeout=10)
    assert process.returncode == 1
    return words


def state_of(gateway: GatewayHandle) -> tuple[list[tuple[int, int]], list[tuple[str]]]:
    """Rows and distinct rows; why parts were set aside."""
    with closing(connect(gateway, "admin")) as admin:
        rows = admin.execute("SELECT count(), uniqExact(id, text) FROM ent.rows")
        return rows, admin.execute("SELECT reason FROM system.detached_parts WHERE database = 'ent'")


def test_an_insert_whose_write_fails_is_not_acknowledged_and_the_gateway_ends(tmp_path: Path) -> None:
    with fresh(tmp_path) as gateway:
        with closing(connect(gateway, "admin")) as admin:
            admin.execute(f"INSERT INTO ent.rows {ROWS}(1000)")
        fill_disk(gateway)
        assert refused(gateway, f"INSERT INTO ent.rows {ROWS}(1000, 1000)") == CANNOT_WRITE_TO_FILE_DESCRIPTOR
        assert "writes to disk have failed" in last_words(gateway.process)
    with fresh(tmp_path) as gateway:
        assert state_of(gateway) == ([(1000, 1000)], [])
        with closing(connect(gateway, "admin")) as admin:
            admin.execute(f"INSERT INTO ent.rows {ROWS}(1000, 1000)")
        assert state_of(gateway)[0] == [(2000, 2000)]


def test_a_merge_whose_write_fails_loses_nothing_since_what_it_was_made_from_is_still_there(tmp_path: Path) -> None:
    with fresh(tmp_path) as gateway:
        with closing(connect(gateway, "admin")) as admin:
            admin.execute("SYSTEM STOP MERGES ent.rows")
            for first in range(0, 3000, 1000):
                admin.execute(f"INSERT INTO ent.rows {ROWS}({first}, 1000)")
            admin.execute("SYSTEM START MERGES ent.rows")
        fill_disk(gateway)
        assert refused(gateway, "OPTIMIZE TABLE ent.rows FINAL") == CANNOT_WRITE_TO_FILE_DESCRIPTOR
        last_words(gateway.process)
    with fresh(tmp_path) as gateway:
        assert state_of(gateway) == ([(3000, 3000)], [])


def test_a_part_that_is_broken_for_any_other_reason_stays_set_aside_for_it_held_rows(tmp_path: Path) -> None:
    with fresh(tmp_path) as gateway:
        with closing(connect(gateway, "admin")) as admin:
            for first in (0, 1000):
                admin.execute(f"INSERT INTO ent.rows {ROWS}({first}, 1000)")
            ((path,),) = admin.execute("SELECT path FROM system.parts WHERE database = 'ent' AND active LIMIT 1")
        (marks,) = Path(path).glob("data.cmrk*")
        marks.write_bytes(b"")
    with fresh(tmp_path) as gateway:
        assert state_of(gateway) == ([(1000, 1000)], [("broken-on-start",)])


def test_after_a_failed_write_nothing_else_is_acknowledged_either(tmp_path: Path) -> None:
    with fresh(tmp_path) as gateway:
        fill_disk(gateway)
        assert refused(gateway, f"INSERT INTO ent.rows {ROWS}(1000)") == CANNOT_WRITE_TO_FILE_DESCRIPTOR
        resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE, resource.getrlimit(resource.RLIMIT_FSIZE))
        with closing(connect(gateway, "admin")) as admin, pytest.raises((Error, OSError, EOFError)):
            admin.execute(f"INSERT INTO ent.rows {ROWS}(1)")  # refused, or the gateway is gone already


def test_little_space_is_left_to_drop_old_days_with_and_merged_parts_outlive_a_look_at_the_writes(
    gateway: GatewayHandle,
) -> None:
    with closing(connect(gateway, "admin")) as admin:
        assert admin.execute("SELECT keep_free_space FROM system.disks WHERE name = 'default'") == [(RESERVE,)]
        settings = ("min_free_disk_bytes_to_perform_insert", "old_parts_lifetime")
        found = admin.execute(
            f"SELECT name, value FROM system.merge_tree_settings WHERE name IN {settings} ORDER BY name"
        )
        assert found == [("min_free_disk_bytes_to_perform_insert", f"{32 << 20}"), ("old_parts_lifetime", "60")]


@pytest.mark.parametrize("statement", ["CREATE TABLE ent.more AS ent.rows", "alter table ent.rows add column x Int8"])
def test_on_a_full_disk_no_definition_of_a_table_is_written_and_tables_can_be_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, statement: str
) -> None:
    class NeverAsked(Session):
        def __init__(self) -> None:
            pass

    disk = FailedWrites(NeverAsked(), tmp_path)
    disk.require_space(statement)
    monkeypatch.setattr(failed_writes, "RESERVE", 1 << 60)  # more than any disk has
    disk.require_space("DROP TABLE ent.rows")
    with pytest.raises(Failure) as error:
        disk.require_space(statement)
    assert error.value.code == NOT_ENOUGH_SPACE
