"""What has been: pictures of past instants, the days that the present is compared with, the calendar.

One connection in one thread of its own, so that a past instant can be slow without holding up the present; answers are
kept for a while, since every viewer of a page, and every second of it, asks for the same.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar, cast

from pipeline.errors import InstantTError
from pipeline.french import PARIS
from pipeline.store.client import Store
from pipeline.wall.address import KINDS
from pipeline.wall.alerts import Watch
from pipeline.wall.asking import (
    CalendarDay,
    Counts,
    count_hours,
    count_minutes,
    count_window,
    read_alerts,
    read_calendar,
)
from pipeline.wall.one_thread import OneThread
from pipeline.wall.series import MINUTE, Series
from pipeline.wall.taker import STOP_SECONDS, Focus

HOUR = 3600
DAY = 24 * HOUR
STORE_SECONDS = 20.0
ANSWERS_MAX = 400
FRESH_SECONDS = 60.0
"""An answer about a past instant is asked for again after so long: an event may come up to two days late."""
RETRY_SECONDS = 2.0
"""After trouble, a question is asked again after so long."""
MINUTES_DAYS = 35
"""Older than that there are hours only."""
SPAN = 80 * MINUTE
GRID = 10 * MINUTE
"""Spans of days of comparison begin and end on it, so that a page that goes on asks once in ten minutes."""

T = TypeVar("T")


@dataclass(frozen=True)
class Instant:
    """The counts of one window."""

    window: int
    """Minutes; 60 where only hours are kept."""
    counts: dict[str, dict[str, Counts]]
    """Kind (`total` too) → value → counts."""
    by_hours: bool


class Past:
    """Asks for what has been, once for everybody.

    Args:
        url: ClickHouse, as the reader.
    """

    def __init__(self, url: str) -> None:
        self.asked = 0
        """Queries sent to ClickHouse so far."""
        self._store = Store(url, timeout=STORE_SECONDS)
        self._thread = OneThread("past", at_end=self._store.close)
        self._answers: OrderedDict[Hashable, _Answer] = OrderedDict()

    async def close(self) -> None:
        """Stop; a question that is on its way is not waited for."""
        for known in self._answers.values():
            known.answer.cancel()
        await asyncio.to_thread(self._thread.close, STOP_SECONDS)

    async def instant(self, at: datetime, window: int) -> Instant:
        """The counts of the window of so many minutes that ends at `at`; by the hour where that is all there is."""
        return await self._once(("instant", at, window), lambda: self._instant(at, window))

    async def series(self, focus: Focus, at: datetime, ahead: int = 0) -> Series:
        """The minutes from 80 before `at` to `ahead` seconds after it, on a grid of ten minutes."""
        since = int(at.timestamp() - SPAN) // GRID * GRID
        until = int(at.timestamp() + ahead) // GRID * GRID + GRID
        return await self._once(("series", focus, since, until), lambda: self._series(focus, since, until))

    async def seen(self, at: datetime) -> dict[str, dict[str, int]]:
        """Kind → value → pages in the 24 hours before the hour of `at`."""
        hour = int(at.timestamp()) // HOUR * HOUR
        return await self._once(("seen", hour), lambda: self._seen(hour))

    async def watch(self, at: datetime) -> Watch:
        """The alerts that were open then, with the words of their latest change."""
        return await self._once(("watch", at), lambda: self._ask(read_alerts, at.timestamp()))

    async def calendar(self, days: tuple[date, ...]) -> list[CalendarDay]:
        """The rows of some days and of every rentrée up to the last of them."""
        return await self._once(("calendar", days), lambda: self._ask(read_calendar, days, max(days)))

    async def _once(self, key: Hashable, question: Callable[[], T]) -> T:
        known = self._answers.get(key)
        if known is None or (known.answer.done() and time.monotonic() - known.asked_at > FRESH_SECONDS):
            answer = asyncio.wrap_future(self._thread.submit(question))
            answer.add_done_callback(_look_at)
            known = _Answer(time.monotonic(), answer, known.last_good() if known else None)
            self._answers[key] = known
        self._answers.move_to_end(key)
        while len(self._answers) > ANSWERS_MAX:
            self._answers.popitem(last=False)
        if known.before is not None and not (known.answer.done() and known.answer.exception() is None):
            return cast(T, known.before[0])  # what was answered a minute ago, rather than wait or fail
        try:
            return cast(T, await asyncio.shield(known.answer))
        except InstantTError:
            known.asked_at = time.monotonic() - FRESH_SECONDS + RETRY_SECONDS
            raise

    def _ask(self, question: Callable[..., T], *arguments: Any) -> T:
        self.asked += 1
        return question(self._store, *arguments)

    def _instant(self, at: datetime, window: int) -> Instant:
        end = at.timestamp()
        if not _is_old(at):
            counts = {kind: self._ask(count_window, kind, end, window) for kind in ("total", *KINDS)}
            return Instant(window, counts, by_hours=False)
        hour = int(end - 1) // HOUR * HOUR
        counts = {kind: {} for kind in ("total", *KINDS)}
        for _, kind, key, row in self._ask(count_hours, hour, hour + HOUR):
            counts[kind][key] = row
        return Instant(60, counts, by_hours=True)

    def _seen(self, hour: int) -> dict[str, dict[str, int]]:
        pages: dict[str, dict[str, int]] = {kind: {} for kind in ("total", *KINDS)}
        if not _is_old(datetime.fromtimestamp(hour - DAY, UTC)):
            for kind in KINDS:
                rows = self._ask(count_window, kind, hour, DAY // MINUTE)
                pages[kind] = {key: counts.hits for key, counts in rows.items()}
        else:
            for _, kind, key, counts in self._ask(count_hours, hour - DAY, hour):
                pages[kind][key] = pages[kind].get(key, 0) + counts.hits
        return pages

    def _series(self, focus: Focus, since: int, until: int) -> Series:
        kind, key = focus
        if not _is_old(datetime.fromtimestamp(since, UTC)):
            rows = self._ask(count_minutes, kind, [key], since, until)[key]
            return Series().updated(rows, since, time.time(), since)
        if kind != "total":
            return Series()  # nothing is crossed by the hour
        return Series().updated(
            (
                (hour + minute * MINUTE, kind, key, round(counts.hits / 60))
                for hour, kind, key, counts in self._ask(count_hours, since // HOUR * HOUR, until)
                for minute in range(60)
            ),
            since,
            time.time(),
            since,
        )


@dataclass
class _Answer:
    """A question that was asked, and what it was answered before."""

    asked_at: float
    answer: asyncio.Future[Any]
    before: tuple[Any] | None

    def last_good(self) -> tuple[Any] | None:
        """The newest answer that was none of trouble, in a tuple."""
        failed = self.answer.cancelled() or self.answer.exception() is not None
        return self.before if failed else (self.answer.result(),)


def _look_at(answer: asyncio.Future[Any]) -> None:
    """Its trouble is said to whoever waits; that nobody does is no news for the log."""
    if not answer.cancelled():
        answer.exception()


def _is_old(moment: datetime) -> bool:
    return moment < datetime.now(UTC) - timedelta(days=MINUTES_DAYS) + timedelta(hours=2)


def same_time_on(day: date, at: datetime) -> datetime:
    """The instant of `day` with the time of day that `at` has in Paris."""
    return datetime.combine(day, at.astimezone(PARIS).time(), PARIS).astimezone(UTC)
