"""The stream of records: its rate, its arrivals, and that the same seed gives the same bytes."""

from __future__ import annotations

import hashlib
import itertools
import math
import os
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline.errors import UserError
from pipeline.simulate.scenario import scenario
from pipeline.simulate.traffic import Traffic
from tests.simulate.runs import HALF_PAST_SEVEN_IN_PARIS, arrivals, decoded, good, slices

RENTREE = scenario("rentree-2026")
SPOILT_VISITOR = ("0123456789abcdef" * 5,)
"""What a bad event has for a visitor id that is too long."""


def records(seed: int, start: datetime = HALF_PAST_SEVEN_IN_PARIS) -> list[bytes]:
    return [value for part in Traffic(RENTREE, start, 30, 100, seed) for value in part.records]


def test_another_process_with_another_hash_seed_makes_the_same_bytes() -> None:
    program = (
        "import hashlib; from tests.simulate.test_traffic import records; "
        "print(hashlib.sha256(b'\\n'.join(records(7))).hexdigest())"
    )
    here = hashlib.sha256(b"\n".join(records(7))).hexdigest()
    for hash_seed in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        other = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        )
        assert other.stdout.strip() == here


def test_iterating_twice_gives_the_same_bytes() -> None:
    traffic = Traffic(RENTREE, HALF_PAST_SEVEN_IN_PARIS, 20, 100, 3)
    assert list(traffic) == list(traffic)


def told(lines: list[bytes], *names: str) -> list[tuple[Any, ...]]:
    """The named fields of the lines that have them all as texts."""
    events = [event for event in map(decoded, lines) if event]
    rows = [tuple(event.get(name) for name in names) for event in events]
    return [row for row in rows if all(isinstance(field, str) and field for field in row)]


def test_another_seed_makes_other_people() -> None:
    assert not set(told(records(7), "visitor_id")) & set(told(records(8), "visitor_id")) - {SPOILT_VISITOR}


def test_another_start_has_the_same_people_do_the_same_things_under_new_ids() -> None:
    here = records(7)
    there = records(7, datetime(2026, 11, 23, 9, 30, tzinfo=UTC))
    fields = ("visitor_id", "uai", "service", "profil", "page", "device")
    assert len(told(here, *fields)) > 2_500
    assert told(here, *fields) == told(there, *fields)
    for name in ("event_id", "visit_id"):
        assert not set(told(here, name)) & set(told(there, name))


@pytest.mark.parametrize(
    ("duration_s", "rate"), [(60, 400.0), (600, 50.0), (RENTREE.length_s, 4.0), (90, 3_000.0)], ids=str
)
def test_the_mean_rate_of_a_run_is_the_one_asked_for_within_2_percent(duration_s: float, rate: float) -> None:
    sent = sum(len(part.records) for part in Traffic(RENTREE, HALF_PAST_SEVEN_IN_PARIS, duration_s, rate, 11))
    assert sent == pytest.approx(duration_s * rate, rel=0.02)


def test_an_endless_run_goes_on_with_the_rate_of_the_morning() -> None:
    endless = Traffic(RENTREE, HALF_PAST_SEVEN_IN_PARIS, math.inf, 8, 7)
    sent = sum(len(part.records) for part in itertools.islice(endless, int(RENTREE.length_s)))
    assert sent == pytest.approx(RENTREE.length_s * 8, rel=0.02)


def test_the_scenario_has_a_rate_of_2000_a_second() -> None:
    assert Traffic(RENTREE, HALF_PAST_SEVEN_IN_PARIS, 60, None, 7).rate == 2000.0


def test_every_second_has_its_slice_in_order_and_a_part_of_a_second_is_cut() -> None:
    parts = list(Traffic(RENTREE, HALF_PAST_SEVEN_IN_PARIS, 12.5, 1000, 7))
    assert [part.second for part in parts] == list(range(13))
    assert len(parts[12].records) == pytest.approx(len(parts[11].records) / 2, rel=0.25)


def test_traffic_flows_at_its_rate_from_the_first_second() -> None:
    assert len(slices(600, 100)[0].records) > 40


def test_the_morning_ramps_up() -> None:
    by_quarter = Counter(part.second // 900 for part in slices(10_800, 8) for _ in part.records)
    assert by_quarter[0] < by_quarter[1] < by_quarter[2]
    assert by_quarter[2] > 1.5 * by_quarter[0]


def test_events_arrive_shortly_after_their_time_except_late_ones() -> None:
    ages = [a.age_s for a in good(600, 100)]
    assert min(ages) >= 0.0
    late = [age for age in ages if age > 3.0]
    assert 0.01 < len(late) / len(ages) < 0.04
    assert 300 < max(late) < 15 * 60 + 120 + 5


def test_one_in_a_hundred_events_is_sent_again_as_the_same_bytes() -> None:
    copies = Counter(a.value for a in arrivals(600, 100) if b'"event_id":"' in a.value[:13])
    again = sum(1 for n in copies.values() if n > 1)
    assert 0.005 < again / len(copies) < 0.015
    ids = Counter(value[13:45] for value in copies if value.startswith(b'{"event_id":"') and value[45:46] == b'"')
    assert max(ids.values()) == 1, "an id stands for one event only"


@pytest.mark.parametrize(
    ("duration_s", "rate", "seed", "said"),
    [
        (60, 0, 1, "A rate of 0 cannot be simulated"),
        (60, -5, 1, "A rate of -5 cannot be simulated"),
        (60, math.nan, 1, "A rate of nan cannot be simulated"),
        (0, 10, 1, "A duration of 0 cannot be simulated"),
        (math.nan, 10, 1, "A duration of nan cannot be simulated"),
        (60, 10, -1, "A seed of -1 cannot be used"),
    ],
)
def test_a_number_that_makes_no_sense_is_named(duration_s: float, rate: float, seed: int, said: str) -> None:
    with pytest.raises(UserError, match=said):
        Traffic(RENTREE, HALF_PAST_SEVEN_IN_PARIS, duration_s, rate, seed)


def test_an_unknown_scenario_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UserError, match=r"There is no scenario 'noel-2026'; the known ones: rentree-2026, ordinaire, "):
        scenario("noel-2026")
