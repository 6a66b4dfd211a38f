"""One load of history: everything staged first, then looked at, then swapped in day by day.

Nothing of `ent` changes before all days of all files are staged and none of them is refused. What a crash leaves is
told in `pipeline.store.swapping`; the same load run again mends it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day

from pipeline.errors import StoreRefused, StoreUnavailable, UserError
from pipeline.history.counting import Counter, Span
from pipeline.history.rejects import RejectsFile
from pipeline.store import sealing, swapping
from pipeline.store.client import Store
from pipeline.store.retention import keeps_levels
from pipeline.store.sink import ClickHouseSink
from pipeline.store.sql import STAGING
from pipeline.store.swapping import StagedDay, TakenDays
from pipeline.store.table_lock import TableLock


@dataclass(frozen=True)
class DayReport:
    """What became of one day."""

    day: date
    events: int
    """Distinct ones."""
    changed: bool
    """False: the same events were loaded before, and nothing was done."""
    seconds: float
    """Sealing and swapping."""


class _NoMeter:
    """Implements `InsertMeter`: a load has no metrics."""

    def inserted(self, rows: int, seconds: float) -> None:
        """Nothing to tell."""

    def insert_failed(self) -> None:
        """The sink logs it."""


class Load:
    """A load under way: first `counter`, then `days`, then `swap_in`. Made by `begin`.

    Args:
        connect: gives a new connection of the admin's.
        store: one of those.
        lock: held.
        now: aware; decides what is open, and what is kept by the minute.
        retention_days: of minutes and sketches.
        replace: figures of a day may be replaced by other ones.
    """

    def __init__(
        self,
        connect: Callable[[], Store],
        store: Store,
        lock: TableLock,
        now: datetime,
        retention_days: int,
        replace: bool,
    ) -> None:
        self._connect = connect
        self._store = store
        self._lock = lock
        self._now = now
        self._retention_days = retention_days
        self._replace = replace

    @contextmanager
    def counter(self, rejects: RejectsFile, span: Span) -> Iterator[Counter]:
        """What takes the files; when it is left, their events within `span` are staged.

        Raises:
            UserError: a day may not be loaded; nothing has changed.
        """
        taken = swapping.taken_days(self._store)

        def guard(day: date) -> None:
            self._lock.check()
            self._refuse_open([day], taken)
            if day not in taken.loaded:  # else its digest decides, once everything is staged
                self._refuse_held([day], taken)

        with closing(self._connect()) as store:
            sink = ClickHouseSink(store, _NoMeter(), clock=_no_clock, database=STAGING)
            with Counter(sink, rejects, guard, span) as counter:
                yield counter

    def days(self) -> tuple[StagedDay, ...]:
        """The staged days, in order, each of which may be swapped in.

        Raises:
            UserError: one may not; nothing has changed.
        """
        days = tuple(swapping.read_staged(self._store, day) for day in swapping.staged_days(self._store))
        taken = swapping.taken_days(self._store)
        self._refuse_open([staged.day for staged in days], taken)
        self._refuse_held([staged.day for staged in days if staged.day not in taken.loaded], taken)
        if not self._replace:
            other = [d.day for d in days if d.day in taken.loaded and taken.loaded[d.day].digest != d.digest]
            if other:
                raise UserError(
                    f"{_listed(other)}: loaded before, from other events; figures are replaced, never added: give all "
                    "files of a day at once, and --replace to put them in its place. Nothing was changed."
                )
        return days

    def swap_in(self, days: Sequence[StagedDay]) -> Iterator[DayReport]:
        """Seal each day and put it in its place; a day that is there already is left alone (unless `replace`).

        Raises:
            UserError: another load took over.
            StoreUnavailable, StoreRefused: run the load again.
        """
        loaded = swapping.taken_days(self._store).loaded
        for staged in days:
            start = time.perf_counter()
            known = loaded.get(staged.day)
            changed = self._replace or known is None or not known.is_complete or known.digest != staged.digest
            if changed:
                sealing.seal_day(self._store, staged.day, STAGING)
                self._lock.check()
                young = swapping.is_young(staged.day, self._now, self._retention_days)
                today = self._now.astimezone(UTC).date()
                levels = keeps_levels(staged.day, today)
                swapping.swap_day(self._store, staged, young, levels)
            swapping.empty_staging(self._store, [staged.day])
            yield DayReport(staged.day, staged.events, changed, time.perf_counter() - start)

    def _refuse_open(self, days: Sequence[date], taken: TakenDays) -> None:
        """A day whose last events may still come, or whose cells are still there, belongs to the workers."""
        open_days = [day for day in days if day in taken.open or _is_open(day, self._now)]
        if open_days:
            raise UserError(
                f"{_listed(open_days)}: still counted live, until {sealing.CLOSE_AFTER / timedelta(hours=1):g} hours "
                "after the day's end and a worker has closed it; use `instant-t replay` without --history. "
                "Nothing was changed."
            )

    def _refuse_held(self, days: Sequence[date], taken: TakenDays) -> None:
        held = [day for day in days if day in taken.held]
        if held and not self._replace:
            raise UserError(
                f"{_listed(held)}: holds live figures; give --replace to put the files' in their place "
                "(they are replaced, never added). Nothing was changed."
            )


@contextmanager
def begin(connect: Callable[[], Store], now: datetime, retention_days: int, replace: bool = False) -> Iterator[Load]:
    """Take the lock and empty the staging database, now and at the end.

    Args:
        connect: gives a new connection of the admin's.
        now: aware.
        retention_days: of minutes and sketches (INSTANT_T_RETENTION_DAYS).
        replace: figures of a day may be replaced by other ones.

    Raises:
        UserError: another load is under way.
        StoreUnavailable, StoreRefused: as every call.
    """
    with closing(connect()) as store, TableLock(connect, "load") as lock:
        swapping.empty_staging(store)
        try:
            yield Load(connect, store, lock, now, retention_days, replace)
        except BaseException:
            try:
                swapping.empty_staging(store)
            except (StoreUnavailable, StoreRefused):
                pass  # the first error says more; the next load empties it
            raise
        swapping.empty_staging(store)


def _no_clock() -> float:
    """Time stands still for the sink: files have no progress to tell."""
    return 0.0


def _is_open(day: date, now: datetime) -> bool:
    return datetime.combine(day + timedelta(days=1), time_of_day(), UTC) + sealing.CLOSE_AFTER > now


def _listed(days: Sequence[date]) -> str:
    """A few days by name, and how many more."""
    shown = ", ".join(map(str, days[:3]))
    return shown if len(days) <= 3 else f"{shown} and {len(days) - 3} more days"
