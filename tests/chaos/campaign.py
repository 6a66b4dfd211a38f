"""A campaign: flow, workers, faults one after another, and the verdict."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from tests.chaos.arena import Arena
from tests.chaos.faults import FAULTS, Fault
from tests.chaos.flow import Acknowledged, Flow
from tests.chaos.verdict import Verdict, judge_campaign

WORKERS = 3
CALM = (0.5, 3.0)
"""Seconds between the end of a fault and the next one: recovery may not be over."""
RECOVERY = 180.0
"""Seconds within which what a fault held up has to be committed, whatever strikes meanwhile. A campaign ends there."""


@dataclass
class Strike:
    """One fault that was played, and how long it took until what had been sent by its end was committed."""

    fault: str
    recovery: float | None = None
    """Seconds from the fault's end."""
    _ends: dict[int, int] = field(default_factory=dict, repr=False)
    _over: float = field(default=0.0, repr=False)

    def is_overdue(self, now: float) -> bool:
        """Whether nothing was heard of recovery for too long; `now` in monotonic seconds."""
        return self.recovery is None and now - self._over > RECOVERY


@dataclass(frozen=True)
class Report:
    """What a campaign showed."""

    seed: int
    broker: str
    seconds: float
    strikes: tuple[Strike, ...]
    ledger: tuple[Acknowledged, ...] = field(repr=False)
    """Every record that Kafka acknowledged."""
    in_log: int
    """Records that the workers committed: the ledger's, and what a retried send left twice."""
    judged: int
    """Records made durable, repeats included."""
    retried: int
    """Sends that failed and were made again."""
    producers: int
    """The flow's own producers that died and were replaced."""
    restarts: int
    """Workers started again."""
    gateway_restarts: int
    """Times that the gateway ended by itself, after a write to disk had failed."""
    verdict: Verdict


def plan(seed: int, count: int, embedded: bool) -> list[Fault]:
    """`count` faults: every kind as often as the others, in an order drawn by the seed."""
    possible = [fault for fault in FAULTS if fault.survived_by_embedded or not embedded]
    faults = [possible[number % len(possible)] for number in range(count)]
    random.Random(seed).shuffle(faults)
    return faults


def run(arena: Arena, seed: int, faults: list[Fault], rate: float, say: Callable[[str], None]) -> Report:
    """Play the faults and judge.

    Args:
        arena: without workers.
        seed: of the events, of each fault's length and victim.
        faults: in order.
        rate: events a second.
        say: told of each fault.

    Raises:
        AssertionError: the pipeline did not come back.
    """
    began = time.monotonic()
    started = datetime.now(UTC)
    rng = random.Random(seed)
    flow = Flow(arena.broker.address, seed, rate)
    strikes: list[Strike] = []
    done = threading.Event()
    watcher = threading.Thread(target=_watch, args=(arena, strikes, done), name="watcher", daemon=True)
    for _ in range(WORKERS):
        arena.add_worker()
    arena.keep_all()
    flow.start()
    known, known_at = 0, began
    try:
        _wait(lambda: sum(arena.committed().values()) > 0, 90.0, "the first events were not counted")
        watcher.start()
        for number, fault in enumerate(faults, 1):
            time.sleep(rng.uniform(*CALM))
            overdue = [strike for strike in strikes if strike.is_overdue(time.monotonic())]
            assert not overdue, f"{overdue[0].fault} was not recovered from within {RECOVERY:.0f} s"
            known, known_at = _flows(flow, known, known_at)
            say(f"{number:4d}/{len(faults)}  {time.monotonic() - began:6.0f} s  {fault.name}")
            fault.strike(arena, rng)
            strikes.append(Strike(fault.name, None, flow.ends(), time.monotonic()))
        time.sleep(1.0)
        flow.stop()
        ends = flow.ends()
        _wait(
            lambda: all(arena.committed().get(number, 0) >= end for number, end in ends.items()),
            RECOVERY,
            "what was acknowledged was not counted after the last fault",
        )
        _wait(lambda: all(strike.recovery is not None for strike in strikes), 10.0, "a fault was not recovered from")
    except AssertionError:
        say(arena.last_words())
        raise
    finally:
        done.set()
    time.sleep(2.0)  # every view shows an acknowledged batch within two seconds
    store = arena.reader()
    try:
        verdict = judge_campaign(
            store, arena.broker.address, flow.ledger, started, datetime.now(UTC) + timedelta(seconds=60)
        )
    finally:
        store.close()
    if not verdict.is_clean:
        arena.kill_gateway()
        say(f"the store's files are kept in {arena.keep_store()} (give --folder)")
    return Report(
        seed,
        arena.broker.name,
        time.monotonic() - began,
        tuple(strikes),
        tuple(flow.ledger),
        sum(arena.committed().values()),
        arena.judged(),
        flow.retried,
        flow.replaced,
        sum(slot.starts - 1 for slot in arena.slots),
        arena.gateway_restarts,
        verdict,
    )


def _flows(flow: Flow, known: int, known_at: float) -> tuple[int, float]:
    """How many records Kafka has acknowledged, and when that was seen first."""
    now = time.monotonic()
    if len(flow.ledger) > known:
        return len(flow.ledger), now
    assert now - known_at < RECOVERY, f"Kafka has acknowledged nothing for {now - known_at:.0f} s"
    return known, known_at


def _watch(arena: Arena, strikes: list[Strike], done: threading.Event) -> None:
    """Note when what had been sent by the end of each fault was committed."""
    while not done.wait(0.2):
        open_ones = [strike for strike in strikes if strike.recovery is None]
        if not open_ones:
            continue
        committed = arena.committed()
        now = time.monotonic()
        for strike in open_ones:
            if committed and all(committed.get(number, 0) >= end for number, end in strike._ends.items()):
                strike.recovery = max(0.0, now - strike._over)


def _wait(condition: Callable[[], bool], seconds: float, otherwise: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{otherwise} within {seconds:.0f} s"
        time.sleep(0.3)
