"""Records of `ent.alerts.v1`: what goes in comes out, and names are the same on every worker."""

from __future__ import annotations

import json

import pytest

from pipeline.alerts.change import Change, Neighbour, alert_id

CHANGE = Change(
    alert_id="7f3a", revision=2, state="updated", direction="drop", kind="academie_famille", key="Lyon · vie_scolaire",
    opened_at=1_788_243_360, since=1_788_243_240, changed_at=1_788_243_660, closed_at=None, observed=412.0,
    expected=1050.0, low=930.0, high=1170.0, window_seconds=300, data_age_seconds=2.5,
    neighbours=(Neighbour("national", "", 90_000.0, 91_000.0),),
    scope=(("plateforme", "Skolengo"), ("exploitant", "Kosmos")), sentence="Vie scolaire, académie de Lyon : …",
)  # fmt: skip


def test_a_record_is_read_as_it_was_written() -> None:
    assert Change.from_json(CHANGE.to_json()) == CHANGE


def test_a_record_is_one_json_object_in_plain_utf8() -> None:
    record = CHANGE.to_json()
    assert "académie de Lyon".encode() in record
    found = json.loads(record)
    assert found["scope"] == [["plateforme", "Skolengo"], ["exploitant", "Kosmos"]]
    assert found["neighbours"] == [{"kind": "national", "key": "", "observed": 90_000.0, "expected": 91_000.0}]


def test_fields_of_a_later_version_are_ignored() -> None:
    later = json.loads(CHANGE.to_json()) | {"mood": "calm"}
    assert Change.from_json(json.dumps(later).encode()) == CHANGE


@pytest.mark.parametrize("record", [b"[]", b"{}", b"3", b"\xff", b'{"neighbours": 3}', b"not json"])
def test_what_is_no_change_is_refused(record: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        Change.from_json(record)


def test_an_alert_has_one_name_made_of_what_it_is_about() -> None:
    assert alert_id("academie", "Lyon", "drop", 1_788_243_360) == "6e10b42222630b16"
    assert alert_id("academie", "Lyon", "drop", 1_788_243_380) != alert_id("academie", "Lyon", "drop", 1_788_243_360)
    assert alert_id("a", "bc", "drop", 0) != alert_id("ab", "c", "drop", 0)
