"""Growth between two periods: what was measured, which days may be compared, how sure the figure is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from math import sqrt
from statistics import median
from typing import NamedTuple

from pipeline.reports.day_classes import DayClasses
from pipeline.reports.labels import TERRITORIES, known_keys, label, zone
from pipeline.reports.scope import Scope

SENDERS = (*TERRITORIES, "projet", "plateforme", "exploitant")
"""Kinds whose keys send: without a single event nobody knows whether they were measured. Of the other kinds (service,
famille, domaine, profil) a key without events among measured schools is a zero."""

_FAINT = 20
_ENOUGH_DAYS = 3
"""A day is called faint at under a twentieth of its class's median, where the class has three days or more (ours)."""


class State(Enum):
    """Why a figure is what it is; three absences that are never one."""

    MEASURED = "mesuré"
    ZERO = "zéro"
    """Measured, open, and nothing."""
    NOT_OPEN = "pas ouvert"
    """Nothing, and every measured day is a school or public holiday of the key's zone."""
    NOT_MEASURED = "non mesuré"
    """No day was measured at all, or none of the key's events was ever seen in the period's days."""


class Counts(NamedTuple):
    """Figures of one key on one day (or on the asked part of it)."""

    hits: int
    visits: int
    visitors: int


Series = Mapping[date, Counts]
"""Days on which a key was seen, also with zeros in the asked hours."""


class Growth(NamedTuple):
    """One comparison. Values are sums over the days, or means a day where `Report.per_day`."""

    period: float
    reference: float
    percent: float | None
    """None where the reference is zero: growth from nothing has no percentage."""
    error: float | None
    """Two standard deviations of `percent`, in points, of counts that are Poisson."""

    @property
    def difference(self) -> float:
        """Period less reference."""
        return self.period - self.reference

    @property
    def is_new(self) -> bool:
        """Something where there was nothing."""
        return self.reference == 0 < self.period


class Schools(NamedTuple):
    """Who was measured in the two periods: numbers of schools."""

    both: int
    entered: int
    """Measured in the period, not in the reference."""
    left: int
    is_hidden: bool
    """Like-for-like figures would show a few small schools by themselves."""

    @property
    def changed(self) -> bool:
        """Whether any school entered or left."""
        return bool(self.entered or self.left)


@dataclass(frozen=True)
class Perimeter:
    """Schools by key, and what those measured in both periods counted."""

    schools: Mapping[str, Schools]
    like_for_like: Mapping[str, Series]
    """Key → day → counts of the schools measured in both periods; nothing where hidden."""
    days: frozenset[date]
    """Days whose schools are known: those that are closed."""
    national: bool
    """The schools of every key are those of the key '' (services, profils: a school is not in or out of one)."""

    def of(self, key: str) -> Schools | None:
        """The schools behind a key's figures."""
        return self.schools.get("" if self.national else key)


@dataclass(frozen=True)
class Row:
    """One key of the report."""

    key: str
    label: str
    period_state: State
    reference_state: State
    period: float | None
    """None unless measured or zero."""
    reference: float | None
    raw: Growth | None
    """All measured days; None where a side has no figure."""
    comparable: Growth | None
    """Days of classes that both sides have, at the period's mix; None too where there are none."""
    like_for_like: Growth | None
    """Schools measured in both periods only, by comparable days where the report is."""
    schools: Schools | None
    silent_days: tuple[date, ...]
    """School days of the period, measured, on which the key that sends had not one event."""


