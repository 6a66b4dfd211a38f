"""Takes the live figures once a second, in a thread of its own, for however many pages are open.

What costs is a round trip of a tenth of a second for each view, so that a round asks for what moves (the minutes at the
edge, the total of each window) and for as many of the other views as fit into its budget, the oldest answer first.
"""

from __future__ import annotations

import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from pipeline.errors import InstantTError
from pipeline.store.client import Store
from pipeline.wall.address import DEFAULT_WINDOW, KINDS
from pipeline.wall.asking import Counts, Freshness, count_minutes, count_window, read_freshness
from pipeline.wall.series import MINUTE, Series

EVERY = 1.0
"""Seconds between two rounds; a round that lasts longer is followed by the next one at once."""
BUDGET = 0.35
"""Seconds of a round for the views that can wait; one of them is asked in any case."""
EDGE = 3 * MINUTE
"""What is read again every second."""
WHOLE_EVERY = 60.0
"""Seconds after which the whole hour is read again: a late event may have come for any of its minutes."""
KEPT = 80 * MINUTE
STEP = 10
"""Seconds: the views floor T to it, so that we ask for the end of the ten seconds that pass."""
SEEN_MINUTES, SEEN_EVERY = 24 * 60, 300.0
STORE_SECONDS = 15.0
"""A busy store may take its time for a whole hour; the page says after five seconds that its figures wait."""
HEALTH_SECONDS = 1.0
WATCHED_MAX = 150
"""Values watched at a time, beside the country."""

T = TypeVar("T")
Focus = tuple[str, str]
COUNTRY: Focus = ("total", "")


@dataclass(frozen=True)
class Live:
    """All that is known of the present; never changed, only replaced."""

    taken_at: float = 0.0
    """Epoch seconds of the last round that was answered; 0 before the first."""
    trouble: str = ""
    """Why ClickHouse does not answer; '' while it does."""
    freshness: Freshness = field(default_factory=Freshness)
    worker: bool | None = None
    """Whether this machine's worker says that it is well; None when none was ever heard of."""
    series: Mapping[Focus, Series] = field(default_factory=dict)
    counts: Mapping[tuple[int, str], dict[str, Counts]] = field(default_factory=dict)
    """(window in minutes, kind) → value → counts."""
    seen: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Kind → values that had traffic within a day."""


class Taker:
    """Takes what the open pages need.

    Args:
        url: ClickHouse, as the reader.
        health: address of the local worker's /health.
        clock: epoch seconds.
    """

    def __init__(self, url: str, health: str, clock: Callable[[], float] = time.time) -> None:
        self.latest = Live()
        self.asked = 0
        """Queries sent to ClickHouse so far."""
        self.wanted: frozenset[tuple[Focus, int]] = frozenset()
        """What the open pages are about, and their windows; set by the server."""
        self._health = health
        self._clock = clock
        self._store = Store(url, timeout=STORE_SECONDS)
        self._asked_at: dict[tuple[int, str], float] = {}
        self._whole_at: dict[Focus, float] = {}
        self._seen_at: dict[str, float] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="taker", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop; a round that is on its way ends first."""
        self._stopping.set()
        self._thread.join(STORE_SECONDS + 1)

    def _run(self) -> None:
        while not self._stopping.is_set():
            began = time.monotonic()
            worker = self._ask_worker()
            try:
                self.latest = replace(self._round(self.latest), worker=worker)
            except InstantTError as error:
                # The last figures stay: the page greys them and says since when.
                self.latest = replace(self.latest, trouble=str(error), worker=worker)
            self._stopping.wait(max(0.05, EVERY - (time.monotonic() - began)))
        self._store.close()

    def _ask_worker(self) -> bool | None:
        try:
            urllib.request.urlopen(self._health, timeout=HEALTH_SECONDS).close()  # noqa: S310 - our own http:// address
        except urllib.error.HTTPError as error:
            error.close()
            return False
        except OSError:
            # Nobody there: a worker that went, or one that lives on another machine.
            return None if self.latest.worker is None else False
        return True

    def _round(self, last: Live) -> Live:
        now = self._clock()
        wanted = self.wanted
        windows = sorted({window for _, window in wanted} | {DEFAULT_WINDOW})
        foci = {COUNTRY, *sorted({focus for focus, _ in wanted})[:WATCHED_MAX]}
        freshness = self._ask(lambda: read_freshness(self._store))
        series = self._take_series({focus: last.series.get(focus, Series()) for focus in foci}, now)
        counts = {key: rows for key, rows in last.counts.items() if key[0] in windows}
        till = (int(now) // STEP + 1) * STEP
        for window in windows:
            counts[window, "total"] = self._ask(lambda: count_window(self._store, "total", till, window))  # noqa: B023
        waiting = sorted(
            ((window, kind) for window in windows for kind in KINDS), key=lambda key: self._asked_at.get(key, 0.0)
        )
        began = time.monotonic()
        for window, kind in waiting:
            counts[window, kind] = self._ask(lambda: count_window(self._store, kind, till, window))  # noqa: B023
            self._asked_at[window, kind] = now
            first_of_all = any((other, name) not in counts for other, name in waiting)
            if time.monotonic() - began > BUDGET and not first_of_all:
                break
        return Live(now, "", freshness, None, series, counts, self._take_seen(last.seen, now))

    def _take_series(self, known: dict[Focus, Series], now: float) -> dict[Focus, Series]:
        """The edge of every watched series, and the whole of those that are new or due: a query for each kind."""
        until = int(now) // MINUTE * MINUTE + MINUTE
        taken = {}
        for is_whole, length in ((True, KEPT), (False, EDGE)):
            due = {focus for focus in known if (now - self._whole_at.get(focus, 0.0) > WHOLE_EVERY) == is_whole}
            since = until - length
            for kind in sorted({kind for kind, _ in due}):
                keys = [key for focus_kind, key in due if focus_kind == kind]
                rows = self._ask(lambda: count_minutes(self._store, kind, keys, since, until))  # noqa: B023
                for key in keys:
                    taken[kind, key] = known[kind, key].updated(rows[key], since, now, until - KEPT)
            if is_whole:
                self._whole_at = {focus: at for focus, at in self._whole_at.items() if focus in known}
                whole = due
        self._whole_at |= dict.fromkeys(whole, now)
        return taken

    def _take_seen(self, last: Mapping[str, frozenset[str]], now: float) -> Mapping[str, frozenset[str]]:
        """What had traffic within a day; one kind a round."""
        kind = min(KINDS, key=lambda kind: self._seen_at.get(kind, 0.0))
        if now - self._seen_at.get(kind, 0.0) < SEEN_EVERY:
            return last
        till = (int(now) // STEP + 1) * STEP
        rows = self._ask(lambda: count_window(self._store, kind, till, SEEN_MINUTES))
        self._seen_at[kind] = now
        return {**last, kind: frozenset(rows) | last.get(kind, frozenset())}

    def _ask(self, question: Callable[[], T]) -> T:
        self.asked += 1
        return question()
