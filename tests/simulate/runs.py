"""Runs of the simulator that several tests look at, decoded once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from pipeline.simulate.scenario import scenario
from pipeline.simulate.traffic import Slice, Traffic
from schemas import reference

PREFIXES = frozenset(territory.uai_prefix for territory in reference.territories())
HALF_PAST_SEVEN_IN_PARIS = datetime(2026, 9, 1, 5, 30, tzinfo=UTC)


@dataclass(frozen=True)
class Arrival:
    """One record, when it arrived (the end of its second), and what is in it: None when it is no JSON object."""

    second: int
    value: bytes
    event: dict[str, Any] | None

    @property
    def age_s(self) -> float:
        """Seconds from the event's time to the end of its second of arrival."""
        assert self.event is not None
        written = self.event["event_time"]
        instant = written / 1000 if isinstance(written, int) else datetime.fromisoformat(written).timestamp()
        return HALF_PAST_SEVEN_IN_PARIS.timestamp() + self.second + 1 - instant


@cache
def slices(duration_s: float, rate: float, seed: int = 7) -> tuple[Slice, ...]:
    return tuple(Traffic(scenario("rentree-2026"), HALF_PAST_SEVEN_IN_PARIS, duration_s, rate, seed))


@cache
def arrivals(duration_s: float, rate: float, seed: int = 7) -> tuple[Arrival, ...]:
    return tuple(
        Arrival(part.second, value, decoded(value)) for part in slices(duration_s, rate, seed) for value in part.records
    )


@cache
def good(duration_s: float, rate: float, seed: int = 7) -> tuple[Arrival, ...]:
    """The arrivals that are first copies and have the form of the contract."""
    seen: set[str] = set()
    kept = []
    for arrival in arrivals(duration_s, rate, seed):
        if arrival.event is None or not _has_the_form(arrival):
            continue
        if arrival.event["event_id"] not in seen:
            seen.add(arrival.event["event_id"])
            kept.append(arrival)
    return tuple(kept)


def decoded(value: bytes) -> dict[str, Any] | None:
    """The JSON object in a record, if there is one."""
    try:
        event = json.loads(value)
    except ValueError:
        return None
    return event if isinstance(event, dict) else None


def _is_a_school(uai: str) -> bool:
    letters = "ABCDEFGHJKLMNPRSTUVWXYZ"
    if len(uai) != 8 or uai[:3] not in PREFIXES:
        return False
    return letters[int(uai[:7]) % 23] == uai[7].upper()


def _has_the_form(arrival: Arrival) -> bool:
    event = arrival.event
    assert event is not None
    texts = ("event_id", "visit_id", "visitor_id", "uai", "service", "profil", "page")
    if any(not isinstance(event.get(name), str) for name in texts) or not event["event_id"]:
        return False
    if len(event["visitor_id"]) > 64 or not _is_a_school(event["uai"]) or len(arrival.value) > 16_384:
        return False
    try:
        return -1.0 <= arrival.age_s <= 3_600
    except (TypeError, ValueError, KeyError):
        return False
