"""Starting, ending and dying: what stands in the way is one sentence, and no acknowledged row is lost."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from contextlib import closing
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from clickhouse_driver.errors import Error

from deploy.embedded.logins import load
from tests.embedded_store.conftest import connect
from tests.support.gateway import (
    GatewayHandle,
    free_ports,
    running_gateway,
    start_gateway,
    stop,
    wait_until_ready,
)


def refusal(state: Path, ports: list[int]) -> str:
    """What a gateway that cannot start says: one line on stderr, nothing on stdout, status 1."""
    process = start_gateway(state, ports[0], ports[1])
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (1, "")
    assert err.count("\n") == 1
    return err


def test_it_says_where_it_listens_and_which_engine_it_is(gateway: GatewayHandle) -> None:
    addresses = f"native 127.0.0.1:{gateway.native_port}, http 127.0.0.1:{gateway.http_port}"
    assert gateway.ready_line.startswith(f"gateway ready: {addresses}, ClickHouse 26.9")


def test_it_listens_on_loopback_only(gateway: GatewayHandle) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.2", gateway.native_port))  # free, unless it listened on every address


def test_no_password_stands_on_its_command_line_or_in_its_environment(gateway: GatewayHandle) -> None:
    for name in ("cmdline", "environ"):
        content = Path(f"/proc/{gateway.process.pid}/{name}").read_bytes()
        assert gateway.logins.admin.encode() not in content
        assert gateway.logins.writer.encode() not in content


def test_a_port_in_use_is_named_with_its_variable(tmp_path: Path) -> None:
    native, http = free_ports(2)
    for taken, variable in ((native, "INSTANT_T_CLICKHOUSE_PORT"), (http, "INSTANT_T_CLICKHOUSE_HTTP_PORT")):
        with socket.create_server(("127.0.0.1", taken)):
            said = refusal(tmp_path / "state", [native, http])
        assert str(taken) in said
        assert f"set {variable} to a free one" in said


def test_a_second_gateway_on_the_same_folder_is_refused_and_harms_nothing(tmp_path: Path) -> None:
    with running_gateway(tmp_path) as first:
        said = refusal(tmp_path, free_ports(2))
        assert "in use by another gateway" in said
        with closing(connect(first, "admin")) as admin:
            assert admin.execute("SELECT 1") == [(1,)]


def test_a_state_folder_that_is_a_file_or_damaged_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert str(tmp_path / "file") in refusal(tmp_path / "file", free_ports(2))
    (tmp_path / "logins.json").write_text("{}")
    assert "logins.json is damaged" in refusal(tmp_path, free_ports(2))


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_an_unreadable_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "clickhouse").mkdir(mode=0)
    assert "clickhouse" in refusal(tmp_path, free_ports(2))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_though_a_query_runs_and_clients_wait(tmp_path: Path, number: signal.Signals) -> None:
    with running_gateway(tmp_path) as handle:
        with closing(connect(handle, "admin")) as idle, closing(connect(handle, "admin")) as busy:
            idle.execute("SELECT 1")
            asking = Thread(
                target=_quietly, args=(busy, "SELECT count() FROM numbers(1000000000000) WHERE number % 7 = 8")
            )
            asking.start()
            time.sleep(0.5)
            started = time.monotonic()
            handle.process.send_signal(number)
            assert handle.process.wait(timeout=10) == 0
            assert time.monotonic() - started < 6
            asking.join()
        assert handle.process.stderr is not None
        assert handle.process.stderr.read() == ""


def _quietly(client: Any, statement: str) -> None:
    try:
        client.execute(statement)
    except (Error, EOFError, OSError):
        pass


def test_data_and_passwords_outlive_a_restart(tmp_path: Path) -> None:
    with running_gateway(tmp_path) as first, closing(connect(first, "admin")) as admin:
        admin.execute("CREATE DATABASE ent")
        admin.execute("CREATE TABLE ent.t (a UInt64) ENGINE = MergeTree ORDER BY a")
        admin.execute("INSERT INTO ent.t VALUES", [(1,), (2,)])
    with running_gateway(tmp_path) as second, closing(connect(second, "admin")) as admin:
        assert second.logins == first.logins
        assert admin.execute("SELECT a FROM ent.t ORDER BY a") == [(1,), (2,)]


def test_kill_9_in_the_middle_of_inserts_loses_no_acknowledged_row(tmp_path: Path) -> None:
    native, http = free_ports(2)
    process = start_gateway(tmp_path, native, http)
    try:
        handle = GatewayHandle(tmp_path, native, http, process, load_when_ready(process, tmp_path), "")
        acknowledged: list[int] = []
        with closing(connect(handle, "admin")) as admin:
            admin.execute("CREATE DATABASE ent")
            admin.execute("CREATE TABLE ent.t (batch UInt64, a UInt64) ENGINE = MergeTree ORDER BY (batch, a)")
            writing = Thread(target=_write_batches, args=(admin, acknowledged))
            writing.start()
            while len(acknowledged) < 20:
                time.sleep(0.01)
            process.kill()
            process.communicate()
            writing.join(timeout=10)
    finally:
        stop(process)
    with running_gateway(tmp_path) as again, closing(connect(again, "admin")) as admin:
        kept = dict(admin.execute("SELECT batch, count() FROM ent.t GROUP BY batch"))
    assert len(acknowledged) >= 20
    assert {batch: kept.get(batch) for batch in acknowledged} == dict.fromkeys(acknowledged, 1000)
    assert set(kept.values()) == {1000}, "no batch is there in part"


def load_when_ready(process: subprocess.Popen[str], state: Path) -> Any:
    wait_until_ready(process)
    return load(state)


def _write_batches(client: Any, acknowledged: list[int]) -> None:
    for batch in range(100_000):
        try:
            client.execute("INSERT INTO ent.t VALUES", [(batch, number) for number in range(1000)])
        except (Error, EOFError, OSError):
            return
        acknowledged.append(batch)
