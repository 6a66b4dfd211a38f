"""Bad events: each is rejected for the reason it was made for, and everything else is counted."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime

import pytest

from pipeline.simulate.faults import FAULTS, Fault
from tests.core import oracle
from tests.simulate.runs import HALF_PAST_SEVEN_IN_PARIS, arrivals

GOOD = {
    "event_id": "0" * 32,
    "event_time": "2026-09-01T06:30:00.000Z",
    "visit_id": "1" * 32,
    "visitor_id": "2" * 32,
    "uai": "9830002K",
    "service": "NOTES",
    "profil": "ELEVE",
    "page": "relevé",
}
INSTANT = datetime(2026, 9, 1, 6, 30, tzinfo=UTC)
NOW_MS = 1_788_244_200_000
REASONS = {
    "too_large", "not_json", "missing_field", "wrong_type", "bad_uai", "bad_time", "too_old", "from_future",
}  # fmt: skip


def verdict(value: bytes, now_ms: int) -> str:
    judged = oracle.verdict(value, now_ms, now_ms)
    return judged if isinstance(judged, str) else "counted"


@pytest.mark.parametrize("fault", FAULTS, ids=[f"{i}-{fault.reason}" for i, fault in enumerate(FAULTS)])
def test_a_spoilt_event_is_rejected_for_its_reason_and_is_one_line(fault: Fault) -> None:
    assert verdict(json.dumps(GOOD).encode(), NOW_MS) == "counted"
    spoilt = fault.spoil(dict(GOOD), INSTANT)
    assert verdict(spoilt, NOW_MS) == fault.reason
    assert spoilt.strip()
    assert b"\n" not in spoilt
    assert b"\r" not in spoilt


def test_every_reason_that_a_producer_can_cause_has_a_fault() -> None:
    assert {fault.reason for fault in FAULTS} == REASONS


def test_at_most_2_percent_of_a_run_are_bad_and_all_others_are_counted() -> None:
    start_ms = int(HALF_PAST_SEVEN_IN_PARIS.timestamp() * 1000)
    run = arrivals(600, 100)[:12_000]
    outcomes = Counter(verdict(a.value, start_ms + (a.second + 1) * 1000) for a in run)
    bad = sum(n for outcome, n in outcomes.items() if outcome != "counted")
    assert 0.005 < bad / len(run) < 0.02
    assert set(outcomes) >= {"counted", *REASONS} - {"too_large"}
    assert outcomes["too_large"] < 10
