"""`instant-t replay`: lines go as they are, from plain and compressed files and from standard input."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pipeline.commands.replay import replay
from pipeline.errors import UserError
from tests.simulate.topic import read_topic
from tests.support.brokers import Broker, embedded_broker

TOPIC = "ent.visits.v1"


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Broker]:
    with embedded_broker() as running:
        monkeypatch.setenv("INSTANT_T_KAFKA", running.address)
        yield running


def run(*files: str | Path, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(replay, [str(file) for file in files], input=stdin, catch_exceptions=False)


def sent(broker: Broker, expected: int) -> list[bytes]:
    return sorted(record.value for record in read_topic(broker.address, TOPIC, expected))


def test_lines_of_plain_and_compressed_files_and_of_standard_input_are_sent_as_they_are(
    broker: Broker, tmp_path: Path
) -> None:
    plain, packed = tmp_path / "a.ndjson", tmp_path / "b.ndjson.gz"
    plain.write_bytes(b'{"a": 1}\n\n   \n{"a":\xff bad\r\nno json at all\n')
    packed.write_bytes(gzip.compress(b'{"b":1}\n{"b":2}'))
    done = run(plain, packed, "-", stdin='{"c":"é"}\n'.encode())
    assert done.exit_code == 0
    assert done.stdout == (
        f"{plain}: 3 lines sent to ent.visits.v1\n"
        f"{packed}: 2 lines sent to ent.visits.v1\n"
        "standard input: 1 lines sent to ent.visits.v1\n"
    )
    expected = [b'{"a": 1}', b'{"a":\xff bad', b"no json at all", b'{"b":1}', b'{"b":2}', '{"c":"é"}'.encode()]
    assert sent(broker, 6) == sorted(expected)


def test_a_missing_file_is_one_error_and_nothing_is_sent(broker: Broker, tmp_path: Path) -> None:
    there = tmp_path / "a.ndjson"
    there.write_bytes(b"{}\n")
    with pytest.raises(UserError) as caught:
        run(there, tmp_path / "gone.ndjson")
    assert str(caught.value) == f"Cannot read {tmp_path / 'gone.ndjson'}: No such file or directory; nothing was sent."
    with pytest.raises(UserError, match="Is a directory; nothing was sent"):
        run(there, tmp_path)
    fake = tmp_path / "plain.gz"
    fake.write_bytes(b"{}\n")
    with pytest.raises(UserError, match=r"plain\.gz: it is not compressed with gzip; nothing was sent"):
        run(there, fake)
    run(there)
    assert sent(broker, 1) == [b"{}"]


def test_a_line_that_kafka_would_not_take_is_named_by_file_and_line(broker: Broker, tmp_path: Path) -> None:
    file = tmp_path / "a.ndjson"
    file.write_bytes(b"{}\n\n" + b"x" * 1_000_000 + b"\r\n" + b"y" * 1_000_001 + b"\n{}\n")
    with pytest.raises(UserError) as caught:
        run(file)
    assert str(caught.value) == (
        f"{file}, line 4: over the 1,000,000 bytes that Kafka takes; the 2 lines before it were sent."
    )


def test_a_file_cut_in_the_middle_of_its_compression_says_where(broker: Broker, tmp_path: Path) -> None:
    file = tmp_path / "a.gz"
    whole = gzip.compress(b"".join(b'{"n":"%s"}\n' % os.urandom(20).hex().encode() for _ in range(2_000)))
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(
        UserError, match=r"a\.gz, after line [\d,]+: Compressed file ended .*; [\d,]+ lines were sent\."
    ):
        run(file)


def test_a_pipe_is_read_from_its_beginning(broker: Broker, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen([sys.executable, "-c", f"open({str(pipe)!r}, 'wb').write(b'first\\nsecond\\n')"]):
        run(pipe)
    assert sent(broker, 2) == [b"first", b"second"]


def test_what_simulate_wrote_arrives_line_by_line(broker: Broker, tmp_path: Path) -> None:
    from pipeline.commands.simulate import simulate

    file = tmp_path / "matin.ndjson.gz"
    CliRunner().invoke(simulate, ["--rate", "100", "--duration", "30", "--out", str(file)], catch_exceptions=False)
    lines = gzip.decompress(file.read_bytes()).splitlines()
    assert f"{len(lines):,} lines sent" in run(file).stdout
    assert sent(broker, len(lines)) == sorted(lines)


def test_without_a_file_the_usage_is_shown() -> None:
    done = CliRunner().invoke(replay, [])
    assert done.exit_code == 2
    assert "FILE..." in done.stderr
