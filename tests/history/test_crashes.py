"""A load that dies anywhere leaves each table with the old day or the new one, and is mended by running it again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import UserError
from pipeline.history.counting import FileReport, span_of
from pipeline.history.load import begin
from pipeline.history.rejects import RejectsFile
from pipeline.store import sealing, swapping
from pipeline.store.client import Store
from pipeline.store.sql import STAGING
from pipeline.store.swapping import StagedDay
from tests.history.conftest import Server
from tests.history.traffic import day_figures, day_of_events, read_figures, write_lines

DAY = date(2019, 9, 2)
TRAFFIC_DAY = "SELECT day, kind, key, hits, visits, visitors FROM bi.traffic_day"

EVENTS = day_of_events(DAY, 150)


class CrashError(Exception):
    """A process that died, as far as the store can see."""


class DyingStore(Store):
    """A connection to the real store that dies before its n-th statement, counted from 0."""

    left = 10**9

    def execute(self, sql: str, params: Any = None, settings: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        self.left -= 1
        if self.left < 0:
            raise CrashError
        return super().execute(sql, params, settings)


@contextmanager
def staged(connect: Callable[[], Store], file: Path) -> Iterator[StagedDay]:
    """A load that has come as far as the sealed day."""
    now = datetime.now(UTC)
    with begin(connect, now, 35, replace=True) as running:
        with (
            RejectsFile(file.with_suffix(".rejects")) as rejects,
            running.counter(rejects, span_of(now)) as counter,
            file.open("rb") as lines,
        ):
            counter.count(lines, file.name, FileReport(), lambda: None)
        (day,) = running.days()
        with closing(connect()) as store:
            sealing.seal_day(store, day.day, STAGING)
        yield day


OLD_ROWS = {
    "ent.counts_day": "(kind, day, hits) VALUES ('total', '2019-09-02', 999)",
    "ent.counts_hour": "(kind, start, hits) VALUES ('total', '2019-09-02 08:00:00', 999)",
    "ent.school_days": "(kind, day, hits) VALUES ('total', '2019-09-02', 999)",
    "ent.school_hours": "(hour, hits) VALUES ('2019-09-02 08:00:00', 999)",
    "ent.school_visitors": "(kind, day, hits) VALUES ('total', '2019-09-02', 999)",
    "ent.keys_hour": "(kind, start, hits) VALUES ('total', '2019-09-02 08:00:00', 999)",
    "ent.keys_ten": "(kind, start, hits) VALUES ('total', '2019-09-02 08:00:00', 999)",
    "ent.keys_minute": "(kind, start, hits) VALUES ('total', '2019-09-02 08:00:00', 999)",
    "ent.minutes": "(minute, hits) VALUES ('2019-09-02 08:00:00', 999)",
    "ent.levels": "(minute, hits) VALUES ('2019-09-02 08:00:00', 999)",
}
"""Another day that is there already: 999 hits in every table, which no later figure must leave behind."""


STATEMENTS = 15
"""Of a swap: history, closed, a look at the staged tables, eleven tables, history."""


@pytest.mark.parametrize(("young", "deaths"), [(True, range(STATEMENTS)), (False, (1, 6, 11))])
def test_each_table_has_the_old_day_or_the_new_one_wherever_it_dies_and_the_swap_run_again_puts_it_right(
    admin: Store, server: Server, connect: Callable[[], Store], tmp_path: Path, young: bool, deaths: Sequence[int]
) -> None:
    lasting = {"ent.counts_day", "ent.counts_hour", "ent.school_days", "ent.school_hours", "ent.school_visitors",
               "ent.levels"}  # fmt: skip
    new = {table: 150 if young or table in lasting else 0 for table in OLD_ROWS}
    file = write_lines(tmp_path / "a", EVENTS)
    with staged(connect, file) as day, closing(DyingStore(server.handle.url("admin"))) as dying:
        for death in deaths:
            for table, row in OLD_ROWS.items():
                admin.execute(f"ALTER TABLE {table} DROP PARTITION '2019-09-02'")
                admin.execute(f"INSERT INTO {table} {row}")
            dying.left = death
            with pytest.raises(CrashError):
                swapping.swap_day(dying, day, young)
            left = hits(admin)
            assert all(left[table] in (999, new[table]) for table in OLD_ROWS)
            swapping.swap_day(admin, day, young)
            assert hits(admin) == new
        dying.left = STATEMENTS
        swapping.swap_day(dying, day, young)
    assert read_figures(admin, TRAFFIC_DAY) == day_figures(EVENTS)
    assert swapping.taken_days(admin).loaded[DAY].is_complete
    assert admin.execute("SELECT day FROM ent.closed FINAL") == [(DAY,)]


def hits(store: Store) -> dict[str, int]:
    """Table -> hits it holds of the day."""
    found = {}
    for table in OLD_ROWS:
        whole = {"ent.school_hours": "1", "ent.minutes": "1", "ent.levels": "profil = ''"}
        total = whole.get(table, "kind = 'total'")
        ((found[table],),) = store.execute(f"SELECT sum(hits) FROM {table} FINAL WHERE {total}")
    return found


def test_what_a_dead_load_left_half_way_is_finished_without_replace_by_the_same_files_only(
    admin: Store, server: Server, connect: Callable[[], Store], load: Callable[..., str], tmp_path: Path
) -> None:
    file = write_lines(tmp_path / "a.ndjson", EVENTS)
    with staged(connect, file) as day, closing(DyingStore(server.handle.url("admin"))) as dying:
        dying.left = 9
        with pytest.raises(CrashError):
            swapping.swap_day(dying, day, False)
    assert not swapping.taken_days(admin).loaded[DAY].is_complete
    with pytest.raises(UserError, match="2019-09-02: loaded before, from other events"):
        load(write_lines(tmp_path / "b.ndjson", EVENTS[1:]))
    assert "2019-09-02: 150 distinct events loaded" in load(file)
    assert read_figures(admin, TRAFFIC_DAY) == day_figures(EVENTS)


def test_a_load_that_was_killed_is_run_again_at_once(
    admin: Store, connect: Callable[[], Store], load: Callable[..., str], tmp_path: Path
) -> None:
    events = [e for day in (DAY, date(2019, 9, 3), date(2019, 9, 4)) for e in day_of_events(day, 100)]
    file = write_lines(tmp_path / "a.ndjson", events)
    command = [sys.executable, "-u", "-m", "pipeline", "replay", "--history", str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) as process:
        assert process.stdout is not None
        said = [process.stdout.readline(), process.stdout.readline()]
        process.send_signal(signal.SIGKILL)
    assert said[1].startswith("2019-09-02: 100 distinct events loaded")
    assert process.returncode == -signal.SIGKILL
    words = load(file).splitlines()
    assert words[1] == "2019-09-02: 100 distinct events, loaded before, unchanged"
    assert read_figures(admin, TRAFFIC_DAY) == day_figures(events)
    with closing(connect()) as store:
        assert store.execute("SELECT count() FROM system.tables WHERE name LIKE 'load_lock_%%'") == [(0,)]
