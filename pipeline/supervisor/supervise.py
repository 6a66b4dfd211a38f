"""Starting the parts in order, keeping them alive, and ending them in the reverse order."""

from __future__ import annotations

import time
from collections.abc import Callable

from pipeline.errors import InstantTError
from pipeline.supervisor.children import Child

READY_SECONDS = 60.0
STOP_SECONDS = {"worker": 15.0, "gateway": 20.0}
SHORTEST_PAUSE, LONGEST_PAUSE = 0.5, 10.0
GROWN_GIB = 2.0
"""The user is told when a part holds this much memory, and again at every doubling."""
STEADY_SECONDS = 60.0
"""A part that has run for so long begins again with the shortest pause."""


class Supervisor:
    """Watches children; one that dies is started again, and whoever depends on it too.

    Args:
        say: prints one line to the user.
        keep_running: False once the user wants to stop.
    """

    def __init__(self, say: Callable[[str], None], keep_running: Callable[[], bool]) -> None:
        self._say = say
        self._keep_running = keep_running
        self._children: list[Child] = []
        self._prepare: dict[str, Callable[[], None]] = {}
        self._afresh: dict[str, tuple[str, ...]] = {}
        self._pause: dict[str, float] = {}
        self._again_at: dict[str, float] = {}
        self._started_at: dict[str, float] = {}
        self._then: dict[Child, Child] = {}
        self._tell_at_gib: dict[str, float] = {}

    def run(
        self,
        child: Child,
        prepare: Callable[[], None] | None = None,
        restarts_with_it: tuple[str, ...] = (),
        then: Child | None = None,
    ) -> None:
        """Start a part and wait until it serves; nothing once the user wants to stop.

        Args:
            child: the part.
            prepare: called each time it serves (topics of a broker whose log was in memory, a schema).
            restarts_with_it: names of parts that must start afresh when this one had to.
            then: started when this one has ended well, in its place.

        Raises:
            UserError: it cannot be started.
        """
        if not self._keep_running():
            return
        self._children.append(child)
        if prepare is not None:
            self._prepare[child.name] = prepare
        self._afresh[child.name] = restarts_with_it
        if then is not None:
            self._then[child] = then
        self._start(child)

    def _start(self, child: Child) -> None:
        child.start()
        self._started_at[child.name] = time.monotonic()
        child.wait_ready(READY_SECONDS, self._keep_running)
        if child.name in self._prepare and self._keep_running():
            self._prepare[child.name]()

    def watch(self) -> None:
        """Look once at every part; restart what has died, after a pause that grows while it keeps dying."""
        for child in list(self._children):
            due = self._again_at.get(child.name)
            if due is not None:
                if time.monotonic() >= due:
                    self._restart(child)
                continue
            status = child.ended()
            if status is None:
                self._watch_growth(child)
                continue
            if status == 0 and child.name == "simulate":
                self._children.remove(child)
                if child in self._then:
                    self.run(self._then.pop(child))
                else:
                    self._say("simulate has sent all its traffic")
            else:
                self._schedule(
                    child, f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
                )

    def _watch_growth(self, child: Child) -> None:
        held = child.resident_gib()
        if held >= self._tell_at_gib.setdefault(child.name, GROWN_GIB):
            self._tell_at_gib[child.name] = 2 * held
            advice = "; its log is in memory: use a Kafka of your own for longer runs" if child.name == "broker" else ""
            self._say(f"{child.name} holds {held:.1f} GiB of memory{advice}")

    def _schedule(self, child: Child, what: str) -> None:
        now = time.monotonic()
        steady = now - self._started_at[child.name] > STEADY_SECONDS
        pause = SHORTEST_PAUSE if steady else self._pause.get(child.name, SHORTEST_PAUSE)
        self._pause[child.name] = min(pause * 2, LONGEST_PAUSE)
        self._again_at[child.name] = now + pause
        self._say(f"{child.name} {what}; starting it again in {pause:g} s (its log: {child.log})")

    def _restart(self, child: Child) -> None:
        dependents = [other for other in self._children if other.name in self._afresh[child.name]]
        for other in reversed(dependents):
            other.stop(STOP_SECONDS.get(other.name, 5.0))
        del self._again_at[child.name]
        try:
            self._start(child)
        except InstantTError as error:
            child.stop(STOP_SECONDS.get(child.name, 5.0))
            self._schedule(child, f"did not come back ({error})")
            return
        self._say(f"{child.name} is back")
        for other in dependents:
            self._again_at.pop(other.name, None)  # it may have died too: once is enough
            try:
                self._start(other)
                self._say(f"{other.name} has started afresh with it")
            except InstantTError as error:
                self._schedule(other, f"did not start afresh ({error})")

    def stop(self) -> None:
        """End every part, the last started first."""
        for child in reversed(self._children):
            child.stop(STOP_SECONDS.get(child.name, 5.0))
