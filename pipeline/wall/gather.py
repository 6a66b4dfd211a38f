"""Collects what a page is made from: the live figures, or a past instant; and what to compare them with."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from pipeline import french
from pipeline.french import PARIS
from pipeline.wall.address import Address
from pipeline.wall.asking import CalendarDay, Counts
from pipeline.wall.expected import ByDay, Reference, by_slope
from pipeline.wall.facts import Facts
from pipeline.wall.past import Past, same_time_on
from pipeline.wall.series import TOTAL, Series
from pipeline.wall.taker import COUNTRY, Focus, Live

AHEAD = 20 * 60
"""Seconds of a day of comparison read ahead, so that a live page goes on without asking."""
NO_SLOPE = "pas encore assez de recul pour juger (quelques minutes suffisent)"


async def live_facts(address: Address, live: Live, past: Past) -> Facts:
    """What the taker knows, for one address.

    Raises:
        StoreUnavailable, StoreRefused: the calendar or the day of comparison could not be read.
    """
    until = live.known_until
    at = datetime.fromtimestamp(until, UTC)
    focus = (address.kind, address.key)
    national = live.series.get(COUNTRY, Series())
    series = live.series.get(focus, Series())
    counts: dict[str, dict[str, Counts]] = {
        kind: rows for (window, kind), rows in live.counts.items() if window == address.window
    }
    references, words, calendar = await _references(address, focus, at, series, national, past)
    return Facts(
        at, until, address.window, series, counts, national, *references, words,
        live.seen, _closed(calendar, at), False, watch=live.watch,
    )  # fmt: skip


async def past_facts(address: Address, past: Past) -> Facts:
    """The same for an instant of the past.

    Raises:
        StoreUnavailable, StoreRefused: it could not be read.
    """
    assert address.at is not None
    at, focus = address.at, (address.kind, address.key)
    instant = await past.instant(at, address.window)
    national = _cut(await past.series(COUNTRY, at), at)
    series = national if focus == COUNTRY else _cut(await past.series(focus, at), at)
    references, words, calendar = await _references(address, focus, at, series, national, past)
    total = instant.counts["total"].get("", Counts())
    return Facts(
        at, at.timestamp(), instant.window, series, instant.counts, national, *references, words,
        await past.seen(at), _closed(calendar, at), instant.by_hours, is_known=total.hits > 0 or bool(national.hits),
        watch=await past.watch(at),
    )  # fmt: skip


def _cut(series: Series, at: datetime) -> Series:
    """The series as it was known when `at` was now: what came after it is not for the curves."""
    end = at.timestamp()
    hits = {
        key: {minute: count for minute, count in minutes.items() if minute < end}
        for key, minutes in series.hits.items()
    }
    return Series(series.until, hits)


async def _references(
    address: Address, focus: Focus, at: datetime, series: Series, national: Series, past: Past
) -> tuple[tuple[Reference | None, Reference | None], str, list[CalendarDay]]:
    """(of the page, of the country), what it is in words, and the calendar of the day."""
    today = at.astimezone(PARIS).date()
    calendar = await past.calendar((today, today - timedelta(days=7)))
    for day, name in _candidates(address.compare, today, calendar):
        then = same_time_on(day, at)
        whole = await past.series(COUNTRY, then, AHEAD)
        if whole.over(TOTAL, then.timestamp() - 3600, then.timestamp() + 600) <= 0:
            continue
        part = whole if focus == COUNTRY else await past.series(focus, then, AHEAD)
        shift = int(at.timestamp()) // 60 * 60 - int(then.timestamp()) // 60 * 60
        words = f"même heure, {name}"
        return (ByDay(words, part, shift), ByDay(words, whole, shift)), words, calendar
    missing = ""
    if address.compare not in ("auto", "pente"):
        missing = "pas de données pour ce jour ; à défaut, "
    end = at.timestamp()
    slope = by_slope(national, national, end)
    if slope is None:
        return (None, None), missing + NO_SLOPE, calendar
    own = slope if focus == COUNTRY else by_slope(series, national, end)
    return (own, slope), missing + slope.words, calendar


def _candidates(compare: str, today: date, calendar: list[CalendarDay]) -> list[tuple[date, str]]:
    """The days to compare with, the best first."""
    week_ago = today - timedelta(days=7)
    rentrees = sorted({row.day for row in calendar if row.rentree})
    last_rentree = [(day, f"rentrée du {french.day(day)}") for day in reversed(rentrees) if day < today][:1]
    if compare == "pente":
        return []
    if compare == "rentree":
        return last_rentree
    if compare == "j7":
        return [(week_ago, french.day(week_ago))]
    if compare != "auto":
        day = date.fromisoformat(compare)
        return [(day, french.day(day))]
    if today in rentrees:
        return last_rentree
    kinds = {day: {(row.zone, row.kind) for row in calendar if row.day == day} for day in (today, week_ago)}
    return [(week_ago, french.day(week_ago))] if kinds[today] == kinds[week_ago] else []


def _closed(calendar: list[CalendarDay], at: datetime) -> dict[str, str]:
    today = at.astimezone(PARIS).date()
    return {
        row.zone: row.holiday or row.kind
        for row in calendar
        if row.day == today and row.kind in ("dimanche", "vacances", "ferie")
    }
