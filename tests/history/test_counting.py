"""Counting files without a store: what reaches the sink, in which order, and what ends a load."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.columns import Columns
from pipeline.core.position import Position
from pipeline.errors import StoreRefused, UserError
from pipeline.history import counting
from pipeline.history.counting import Counter, FileReport, span_of
from pipeline.history.rejects import RejectsFile
from tests.history.traffic import day_of_events

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAYS = (date(2019, 9, 2), date(2019, 9, 3))


class Recorder:
    """A sink and a guard that keep what they are given, in order."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, date | int]] = []
        self.written: list[Columns] = []
        self.failure: Exception | None = None
        self.stopped = False

    def guard(self, day: date) -> None:
        self.steps.append(("guard", day))

    def write(self, counted: Columns, positions: tuple[Position, ...]) -> None:
        if self.failure:
            raise self.failure
        self.steps.append(("write", len(counted)))
        self.written.append(counted)

    def stop(self) -> None:
        self.stopped = True


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def rejects(tmp_path: Path) -> Iterator[RejectsFile]:
    with RejectsFile(tmp_path / "rejects.ndjson") as file:
        yield file


def lines(events: Iterable[Mapping[str, Any]]) -> io.BytesIO:
    return io.BytesIO(b"".join(json.dumps(event).encode() + b"\n" for event in events))


def test_events_of_a_flush_reach_the_sink_by_day_and_each_day_is_asked_for_once(
    recorder: Recorder, rejects: RejectsFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "FLUSH_EVENTS", 1_000)
    events = [event for pair in zip(*(day_of_events(day, 1_000) for day in DAYS), strict=True) for event in pair]
    report = FileReport()
    with Counter(recorder, rejects, recorder.guard, span_of(NOW)) as counter:
        counter.count(lines(events), "a", report, lambda: None)
    assert (report.lines, report.counted, report.rejected) == (2_000, 2_000, 0)
    guards = [("guard", DAYS[0]), ("write", 500), ("guard", DAYS[1]), ("write", 500)]
    assert recorder.steps == [*guards, ("write", 500), ("write", 500)]
    for place, columns in enumerate(recorder.written):
        keys, ids = columns.take()
        assert keys.shape == columns.schools().shape == (500,)
        assert ids.shape == (500, 3)
        assert set((keys >> 31) // 8_640) == {18_141 + place % 2}  # ten seconds of 1970-01-01 and on: days


def test_more_origins_than_a_flush_can_number_are_all_counted(recorder: Recorder, rejects: RejectsFile) -> None:
    event = day_of_events(DAYS[0], 1)[0]
    report = FileReport()
    with Counter(recorder, rejects, recorder.guard, span_of(NOW)) as counter:
        counter.count(lines(event | {"projet": f"P{n}"} for n in range(66_000)), "a", report, lambda: None)
    assert report.counted == 66_000
    sizes = [len(columns) for columns in recorder.written]
    assert (len(sizes), sum(sizes)) == (2, 66_000)
    for columns in recorder.written:
        keys, _ = columns.take()
        assert len(set((keys & 0xFFFF).tolist())) == len(columns) <= len(columns.origins)


def test_what_the_sink_or_the_guard_raises_ends_the_count(recorder: Recorder, rejects: RejectsFile) -> None:
    recorder.failure = StoreRefused("no")
    with pytest.raises(StoreRefused), Counter(recorder, rejects, recorder.guard, span_of(NOW)) as counter:
        counter.count(lines(day_of_events(DAYS[0], 3)), "a", FileReport(), lambda: None)

    def refuse(day: date) -> None:
        raise UserError(f"not {day}")

    with pytest.raises(UserError, match="not 2019-09-02"), Counter(recorder, rejects, refuse, span_of(NOW)) as counter:
        counter.count(lines(day_of_events(DAYS[0], 3)), "a", FileReport(), lambda: None)


def test_an_error_in_the_middle_of_a_file_writes_nothing_more(recorder: Recorder, rejects: RejectsFile) -> None:
    class Cut(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell():
                raise EOFError("cut")
            return super().read(size)

    cut = Cut(lines(day_of_events(DAYS[0], 3)).getvalue())
    with pytest.raises(EOFError), Counter(recorder, rejects, recorder.guard, span_of(NOW)) as counter:
        counter.count(cut, "a", FileReport(), lambda: None)
    assert recorder.steps == []
    assert recorder.stopped


MICROSECOND = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        (datetime(2019, 9, 2, tzinfo=UTC) - MICROSECOND, "too_old"),
        (datetime(2019, 9, 2, tzinfo=UTC), None),
        (datetime(2019, 9, 4, tzinfo=UTC) - MICROSECOND, None),
        (datetime(2019, 9, 4, tzinfo=UTC), "from_future"),
    ],
)
def test_the_days_of_a_load_begin_and_end_to_the_microsecond(
    recorder: Recorder, rejects: RejectsFile, at: datetime, reason: str | None
) -> None:
    event = day_of_events(DAYS[0], 1)[0] | {"event_time": at.isoformat()}
    with Counter(recorder, rejects, recorder.guard, span_of(NOW, *DAYS)) as counter:
        counter.count(lines([event]), "a", FileReport(), lambda: None)
    assert [found.value for found in rejects.reasons] == ([reason] if reason else [])


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        (datetime(2012, 1, 1, tzinfo=UTC) - MICROSECOND, "too_old"),
        (datetime(2012, 1, 1, tzinfo=UTC), None),
        (NOW + timedelta(minutes=5), None),
        (NOW + timedelta(minutes=5) + MICROSECOND, "from_future"),
    ],
)
def test_without_named_days_all_since_2012_is_taken_and_nothing_of_the_future(
    recorder: Recorder, rejects: RejectsFile, at: datetime, reason: str | None
) -> None:
    event = day_of_events(DAYS[0], 1)[0] | {"event_time": at.isoformat()}
    with Counter(recorder, rejects, recorder.guard, span_of(NOW)) as counter:
        counter.count(lines([event]), "a", FileReport(), lambda: None)
    assert [found.value for found in rejects.reasons] == ([reason] if reason else [])
