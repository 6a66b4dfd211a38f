"""What leaves for good, and when; the worker's login suffices."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

from pipeline.store import sealing
from pipeline.store.client import Store
from pipeline.store.retention import ExpiryReport, drop_expired
from pipeline.store.writing import mark_touched

NOW = datetime(2026, 9, 10, 12, tzinfo=UTC)
MINUTES = {"marks", "minutes", "keys_minute", "keys_ten", "keys_hour"}
INTEGERS = {"counts_hour", "counts_day"}


def count_day(worker: Store, day: date) -> None:
    """A day that was counted, sealed, closed and whose cells are gone."""
    noon = int(datetime.combine(day, time(12), UTC).timestamp())
    worker.execute("INSERT INTO ent.cells (bucket, hits, visits, visitors) VALUES", [(noon, [1], [1], [1])])
    mark_touched(worker, [noon])
    sealing.close_days(worker, NOW)
    worker.execute("ALTER TABLE ent.cells DROP PARTITION %(day)s", {"day": day})


def held(store: Store, day: date) -> set[str]:
    """Tables that hold something of a day, without those that any day leaves for good."""
    rows = store.execute(
        "SELECT DISTINCT table FROM system.parts WHERE database = 'ent' AND active AND partition = %(day)s",
        {"day": str(day)},
    )
    return {table for (table,) in rows if table != "levels"}


def test_minutes_leave_after_their_days_and_integers_stay(worker: Store) -> None:
    # first day kept by the minute:            31 August = 10 September - 10 days
    #                              30 August | 31 August
    for day in (date(2026, 8, 30), date(2026, 8, 31)):
        count_day(worker, day)
        assert held(worker, day) == MINUTES | INTEGERS
    assert drop_expired(worker, NOW, 10, 761) == ExpiryReport((date(2026, 8, 30),), ())
    assert held(worker, date(2026, 8, 30)) == INTEGERS
    assert held(worker, date(2026, 8, 31)) == MINUTES | INTEGERS
    assert worker.execute("SELECT day, hits FROM bi.traffic_day WHERE kind = 'total' ORDER BY day") == [
        (date(2026, 8, 30), 1),
        (date(2026, 8, 31), 1),
    ]
    assert drop_expired(worker, NOW, 10, 761) == ExpiryReport((), ())


def test_integers_leave_after_25_months(worker: Store) -> None:
    #                            10 August 2024 | 11 August 2024 = 10 September 2026 - 760 days
    for day in (date(2024, 8, 10), date(2024, 8, 11)):
        count_day(worker, day)
    drop_expired(worker, NOW, 35, 760)
    assert held(worker, date(2024, 8, 10)) == set()
    assert held(worker, date(2024, 8, 11)) == INTEGERS


def test_a_day_of_files_is_kept_as_if_it_had_happened_when_it_was_loaded(worker: Store) -> None:
    loaded, reloaded = date(2019, 9, 2), date(2019, 9, 3)
    for day in (loaded, reloaded):
        worker.execute(
            "INSERT INTO ent.counts_day (kind, day, hits) VALUES",
            [("total", day, 1)],
        )
        worker.execute("INSERT INTO ent.school_visitors (day, kind, uai, hits) VALUES", [(day, "total", "", 1)])
    rows = [
        (loaded, datetime(2026, 8, 1, tzinfo=UTC)),
        (reloaded, datetime(2026, 8, 1, tzinfo=UTC)),
        (reloaded, datetime(2026, 8, 2, 23, tzinfo=UTC)),
    ]
    for row in rows:
        worker.execute("INSERT INTO ent.history (day, loaded_at) VALUES", [row])
    at = datetime(2026, 9, 6, 12, tzinfo=UTC)  # 35 days after 2 August
    assert drop_expired(worker, at, 35, 761) == ExpiryReport((loaded,), ())
    assert held(worker, loaded) == {"counts_day", "history"}
    assert held(worker, reloaded) == {"counts_day", "history", "school_visitors"}
    at = datetime(2028, 9, 1, tzinfo=UTC)  # 761 days after 2 August 2026
    assert drop_expired(worker, at, 35, 761) == ExpiryReport((reloaded,), (loaded,))
    assert held(worker, loaded) == set()
    assert held(worker, reloaded) == {"counts_day", "history"}


def test_a_day_whose_cells_are_still_there_keeps_all(worker: Store) -> None:
    day = date(2026, 7, 1)
    noon = int(datetime.combine(day, time(12), UTC).timestamp())
    worker.execute("INSERT INTO ent.cells (bucket, hits) VALUES", [(noon, [1])])
    mark_touched(worker, [noon])
    assert drop_expired(worker, NOW, 35, 761) == ExpiryReport((), ())
    assert held(worker, day) == {"cells", "marks"}
