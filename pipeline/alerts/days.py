"""Which past days a day is held against, leaf by leaf: its own calendar, its own clock; and how they are averaged.

The rule of a reference, which the store follows (per leaf and minute of the local day):

1. take `comparable(...)`: the last 8 days of the same class, or 6 weeks back for Wednesdays, Saturdays and Sundays;
   where no calendar is known, of these the days that its schools were open, by their pages;
2. smooth each day over `smoothing(level)` minutes, centred: the smaller the leaf, the longer; within these minutes it
   goes as its whole académie goes, so that bells and steep mornings are not smoothed away;
3. scale each by `growth(...)`: how the leaf's share of its zone has moved since, so that a service on the rise is
   not a spike each morning; over the days of `week(...)`, for in the holidays shares are others;
4. take what is `usual(...)` of the days' values, minute by minute: past outages are in those days too.

A day on which the pipeline measured nothing is no comparable day; a leaf without a row on a measured day had 0.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.alerts.sample import ALONE, Floats
from schemas import reference

LOOKBACK_DAYS = 45
"""How far back comparable days are sought: six Wednesdays, and less than a term."""
ENOUGH = 3
"""Comparable days from which on a reference's level is trusted; with fewer, a leaf is learning."""
LIKE_DAYS = 8
"""Days of one class that make a reference."""
WEEKLY = ("mercredi", "samedi", "dimanche")
"""Classes that come once a week: six of them lie in `LOOKBACK_DAYS`."""
OPEN_SHARE = 0.5
"""Of the pages of its busier days: from which on a day of an académie without a known calendar was no holiday."""
RENTREE_DAYS = 5
"""School days after the summer that are like no other: timetables are handed out, families connect again."""
GROWTH_DAYS = 7
"""Length of the two weeks that `growth` compares: the one before today and the one up to the past day."""
GROWTH_PRIOR = 500.0
"""Hits added to both weeks of a leaf before they are compared, so that tiny leaves do not jump."""
GROWTH_CLIP = (0.2, 6.0)
"""What 4 % a day make of six weeks; past days of unlike levels, and one outage among them would bend the reference."""
NEAR = (0.6, 1.6)
"""Times the upper median of a minute: between them a past day's value is an ordinary one."""
_ZONES = ("A", "B", "C")
_BY_WEEKDAY = ("ecole", "ecole", "mercredi", "ecole", "ecole", "samedi", "dimanche")

# Clocks of the territories that do not live by the time of Paris (IANA names).
CLOCKS: dict[str, str] = {
    "Guadeloupe": "America/Martinique",
    "Guyane": "America/Cayenne",
    "La Réunion": "Indian/Reunion",
    "Martinique": "America/Martinique",
    "Mayotte": "Indian/Mayotte",
    "Nouvelle-Calédonie": "Pacific/Noumea",
    "Polynésie française": "Pacific/Tahiti",
    "Saint-Pierre-et-Miquelon": "America/Miquelon",
    "Wallis-et-Futuna": "Pacific/Wallis",
}
PARIS = "Europe/Paris"


def clock(academie: str) -> str:
    """IANA name of the académie's time zone."""
    return CLOCKS.get(academie, PARIS)


def utc_offset(academie: str, t: int) -> int:
    """Seconds that the académie's local time is ahead of UTC at an instant (seconds since 1970)."""
    ahead = datetime.fromtimestamp(t, UTC).astimezone(ZoneInfo(clock(academie))).utcoffset()
    return 0 if ahead is None else int(ahead.total_seconds())


def local_day(academie: str, t: int) -> date:
    """The day it is in the académie at an instant (seconds since 1970)."""
    return datetime.fromtimestamp(t, UTC).astimezone(ZoneInfo(clock(academie))).date()


@cache
def _zones() -> dict[str, str]:
    return {row.academie_name: row.zone for row in reference.territories()}


def school_zone(academie: str) -> str:
    """A, B or C; the académie itself where it has no zone of the mainland."""
    zone = _zones().get(academie, "")
    return zone if zone in _ZONES else academie


class Calendar:
    """What kind of day it is where.

    Args:
        rows: (day, zone, kind) of `bi.calendar`, zones A, B and C. Where it says nothing (Corse, overseas, days
            beyond it) a day is known by its weekday and the public holidays of the mainland only.
    """

    def __init__(self, rows: Iterable[tuple[date, str, str]]) -> None:
        self._kinds = {(day, zone): kind for day, zone, kind in rows}

    @staticmethod
    def knows(academie: str) -> bool:
        """Whether the académie's holidays are known: those of Corse and overseas are not."""
        return _zones().get(academie, "") in _ZONES

    def day_class(self, day: date, academie: str) -> str:
        """ecole, mercredi, samedi, dimanche, ferie, vacances (Monday to Friday), vacances-we (Saturday, Sunday)."""
        kind = self._kinds.get((day, _zones().get(academie, "")))
        if kind is None:
            public = any(self._kinds.get((day, zone)) == "ferie" for zone in _ZONES)
            return "ferie" if public else _BY_WEEKDAY[day.weekday()]
        return "vacances-we" if kind == "vacances" and day.weekday() >= 5 else kind

    def rentree_rank(self, day: date, academie: str) -> int:
        """1 on the first school day after the summer, 2 on the next, up to `RENTREE_DAYS`; 0 on all other days.

        The summer is the only holiday of over 40 days. Always 0 where no calendar is known.
        """
        zone = _zones().get(academie, "")
        if self._kinds.get((day, zone)) not in ("ecole", "mercredi"):
            return 0
        rank, away, other = 1, 0, day
        for _ in range(60):
            other -= timedelta(days=1)
            kind = self._kinds.get((other, zone))
            if kind == "vacances":
                away += 1
            elif kind is None:
                return 0
            elif kind in ("ecole", "mercredi"):
                if away:
                    return rank if away >= 40 else 0
                rank += 1
                if rank > RENTREE_DAYS:
                    return 0
        return rank if away >= 40 else 0

    def is_rentree(self, day: date) -> bool:
        """Whether the mainland is in its first school days after the summer: `Sample.learning`."""
        return any(self.rentree_rank(day, academie) for academie in ("Lyon", "Lille", "Paris"))

    def groups(self, day: date) -> dict[str, int]:
        """Peers of a day: the number of each known académie; those whose calendar is known share one by class.

        `ALONE` for Corse and overseas: they have no peers of the same clock and calendar.
        """
        classes = {zone: self._kinds.get((day, zone), "") for zone in _ZONES}
        numbers = {name: number for number, name in enumerate(sorted(set(classes.values())))}
        return {name: numbers[classes[zone]] if zone in classes else ALONE for name, zone in _zones().items()}