@dataclass(frozen=True)
class Report:
    """The answer."""

    scope: Scope
    by: str
    measure: str
    comparable: bool
    """Whether comparable days were asked."""
    per_day: bool
    """Values are means a day: both sides are measured, on different numbers of days; or the measure asks for it."""
    scale: int
    total: Row
    rows: tuple[Row, ...]
    """Most visited first; empty where the report is of the total."""
    period_days: tuple[date, ...]
    """Measured days."""
    reference_days: tuple[date, ...]
    period_mix: Mapping[str, int]
    """Classes of the measured days, seen from the whole country."""
    reference_mix: Mapping[str, int]
    classes: Mapping[date, str]
    """Class of each measured day, seen from the whole country."""
    unmeasured: tuple[str, ...]
    """Territories without an event on either side."""
    days: Mapping[str, Sequence[tuple[date, float | None]]] = field(default_factory=dict)
    """`period`, `reference` → the total of each day; None where not measured."""
    clock: Mapping[str, Mapping[int, float]] | None = None
    """The same by hour of Paris, where both sides are a single day."""

    @property
    def shows_comparable(self) -> bool:
        """Whether comparable days were asked, and give another growth than all days for any key."""
        return self.comparable and any(row.comparable != row.raw for row in (*self.rows, self.total))

    def missing(self, side: str) -> tuple[date, ...]:
        """Days of a side without any measure."""
        return tuple(day for day, value in self.days[side] if value is None)

    def faint(self, side: str) -> tuple[date, ...]:
        """Measured days under a twentieth of the median of their class: nearly nobody sent, or clocks were wrong."""
        groups: dict[str, list[tuple[date, float]]] = {}
        for day, value in self.days[side]:
            if value is not None:
                groups.setdefault(self.classes[day], []).append((day, value))
        return tuple(
            day
            for found in groups.values()
            if len(found) >= _ENOUGH_DAYS
            for day, value in found
            if value * _FAINT < median(other for _, other in found)
        )

    @property
    def left_out(self) -> Mapping[str, int]:
        """Classes of days that only one side has, with how many; none where a side has no day at all."""
        if not self.period_mix or not self.reference_mix:
            return {}
        both = self.period_mix.keys() & self.reference_mix.keys()
        days = Counter(self.period_mix) + Counter(self.reference_mix)
        return {name: count for name, count in days.items() if name not in both}


def compare(
    scope: Scope,
    by: str,
    measure: str,
    counts: Mapping[str, Mapping[str, Series]],
    classes: DayClasses,
    *,
    comparable: bool = True,
    perimeter: Mapping[str, Perimeter] | None = None,
    clock: Mapping[str, Mapping[int, Counts]] | None = None,
    scale: int = 1,
) -> Report:
    """Compare two periods.

    Args:
        scope: the periods, settled.
        by: kind of the rows, a key of `labels.KINDS`.
        measure: visits, hits or visitors-per-day.
        counts: kind (`total`, and `by`) → key → day → counts. A day is measured if the total has it.
        classes: which days may be held against which.
        comparable: also compare by classes of days.
        perimeter: kind → schools, where known.
        clock: side → hour of Paris → counts of the total, where both sides are a single day.
        scale: what one counted visit stands for, where traffic was counted at a stated scale.
    """
    total = counts.get("total", {}).get("", {})
    sides = tuple(tuple(day for day in side.days if day in total) for side in (scope.period, scope.reference))
    per_day = measure == "visitors-per-day" or (all(sides) and len(sides[0]) != len(sides[1]))
    pick = _picker(measure)

    def row(kind: str, key: str, series: Series) -> Row:
        area = zone(kind, key)

        def aligned_growth(of: Series, days: Sequence[Sequence[date]]) -> Growth | None:
            return _comparable(of, days, pick, per_day, lambda day: classes.of(day, area))

        states = [_state(kind, series, days, pick, classes.is_closed(days, area)) for days in sides]
        shown = [s in (State.MEASURED, State.ZERO) for s in states]
        raw = _raw(series, sides, pick, per_day)
        aligned = aligned_growth(series, sides) if comparable else None
        schools = (perimeter or {}).get(kind)
        same = schools.like_for_like.get(key) if schools and measure != "visitors-per-day" else None
        like = None
        if schools is not None and same is not None and all(shown):
            # Days whose schools are not known yet are no zeros: means of the others.
            known = [[day for day in days if day in schools.days] for days in sides]
            like = aligned_growth(same, known) if comparable else _raw(same, known, pick, per_day=True)
        return Row(
            key, label(kind, key), states[0], states[1],
            raw.period * scale if shown[0] else None, raw.reference * scale if shown[1] else None,
            _scaled(raw, scale) if all(shown) else None,
            _scaled(aligned, scale) if all(shown) else None,
            _scaled(like, scale), schools.of(key) if schools else None,
            _silent(kind, series, sides[0], classes, area) if states[0] is State.MEASURED else (),
        )  # fmt: skip

    national = {day: classes.of(day, None) for days in sides for day in days}
    rows = [row(by, key, series) for key, series in counts.get(by, {}).items()] if by != "total" else []
    rows.sort(key=lambda r: (-(r.period or 0), -(r.reference or 0), r.label))
    seen = counts.get(by, {}).keys()
    return Report(
        scope, by, measure, comparable, per_day, scale, row("total", "", total), tuple(rows), sides[0], sides[1],
        Counter(national[day] for day in sides[0]),
        Counter(national[day] for day in sides[1]),
        national,
        tuple(sorted(label(by, key) for key in known_keys(by) - seen)),
        {
            name: [(day, pick(total[day])[0] * scale if day in total else None) for day in side.days]
            for name, side in (("period", scope.period), ("reference", scope.reference))
        },
        None if clock is None else {
            side: {hour: pick(found)[0] * scale for hour, found in hours.items()} for side, hours in clock.items()
        },
    )  # fmt: skip


