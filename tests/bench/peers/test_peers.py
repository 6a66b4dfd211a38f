"""The bench's own judgement: what is expected, who miscounts, who is not here. Contestants run in the bench only."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.core.columns import Columns, Words
from tests.bench.contestant import Contestant, ContestantFailed, Sample, speed
from tests.bench.peers.bench import Result, summary, warm_speed
from tests.bench.peers.counting import visit
from tests.bench.peers.environments import NotHereError, streams_classpath
from tests.bench.peers.events import MAX_AGE_US, Expected, expected, prepare
from tests.bench.telling import Kept

SAID = """
import json, time
for said in ({"events": 0}, {"events": 7}, {"hits": 7, "visits": 3, "visitors": 2}):
    print(json.dumps(said), flush=True)
time.sleep(60)
"""


@pytest.fixture(scope="module")
def records() -> list[bytes]:
    return prepare(6000, rate=200)


def event(**more: object) -> bytes:
    fields = {"event_id": "e", "event_time": "2026-09-01T06:30:09.999Z", "visit_id": "v", "visitor_id": "p"}
    fields |= {"uai": "0750001U", "service": "PAGE_ENT", "profil": "ELEVE"}
    return json.dumps(fields | more).encode()


def test_an_event_counts_once_in_each_cell_that_it_is_in() -> None:
    # 10-second cells:  06:30:00 |e e f         | 06:30:10 |e         |
    #                             one service    another     the same
    records = [event(), event(), event(event_id="f", service="STOCKAGE_PARTAGE")]
    records.append(event(event_time="2026-09-01T08:30:10.000+02:00"))
    assert expected(records) == Expected(hits=3, visits=3, visitors=3)


def test_the_worker_s_core_finds_what_the_oracle_expects(records: list[bytes]) -> None:
    kept, words = Kept(), Words()
    for part in (records[:2500], records[2000:]):  # two flushes that share some events, as after a crash
        columns = Columns(words, MAX_AGE_US)
        assert columns.add(part, [-1] * len(part), time.time_ns() // 1_000_000) == []
        kept.add(columns)
    assert len(records) == 6000
    assert Expected(**kept.figures()) == expected(records)


def test_the_fields_for_a_peer_s_own_windows_place_events_as_the_oracle_does(records: list[bytes]) -> None:
    sets: dict[tuple[str, int], tuple[set[str], set[str], set[str]]] = {}
    for read in map(visit, records):
        cell = sets.setdefault((read.place, read.time_ms // 10_000), (set(), set(), set()))
        for known, each in zip(cell, read.ids, strict=True):
            known.add(each)
    assert expected(records) == Expected(*(sum(len(cell[at]) for cell in sets.values()) for at in range(3)))


def test_one_wrong_run_is_shown_with_what_it_is_off_by() -> None:
    right, wrong = Expected(100, 40, 30), Expected(99, 40, 31)
    runs = [Result(1000.0, 5.0, 90.0, right), Result(3000.0, 1.0, 70.0, wrong), Result(2000.0, 2.0, 80.0, right)]
    assert summary("a peer", runs, right) == {
        "name": "a peer",
        "events_per_second": 2000.0,
        "cpu_seconds_per_million": 2.0,
        "peak_mib": 80.0,
        "runs": 3,
        "exact": False,
        "off_by": [-1, 0, 1],
    }


def test_speed_is_of_the_time_between_two_samples() -> None:
    assert speed(Sample(1_000, 10.0, 3.0), Sample(2_001_000, 14.0, 8.0)) == (500_000.0, 2.5)


def test_the_first_third_of_a_run_is_left_out() -> None:
    # 0 ... 100 .......... 400 ........ 900
    #   warming            | what counts |
    samples = [Sample(0, 0.0, 0.0), Sample(100, 9.0, 8.0), Sample(400, 10.0, 9.0), Sample(900, 12.0, 10.0)]
    assert warm_speed(samples, 900) == (250.0, 2000.0)


def test_a_run_that_is_seen_once_counts_whole() -> None:
    assert warm_speed([Sample(0, 2.0, 1.0), Sample(500, 4.0, 1.5)], 500) == (250.0, 1000.0)


def test_a_contestant_s_time_begins_with_its_first_event(tmp_path: Path) -> None:
    running = Contestant([sys.executable, "-c", SAID], tmp_path / "log", {})
    try:
        running.wait(7, figures=True)
        assert [sample.events for sample in running.samples] == [0, 7]
        assert running.figures == {"hits": 7, "visits": 3, "visitors": 2}
        assert running.peak_mb > 1
    finally:
        running.end()


def test_a_contestant_that_ends_early_is_quoted(tmp_path: Path) -> None:
    running = Contestant([sys.executable, "-c", "raise SystemExit('no such topic')"], tmp_path / "log", {})
    try:
        with pytest.raises(ContestantFailed, match="ended with status 1: no such topic"):
            running.wait(1, figures=False)
    finally:
        running.end()


def test_what_a_contestant_started_ends_with_it(tmp_path: Path) -> None:
    child = (
        "import subprocess, time; p = subprocess.Popen(['sleep', '60']); print('{\"events\": %d}' % p.pid, flush=True)"
    )
    running = Contestant(
        [sys.executable, "-c", f"{child}; time.sleep(60)"], tmp_path / "log", {"PATH": "/usr/bin:/bin"}
    )
    running.wait(1, figures=False)
    running.end()
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(running.events)], capture_output=True, text=True).stdout
    assert state.strip() in ("", "Z")


def test_a_missing_tool_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(NotHereError, match=r"^java and mvn not found$"):
        streams_classpath()
