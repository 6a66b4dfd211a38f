"""`instant-t simulate`: files unpaced, Kafka paced, clean ends."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pipeline.commands.simulate import simulate
from pipeline.errors import UserError
from pipeline.simulate.scenario import scenario
from pipeline.simulate.traffic import Traffic
from tests.simulate.topic import read_topic
from tests.support.brokers import Broker, embedded_broker

AT_HALF_PAST_SEVEN = datetime(2026, 9, 1, 5, 30, tzinfo=UTC)
TOPIC = "ent.visits.v1"
SHORT = ["--rate", "50", "--duration", "20", "--seed", "5"]
PROGRAM = [sys.executable, "-c", "from pipeline.commands.simulate import simulate; simulate()"]


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Broker]:
    with embedded_broker() as running:
        monkeypatch.setenv("INSTANT_T_KAFKA", running.address)
        yield running


def run(*arguments: str) -> Result:
    return CliRunner().invoke(simulate, list(arguments), catch_exceptions=False)


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}


def times(values: list[bytes]) -> list[float]:
    """Event times in epoch seconds of those that are written in UTC."""
    instants = []
    for value in values:
        if value[:13] == b'{"event_id":"' and value[46:60] == b',"event_time":' and value[84:87] == b'Z",':
            instants.append(datetime.fromisoformat(value[61:85].decode()).timestamp())
    return instants


def test_a_file_and_standard_output_hold_the_same_lines_of_the_scenarios_own_morning(tmp_path: Path) -> None:
    file = tmp_path / "matin.ndjson"
    assert run(*SHORT, "--out", str(file)).exit_code == 0
    lines = file.read_bytes().splitlines()
    assert run(*SHORT, "--out", "-").stdout_bytes == file.read_bytes()
    expected = [r for part in Traffic(scenario("rentree-2026"), AT_HALF_PAST_SEVEN, 20, 50, 5) for r in part.records]
    assert lines == expected
    assert b'"event_time":"2026-09-01T05:30:1' in file.read_bytes()


def test_a_name_that_ends_in_gz_is_compressed_and_the_same_every_time(tmp_path: Path) -> None:
    first, second, plain = tmp_path / "a.ndjson.gz", tmp_path / "b.ndjson.gz", tmp_path / "c.ndjson"
    for file in (first, second, plain):
        run(*SHORT, "--out", str(file))
    assert first.read_bytes() == second.read_bytes()
    assert gzip.decompress(first.read_bytes()) == plain.read_bytes()


def test_a_start_is_taken_with_its_offset(tmp_path: Path) -> None:
    file = tmp_path / "a.ndjson"
    run(*SHORT, "--start", "2026-10-05T08:00:00+02:00", "--out", str(file))
    instants = times(file.read_bytes().splitlines())
    assert len(instants) > 700
    six_utc = datetime(2026, 10, 5, 6, 0, tzinfo=UTC).timestamp()
    assert sum(six_utc - 5 < t < six_utc + 20 for t in instants) > 0.95 * len(instants)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--scenario", "noel"], "There is no scenario 'noel'; the known ones: rentree-2026, ordinaire, "),
        (["--start", "2026-09-01T06:00:00", "--out", "-"], "--start '2026-09-01T06:00:00' is no instant"),
        (["--start", "demain", "--out", "-"], "--start 'demain' is no instant"),
        (["--speed", "10"], "At --speed 10 the traffic would run into the future: give --duration or --start."),
        (["--speed", "0"], "A speed of 0 cannot be kept"),
        (["--rate", "0", "--out", "-"], "A rate of 0 cannot be simulated"),
        (["--duration", "0", "--out", "-"], "A duration of 0 cannot be simulated"),
        (["--duration", "1", "--out", "/nowhere/at/all.ndjson"], "Cannot write /nowhere/at/all.ndjson: No such file"),
    ],
)
def test_what_a_user_can_cause_is_one_sentence(arguments: list[str], said: str) -> None:
    with pytest.raises(UserError) as caught:
        run(*arguments)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_reader_that_has_enough_ends_it_quietly() -> None:
    with subprocess.Popen(
        [*PROGRAM, "--out", "-"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    ) as process:
        assert process.stdout
        assert process.stderr
        assert json.loads(process.stdout.readline())["event_id"]
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(20) == 0


def test_to_kafka_goes_exactly_the_traffic_of_its_start_and_seed(broker: Broker) -> None:
    run(*SHORT, "--speed", "100", "--start", "2026-09-01T05:30:00Z")
    expected = [r for part in Traffic(scenario("rentree-2026"), AT_HALF_PAST_SEVEN, 20, 50, 5) for r in part.records]
    sent = [record.value for record in read_topic(broker.address, TOPIC, len(expected))]
    assert sorted(sent) == sorted(expected)


def test_above_speed_1_the_run_ends_at_now(broker: Broker) -> None:
    before = time.time()
    run("--rate", "20", "--speed", "300", "--duration", "300")
    values = [record.value for record in read_topic(broker.address, TOPIC, 5_700)]
    instants = [t for t in times(values) if abs(t - before) < 1_000]
    assert before - 15 < max(instants) <= time.time()
    assert sum(t < before - 290 for t in instants) > 50


def test_at_speed_1_a_second_takes_a_second_and_records_are_spread_over_it(broker: Broker) -> None:
    began = time.time()
    run("--rate", "200", "--duration", "3")
    took = time.time() - began
    assert 3.0 <= took < 10.0
    records = read_topic(broker.address, TOPIC, 500)
    stamps = sorted(record.timestamp for record in records)
    assert stamps[-1] - stamps[0] > 2_500
    assert max(later - earlier for earlier, later in pairwise(stamps)) < 1_500
    instants = [t for t in times([r.value for r in records]) if abs(t - began) < 600]
    assert max(instants) <= time.time()
    assert sum(t > began - 2 for t in instants) > 0.9 * len(instants)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_endless_traffic_ends_with_status_0_on_a_signal(broker: Broker, number: signal.Signals) -> None:
    with subprocess.Popen([*PROGRAM, "--rate", "3000"], stderr=subprocess.PIPE, env=environment()) as process:
        try:
            assert len(read_topic(broker.address, TOPIC, 300)) >= 300
            process.send_signal(number)
            _, said = process.communicate(timeout=8)
        finally:
            process.kill()
    assert process.returncode == 0
    assert said == b""


def test_the_help_shows_examples() -> None:
    shown = run("--help").output
    assert "instant-t simulate --rate 20000 --speed 10 --duration 3600" in shown
    assert "--scenario" in shown
