"""The faults: each strikes the arena, lasts as it says, and is lifted again before it returns."""

from __future__ import annotations

import contextlib
import os
import random
import resource
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.chaos.arena import Arena, WorkerSlot
from tests.chaos.proxy import Net


@dataclass(frozen=True)
class Fault:
    """One kind of fault. `strike` returns once it is lifted."""

    name: str
    strike: Callable[[Arena, random.Random], None]
    survived_by_embedded: bool = True
    """Whether it may strike with the embedded broker, whose log is gone with its process."""


def _one(arena: Arena, rng: random.Random) -> WorkerSlot | None:
    alive = arena.alive()
    return rng.choice(alive) if alive else None


def kill_worker(arena: Arena, rng: random.Random) -> None:
    """kill -9 of one worker."""
    if slot := _one(arena, rng):
        arena.send(slot, signal.SIGKILL)


def kill_all_workers(arena: Arena, rng: random.Random) -> None:
    """kill -9 of every worker within a moment."""
    for slot in arena.alive():
        arena.send(slot, signal.SIGKILL)
        time.sleep(rng.random() * 0.1)


def freeze_worker(arena: Arena, rng: random.Random) -> None:
    """SIGSTOP for longer than the session lasts: a zombie that wakes and writes what others have counted meanwhile."""
    if slot := _one(arena, rng):
        arena.send(slot, signal.SIGSTOP)
        time.sleep(arena.broker.session_timeout + rng.uniform(2, 5))
        arena.send(slot, signal.SIGCONT)


def storm_of_joins(arena: Arena, rng: random.Random) -> None:
    """Workers join and leave while the group is still sorting out the last one."""
    added = [arena.add_worker() for _ in range(2)]
    time.sleep(rng.uniform(3, 6))
    if slot := _one(arena, rng):
        arena.send(slot, signal.SIGTERM)  # it comes back
    time.sleep(rng.uniform(0.2, 1.5))
    for slot in added:
        arena.remove_worker(slot)
        time.sleep(rng.uniform(0, 1))


def restart_broker(arena: Arena, rng: random.Random) -> None:
    """An orderly restart."""
    arena.broker.stop()
    time.sleep(rng.uniform(0, 2))
    arena.broker.start()


def kill_broker(arena: Arena, rng: random.Random) -> None:
    """kill -9 of the broker, and a start on what it left."""
    arena.broker.kill()
    time.sleep(rng.uniform(0, 2))
    arena.broker.start()


def freeze_broker(arena: Arena, rng: random.Random) -> None:
    """The broker takes connections and answers nothing."""
    assert arena.broker.process is not None
    arena.broker.process.send_signal(signal.SIGSTOP)
    time.sleep(rng.uniform(3, 9))
    arena.broker.process.send_signal(signal.SIGCONT)


def kill_gateway(arena: Arena, rng: random.Random) -> None:
    """kill -9 of ClickHouse, and a start on what it left."""
    arena.kill_gateway()
    time.sleep(rng.uniform(0, 3))
    arena.start_gateway()


def _network(net: Net, low: float, high: float) -> Callable[[Arena, random.Random], None]:
    def strike(arena: Arena, rng: random.Random) -> None:
        arena.proxy.net = net
        time.sleep(rng.uniform(low, high))
        arena.proxy.net = Net.GOOD

    return strike


def fill_disk(arena: Arena, rng: random.Random) -> None:
    """No block left on ClickHouse's disk, or (every other time, and where it has no disk of its own) no file of its
    process may grow: a reserve of free space does not see that coming.
    """
    if os.path.ismount(arena.disk) and rng.random() < 0.5:
        ballast = arena.disk / "ballast"
        try:
            with ballast.open("wb") as file:
                while True:
                    file.write(bytes(1 << 16))
                    file.flush()
        except OSError:
            pass
        time.sleep(rng.uniform(3, 6))
        ballast.unlink()
    else:
        gateway = arena.gateway.pid
        limits = resource.prlimit(gateway, resource.RLIMIT_FSIZE)
        resource.prlimit(gateway, resource.RLIMIT_FSIZE, (4096, limits[1]))
        time.sleep(rng.uniform(3, 6))
        with contextlib.suppress(ProcessLookupError):  # it has ended, and its successor has no such limit
            resource.prlimit(gateway, resource.RLIMIT_FSIZE, limits)


def step_clock(arena: Arena, rng: random.Random) -> None:
    """One worker's clock jumps, by minutes or hours, and back."""
    if slot := _one(arena, rng):
        slot.clock.write_text(str(rng.choice((-7200, -60, 60, 1800, 7200))))
        time.sleep(rng.uniform(3, 6))
        slot.clock.write_text("0")


FAULTS = (
    Fault("worker: kill -9", kill_worker),
    Fault("gateway: kill -9", kill_gateway),
    Fault("broker: kill -9", kill_broker, survived_by_embedded=False),
    Fault("network: answers cut", _network(Net.CUTS_ANSWERS, 1, 3)),
    Fault("worker: frozen past its session", freeze_worker),
    Fault("disk: full", fill_disk),
    Fault("network: inserts cut in the middle", _network(Net.CUTS_REQUESTS, 1, 3)),
    Fault("group: joins and leaves", storm_of_joins),
    Fault("worker: clock steps", step_clock),
    Fault("broker: restarted", restart_broker, survived_by_embedded=False),
    Fault("network: hangs", _network(Net.HANGS, 3, 8)),
    Fault("broker: frozen", freeze_broker),
    Fault("network: slow", _network(Net.SLOW, 3, 6)),
    Fault("network: refuses", _network(Net.REFUSES, 1, 4)),
    Fault("workers: all killed -9", kill_all_workers),
)
"""In the order in which a short campaign takes them, before it shuffles: the first ten are the ones it has."""