Pick = Callable[[Counts], tuple[int, int]]
"""Counts → (the measure, how many independent things it rests on)."""


def _picker(measure: str) -> Pick:
    """Pages of one visit come together: the chance in them is that of the visits."""
    if measure == "hits":
        return lambda counts: (counts.hits, counts.visits)
    if measure == "visitors-per-day":
        return lambda counts: (counts.visitors, counts.visitors)
    return lambda counts: (counts.visits, counts.visits)


def _sum(series: Series, days: Iterable[date], pick: Pick) -> tuple[float, float]:
    """Sum of the measure over days, and its variance as a Poisson count."""
    found = [pick(series[day]) for day in days if day in series]
    value, things = sum(v for v, _ in found), sum(n for _, n in found)
    return float(value), value * value / things if things else 0.0


def _raw(series: Series, sides: Sequence[Sequence[date]], pick: Pick, per_day: bool) -> Growth:
    (period, noise), (reference, other) = (_sum(series, days, pick) for days in sides)
    by_period, by_reference = (max(len(days), 1) if per_day else 1 for days in sides)
    return _growth(period / by_period, noise / by_period**2, reference / by_reference, other / by_reference**2)


def _comparable(
    series: Series, sides: Sequence[Sequence[date]], pick: Pick, per_day: bool, class_of: Callable[[date], str]
) -> Growth | None:
    """Means by class of day, weighted by the period's mix; None where the sides share no class."""
    period_days, reference_days = _by_class(sides[0], class_of), _by_class(sides[1], class_of)
    sums = [0.0, 0.0, 0.0, 0.0]
    days = 0
    for name in period_days.keys() & reference_days.keys():
        weight = len(period_days[name]) / len(reference_days[name])
        value, noise = _sum(series, period_days[name], pick)
        other, other_noise = _sum(series, reference_days[name], pick)
        for at, part in enumerate((value, noise, other * weight, other_noise * weight**2)):
            sums[at] += part
        days += len(period_days[name])
    if not days:
        return None
    by = days if per_day else 1
    return _growth(sums[0] / by, sums[1] / by**2, sums[2] / by, sums[3] / by**2)


def _by_class(days: Iterable[date], class_of: Callable[[date], str]) -> dict[str, list[date]]:
    found: dict[str, list[date]] = {}
    for day in days:
        found.setdefault(class_of(day), []).append(day)
    return found


def _growth(period: float, noise: float, reference: float, other_noise: float) -> Growth:
    if not reference:
        return Growth(period, reference, None, None)
    ratio = period / reference
    # Of a ratio of two independent counts. Of a period of zero it would say nothing.
    spread = sqrt(noise + ratio**2 * other_noise) / reference
    return Growth(period, reference, 100 * (ratio - 1), 200 * spread if period else None)


def _scaled(growth: Growth | None, scale: int) -> Growth | None:
    """Values at full scale; the error stays that of what was counted."""
    if growth is None or scale == 1:
        return growth
    return growth._replace(period=growth.period * scale, reference=growth.reference * scale)


def _state(kind: str, series: Series, days: Sequence[date], pick: Pick, closed: bool) -> State:
    if not days:
        return State.NOT_MEASURED
    if any(pick(series[day])[0] for day in days if day in series):
        return State.MEASURED
    if closed:
        return State.NOT_OPEN
    if kind in SENDERS and not any(day in series for day in days):
        return State.NOT_MEASURED
    return State.ZERO


def _silent(kind: str, series: Series, days: Sequence[date], classes: DayClasses, area: str | None) -> tuple[date, ...]:
    if kind not in SENDERS or not classes.knows(days, area):
        return ()
    return tuple(day for day in days if day not in series and classes.of(day, area).startswith("ecole"))
