"""When a worker is well, when it is not, and when a new start would help."""

from __future__ import annotations

import threading

import pytest

from pipeline.health import Pulse, Watchdog


class Clock:
    """Seconds, set by the test."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pulse(clock: Clock) -> Pulse:
    return Pulse(clock)


def live(pulse: Pulse, clock: Clock, seconds: int, lag: int = 0, heard: bool = True, joined: bool = True) -> None:
    """Beat once a second."""
    for _ in range(seconds):
        clock.now += 1
        pulse.beat(lag, heard, joined)


def test_before_the_first_beat_a_worker_is_starting(pulse: Pulse, clock: Clock) -> None:
    clock.now += 90
    assert pulse.ailment() == "starting: the worker has not joined its consumer group yet"
    assert pulse.silent_for() == 0.0
    assert not pulse.is_lost()


def test_a_first_join_that_takes_over_three_rebalances_is_lost(pulse: Pulse, clock: Clock) -> None:
    clock.now += 91
    assert pulse.ailment() == "stuck: the worker has not joined its consumer group for 91 s"
    assert pulse.silent_for() == 91.0
    assert pulse.is_lost()


def test_joining_again_is_said_after_thirty_seconds_and_lost_after_ninety(pulse: Pulse, clock: Clock) -> None:
    live(pulse, clock, 100)
    live(pulse, clock, 31, lag=7, heard=False, joined=False)
    assert pulse.ailment() == "stuck: its consumer group has given it no partitions for 31 s"
    live(pulse, clock, 59, lag=7, heard=False, joined=False)
    assert pulse.silent_for() == 90.0
    assert not pulse.is_lost()
    live(pulse, clock, 1, lag=7, heard=False, joined=False)
    assert pulse.is_lost()


def test_the_time_of_a_join_is_not_held_against_the_worker_nor_does_it_clear_it(pulse: Pulse, clock: Clock) -> None:
    live(pulse, clock, 1)
    live(pulse, clock, 20, lag=7)
    live(pulse, clock, 80, lag=7, heard=False, joined=False)
    live(pulse, clock, 10, lag=7)
    assert pulse.ailment() is None
    live(pulse, clock, 1, lag=7)
    assert pulse.ailment() == "stuck: 7 records wait and none became durable for 31 s"


def test_a_loop_that_is_blocked_while_it_joins_is_lost_as_at_any_time(pulse: Pulse, clock: Clock) -> None:
    live(pulse, clock, 5)
    live(pulse, clock, 5, joined=False)
    clock.now += 60
    assert pulse.ailment() == "stuck: the event loop has not run for 60 s"
    assert pulse.is_lost()


def test_with_nothing_to_read_a_worker_is_well_for_ever(pulse: Pulse, clock: Clock) -> None:
    live(pulse, clock, 10_000)
    assert pulse.ailment() is None


def test_with_records_that_flow_a_worker_is_well(pulse: Pulse, clock: Clock) -> None:
    for _ in range(100):
        live(pulse, clock, 30, lag=5_000)
        pulse.progress()
    assert pulse.ailment() is None


@pytest.mark.parametrize(
    ("seconds", "said"), [(30, None), (31, "stuck: 7 records wait and none became durable for 31 s")]
)
def test_records_that_wait_for_over_thirty_seconds_are_said(
    pulse: Pulse, clock: Clock, seconds: int, said: str | None
) -> None:
    live(pulse, clock, 5)
    live(pulse, clock, seconds, lag=7)
    assert pulse.ailment() == said
    assert pulse.silent_for() == (31.0 if said else 0.0)


def test_a_loop_that_does_not_run_is_said(pulse: Pulse, clock: Clock) -> None:
    live(pulse, clock, 1)
    clock.now += 31
    assert pulse.ailment() == "stuck: the event loop has not run for 31 s"
    assert pulse.silent_for() == 31.0


def test_a_broker_that_answers_no_fetch_is_said_although_no_lag_is_known(pulse: Pulse, clock: Clock) -> None:
    live(pulse, clock, 5)
    live(pulse, clock, 31, heard=False)
    assert pulse.ailment() == "stuck: the broker has answered no fetch for 31 s"
    assert pulse.silent_for() == 31.0


def test_a_worker_that_waits_for_clickhouse_is_not_well_but_a_new_start_would_not_help(
    pulse: Pulse, clock: Clock
) -> None:
    live(pulse, clock, 5)
    for _ in range(20):
        live(pulse, clock, 30, lag=9)
        pulse.insert_failed()
    assert pulse.ailment() == "waiting for ClickHouse: 9 records wait and none became durable for 600 s"
    assert pulse.silent_for() == 0.0
    live(pulse, clock, 50, lag=9)
    assert pulse.ailment() == "stuck: 9 records wait and none became durable for 650 s"
    assert pulse.silent_for() == 650.0


def watched(pulse: Pulse, reachable: bool) -> tuple[list[str], threading.Event, Watchdog]:
    ended: list[str] = []
    done = threading.Event()

    def end(reason: str) -> None:
        ended.append(reason)
        done.set()

    return ended, done, Watchdog(pulse, end, lambda: reachable, look_seconds=0.001)


def test_the_watchdog_ends_a_worker_that_is_stuck_for_twice_the_limit(clock: Clock) -> None:
    pulse = Pulse(clock, stuck_seconds=0.05)
    pulse.beat(3, heard=True)
    ended, done, watchdog = watched(pulse, reachable=True)
    clock.now += 0.099
    pulse.beat(3, heard=True)
    assert not done.wait(0.1)
    clock.now += 0.001
    pulse.beat(3, heard=True)
    assert done.wait(5)
    watchdog.close()
    assert ended == ["stuck: 3 records wait and none became durable for 0 s"]


@pytest.mark.parametrize("waits_for", ["the broker", "ClickHouse"])
def test_the_watchdog_leaves_a_worker_alone_that_waits_for_a_server_that_is_away(clock: Clock, waits_for: str) -> None:
    pulse = Pulse(clock, stuck_seconds=0.05)
    pulse.beat(3, heard=True)
    ended, done, watchdog = watched(pulse, reachable=waits_for != "the broker")
    clock.now += 10
    if waits_for == "ClickHouse":
        pulse.insert_failed()
    pulse.beat(3, heard=True)
    assert not done.wait(0.2)
    watchdog.close()
    assert ended == []
