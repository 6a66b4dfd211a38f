"""Whatever happens to a store, every view shows what was sent, once; and the checks notice when it does not."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime

import pytest

from pipeline.store import migrate
from pipeline.store.client import Store
from tests.store.history import History
from tests.support.gateway import GatewayHandle

Migrate = Callable[..., Store]


@pytest.mark.parametrize("seed", [1, 2])
def test_every_view_shows_what_was_sent_whatever_happened(gateway: GatewayHandle, migrated: Migrate, seed: int) -> None:
    admin = migrated()
    with closing(History(gateway.url("writer"), seed, datetime.now(UTC))) as history:
        history.run(admin, steps=4)
    assert history.checks > 35
    assert history.differences == []


def test_the_story_of_the_mutants_is_told_right_without_them(gateway: GatewayHandle, migrated: Migrate) -> None:
    admin = migrated()
    with closing(History(gateway.url("writer"), 1, datetime.now(UTC))) as history:
        assert [history.differences for _ in history.tell(admin)] == [[], [], [], [], [], []]


MUTANTS = {
    "minutes are sealed from cells without FINAL": ("ent.cells FINAL", "ent.cells"),
    "hits of unmerged rows are added up": (
        "uniqExactArray(arrayMap(event -> bitXor(event, cell), hits))",
        "sum(length(hits))",
    ),
    "the last sealed row wins, not the one with the most hits": ("ReplacingMergeTree(hits)", "ReplacingMergeTree"),
    "a sealed span is never dirty again": (
        "max(touched) >= max(sealed) AS dirty",
        "max(sealed) = toDateTime64(0, 6, 'UTC') AS dirty",
    ),
    "tens are read though a minute of theirs is dirty": (
        "groupUniqArrayIf(toStartOfTenMinutes(start), tier = 'minute' AND stale)",
        "groupUniqArrayIf(toStartOfTenMinutes(start), tier = 'minute' AND stale AND 0)",
    ),
    "cells of a closed day are read": ("toDate(start) NOT IN (SELECT day FROM ent.closed) AS open", "1 AS open"),
    "a seal is dated after the cells were read": (
        "fromUnixTimestamp64Micro(toInt64(%(clock)s), 'UTC')",
        "now64(6, 'UTC')",
    ),
    "an hour's integers are written once and never again": (
        "WHERE start IN (SELECT toDateTime(arrayJoin(%(starts)s), 'UTC'))",
        "WHERE start NOT IN (SELECT start FROM ent.counts_hour)",
    ),
    "a day's integers are written once and never again": (
        "WHERE toDate(start) IN (SELECT toDate(toDateTime(arrayJoin(%(starts)s), 'UTC')))",
        "WHERE toDate(start) NOT IN (SELECT day FROM ent.counts_day)",
    ),
    "an hour is read from its integers though a minute of it is dirty": (
        "groupUniqArrayIf(toStartOfHour(start), tier < 'hour' AND dirty)",
        "groupUniqArrayIf(toStartOfHour(start), tier < 'hour' AND dirty AND 0)",
    ),
    "a day is read from its integers though a minute of it is dirty": (
        "groupUniqArrayIf(toDate(start), tier < 'day' AND dirty)",
        "groupUniqArrayIf(toDate(start), tier < 'day' AND dirty AND 0)",
    ),
    "an hour that is sealed again leaves its day as it was": (
        "toStartOfInterval(toDateTime(arrayJoin(%(starts)s), 'UTC'), toIntervalSecond(%(seconds)s))",
        "toStartOfInterval(toDateTime(arrayJoin(%(starts)s), 'UTC'), toIntervalSecond(%(seconds)s))"
        " WHERE %(tier)s != 'day' OR (SELECT count() FROM ent.marks WHERE tier = 'day') = 0",
    ),
    "hours of a day that is open are read beside its integers": (
        "arrayFilter(h -> NOT has(days, toDate(h)), sealed_hours)",
        "sealed_hours",
    ),
}
"""What is done wrong: (text of a statement, what stands there instead)."""


@pytest.mark.parametrize("mutant", MUTANTS)
def test_the_oracle_notices_that(gateway: GatewayHandle, migrated: Migrate, mutant: str) -> None:
    right, wrong = MUTANTS[mutant]
    changed = [
        dataclasses.replace(m, statements=tuple(s.replace(right, wrong) for s in m.statements))
        for m in migrate.shipped()
    ]
    for seed in (1, 2, 3):
        admin = migrated(changed)
        url = gateway.url("writer")
        with closing(History(url, seed, datetime.now(UTC), lambda sql: sql.replace(right, wrong))) as history:
            for _ in history.tell(admin):
                if history.differences:
                    return
    pytest.fail(f"nobody notices that {mutant}")
