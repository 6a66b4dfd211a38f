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
from pipeline.wall.alerts import Watch
from pipeline.wall.asking import Counts, Freshness, count_minutes, count_window, read_alerts, read_freshness
from pipeline.wall.series import MINUTE, Series

EVERY = 1.0
"""Seconds between two rounds; a round that lasts longer is followed by the next one at once."""
BUDGET = 0.35
"""Seconds of a round for the views that can wait; one of them is asked in any case."""
EDGE = 3 * MINUTE
"""What is read again every second."""
WHOLE_EVERY = 60.0
"""Seconds after which the whole hour is read again: a late event may have come for any of its minutes."""
LATE_MAX = 1800.0
"""Seconds by which ratios may lag behind the clock."""
KEPT = 80 * MINUTE
STEP = 10
"""Seconds: the views floor T to it, so that we ask for the end of the ten seconds that pass."""
ALERTS_EVERY = 2.0
"""Seconds."""
SEEN_MINUTES, SEEN_EVERY = 24 * 60, 300.0
STORE_SECONDS = 15.0
"""A busy store may take its time for a whole hour; the page says after five seconds that its figures wait."""
HEALTH_SECONDS = 1.0
STOP_SECONDS = 2.0
WATCHED_MAX = 150
"""Values watched at a time, beside the country."""

T = TypeVar("T")
Focus = tuple[str, str]
COUNTRY: Focus = ("total", "")


@dataclass(frozen=True)
class Live:
    """All that is known of the present; never changed, only replaced."""

    taken_at: float = 0.0
    """Epoch seconds up to which the figures go; 0 before the first were read."""
    known_until: float = 0.0
    """Epoch seconds up to which events have been counted: earlier than `taken_at` while some wait."""
    trouble: str = ""
    """Why ClickHouse does not answer; '' while it does."""
    freshness: Freshness = field(default_factory=Freshness)
    worker: bool | None = None
    """Whether this machine's worker says that it is well; None when none was ever heard of."""
    series: Mapping[Focus, Series] = field(default_factory=dict)
    counts: Mapping[tuple[int, str], dict[str, Counts]] = field(default_factory=dict)
    """(window in minutes, kind) → value → counts."""
    seen: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Kind → value → pages within a day."""
    watch: Watch = field(default_factory=Watch)


def known_until(freshness: Freshness, worker: bool | None, now: float) -> float:
    """Epoch seconds up to which the counts are whole; what waits to be counted must not look like a fall."""
    if not freshness.newest_arrival or (not freshness.lag and worker is not False):
        return now
    return min(now, max(freshness.newest_arrival, now - LATE_MAX))


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
        self._alerts_at = 0.0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="taker", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop; a question that takes longer than STOP_SECONDS ends with the process: no other thread may close it."""
        self._stopping.set()
        self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        while not self._stopping.is_set():
            began = time.monotonic()
            self.latest = replace(self.latest, worker=self._ask_worker())
            try:
                self._round()
            except InstantTError as error:
                # The last figures stay: the page greys them and says since when.
                self.latest = replace(self.latest, trouble=str(error))
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

    def _round(self) -> None:
        """One look at everything; each answer is shown as it comes, so that a slow one holds up none but itself."""
        now = self._clock()
        wanted = self.wanted
        windows = sorted({window for _, window in wanted} | {DEFAULT_WINDOW})
        foci = {COUNTRY, *sorted({focus for focus, _ in wanted})[:WATCHED_MAX]}
        freshness = self._ask(lambda: read_freshness(self._store))
        until = known_until(freshness, self.latest.worker, now)
        till = (int(until) // STEP + 1) * STEP  # windows end where the curves do, also while events wait
        series = {focus: self.latest.series.get(focus, Series()) for focus in foci}
        self._whole_at = {focus: at for focus, at in self._whole_at.items() if focus in foci}
        new = {focus: known for focus, known in series.items() if focus not in self._whole_at}
        old = {focus: known for focus, known in series.items() if focus in self._whole_at}
        series = self._take_series(old, until, EDGE) | self._take_series(new, until, KEPT)
        self._whole_at |= dict.fromkeys(new, now)
        counts = {key: rows for key, rows in self.latest.counts.items() if key[0] in windows}
        for window in windows:
            counts[window, "total"] = self._ask(lambda: count_window(self._store, "total", till, window))  # noqa: B023
        self.latest = replace(
            self.latest, taken_at=now, known_until=until, trouble="", freshness=freshness, series=series, counts=counts
        )
        self._take_alerts(now)
        self._take_views(windows, till, now)
        self._take_seen(now)
        due = {focus: known for focus, known in series.items() if now - self._whole_at[focus] > WHOLE_EVERY}
        if due:
            self.latest = replace(self.latest, series={**series, **self._take_series(due, until, KEPT)})
            self._whole_at |= dict.fromkeys(due, now)

    def _take_views(self, windows: list[int], till: int, now: float) -> None:
        """The views by one kind, the oldest answer first, as many as fit; all of them when a window is new."""
        waiting = sorted(
            ((window, kind) for window in windows for kind in KINDS), key=lambda key: self._asked_at.get(key, 0.0)
        )
        began = time.monotonic()
        for window, kind in waiting:
            is_new = (window, kind) not in self.latest.counts  # never asked: it stands among the first
            rows = self._ask(lambda: count_window(self._store, kind, till, window))  # noqa: B023
            self._asked_at[window, kind] = now
            self.latest = replace(self.latest, counts={**self.latest.counts, (window, kind): rows})
            if not is_new and time.monotonic() - began > BUDGET:
                break

    def _take_series(self, known: Mapping[Focus, Series], now: float, length: int) -> dict[Focus, Series]:
        """The last `length` seconds of some series, read again: a query for each kind of what they are about."""
        until = int(now) // MINUTE * MINUTE + MINUTE
        since = until - length
        taken = {}
        for kind in sorted({kind for kind, _ in known}):
            keys = [key for focus_kind, key in known if focus_kind == kind]
            rows = self._ask(lambda: count_minutes(self._store, kind, keys, since, until))  # noqa: B023
            for key in keys:
                taken[kind, key] = known[kind, key].updated(rows[key], since, now, until - KEPT)
        return taken

    def _take_alerts(self, now: float) -> None:
        """What the detector says."""
        if now - self._alerts_at >= ALERTS_EVERY:
            watch = self._ask(lambda: read_alerts(self._store, now))
            self._alerts_at = now
            self.latest = replace(self.latest, watch=watch)

    def _take_seen(self, now: float) -> None:
        """What had traffic within a day; one kind a round."""
        kind = min(KINDS, key=lambda kind: self._seen_at.get(kind, 0.0))
        if now - self._seen_at.get(kind, 0.0) < SEEN_EVERY:
            return
        till = (int(now) // STEP + 1) * STEP
        rows = self._ask(lambda: count_window(self._store, kind, till, SEEN_MINUTES))
        self._seen_at[kind] = now
        known = self.latest.seen
        pages = {**known.get(kind, {}), **{key: counts.hits for key, counts in rows.items()}}
        self.latest = replace(self.latest, seen={**known, kind: pages})

    def _ask(self, question: Callable[[], T]) -> T:
        self.asked += 1
        return question()
