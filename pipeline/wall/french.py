"""Numbers, durations and instants as a French reader writes them; pure."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

PARIS = ZoneInfo("Europe/Paris")
THIN = "\u202f"
"""Narrow no-break space: between thousands, and before %, ?, ! and units."""
DAYS = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
MONTHS = (
    "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre",
    "décembre",
)  # fmt: skip


def number(value: float, decimals: int = 0) -> str:
    """`12 345`, `0,6`: thousands apart by a narrow no-break space, a decimal comma."""
    return f"{value:,.{decimals}f}".replace(",", THIN).replace(".", ",")


def short(value: float) -> str:
    """At most four signs for a tile: `940`, `12,3 k`, `1,2 M`."""
    for limit, unit, name in ((1e3, 1, ""), (1e6, 1e3, "k"), (1e99, 1e6, "M")):
        if round(value) < limit:
            scaled = value / unit
            text = number(scaled, 1 if name and scaled < 99.95 else 0)
            return f"{text}{THIN}{name}" if name else text
    return ""


def per_second(rate: float) -> str:
    """Hits a second: one decimal under 100, and never a zero that is none."""
    if 0 < rate < 0.05:
        return "<0,1"
    return number(rate, 1 if 0 < rate < 99.95 else 0)


def percent(ratio: float) -> str:
    """`96 %`; above a thousandfold it says so rather than fill the tile."""
    value = round(100 * ratio)
    return f"{number(value)}{THIN}%" if value < 1000 else f"×{THIN}{number(ratio)}"


def change(ratio: float) -> str:
    """`+12 %`, `−4 %`, `=`: how far from what was expected."""
    value = round(100 * (ratio - 1))
    if value == 0:
        return "="
    if value >= 900:
        return f"×{THIN}{number(ratio)}"
    return f"{'+' if value > 0 else '−'}{number(abs(value))}{THIN}%"


def duration(seconds: float) -> str:
    """`0,6 s`, `45 s`, `12 min`, `3 h`, `2 j`."""
    if seconds < 9.95:
        return f"{number(seconds, 1)}{THIN}s"
    for limit, unit, name in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h"), (1e18, 86_400, "j")):
        if seconds < limit:
            return f"{number(seconds / unit)}{THIN}{name}"
    return ""


def clock(moment: datetime, seconds: bool = True) -> str:
    """Time of day in Paris: `08:14:10`."""
    return f"{moment.astimezone(PARIS):{'%H:%M:%S' if seconds else '%H:%M'}}"


def day(when: date) -> str:
    """`mardi 1er septembre 2026`."""
    number_of_day = "1er" if when.day == 1 else str(when.day)
    return f"{DAYS[when.weekday()]} {number_of_day} {MONTHS[when.month - 1]} {when.year}"


def moment_words(moment: datetime) -> str:
    """`mardi 1er septembre 2026, 08:30:00`, in Paris."""
    return f"{day(moment.astimezone(PARIS).date())}, {clock(moment)}"
