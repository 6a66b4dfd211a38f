"""What the detector reads: the watermark, the counts of each leaf by spans, and what is usual."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import pytest

from pipeline.alerts.sample import SPAN_EDGES, Counts
from pipeline.store import sealing
from pipeline.store.client import Store
from pipeline.store.levels import LevelReader, Progress, Watermark, watermark
from pipeline.store.references import References, average
from pipeline.store.retention import drop_expired, keeps_levels
from pipeline.store.writing import mark_touched

NOW = 1_800_000_015.0
IN_TIME = Watermark(0, 0.0, 0.0)
T = int(datetime.now(UTC).timestamp()) // 3600 * 3600 - 3 * 3600 + 40
"""40 seconds past an hour, so that edges of spans cut minutes; all of it has ended."""
LEAF = ("Lyon", "NEO", "Edifice", "communication", "")
PARENTS = ("Lyon", "", "", "", "PARENT")


class TestTheWatermark:
    def test_is_what_the_slowest_partition_that_moves_has_counted_minus_ten_seconds(self) -> None:
        fast, slow = Progress(NOW - 1, NOW - 1, 0), Progress(NOW - 31, NOW - 30, 0)
        assert watermark([fast, slow], NOW).t == 1_799_999_960  # NOW - 31 - 10 = …974, floored to 20 s

    def test_does_not_wait_for_a_partition_without_records_for_a_minute(self) -> None:
        assert watermark([Progress(NOW - 1, NOW - 1, 0), Progress(NOW - 900, NOW - 61, 0)], NOW).t == 1_800_000_000

    def test_waits_for_a_partition_whose_records_are_not_read(self) -> None:
        marked = watermark([Progress(NOW - 1, NOW - 1, 0), Progress(NOW - 900, NOW - 900, 7)], NOW)
        assert marked == Watermark(1_799_999_100, 1.0, 904.0)

    def test_is_not_led_astray_by_a_clock_that_is_fast(self) -> None:
        assert watermark([Progress(NOW + 240, NOW - 1, 0)], NOW).t == 1_800_000_000

    def test_goes_on_with_the_clock_when_the_whole_country_falls_silent(self) -> None:
        assert watermark([Progress(NOW - 600, NOW - 600, 0)], NOW) == Watermark(1_799_999_940, 0.0, 0.0)

    def test_does_not_leap_to_now_after_a_replay_of_an_old_morning(self) -> None:
        morning = NOW - 36_000
        assert watermark([Progress(morning, NOW - 80, 0)], NOW).t == 1_799_964_020  # 20 s on, floored

    def test_is_nought_before_anything_was_counted(self) -> None:
        assert watermark([], NOW) == watermark([Progress(0, 0, 3)], NOW) == Watermark(0, 0.0, 0.0)


def count(worker: Store, seconds: list[int], first_id: int = 1, visits: list[int] | None = None) -> None:
    """One page of a parent in Lyon at each instant, all of one visit unless told otherwise."""
    rows = [
        (
            second // 10 * 10,
            "69",
            "COURRIER_ELECTRONIQUE",
            "PARENT",
            "P",
            "Edifice",
            "NEO",
            [first_id + n],
            [visit],
            [1],
        )
        for n, (second, visit) in enumerate(zip(seconds, visits or [1] * len(seconds), strict=True))
    ]
    columns = "bucket, departement, service, profil, projet, exploitant, plateforme, hits, visits, visitors"
    worker.execute(f"INSERT INTO ent.cells ({columns}) VALUES", rows)
    mark_touched(worker, seconds)


def seal(worker: Store) -> None:
    while sealing.seal(worker, datetime.now(UTC) + timedelta(seconds=70)).minutes:
        pass


def row(counts: Counts, leaf: tuple[str, str, str, str, str]) -> int:
    return counts.leaves.keys.index(leaf)


#   t - 4200      t - 2100   t - 1800    t - 1200   t - 900   t - 600   t - 300   t - 60        t
INSTANTS = [
    T - 4201, T - 4200, T - 2101, T - 2100, T - 1801, T - 1800, T - 1201, T - 1200, T - 901, T - 900,
    T - 601, T - 600, T - 301, T - 300, T - 61, T - 60, T - 1, T,
]  # fmt: skip
EXACT = [2, 2, 2, 2, 2, 2, 2, 2]


def test_a_tick_counts_each_span_to_ten_seconds_from_the_cells(worker: Store) -> None:
    count(worker, INSTANTS)
    sample = LevelReader(worker).sample(T, IN_TIME)
    assert sample.main.hits[row(sample.main, LEAF)].tolist() == EXACT
    assert sample.profils.hits[row(sample.profils, PARENTS)].tolist() == EXACT
    assert (len(sample.main.leaves), len(sample.profils.leaves)) == (1, 1)
    assert sample.main.silent.tolist() == [10]
    assert sample.measured_seconds == 4200


def test_sealed_minutes_are_shared_out_where_an_edge_cuts_them_and_late_events_show_at_once(worker: Store) -> None:
    # A page each ten seconds: whatever the edges cut, each span has a tenth of its seconds.
    count(worker, list(range(T - 4800, T + 60, 10)))
    seal(worker)
    reader = LevelReader(worker)
    even = np.diff(SPAN_EDGES) / 10
    assert reader.sample(T, IN_TIME).main.hits[0] == pytest.approx(even)
    count(worker, [T - 1000], first_id=90_000)
    even[4] += 1
    assert reader.sample(T, IN_TIME).main.hits[0] == pytest.approx(even, abs=0.34)
    assert reader.sample(T, IN_TIME).main.hits.sum() == pytest.approx(421)


def test_events_that_a_worker_read_again_count_once_before_they_are_merged(admin: Store, worker: Store) -> None:
    admin.execute("SYSTEM STOP MERGES ent.cells")
    try:
        for _ in range(3):
            count(worker, INSTANTS)
        assert LevelReader(worker).sample(T, IN_TIME).main.hits.tolist() == [EXACT]
    finally:
        admin.execute("SYSTEM START MERGES ent.cells")


def test_counting_began_with_the_traffic_and_not_with_the_stragglers_that_come_first(worker: Store) -> None:
    count(worker, [T - 1000, T - 700, T - 690, *range(T - 400, T), *range(T - 400, T)])
    assert LevelReader(worker).sample(T, IN_TIME).measured_seconds == 400


def test_visits_are_those_of_each_minute_added_up_over_five(worker: Store) -> None:
    #                     one minute              the one before    older than 300 s
    count(worker, [T - 5, T - 15, T - 25, T - 65, T - 75, T - 320], visits=[1, 1, 2, 1, 1, 9])
    sample = LevelReader(worker).sample(T, IN_TIME)
    assert sample.main.visits.tolist() == [3]
    assert sample.profils.visits.tolist() == [3]


def test_a_minute_is_sealed_with_its_levels(worker: Store) -> None:
    start = T // 60 * 60 - 1200
    count(worker, [start, start + 1, start + 59], visits=[1, 1, 2])
    seal(worker)
    columns = "profil, academie, plateforme, exploitant, famille, hits, visits"
    assert worker.execute(f"SELECT {columns} FROM ent.levels FINAL ORDER BY profil") == [
        ("", "Lyon", "NEO", "Edifice", "communication", 3, 2),
        ("PARENT", "Lyon", "", "", "", 3, 2),
    ]


def test_a_leaf_that_went_quiet_is_known_for_36_hours(worker: Store) -> None:
    count(worker, [T - 36 * 3600 + 600, T - 36 * 3600 - 7200])
    count(worker, [T - 7200], first_id=50)
    sealing.seal_day(worker, datetime.fromtimestamp(T - 36 * 3600, UTC).date())
    seal(worker)
    sample = LevelReader(worker).sample(T, IN_TIME)
    assert sample.main.leaves.keys == (LEAF,)
    assert sample.main.silent.tolist() == [7240]  # from the start of its minute
    assert sample.main.hits.sum() == 0


class TestReferences:
    """What is usual on Thursday 8 October 2026: all zones are at school, and the eight school days before it count."""

    DAY = date(2026, 10, 8)
    NINE = int(datetime(2026, 10, 8, 7, tzinfo=UTC).timestamp())  # 9:00 in Paris

    def fill(self, worker: Store) -> None:
        """Three weeks of a page a second, all day; on 1 October the portal was down from 8:00 to 10:00 in Paris."""
        worker.execute(
            "INSERT INTO ent.levels SELECT toDateTime('2026-09-17 00:00:00', 'UTC') + number * 60 AS minute, '',"
            " 'Lyon', 'NEO', 'Edifice', 'communication', 60, 30 FROM numbers(21 * 1440)"
            " WHERE minute < '2026-10-01 06:00:00' OR minute >= '2026-10-01 08:00:00'"
        )
        worker.execute(
            "INSERT INTO ent.counts_hour (kind, start, hits)"
            " SELECT 'total', toDateTime('2026-09-17 00:00:00', 'UTC') + number * 3600, 1 FROM numbers(21 * 24)"
        )

    def test_are_made_of_comparable_days_and_read_with_the_tick(self, worker: Store) -> None:
        self.fill(worker)
        assert References(worker).prepare(self.NINE, budget=60) is False
        made = worker.execute("SELECT min(hits), max(hits), min(visits), min(days), count() FROM ent.references FINAL")
        # The hours of the outage are those of the other days; at its two edges it is smoothed into the minutes beside.
        assert made == [(pytest.approx(60, rel=0.05), 60, pytest.approx(30, rel=0.05), 8, 1440)]
        ((days,),) = worker.execute("SELECT days FROM ent.reference_days FINAL WHERE academie = 'Lyon'")
        assert days == [
            date(2026, *of) for of in ((10, 6), (10, 5), (10, 2), (10, 1), (9, 29), (9, 28), (9, 25), (9, 24))
        ]
        counts = LevelReader(worker).sample(self.NINE + 20, IN_TIME).main
        assert counts.reference[0] == pytest.approx(np.diff(SPAN_EDGES), rel=0.005)
        assert counts.slope.tolist() == [[300, 300]]
        assert (counts.reference_visits.tolist(), counts.days.tolist()) == ([150], [8])

    def test_are_made_once_and_again_when_a_day_came_from_files(self, worker: Store) -> None:
        self.fill(worker)
        References(worker).prepare(self.NINE, budget=60)
        first = worker.execute("SELECT max(made_at) FROM ent.references")
        References(worker).prepare(self.NINE + 60, budget=60)
        assert worker.execute("SELECT max(made_at) FROM ent.references") == first
        worker.execute("ALTER TABLE ent.levels DROP PARTITION '2026-09-24'")
        References(worker).prepare(self.NINE + 120, budget=60)
        assert worker.execute("SELECT max(days) FROM ent.references FINAL") == [(8,)]
        assert worker.execute("SELECT max(made_at) FROM ent.references") != first

    def test_without_history_every_leaf_is_learning(self, worker: Store) -> None:
        count(worker, [T - 5])
        sample = LevelReader(worker).sample(T, IN_TIME)
        assert sample.main.days.tolist() == [0]
        assert sample.main.reference.sum() == 0

    def test_a_small_leaf_is_smoothed_longer_and_outages_of_eight_days_are_left_out(self) -> None:
        hits = np.zeros((2, 8, 60))
        hits[0, :, 30] = 31.0  # one page a minute over 31 minutes: smoothed over 31
        hits[1] = np.arange(8)[:, None] * 100.0  # 0, 100 … 700 a minute: 300 to 600 are near 400
        usual, visits = average((hits, hits / 2), np.ones((2, 8)), np.ones((2, 8, 60)), np.array([0, 1]))
        assert usual[0, 30] == pytest.approx(1.0)
        assert usual[1, 5] == pytest.approx(450.0)
        assert visits == pytest.approx(usual / 2)

    def test_a_small_leaf_has_the_bells_of_its_academie_and_another_has_not(self) -> None:
        bell = np.full((2, 8, 60), 400.0)
        bell[0, :, 29:32] = 1_000.0
        hits = np.full((2, 8, 60), 2.0)
        usual, _ = average((hits, hits / 2), np.ones((2, 8)), bell, np.array([0, 1]))
        smoothed = (28 * 400 + 3 * 1_000) / 31
        assert usual[0, 30] == pytest.approx(2.0 * 1_000 / smoothed)
        assert usual[0, 22] == pytest.approx(2.0 * 400 / smoothed)
        assert usual[1] == pytest.approx(np.full(60, 2.0))

    def test_in_corse_holidays_are_told_from_school_days_by_their_pages(self, worker: Store) -> None:
        self.fill(worker)
        worker.execute(
            "INSERT INTO ent.counts_hour (kind, key, start, hits)"
            " SELECT 'academie', 'Corse', toDateTime('2026-09-17 00:00:00', 'UTC') + number * 3600,"
            " if(number < 24 * 14, 1000, 100) FROM numbers(21 * 24)"
        )
        References(worker).prepare(self.NINE, budget=60)
        ((days,),) = worker.execute("SELECT days FROM ent.reference_days FINAL WHERE academie = 'Corse'")
        assert days == [date(2026, 9, day) for day in (29, 28, 25, 24, 22, 21, 18, 17)]


def test_levels_stay_45_days_and_those_around_a_rentree_25_months(worker: Store) -> None:
    today = date(2026, 11, 20)
    kept = {date(2026, 10, 6): True, date(2026, 10, 5): False, date(2026, 9, 20): True, date(2026, 8, 14): False}
    kept |= {date(2024, 10, 20): False, date(2025, 8, 15): True, date(2024, 9, 1): False}
    assert {day: keeps_levels(day, today) for day in kept} == kept
    for day in kept:
        worker.execute("INSERT INTO ent.levels (minute, hits) VALUES", [(datetime.combine(day, time(), UTC), 1)])
    report = drop_expired(worker, datetime(2026, 11, 20, 12, tzinfo=UTC), 35, 761)
    assert set(report.levels) == {day for day, stays in kept.items() if not stays}


def test_levels_of_closed_days_that_have_none_are_made_up_for(worker: Store) -> None:
    day = datetime.now(UTC).date() - timedelta(days=3)
    count(worker, [int(datetime(day.year, day.month, day.day, 9, tzinfo=UTC).timestamp())])
    sealing.close_days(worker, datetime.now(UTC))
    worker.execute("ALTER TABLE ent.levels DROP PARTITION %(day)s", {"day": day})
    sealing.seal_days(worker, datetime.now(UTC))
    assert worker.execute("SELECT count(), sum(hits) FROM ent.levels FINAL") == [(2, 2)]
