"""A random history of a store: inserts, replays, crashes, seals, closed days; every view compared with the oracle."""

from __future__ import annotations

import random
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline.store import sealing
from pipeline.store.client import Store
from pipeline.store.sql import query
from pipeline.store.writing import mark_touched
from tests.store.oracle import KEYS, KINDS, MINUTE, Event, count, day_of, hour_of, traffic_key

HOUR, DAY = 3600, 86400
NEIGHBOURS = (-1, 0, 1, 9, 10, 59)
"""Minutes around a busy place that have events: borders of minutes, tens and hours are among them."""


class CrashError(Exception):
    """A process that died, as far as the store can see."""


class InterruptedStore(Store):
    """A connection to the real store: `before_statement` is called before each statement, and may raise CrashError.

    `edit` changes the text of statements: the tests of the tests break the protocol with it.
    """

    before_statement: Callable[[str], None] = staticmethod(lambda sql: None)
    edit: Callable[[str], str] = staticmethod(lambda sql: sql)

    def execute(self, sql: str, params: Any = None, settings: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        self.before_statement(sql)
        return super().execute(self.edit(sql), params, settings)


@dataclass
class Difference:
    """A figure that is not what the oracle says."""

    what: str
    got: object
    want: object


class History:
    """A store, what was sent to it, and the steps that may happen.

    Args:
        url: the workers' login.
        seed: of everything random here.
        now: aware; fixed at the start, the real instant.
        edit: breaks statements of this history's sealer.
    """

    def __init__(self, url: str, seed: int, now: datetime, edit: Callable[[str], str] | None = None) -> None:
        self.url = url
        self.random = random.Random(seed)
        self.store = InterruptedStore(url)
        if edit:
            self.store.edit = edit
        self.now = int(now.timestamp())
        self.today = self.now // DAY * DAY
        self.sent: list[Event] = []
        self.closed: set[int] = set()
        self.differences: list[Difference] = []
        self.checks = 0
        # A few busy places, so that windows, replays and seals meet: borders of tiers and days, and now.
        self.old_day = self.today - 3 * DAY
        self.places = [
            self.old_day + 9 * HOUR,
            self.old_day + DAY,
            self.today - DAY + 9 * HOUR + 600,
            self.now - 46 * HOUR + 1800,
            self.now - 2 * HOUR,
            self.now - 900,
        ]

    def close(self) -> None:
        self.store.close()

    # -- what a worker does

    def new_events(self, how_many: int) -> list[Event]:
        r = self.random
        events = []
        for _ in range(how_many):
            minute = r.choice(self.places) // MINUTE + r.choice(NEIGHBOURS)
            second = min(self.now - 1, minute * MINUTE + r.choice((0, 9, 10, 59, r.randrange(MINUTE))))
            while second // DAY * DAY in self.closed or second < self.old_day:
                second += DAY
            events.append(
                Event(
                    r.getrandbits(64),
                    second,
                    r.choice(("01", "2A", "75", "975", "69")),
                    r.choice(("PAGE_ENT", "ACTUALITES", "COURRIER_ELECTRONIQUE", "NON_CLASSE")),
                    r.choice(("ELEVE", "PARENT")),
                    r.choice(("", "P1", "L'Éclat")),
                    r.choice(("", "X")),
                    r.choice(("A", "B")),
                    r.randrange(1, 4000),
                    r.randrange(1, 2000),
                )
            )
        return events

    def insert_cells(self, events: Sequence[Event], store: Store | None = None) -> None:
        cells: dict[tuple[Any, ...], tuple[set[int], set[int], set[int]]] = defaultdict(lambda: (set(), set(), set()))
        for event in events:
            hits, visits, visitors = cells[event.cell]
            hits.add(event.hit)
            visits.add(event.visit)
            visitors.add(event.visitor)
        rows = [[*cell, *map(list, sets)] for cell, sets in cells.items()]
        if rows:
            (store or self.store).execute(
                "INSERT INTO ent.cells (bucket, departement, service, profil, projet, exploitant, plateforme,"
                " hits, visits, visitors) VALUES",
                rows,
            )

    def write(self, events: Sequence[Event], store: Store | None = None) -> None:
        """One flush."""
        self.insert_cells(events, store)
        mark_touched(store or self.store, [event.second for event in events])

    def insert_step(self) -> None:
        """New events and replayed ones; sometimes a crash before the mark, then a replay with other borders."""
        r = self.random
        events = self.new_events(r.choice((3, 40, 250)))
        if self.sent and r.random() < 0.7:
            events += r.sample(self.sent, min(len(self.sent), r.randrange(1, 200)))
        r.shuffle(events)
        if r.random() < 0.3:
            self.insert_cells(events[: r.randrange(len(events)) + 1])
            cut = r.randrange(len(events) + 1)
            self.write(events[cut:])
            self.write(events[:cut])
        else:
            self.write(events)
        self.sent += events

    # -- what a sealer does; `later` is a now at which every minute is quiet

    @property
    def later(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=70)

    def seal_step(self) -> None:
        """A seal that runs through, dies at some statement, meets an insert half-way, or runs beside another."""
        kind = self.random.choice(("whole", "whole", "dies", "meets an insert", "beside another"))
        if kind == "whole":
            self.seal_all(days=self.random.random() < 0.7)
        elif kind == "dies":
            self.interrupted(self.random.choice((self.seal, self.seal_days)), self.random.randrange(14), self.crash)
        elif kind == "meets an insert":
            self.interrupted(self.seal, self.random.randrange(2, 9), self.insert_and_check)
            self.interrupted(self.seal_days, self.random.randrange(4, 8), self.insert_and_check)
        else:
            self.concurrent_seals()

    def seal(self) -> None:
        """One round."""
        sealing.seal(self.store, self.later)

    def seal_days(self) -> None:
        """One round of the days."""
        sealing.seal_days(self.store, self.later)

    def seal_all(self, days: bool) -> None:
        """Rounds until nothing is left to seal."""
        while sealing.seal(self.store, self.later) != sealing.SealReport(0, 0, 0):
            pass
        while days and sealing.seal_days(self.store, self.later):
            pass

    def crash(self) -> None:
        raise CrashError

    def insert_and_check(self) -> None:
        """What another worker and a reader do while a seal is running: they have connections of their own."""
        other = Store(self.url)
        try:
            events = self.new_events(60) + self.sent[-20:]
            self.write(events, other)
            self.sent += events
            self.check(other, windows=1)
            self.check_history(other)
        finally:
            other.close()

    def interrupted(self, work: Callable[[], None], at_statement: int, what: Callable[[], None]) -> None:
        """Seal; before the n-th statement, `what` happens."""
        left = at_statement

        def before(sql: str) -> None:
            nonlocal left
            left -= 1
            if left == -1:
                what()

        self.store.before_statement = before
        try:
            work()
        except CrashError:
            pass
        finally:
            del self.store.before_statement

    def concurrent_seals(self) -> None:
        """Two sealers and an inserting worker at once."""
        events = self.new_events(60)
        failures: list[BaseException] = []

        def run(work: Callable[[Store], object]) -> None:
            store = Store(self.url)
            try:
                work(store)
            except BaseException as failure:
                failures.append(failure)
            finally:
                store.close()

        now = self.later
        works: list[Callable[[Store], object]] = [lambda s: sealing.seal(s, now), lambda s: sealing.seal(s, now)]
        works += [lambda s: sealing.seal_days(s, now), lambda s: self.write(events, s)]
        threads = [threading.Thread(target=run, args=(work,)) for work in works]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.sent += events
        if failures:
            raise failures[0]

    def close_old_day(self, admin: Store) -> None:
        """Close the oldest day, and drop its cells as if a minute had passed; then replay part of it."""
        day = datetime.fromtimestamp(self.old_day, UTC).date()
        now = datetime.fromtimestamp(self.old_day + DAY + 47 * HOUR, UTC)
        assert sealing.close_days(self.store, now - timedelta(seconds=1)).closed == ()
        assert sealing.close_days(self.store, now) == sealing.CloseReport((day,), ())
        self.closed.add(self.old_day)
        self.check_closed_day(self.store)
        admin.execute("INSERT INTO ent.closed (day, at) VALUES", [(day, self.now - 120)])
        assert sealing.close_days(self.store, now) == sealing.CloseReport((), (day,))

    def replay_closed_day(self) -> None:
        """A part of the closed day is sent again, and sealed from these incomplete sets by force."""
        old = [event for event in self.sent if event.second // DAY * DAY in self.closed][::2]
        self.write(old)
        starts = sorted({event.second // MINUTE * MINUTE for event in old})
        for name in ("seal_keys", "seal_minutes"):
            self.store.execute(query(name), {"starts": starts})
        tens = sorted({start // 600 * 600 for start in starts})
        self.store.execute(query("touch_span"), {"tier": "ten", "seconds": 600, "starts": tens})

    def merge_step(self, admin: Store) -> None:
        for table in ("cells", "marks", "keys_minute", "minutes", "counts_hour", "counts_day"):
            admin.execute(f"OPTIMIZE TABLE ent.{table} FINAL")

    # -- what a reader sees

    def check(self, store: Store, windows: int = 3, views: Sequence[str] = ()) -> None:
        """Compare views over some windows with the oracle; differences are kept, not raised."""
        r = self.random
        for _ in range(windows):
            at = min(self.now, (r.choice(self.places) // MINUTE + r.choice(NEIGHBOURS)) * MINUTE + r.randrange(200))
            if r.random() < 0.4:
                at -= at % MINUTE
            minutes = r.choice((1, 2, 5, 15, 60, 61, 125, 360, 1440, 4320))
            for view in views or ("total", r.choice(list(KEYS))):
                self.check_view(store, view, at, minutes)

    def check_closed_day(self, store: Store) -> None:
        """Short windows that need its minutes, and one that takes its hours."""
        for offset, minutes in ((2 * MINUTE, 3), (12 * MINUTE + 7, 30), (5 * HOUR, 360)):
            self.check_view(store, "total", self.old_day + 9 * HOUR + offset, minutes)
        self.check_view(store, "by_service", self.old_day + 9 * HOUR + 11 * MINUTE, 15)
        self.check_history(store)

    def check_view(self, store: Store, view: str, at: int, minutes: int) -> None:
        border = self.now - 46 * HOUR
        if abs(at - minutes * MINUTE - border) < 2 * MINUTE:
            return  # the border itself moves while the test runs
        till = at - at % (10 if at - minutes * MINUTE > border else MINUTE)
        since = till - minutes * MINUTE
        want = count((e for e in self.sent if since <= e.second < till), KEYS[view]) or (
            {(): (0, 0, 0)} if view == "total" else {}
        )
        rows = store.execute(
            f"SELECT * FROM bi.instant_t_{view}(at='{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S}',"
            f" minutes={minutes})"
        )
        self.compare(f"{view} at {datetime.fromtimestamp(at, UTC)} over {minutes} min", rows, want)

    def check_traffic(self, store: Store) -> None:
        rows = store.execute("SELECT * FROM bi.traffic_minute")
        self.compare("traffic_minute", rows, count(self.sent, traffic_key))

    def check_history(self, store: Store, kinds: Sequence[str] = ()) -> None:
        """Every hour and every day, of the total and of one other kind unless more are given."""
        for kind in kinds or ("total", self.random.choice(list(KINDS))):
            for view, span, start in (("traffic_hour", "hour", hour_of), ("traffic_day", "day", day_of)):
                rows = store.execute(
                    f"SELECT {span}, kind, key, hits, visits, visitors FROM bi.{view} WHERE kind = %(kind)s",
                    {"kind": kind},
                )
                self.compare(f"{view} of {kind}", rows, self.history_of(kind, start))

    def history_of(self, kind: str, start: Callable[[Event], Any]) -> dict[tuple[Any, ...], tuple[int, ...]]:
        """The rows of one kind, from the oracle."""
        return count(self.sent, lambda event: (start(event), kind, KINDS[kind](event)))

    def compare(self, what: str, rows: Sequence[tuple[Any, ...]], want: dict[tuple[Any, ...], tuple[int, ...]]) -> None:
        self.checks += 1
        got = {row[:-3]: row[-3:] for row in rows}
        if got != want or len(rows) != len(got):
            wrong = {k: (got.get(k), want.get(k)) for k in got.keys() | want.keys() if got.get(k) != want.get(k)}
            self.differences.append(Difference(what, len(rows), wrong))

    # -- all of it

    def tell(self, admin: Store) -> Iterator[None]:
        """One story in which each rule of the protocol matters; after each part there may be differences."""

        def looked() -> None:
            for at, minutes in ((self.now, 180), (self.now - 7207, 20), (self.today, 1440)):
                self.check_view(self.store, "total", at, minutes)
            self.check_history(self.store, ("total",))

        self.sent += self.new_events(300)
        self.write(self.sent)
        self.write(self.sent[::2])
        looked()
        yield
        self.seal_all(days=True)
        looked()
        yield
        late = self.new_events(100)
        self.write(late)
        self.sent += late
        looked()
        yield
        self.interrupted(self.seal, 4, self.insert_and_check)  # rows are in, the mark is not yet
        self.seal_all(days=False)
        looked()
        yield
        self.interrupted(self.seal_days, 5, self.insert_and_check)  # the same for a day
        self.seal_all(days=True)
        looked()
        yield
        self.close_old_day(admin)
        self.replay_closed_day()
        self.merge_step(admin)  # of two rows of a span, the fuller one has to stay
        self.check_closed_day(self.store)
        yield

    def run(self, admin: Store, steps: int) -> None:
        """So many random steps with checks between them; the day is closed after two thirds of them."""
        self.sent += self.new_events(300)  # enough for every place to have some
        self.write(self.sent)
        for step in range(steps):
            self.insert_step()
            self.check_view(self.store, "total", self.now, 180)  # late events in what may be sealed
            self.seal_step()
            self.check(self.store, windows=2)
            self.check_history(self.store)
            if self.random.random() < 0.3:
                self.check_traffic(self.store)
            if self.random.random() < 0.15:
                self.merge_step(admin)
            if step == steps * 2 // 3:
                self.close_old_day(admin)
                self.check_closed_day(self.store)
                self.replay_closed_day()
                self.check_closed_day(self.store)
        self.seal_step()
        self.check(self.store, windows=2, views=list(KEYS))
        self.check_traffic(self.store)
