"""Changes of alerts in the store, and how another worker goes on with them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from pipeline.alerts.change import Change, Neighbour, alert_id
from pipeline.alerts.machine import Machine
from pipeline.store.alerts import Snapshot, read_changes, read_last_tick, read_snapshot, write_changes, write_snapshot
from pipeline.store.client import Store
from pipeline.store.detector import AlertDetector
from pipeline.store.levels import Watermark

T = int(datetime(2026, 9, 22, 6, 30, tzinfo=UTC).timestamp())
OPENED = Change(
    alert_id=alert_id("academie", "Lyon", "drop", T),
    revision=1,
    state="opened",
    direction="drop",
    kind="academie",
    key="Lyon",
    opened_at=T,
    since=T - 120,
    changed_at=T,
    closed_at=None,
    observed=412.5,
    expected=1050.0,
    low=930.0,
    high=1170.0,
    window_seconds=300,
    data_age_seconds=2.5,
    neighbours=(Neighbour("national", "", 98_000.0, 99_000.0),),
    scope=(("plateforme", "NEO"), ("famille", "vie_scolaire")),
    sentence="Académie de Lyon : 412 pages/min au lieu de 1 050 (± 120) depuis 08:28, « l'heure d'été » ?",
    look_at="Regarder quelles plateformes manquent.",
)
CLOSED = replace(OPENED, revision=2, state="closed", changed_at=T + 600, closed_at=T + 580, why_closed="recovered")
VISITS = "ent.visits.v1"


def progress(worker: Store, t: int) -> None:
    """Everything up to ten seconds after t is counted."""
    at = datetime.fromtimestamp(t + 10, UTC)
    columns = "topic, partition, newest_event_time, newest_arrival, latest"
    now = datetime.now(UTC)
    worker.execute(f"INSERT INTO ent.progress ({columns}) VALUES", [(VISITS, 0, at, now, (now, 1, 0))])


def test_what_is_written_is_read_as_it_was_once_however_often_it_was_written(worker: Store) -> None:
    write_changes(worker, [OPENED, CLOSED])
    write_changes(worker, [OPENED])
    write_changes(worker, [])
    assert read_changes(worker, T - 1) == [OPENED, CLOSED]
    assert read_changes(worker, T) == [CLOSED]


def test_the_view_has_one_row_for_each_alert_as_its_last_change_says(worker: Store, reader: Store) -> None:
    other = replace(OPENED, alert_id="f" * 16, key="Lille", opened_at=T + 20, scope=())
    write_changes(worker, [CLOSED, other])
    write_changes(worker, [OPENED])
    columns = "alert_id, state, direction, kind, key, since, updated_at, closed_at, observed, why_closed, sentence"
    since, updated, closed = (datetime.fromtimestamp(t, UTC) for t in (T - 120, T + 600, T + 580))
    assert reader.execute(f"SELECT {columns} FROM bi.alerts ORDER BY opened_at") == [
        (OPENED.alert_id, "closed", "drop", "academie", "Lyon", since, updated, closed, 412.5, "recovered",
         OPENED.sentence),
        ("f" * 16, "open", "drop", "academie", "Lille", since, datetime.fromtimestamp(T, UTC), None, 412.5, "",
         OPENED.sentence),
    ]  # fmt: skip
    assert reader.execute("SELECT neighbours, scope FROM bi.alerts WHERE key = 'Lyon'") == [
        ([("national", "", 98_000.0, 99_000.0)], [("plateforme", "NEO"), ("famille", "vie_scolaire")])
    ]


def test_the_state_of_the_newest_tick_is_the_one_to_go_on_from(worker: Store) -> None:
    assert read_snapshot(worker) is None
    assert read_last_tick(worker) == 0
    write_snapshot(worker, Snapshot(T + 20, b'{"t":2}'))
    write_snapshot(worker, Snapshot(T, b'{"t":1}'))
    assert read_snapshot(worker) == Snapshot(T + 20, b'{"t":2}')
    assert read_last_tick(worker) == T + 20


class TestTakingOver:
    def test_publishes_again_what_was_written_behind_the_last_state_and_keeps_what_is_open(self, worker: Store) -> None:
        progress(worker, T + 60)
        before = Machine()
        before.t = T - 20
        write_snapshot(worker, Snapshot(T - 20, before.snapshot()))
        write_changes(worker, [OPENED])
        detector = AlertDetector(worker, VISITS)
        assert detector.take_over() == [OPENED]
        assert detector.active() == {"drop": 1}
        assert detector.due()[0] == [T + 20, T + 40, T + 60]

    def test_has_nothing_to_publish_where_the_state_was_kept(self, worker: Store) -> None:
        progress(worker, T)
        write_changes(worker, [OPENED])
        open_alert = Machine.rebuild([OPENED])
        write_snapshot(worker, Snapshot(T, open_alert.snapshot()))
        detector = AlertDetector(worker, VISITS)
        assert detector.take_over() == []
        assert detector.active() == {"drop": 1}
        assert detector.due()[0] == []

    def test_begins_with_the_newest_tick_where_nobody_has_watched_before(self, worker: Store) -> None:
        detector = AlertDetector(worker, VISITS)
        assert detector.take_over() == []
        assert detector.due() == ([], Watermark(0, 0.0, 0.0))
        progress(worker, T)
        assert (detector.due()[0], detector.skipped) == ([T], 0)

    def test_a_state_of_an_instant_that_has_not_come_yet_does_not_stop_the_watch(self, worker: Store) -> None:
        progress(worker, T)
        write_snapshot(worker, Snapshot(T + 3600, Machine().snapshot()))
        write_changes(worker, [replace(OPENED, opened_at=T + 3000, changed_at=T + 3000)])
        detector = AlertDetector(worker, VISITS)
        assert detector.take_over() == []
        ((t,), mark) = detector.due()
        assert t == T
        detector.judge(t, mark)
        assert detector.keep()

    def test_a_worker_that_is_behind_the_other_keeps_nothing(self, worker: Store) -> None:
        progress(worker, T)
        slow, fast = AlertDetector(worker, VISITS), AlertDetector(worker, VISITS)
        for detector in (slow, fast):
            detector.take_over()
        (_, mark) = slow.due()
        assert slow.judge(T, mark) == []
        assert fast.judge(T, mark) == []
        assert fast.keep()
        fast.judge(T + 20, mark)
        assert fast.keep()
        assert not slow.keep()
        assert read_snapshot(worker).tick == T + 20  # type: ignore[union-attr]


def test_far_behind_only_the_newest_tick_is_judged_and_the_others_are_told_to_be_skipped(worker: Store) -> None:
    progress(worker, T)
    detector = AlertDetector(worker, VISITS)
    detector.take_over()
    detector.judge(*(detector.due()[0][0], detector.due()[1]))
    progress(worker, T + 120)
    assert (len(detector.due()[0]), detector.skipped) == (6, 0)
    progress(worker, T + 140)
    assert (detector.due()[0], detector.skipped) == ([T + 140], 6)