def comparable(
    calendar: Calendar, day: date, academie: str, measured: Collection[date], pages: Mapping[date, float]
) -> list[date]:
    """The past days that the leaves of an académie are held against, newest first.

    On the first school days after the summer that is the same school day of the year before, if it was measured: one
    day, fewer than `ENOUGH`, so it tells the shape of the day only. No reference holds a rentrée otherwise.

    Args:
        calendar: Of all the days concerned.
        day: The local day that is to be judged.
        academie: Whose calendar counts.
        measured: Local days on which the pipeline counted from end to end.
        pages: Hits of the académie on them, of use where its holidays are not known.
    """
    rank = calendar.rentree_rank(day, academie)
    if rank:
        around = (day.replace(day=1, month=8, year=day.year - 1) + timedelta(days=number) for number in range(60))
        return [other for other in around if other in measured and calendar.rentree_rank(other, academie) == rank][:1]
    like = calendar.day_class(day, academie)
    found = []
    for back in range(1, LOOKBACK_DAYS + 1):
        other = day - timedelta(days=back)
        if (
            other in measured
            and calendar.day_class(other, academie) == like
            and not calendar.rentree_rank(other, academie)
        ):
            found.append(other)
    if found and not calendar.knows(academie):
        level = _usual_pages(found, pages)
        if day.weekday() < 5:  # just after a long holiday, nearly all of these days are of it
            level = max(level, _usual_pages(_working_days(day, measured), pages))
        found = [other for other in found if pages.get(other, 0.0) >= OPEN_SHARE * level]
    return found[: 6 if like in WEEKLY else LIKE_DAYS]


def _usual_pages(of: Sequence[date], pages: Mapping[date, float]) -> float:
    """The upper quartile: what an open day has, where at least a quarter of the days are open."""
    return sorted(pages.get(day, 0.0) for day in of)[3 * len(of) // 4] if of else 0.0


def _working_days(before: date, measured: Collection[date]) -> list[date]:
    """Those measured of the two weeks before a day."""
    weeks = (before - timedelta(days=back) for back in range(1, 15))
    return [day for day in weeks if day.weekday() < 5 and day in measured]


def smoothing(level: ArrayLike) -> NDArray[np.int64]:
    """Minutes of the centred mean that each past day is smoothed by.

    Args:
        level: Hits a minute of leaves around a minute, averaged over 31 minutes; of any shape, which the answer has.
    """
    of = np.asarray(level)
    return np.where(of > 60, 3, np.where(of > 6, 11, 31))


def week(calendar: Calendar, last: date, like: date, academie: str) -> list[date]:
    """The `GROWTH_DAYS` latest days up to `last`, it included, that are of holidays if and only if `like` is.

    No public holidays; fewer where there are no more of them within `LOOKBACK_DAYS`.
    """
    away = calendar.day_class(like, academie).startswith("vacances")
    before = [last - timedelta(days=back) for back in range(LOOKBACK_DAYS)]
    classes = [calendar.day_class(day, academie) for day in before]
    found = [
        day
        for day, kind in zip(before, classes, strict=True)
        if kind != "ferie" and kind.startswith("vacances") == away
    ]
    return found[:GROWTH_DAYS]


def growth(recent: float, recent_zone: float, then: float, then_zone: float) -> float:
    """By what a past day of a leaf is multiplied: its share of its zone now over its share then.

    The zone is A, B or C (an académie without one is its own), so that the holidays of the others move nothing.

    Args:
        recent: Hits of the leaf over the `week` before today.
        recent_zone: Hits of all leaves of its zone over the same days.
        then: Hits of the leaf over the `week` that ends with the past day, it included.
        then_zone: Hits of all leaves of its zone over those.
    """
    if recent_zone <= 0 or then_zone <= 0:
        return 1.0
    prior = GROWTH_PRIOR / max(recent_zone, then_zone)
    ratio = (recent / recent_zone + prior) / (then / then_zone + prior)
    return min(max(ratio, GROWTH_CLIP[0]), GROWTH_CLIP[1])


def usual(values: Floats, axis: int) -> Floats:
    """The mean over comparable days of what is near their upper median, without that axis.

    The weeks behind a reference have several incidents, and nearly all of them are losses: up to half of the days may
    be low. Days that merely differ all count, so that the mean of a small leaf is not a high one.
    """
    ordered = np.sort(values, axis=axis)
    middle = np.take(ordered, [values.shape[axis] // 2], axis=axis)
    near = (ordered >= middle * NEAR[0]) & (ordered <= middle * NEAR[1])
    mean: Floats = np.where(near, ordered, 0).sum(axis=axis) / near.sum(axis=axis)
    return mean
