"""`instant-t replay --history`: the days of files are in every view as the oracle counts them, or nothing changes."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipeline.commands.replay import replay
from pipeline.errors import UserError
from pipeline.store.client import Store
from tests.history.traffic import (
    as_kept,
    day_figures,
    day_of_events,
    hour_figures,
    read_figures,
    school_figures,
    write_lines,
)
from tests.store.oracle import KEYS, count

Load = Callable[..., str]

OLD, NEXT = date(2019, 9, 2), date(2019, 9, 3)
TODAY = datetime.now(UTC).date()
YOUNG = TODAY - timedelta(days=10)

TRAFFIC_DAY = "SELECT day, kind, key, hits, visits, visitors FROM bi.traffic_day"
TRAFFIC_HOUR = "SELECT hour, kind, key, hits, visits, visitors FROM bi.traffic_hour"
SCHOOL_HOUR = "SELECT hour, toString(uai), service, profil, hits, visits, visitors FROM bi.school_hour"


def test_days_of_several_files_in_any_order_and_any_number_of_times_are_counted_as_the_oracle_does(
    load: Load, admin: Store, tmp_path: Path
) -> None:
    events = [e for day in (OLD, NEXT, YOUNG) for e in day_of_events(day, 300)]
    random.Random(1).shuffle(events)
    plain = write_lines(tmp_path / "a.ndjson", events[:500] + events[100:200])
    packed = write_lines(tmp_path / "b.ndjson.gz", events[450:800])
    rest = b"".join(json.dumps(event).encode() + b"\n" for event in events[780:])
    said = load(plain, packed, "-", stdin=rest)
    assert f"{plain}: 600 events read, 0 rejected" in said
    assert [line.split(" loaded")[0] for line in said.splitlines()[-3:]] == [
        "2019-09-02: 300 distinct events", "2019-09-03: 300 distinct events", f"{YOUNG}: 300 distinct events",
    ]  # fmt: skip
    assert read_figures(admin, TRAFFIC_DAY) == day_figures(events)
    assert read_figures(admin, TRAFFIC_HOUR) == hour_figures(events)
    assert read_figures(admin, SCHOOL_HOUR) == school_figures(events)
    assert school_figures(events)


def test_a_day_of_the_last_weeks_is_there_for_every_instant_t_an_older_one_for_hours_and_days(
    load: Load, admin: Store, tmp_path: Path
) -> None:
    events = day_of_events(YOUNG, 400)
    load(write_lines(tmp_path / "a.ndjson", events + day_of_events(OLD, 50)))
    at = datetime(YOUNG.year, YOUNG.month, YOUNG.day, 9, 17, tzinfo=UTC)
    window = [e for e in map(as_kept, events) if at.timestamp() - 7200 <= e.second < at.timestamp()]
    for view, key in KEYS.items():
        got = read_figures(admin, f"SELECT * FROM bi.instant_t_{view}(at='{at:%Y-%m-%d %H:%M:%S}', minutes=120)")
        assert got == count(window, key)
    by_minute = {(e.second // 60, e.cell[1:]) for e in map(as_kept, events)}
    assert admin.execute("SELECT count() FROM bi.traffic_minute") == [(len(by_minute),)]
    assert admin.execute("SELECT hits FROM bi.instant_t_total(at='2019-09-02 12:00:00', minutes=600)") == [(0,)]


def test_the_same_files_again_change_nothing(load: Load, admin: Store, tmp_path: Path) -> None:
    events = day_of_events(OLD, 200)
    load(write_lines(tmp_path / "a.ndjson", events))
    before = admin.execute("SELECT * FROM ent.history FINAL"), parts(admin)
    shuffled = events + events[:50]
    random.Random(2).shuffle(shuffled)
    said = load(write_lines(tmp_path / "b.ndjson", shuffled))
    assert said.splitlines()[-1] == "2019-09-02: 200 distinct events, loaded before, unchanged"
    assert (admin.execute("SELECT * FROM ent.history FINAL"), parts(admin)) == before
    load("--replace", tmp_path / "b.ndjson")
    assert read_figures(admin, TRAFFIC_DAY) == day_figures(events)


def test_a_day_from_other_files_is_refused_and_replaced_only_when_asked_as_a_whole(
    load: Load, admin: Store, tmp_path: Path
) -> None:
    first, second = day_of_events(OLD, 200), day_of_events(OLD, 60, seed=1)
    beside = day_of_events(NEXT, 90)
    load(write_lines(tmp_path / "a.ndjson", first))
    before = parts(admin)
    other = write_lines(tmp_path / "b.ndjson", second + beside)
    with pytest.raises(UserError) as caught:
        load(other)
    assert str(caught.value) == (
        "2019-09-02: loaded before, from other events; figures are replaced, never added: give all files of a day at "
        "once, and --replace to put them in its place. Nothing was changed."
    )
    assert parts(admin) == before
    load(other, "--replace")
    assert read_figures(admin, TRAFFIC_DAY) == day_figures(second + beside)
    assert read_figures(admin, SCHOOL_HOUR) == school_figures(second + beside)


@pytest.mark.parametrize("ago", [0, 1])
def test_a_day_that_is_still_counted_live_is_refused_always(load: Load, admin: Store, tmp_path: Path, ago: int) -> None:
    day = TODAY - timedelta(days=ago)
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    event = day_of_events(day, 3)[0] | {"event_time": midnight.isoformat()}
    file = write_lines(tmp_path / "a.ndjson", [*day_of_events(OLD, 20), event])
    with pytest.raises(UserError, match=rf"^{day}: still counted live, until 47 hours after the day's end .* Nothing"):
        load(file, "--replace")
    assert parts(admin) == set()
    load(file, "--days", "2019-09-02")
    assert admin.execute("SELECT day, events FROM ent.history FINAL") == [(OLD, 20)]


def test_a_day_whose_cells_no_worker_has_closed_yet_is_refused(load: Load, admin: Store, tmp_path: Path) -> None:
    admin.execute("INSERT INTO ent.cells (bucket, hits) VALUES", [(datetime(2019, 9, 2, 8, tzinfo=UTC), [1])])
    with pytest.raises(UserError, match=r"2019-09-02: still counted live"):
        load(write_lines(tmp_path / "a.ndjson", day_of_events(OLD, 20)), "--replace")


def test_a_day_with_live_figures_is_replaced_only_when_asked(load: Load, admin: Store, tmp_path: Path) -> None:
    admin.execute(
        "INSERT INTO ent.counts_day (kind, day, key, hits, visits, visitors) VALUES", [("total", OLD, "", 999, 9, 9)]
    )
    file = write_lines(tmp_path / "a.ndjson", day_of_events(OLD, 20))
    with pytest.raises(UserError) as caught:
        load(file)
    assert str(caught.value) == (
        "2019-09-02: holds live figures; give --replace to put the files' in their place (they are replaced, never "
        "added). Nothing was changed."
    )
    load(file, "--replace")
    assert read_figures(admin, TRAFFIC_DAY) == day_figures(day_of_events(OLD, 20))


def test_bad_lines_are_kept_with_their_reason_and_place_and_stop_nothing(
    load: Load, admin: Store, tmp_path: Path
) -> None:
    good = day_of_events(OLD, 30)
    bad = [
        b"no json",
        b"",
        b"  \r",
        b"\xff\xfe",
        json.dumps(good[0] | {"uai": "0750001A"}).encode(),
        json.dumps(good[0] | {"event_time": "2011-12-31T23:59:59Z"}).encode(),
        json.dumps(good[0] | {"event_time": f"{TODAY.year + 1}-01-01T00:00:00Z"}).encode(),
        b'{"event_id": "' + b"x" * 3_000_000 + b'"}',
    ]
    file = write_lines(tmp_path / "a.ndjson", good, bad)
    said = load(file)
    kept = tmp_path / "a.ndjson.rejects.ndjson"
    assert f"{file}: 30 events read, 6 rejected" in said
    assert f"6 rejected lines (bad_uai 1, from_future 1, not_json 2, too_large 1, too_old 1) are in {kept}" in said
    rows = [json.loads(line) for line in kept.read_bytes().splitlines()]
    assert [(row["reason"], row["line"]) for row in rows if row.get("part", 1) == 1] == [
        ("not_json", 1), ("not_json", 4), ("bad_uai", 5), ("too_old", 6), ("from_future", 7), ("too_large", 8),
    ]  # fmt: skip
    whole = [row["value"].encode() if "value" in row else base64.b64decode(row["value_base64"]) for row in rows]
    assert whole[:5] == [bad[0], *bad[3:7]]
    assert b"".join(whole[5:]) == bad[7]
    assert {row["file"] for row in rows} == {str(file)}
    assert rows[3]["error"] == "the event is from before 2012-01-01, where this load begins"
    assert admin.execute("SELECT day, events FROM ent.history FINAL") == [(OLD, 30)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.ndjson", "a.ndjson.rejects.ndjson"]


def test_rejects_go_where_they_are_told_to_and_no_file_is_made_without_any(load: Load, tmp_path: Path) -> None:
    file = write_lines(tmp_path / "a.ndjson", day_of_events(OLD, 5))
    load(file, "--rejects", tmp_path / "none.ndjson")
    assert not (tmp_path / "none.ndjson").exists()
    load(write_lines(file, day_of_events(OLD, 5), [b"{}"]), "--rejects", tmp_path / "bad.ndjson")
    assert json.loads((tmp_path / "bad.ndjson").read_bytes())["reason"] == "missing_field"
    with pytest.raises(UserError, match=r"a\.ndjson is one of the files to load"):
        load(file, "--rejects", file)
    with pytest.raises(UserError, match=r"Cannot write rejected lines to .*gone.*: No such file or directory"):
        load(file, "--rejects", tmp_path / "gone" / "bad.ndjson")


def test_only_the_named_days_are_loaded_the_rest_is_rejected(load: Load, admin: Store, tmp_path: Path) -> None:
    days = [OLD - timedelta(days=1), OLD, NEXT, NEXT + timedelta(days=1)]
    events = {day: day_of_events(day, 40) for day in days}
    file = write_lines(tmp_path / "a.ndjson", [e for day in days for e in events[day]])
    said = load(file, "--days", "2019-09-02/2019-09-04")
    assert "80 events read, 80 rejected" in said
    assert "80 rejected lines (from_future 40, too_old 40)" in said
    assert read_figures(admin, TRAFFIC_DAY) == day_figures(events[OLD] + events[NEXT])


def test_what_cannot_be_loaded_is_one_sentence_and_changes_nothing(load: Load, admin: Store, tmp_path: Path) -> None:
    good = write_lines(tmp_path / "a.ndjson", day_of_events(OLD, 5))
    with pytest.raises(
        UserError, match=r"^Cannot read .*gone\.ndjson: No such file or directory; nothing was changed\.$"
    ):
        load(good, tmp_path / "gone.ndjson")
    cut = tmp_path / "cut.gz"
    whole = write_lines(tmp_path / "whole.gz", day_of_events(OLD, 3_000)).read_bytes()
    cut.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"cut\.gz, after line [\d,]+: Compressed file .*; nothing was changed\.$"):
        load(good, cut)
    with pytest.raises(UserError, match=r"^The files hold no event that can be counted; nothing was changed\.$"):
        load(write_lines(tmp_path / "bad.ndjson", [], [b"{}"]))
    assert parts(admin) == set()
    assert parts(admin, "ent_staging") == set()


@pytest.mark.parametrize("words", [["--days", "2019"], ["--days", "2019-09-02T08:00Z/2019-09-02T09:00Z"]])
def test_days_that_are_none_are_a_wrong_use(words: list[str], tmp_path: Path) -> None:
    file = write_lines(tmp_path / "a.ndjson", [])
    done = CliRunner().invoke(replay, ["--history", *words, str(file)])
    assert done.exit_code == 2
    assert "--days" in done.output


@pytest.mark.parametrize("words", [["--replace"], ["--days", "2019-09-02"], ["--rejects", "x"]])
def test_the_options_of_a_load_go_with_history_only(words: list[str], tmp_path: Path) -> None:
    done = CliRunner().invoke(replay, [*words, str(write_lines(tmp_path / "a.ndjson", []))])
    assert done.exit_code == 2
    assert "--days, --replace and --rejects go with --history" in done.output


def parts(store: Store, database: str = "ent") -> set[tuple[str, str]]:
    """What a database holds of days, by table and part: equal when nothing was written."""
    tables = "('services', 'profils', 'territories', 'calendar', 'migrations')"
    sql = (
        f"SELECT table, partition, toString(sum(rows)) FROM system.parts WHERE database = '{database}' AND active "
        f"AND rows > 0 AND table NOT IN {tables} GROUP BY table, partition"
    )
    return set(store.execute(sql))
