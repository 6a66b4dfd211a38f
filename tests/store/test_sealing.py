"""When a minute is sealed, and when days leave; the worker's login suffices for all of it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from pipeline.store import sealing
from pipeline.store.client import Store
from pipeline.store.sql import STAGING
from pipeline.store.writing import mark_touched

CELL_COLUMNS = "bucket, departement, service, hits, visits, visitors"


def write(worker: Store, at: datetime, ids: list[int]) -> None:
    second = int(at.timestamp())
    row = (second // 10 * 10, "75", "PAGE_ENT", ids, ids, ids)
    worker.execute(f"INSERT INTO ent.cells ({CELL_COLUMNS}) VALUES", [row])
    mark_touched(worker, [second])


def hour_start(hours_ago: int) -> datetime:
    return (datetime.now(UTC) - timedelta(hours=hours_ago)).replace(minute=0, second=0, microsecond=0)


def test_a_minute_is_sealed_when_it_has_ended_and_been_quiet_for_ten_seconds(worker: Store) -> None:
    start = hour_start(hours_ago=3)
    write(worker, start, [1])
    touched = datetime.now(UTC)
    assert sealing.seal(worker, start + timedelta(seconds=64)).minutes == 0
    assert sealing.seal(worker, touched + timedelta(seconds=12)).minutes == 1
    assert sealing.seal(worker, touched + timedelta(seconds=12)) == sealing.SealReport(0, 0, 0)


def test_a_trickle_of_late_events_seals_a_minute_at_most_every_five_minutes(worker: Store) -> None:
    write(worker, hour_start(hours_ago=3), [1])
    assert sealing.seal(worker, datetime.now(UTC) + timedelta(seconds=12)).minutes == 1
    write(worker, hour_start(hours_ago=3), [2])
    assert sealing.seal(worker, datetime.now(UTC) + timedelta(seconds=3)).minutes == 0
    write(worker, hour_start(hours_ago=3), [3])
    assert sealing.seal(worker, datetime.now(UTC) + timedelta(seconds=3)).minutes == 0
    last_seal = datetime.now(UTC)
    mark_touched(worker, [int(hour_start(hours_ago=3).timestamp())])
    worker.execute(
        "INSERT INTO ent.marks (start, touched) VALUES", [(hour_start(3), last_seal + timedelta(seconds=295))]
    )
    assert sealing.seal(worker, last_seal + timedelta(seconds=280)).minutes == 0
    assert sealing.seal(worker, last_seal + timedelta(seconds=301)).minutes == 1
    assert worker.execute("SELECT hits FROM ent.keys_minute FINAL WHERE kind = 'total'") == [(3,)]


def test_tens_and_hours_are_sealed_behind_their_minutes(worker: Store) -> None:
    start = hour_start(hours_ago=4)
    for offset in (0, 9, 10, 59):
        write(worker, start + timedelta(minutes=offset), [offset + 1])
    now = datetime.now(UTC) + timedelta(seconds=70)
    assert sealing.seal(worker, now) == sealing.SealReport(4, 3, 1)
    tens = worker.execute("SELECT hits FROM ent.keys_ten FINAL WHERE kind = 'profil' ORDER BY start")
    assert tens == [(2,), (1,), (1,)]
    assert worker.execute("SELECT hits FROM ent.keys_hour FINAL WHERE kind = 'total'") == [(4,)]


def test_a_round_of_sealing_is_bounded(worker: Store) -> None:
    start = hour_start(hours_ago=6)
    for offset in range(13):
        write(worker, start + timedelta(minutes=offset), [offset])
    now = datetime.now(UTC) + timedelta(seconds=70)
    first, second = sealing.seal(worker, now), sealing.seal(worker, now)
    assert (first.minutes, first.is_behind) == (10, True)
    assert (second.minutes, second.is_behind) == (3, False)


def test_every_kind_has_its_sealed_rows(worker: Store) -> None:
    write(worker, hour_start(hours_ago=2), [1])
    sealing.seal(worker, datetime.now(UTC) + timedelta(seconds=70))
    assert worker.execute("SELECT kind, key FROM ent.keys_minute ORDER BY kind") == [
        ("academie", "Paris"), ("departement", "75"), ("domaine", "accueil"), ("exploitant", ""),
        ("famille", "accueil"), ("plateforme", ""), ("profil", ""), ("projet", ""), ("region", "Île-de-France"),
        ("service", "PAGE_ENT"), ("total", ""),
    ]  # fmt: skip


def test_cells_leave_47_hours_after_the_end_of_their_day_sealed_whatever_the_marks_say(
    admin: Store, worker: Store
) -> None:
    day = datetime.now(UTC).date() - timedelta(days=3)
    noon = datetime.combine(day, time(12), UTC)
    write(worker, noon, [1, 2])
    worker.execute(  # a minute without a mark: what a server clock that was set back may leave
        f"INSERT INTO ent.cells ({CELL_COLUMNS}) VALUES", [(noon + timedelta(hours=1), "75", "PAGE_ENT", [3], [3], [3])]
    )
    due = datetime.combine(day, time(), UTC) + timedelta(days=1, hours=47)
    assert sealing.close_days(worker, due - timedelta(seconds=1)) == sealing.CloseReport((), ())
    assert sealing.close_days(worker, due) == sealing.CloseReport((day,), ())
    assert sealing.close_days(worker, due) == sealing.CloseReport((), ())
    assert worker.execute("SELECT sum(hits) FROM ent.keys_minute FINAL WHERE kind = 'total'") == [(3,)]
    admin.execute("INSERT INTO ent.closed (day, at) VALUES", [(day, datetime.now(UTC) - timedelta(seconds=90))])
    assert sealing.close_days(worker, due) == sealing.CloseReport((), (day,))
    assert worker.execute("SELECT count() FROM ent.cells") == [(0,)]
    assert worker.execute("SELECT sum(hits) FROM bi.traffic_minute") == [(3,)]


def test_an_hour_and_a_day_become_integers(worker: Store) -> None:
    day = datetime.now(UTC).date() - timedelta(days=1)
    nine = datetime.combine(day, time(9), UTC)
    write(worker, nine, [1, 2])
    write(worker, nine + timedelta(minutes=30), [2, 3])
    write(worker, nine + timedelta(hours=5), [3, 4])
    later = datetime.now(UTC) + timedelta(seconds=70)
    sealing.seal(worker, later)
    hours = "SELECT start, hits, visits, visitors FROM ent.counts_hour FINAL WHERE kind = 'region' ORDER BY start"
    assert worker.execute(hours) == [(nine, 4, 3, 3), (nine + timedelta(hours=5), 2, 2, 2)]
    assert worker.execute("SELECT count() FROM ent.counts_day") == [(0,)]
    assert (sealing.seal_days(worker, later), sealing.seal_days(worker, later)) == (1, 0)
    days = "SELECT day, key, hits, visits, visitors FROM ent.counts_day FINAL WHERE kind = 'region'"
    assert worker.execute(days) == [(day, "Île-de-France", 6, 4, 4)]


def test_a_day_is_sealed_once_it_is_over_and_nothing_below_it_is_dirty(worker: Store) -> None:
    day = datetime.now(UTC).date() - timedelta(days=1)
    write(worker, datetime.combine(day, time(23, 59, 59), UTC), [1])
    later = datetime.now(UTC) + timedelta(seconds=70)
    sealing.seal(worker, later)
    midnight = datetime.combine(day + timedelta(days=1), time(), UTC)
    assert sealing.seal_days(worker, midnight + timedelta(seconds=4)) == 0
    write(worker, datetime.combine(day, time(8), UTC), [2])
    assert sealing.seal_days(worker, midnight + timedelta(seconds=5)) == 0
    sealing.seal(worker, later)
    assert sealing.seal_days(worker, midnight + timedelta(seconds=5)) == 1


def test_hours_and_days_that_were_sealed_before_there_were_integers_get_theirs(worker: Store, admin: Store) -> None:
    closed, open_day = (datetime.now(UTC).date() - timedelta(days=n) for n in (5, 1))
    for day in (closed, open_day):
        write(worker, datetime.combine(day, time(10), UTC), [1, 2])
        write(worker, datetime.combine(day, time(11), UTC), [2])
    later = datetime.now(UTC) + timedelta(seconds=70)
    sealing.seal(worker, later)
    sealing.close_days(worker, later)
    # as the release before left them
    worker.execute("ALTER TABLE ent.marks DROP PARTITION %(day)s", {"day": closed})
    for table in ("counts_hour", "counts_day"):
        admin.execute(f"TRUNCATE TABLE ent.{table} SYNC")
    sealing.seal_days(worker, later)
    hours = "SELECT toDate(start), toHour(start), hits FROM ent.counts_hour FINAL WHERE kind = 'total' ORDER BY start"
    assert worker.execute(hours) == [(closed, 10, 2), (closed, 11, 1), (open_day, 10, 2), (open_day, 11, 1)]
    days = "SELECT day, hits, visits FROM bi.traffic_day WHERE kind = 'total' ORDER BY day"
    assert worker.execute(days) == [(closed, 3, 2), (open_day, 3, 2)]


def test_a_day_of_files_is_sealed_in_its_own_database_and_nothing_of_it_shows(admin: Store) -> None:
    day = date(2019, 9, 2)
    noon = int(datetime.combine(day, time(12), UTC).timestamp())
    admin.execute(
        f"INSERT INTO ent_staging.cells ({CELL_COLUMNS}) VALUES", [(noon, "75", "PAGE_ENT", [1, 2], [1, 1], [1])]
    )
    mark_touched(admin, [noon], STAGING)
    sealing.seal_day(admin, day, STAGING)
    for table in ("keys_minute", "keys_ten", "keys_hour", "counts_hour", "counts_day"):
        assert admin.execute(f"SELECT sum(hits) FROM ent_staging.{table} FINAL WHERE kind = 'total'") == [(2,)]
        assert admin.execute(f"SELECT count() FROM ent.{table}") == [(0,)]
    assert admin.execute("SELECT count() FROM ent.marks") == [(0,)]
    for table in ("cells", "marks", "minutes", "keys_minute", "keys_ten", "keys_hour", "counts_hour", "counts_day"):
        admin.execute(f"TRUNCATE TABLE ent_staging.{table} SYNC")
