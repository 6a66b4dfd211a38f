"""How much traffic was to be expected, and what it means when there is less or more; pure.

Two kinds of reference. A **comparable day**: what was seen at the same local time. And where there is none, **the last
hour at the slope of the country**: the level of the value itself over [T-65, T-5] minutes, times how the present
compares with that hour for its peers. The peers' ratio is a weighted median, over académies and over platforms: an
outage of six régions, or of the largest platform, must not make the healthy look high. The level is that of the better
minutes, so that an outage of half an hour does not become the usual.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from pipeline.wall.places import Place, places
from pipeline.wall.series import MINUTE, TOTAL, Key, Series

BASE_FROM, BASE_TO = 65 * MINUTE, 5 * MINUTE
"""The hour that stands for the usual, seconds before T."""
SHORT_GAP = 2 * MINUTE
"""While there is no hour yet, the base may come this near to T."""
LONG_BLOCK, SHORT_BLOCK = 5 * MINUTE, MINUTE
"""What the hour is cut into; the short one while there is less than half of it."""
LEVEL_RANK = 0.6
"""Of the blocks, from the lowest: the one that stands for the usual (ours; the median would be a bad hour's outage)."""
BASE_LEAST = 2 * MINUTE
"""A base of less than this judges nothing."""
LARGEST_SHARE = 0.25
"""Of the peers' weight that one platform may have: the largest one has 40 % of the country (ours)."""
LOWEST_SLOPE = 0.5
"""Of the hour before: a country that falls below it within minutes is broken, not calm (ours)."""
JUDGED = 2 * MINUTE
"""A ratio is that of the last minutes even in a long window: an outage has to show while it is young."""
ENOUGH = 20.0
"""Expected hits under which a ratio says nothing."""
NORMAL_FROM, NORMAL_TO = 0.80, 1.25
"""Ratios that need no colour; one beyond them that may be noise is not judged."""
DISPERSION = 4.0
"""Variance of a count by its mean: a visit is some four pages in a row."""
REFERENCE_ERROR = 0.08
"""Of the reference itself, relative (ours, from simulated days)."""
NEWS = 3.0
"""Standard deviations from which a difference is coloured."""
OPENS, CLOSES = 7, 22
"""Hours of local time outside of which no traffic is no news (ours)."""


class State(StrEnum):
    """What a value is coloured by. "Not measured", "not open yet" and "silent" are three states, never one."""

    FALL = "chute"
    LOW = "bas"
    LOWER = "recul"
    NORMAL = "normal"
    HIGHER = "hausse"
    HIGH = "haut"
    PEAK = "pic"
    SILENT = "silence"
    CLOSED = "ferme"
    ABSENT = "absent"
    UNJUDGED = "neutre"


WORDS = {
    State.FALL: "effondrement",
    State.LOW: "très en dessous de l'attendu",
    State.LOWER: "en dessous de l'attendu",
    State.NORMAL: "conforme à l'attendu",
    State.HIGHER: "au-dessus de l'attendu",
    State.HIGH: "très au-dessus de l'attendu",
    State.PEAK: "pic",
    State.SILENT: "silence : du trafic avant, plus rien",
    State.CLOSED: "pas encore ouvert",
    State.ABSENT: "pas mesuré",
    State.UNJUDGED: "trop peu de trafic, ou de recul, pour juger",
}
_STEPS = (
    (0.05, State.SILENT), (0.35, State.FALL), (0.60, State.LOW), (NORMAL_FROM, State.LOWER),
    (NORMAL_TO, State.NORMAL),
    (1.60, State.HIGHER), (2.20, State.HIGH),
)  # fmt: skip


@dataclass(frozen=True)
class Judgement:
    """One value against what was expected."""

    state: State
    ratio: float | None
    """Observed by expected, over the judged minutes; None when nothing was expected."""


class Reference(Protocol):
    """What traffic is compared with."""

    @property
    def words(self) -> str:
        """In French, for the page: `même heure, mardi 25 août 2026`."""

    def rate(self, key: Key, minute: int) -> float | None:
        """Hits expected of `key` in the minute of the present that starts at `minute`, epoch seconds; None: unknown."""


def weighted_median(pairs: Iterable[tuple[float, float]], largest_share: float = 1.0) -> float | None:
    """The value below which half of the weight lies; None without weight.

    Args:
        pairs: (value, weight).
        largest_share: no pair counts for more than this part of all the weight.
    """
    known = sorted((value, weight) for value, weight in pairs if weight > 0)
    most = largest_share * sum(weight for _, weight in known)
    known = [(value, min(weight, most)) for value, weight in known]
    half = sum(weight for _, weight in known) / 2
    passed = 0.0
    for value, weight in known:
        passed += weight
        if passed >= half:
            return value
    return None


@dataclass(frozen=True)
class ByDay:
    """A comparable day, shifted to the present."""

    words: str
    past: Series
    shift: int
    """Seconds between the two instants."""

    def rate(self, key: Key, minute: int) -> float | None:
        """See Reference."""
        return float(self.past.at(key, minute - self.shift))


@dataclass(frozen=True)
class BySlope:
    """The last hour, at the slope of the country."""

    words: str
    series: Series
    start: float
    end: float
    slopes: Mapping[int, float]
    """Minute → how it compares with the base, for the peers, above 0; 1 where nobody can say."""

    _levels: dict[Key, float] = field(default_factory=dict)

    def rate(self, key: Key, minute: int) -> float | None:
        """See Reference."""
        if key not in self._levels:
            self._levels[key] = self._level(key)
        return self._levels[key] * self._slope(key, minute)

    def _level(self, key: Key) -> float:
        """Hits a minute of the usual: what its blocks of minutes reach but for the worse ones, slope taken out."""
        block = LONG_BLOCK if self.end - self.start >= 6 * LONG_BLOCK else SHORT_BLOCK
        levels = []
        for start in range(int(self.start), int(self.end) - block + 1, block):
            slope = sum(self._slope(key, minute) for minute in range(start, start + block, MINUTE))
            levels.append(self.series.over(key, start, start + block) / slope)
        return sorted(levels)[math.ceil(len(levels) * LEVEL_RANK) - 1]

    def _slope(self, key: Key, minute: int) -> float:
        place = places().get(key[1]) if key[0] == "academie" else None
        # Overseas the day has another course: its own hour is all there is to say.
        return 1.0 if place is not None and place.is_overseas else self.slopes.get(minute, 1.0)


def by_slope(series: Series, national: Series, at: float) -> BySlope | None:
    """The reference of what `series` holds, from the hour before `at` (epoch seconds).

    Returns:
        None while there is not even two minutes of traffic to go by.
    """
    first = national.first_minute()
    if first is None:
        return None
    first += MINUTE  # the minute in which traffic began was not a whole one
    for gap in (BASE_TO, SHORT_GAP):
        end = (at - gap) // MINUTE * MINUTE
        start = max(end - (BASE_FROM - BASE_TO), first)
        if end - start >= BASE_LEAST:
            return BySlope("l'heure précédente, à la pente nationale", series, start, end,
                           _slopes(national, start, end, at))  # fmt: skip
    return None


def _slopes(national: Series, start: float, end: float, at: float) -> dict[int, float]:
    length = (end - start) / MINUTE
    groups = []
    for kind, largest in (("academie", 1.0), ("plateforme", LARGEST_SHARE)):
        peers = [
            (key, national.over(key, start, end) / length)
            for key in ((kind, value) for value in national.keys(kind))
            if not (kind == "academie" and (place := places().get(key[1])) is not None and place.is_overseas)
        ]
        groups.append(([(key, base) for key, base in peers if base > 0], largest))
    found: dict[int, float] = {}
    last = int(at) // MINUTE * MINUTE
    for minute in range(last - BASE_FROM - MINUTE, last + MINUTE, MINUTE):
        whole = minute + MINUTE <= national.until
        if not whole:  # the minute that passes is too short to say anything of its own
            found[minute] = found.get(minute - MINUTE, 1.0)
            continue
        medians = [
            weighted_median(((national.at(key, minute) / base, base) for key, base in peers), largest)
            for peers, largest in groups
        ]
        # Outages only pull a median down: the higher one is the one that was hit less.
        known = [median for median in medians if median is not None]
        found[minute] = max(LOWEST_SLOPE, *known) if known and minute >= start else max(known, default=1.0)
    return found


def expected_over(reference: Reference | None, key: Key, start: float, end: float) -> float | None:
    """Hits expected in [start, end), epoch seconds; None when there is nothing to go by."""
    if reference is None:
        return None
    total = 0.0
    for minute in range(int(start) // MINUTE * MINUTE, int(-(-end // 1)), MINUTE):
        rate = reference.rate(key, minute)
        if rate is None:
            return None
        total += rate * max(0.0, min(end, minute + MINUTE) - max(start, minute)) / MINUTE
    return total


def is_news(seen: float, expected: float) -> bool:
    """Whether a difference is more than the noise of such a count: a deviance residual of three or more.

    Pages come in visits (so that counts scatter more than Poisson's) and no reference is right to the last percent.
    """
    log_part = seen * math.log(seen / expected) if seen > 0 else 0.0
    deviance = 2 * (log_part - (seen - expected)) / (DISPERSION + (REFERENCE_ERROR**2) * expected)
    return deviance >= NEWS**2


def judge(
    series: Series,
    reference: Reference | None,
    key: Key,
    at: float,
    window: int,
    *,
    measured: bool,
    is_busy: bool,
    is_open: bool,
) -> Judgement:
    """What the last minutes of a value mean.

    Args:
        series: what was seen.
        reference: what it is compared with; None while there is none.
        key: which value.
        at: end of the window, epoch seconds.
        window: its length, seconds.
        measured: it was seen within the last day.
        is_busy: often enough for a quarter of an hour without a page to mean something.
        is_open: at this hour, traffic is to be expected of it.
    """
    for length in (min(JUDGED, window), window, 15 * MINUTE):
        seen = series.over(key, at - length, at)
        expected = expected_over(reference, key, at - length, at)
        if expected is not None and expected >= ENOUGH:
            ratio = seen / expected
            if not is_news(seen, expected):
                return Judgement(State.NORMAL if NORMAL_FROM <= ratio <= NORMAL_TO else State.UNJUDGED, ratio)
            return Judgement(next((state for limit, state in _STEPS if ratio < limit), State.PEAK), ratio)
    if seen > 0:
        return Judgement(State.UNJUDGED, None)
    if expected is not None and is_news(0, expected):
        return Judgement(State.SILENT, 0.0)
    if not measured:
        return Judgement(State.ABSENT if is_open else State.CLOSED, None)
    if not is_open:
        return Judgement(State.CLOSED, None)
    # Of a place with a page every other hour, nothing can be said.
    return Judgement(State.SILENT if is_busy and not expected else State.UNJUDGED, None)


def is_open(place: Place | None, moment: datetime, closed_zones: Mapping[str, str]) -> bool:
    """Whether traffic is to be expected there: a school day (or at least no Sunday), between 7 and 22 local time.

    Args:
        place: None: the country, by the clock of Paris.
        moment: aware.
        closed_zones: zone A, B or C → why it is closed that day (holidays, public holiday, Sunday).
    """
    local = moment.astimezone(place.clock if place else places()["Paris"].clock)
    if local.isoweekday() == 7 or not OPENS <= local.hour < CLOSES:
        return False
    if place is None:
        return len(closed_zones) < 3
    return place.zone not in closed_zones


def total_ratio(series: Series, reference: Reference | None, at: float, window: int) -> Judgement:
    """The judgement of the whole, which is measured and open by definition."""
    return judge(series, reference, TOTAL, at, window, measured=True, is_busy=True, is_open=True)
