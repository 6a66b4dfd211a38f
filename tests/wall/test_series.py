"""Pages minute by minute, cut where a window cuts them."""

from __future__ import annotations

import pytest

from pipeline.wall.series import TOTAL, Series

LYON = ("academie", "Lyon")


def series(until: float, *minutes: int) -> Series:
    """One minute after another from 600 on."""
    rows = [(600 + 60 * n, *LYON, hits) for n, hits in enumerate(minutes)]
    return Series().updated(rows, 600, until, 0)


@pytest.mark.parametrize(
    ("start", "end", "hits"),
    [
        (600, 660, 60),
        (600, 720, 90),
        (630, 660, 30),  # half a minute
        (659, 661, 1.5),
        (540, 660, 60),  # nothing before
        (720, 780, 0),
        (660, 660, 0),
    ],
)
def test_a_minute_that_is_cut_gives_its_part(start: float, end: float, hits: float) -> None:
    assert series(900, 60, 30).over(LYON, start, end) == pytest.approx(hits)


def test_the_minute_that_passes_has_all_it_has() -> None:
    # read at 680: the minute of 660 is 20 s old and its 30 hits fell into them
    assert series(680, 60, 30).over(LYON, 660, 680) == pytest.approx(30)
    assert series(680, 60, 30).over(LYON, 670, 680) == pytest.approx(15)


def test_reading_again_replaces_what_was_read_and_forgets_what_is_old() -> None:
    first = series(720, 60, 30)
    again = first.updated([(660, *LYON, 45)], 660, 780, 660)
    assert again.at(LYON, 660) == 45
    assert again.at(LYON, 600) == 0
    assert first.at(LYON, 600) == 60  # the one that is being drawn stays as it was


def test_a_minute_read_again_as_empty_is_empty() -> None:
    assert series(720, 60, 30).updated([], 660, 780, 0).at(LYON, 660) == 0


def test_a_few_late_events_do_not_begin_a_day() -> None:
    rows = [(600 + 60 * n, *TOTAL, hits) for n, hits in enumerate((1, 0, 100, 120))]
    assert Series().updated(rows, 600, 900, 0).first_minute() == 720
    assert Series().first_minute() is None
