"""Awkward traffic, sent twice in another order over a worker killed with -9, leaves every view right."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime

from tests.acceptance.awkward import events, produce
from tests.acceptance.stack import Stack
from tests.acceptance.views import KEYS, expected, expected_minutes, shown
from tests.core.oracle import Counted, verdict

EVENTS = 12_000


def test_every_view_equals_an_independent_count_and_every_bad_event_is_in_the_rejects(stack: Stack) -> None:
    now_ms = time.time_ns() // 1_000_000
    records = events(seed=20260901, count=EVENTS, now_ms=now_ms)
    verdicts = [(record, verdict(record.value, record.stamp_ms, now_ms)) for record in records]
    counted = [judged for _, judged in verdicts if isinstance(judged, Counted)]
    bad = {(record.value or b"", judged) for record, judged in verdicts if isinstance(judged, str)}
    assert {reason for _, reason in bad} == {
        "too_large", "not_json", "missing_field", "wrong_type", "bad_uai", "bad_time", "too_old", "from_future",
    }  # fmt: skip

    victim = stack.start_worker(INSTANT_T_FLUSH_EVENTS="1000")
    stack.sent = produce(stack.broker.address, records, seed=1)
    while stack.metrics(victim)['ent_events_total{outcome="counted"}'] < EVENTS / 10:
        time.sleep(0.02)
    stack.kill_worker(victim)
    heir = stack.start_worker()
    stack.sent = produce(stack.broker.address, records, seed=2)
    stack.wait_counted()

    store = stack.store()
    try:
        minute = now_ms // 60_000 * 60
        for at, minutes in [(minute + 60, 60), (minute, 15), (minute - 10, 1), (minute - 50, 7), (minute + 20, 41)]:
            for view in KEYS:
                want = expected(counted, view, at - minutes * 60, at)
                assert shown(store, view, datetime.fromtimestamp(at, UTC), minutes) == want, (view, at, minutes)
        per_minute = store.execute("SELECT * REPLACE (toUnixTimestamp(minute) AS minute) FROM bi.traffic_minute")
        assert set(per_minute) == expected_minutes(counted)
        ((newest, arrival, age, lag),) = store.execute("SELECT * FROM bi.freshness")
        assert lag == 0
        assert age < 120
        assert newest <= datetime.now(UTC)
        assert arrival == datetime.fromtimestamp(max(record.stamp_ms for record in records) / 1000, UTC)
    finally:
        store.close()

    letters = stack.rejects()
    assert {(value, headers["reason"]) for headers, value in letters} == bad
    assert all(headers["error"] for headers, _ in letters)
    assert Counter(headers["topic"] for headers, _ in letters).keys() == {"ent.visits.v1"}
    places = {(headers["partition"], headers["offset"]) for headers, _ in letters}
    assert len(places) == 2 * sum(1 for _, judged in verdicts if isinstance(judged, str))

    samples = stack.metrics(heir)
    assert samples["ent_insert_failures_total"] == 0
    assert sum(value for name, value in samples.items() if name.startswith("ent_consumer_lag_records")) == 0
    assert stack.health(heir) == 200
    assert stack.stop_worker(heir) == 0
