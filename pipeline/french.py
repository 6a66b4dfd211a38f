"""Numbers, durations, days and names as a French reader writes them; pure.

One hand for all that an operator reads: the wall, the reports and the alerts.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

PARIS = ZoneInfo("Europe/Paris")
NARROW = "\u202f"
"""Narrow no-break space: between thousands, and before %, ?, ! and units."""
MINUS = "\u2212"
DAYS = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
MONTHS = (
    "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre",
    "décembre",
)  # fmt: skip
_SMALL = ("zéro", "un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf", "dix")


# -- numbers


def number(value: float, decimals: int = 0) -> str:
    """`12 345`, `−0,6`: narrow no-break spaces, a decimal comma, a true minus sign, and no minus before a zero."""
    text = f"{value:,.{decimals}f}".replace(",", NARROW).replace(".", ",")
    if text.lstrip("-").strip(f"0,{NARROW}") == "":
        text = text.lstrip("-")
    return text.replace("-", MINUS)


def signed(value: float, decimals: int = 0) -> str:
    """The same with a plus sign before what grew."""
    text = number(value, decimals)
    return text if text.startswith(MINUS) or text.strip("0,") == "" else f"+{text}"


def growth(value: float) -> str:
    """`+50,3 %`, of a growth that is in percent already."""
    return f"{signed(value, 1)}{NARROW}%"


def short(value: float) -> str:
    """At most four signs for a tile: `940`, `12,3 k`, `1,2 M`."""
    for limit, unit, name in ((1e3, 1, ""), (1e6, 1e3, "k"), (1e99, 1e6, "M")):
        if round(value) < limit:
            scaled = value / unit
            text = number(scaled, 1 if name and scaled < 99.95 else 0)
            return f"{text}{NARROW}{name}" if name else text
    return ""


def per_second(rate: float) -> str:
    """Hits a second: one decimal under 100, and never a zero that is none."""
    if 0 < rate < 0.05:
        return "<0,1"
    return number(rate, 1 if 0 < rate < 99.95 else 0)


def percent(ratio: float) -> str:
    """`96 %`; above a thousandfold it says so rather than fill the tile."""
    value = round(100 * ratio)
    return f"{number(value)}{NARROW}%" if value < 1000 else f"×{NARROW}{number(ratio)}"


def change(ratio: float) -> str:
    """`+12 %`, `−4 %`, `=`: how far from what was expected."""
    value = round(100 * (ratio - 1))
    if value == 0:
        return "="
    if value >= 900:
        return f"×{NARROW}{number(ratio)}"
    return f"{signed(value)}{NARROW}%"


def plural(count: int, one: str, many: str | None = None) -> str:
    """`1 jour`, `2 jours`; zero is singular in French."""
    return f"{number(count)} {one if count < 2 else many or one + 's'}"


def in_words(count: int) -> str:
    """`six`; from eleven on in figures."""
    return _SMALL[count] if 0 <= count < len(_SMALL) else number(count)


# -- time


def duration(seconds: float) -> str:
    """`0,6 s`, `45 s`, `12 min`, `3 h`, `2 j`."""
    if seconds < 9.95:
        return f"{number(seconds, 1)}{NARROW}s"
    for limit, unit, name in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h"), (1e18, 86_400, "j")):
        if seconds < limit:
            return f"{number(seconds / unit)}{NARROW}{name}"
    return ""


def clock(moment: datetime, seconds: bool = True, zone: ZoneInfo = PARIS) -> str:
    """Time of day, in Paris unless said otherwise: `08:14:10`."""
    return f"{moment.astimezone(zone):{'%H:%M:%S' if seconds else '%H:%M'}}"


def day(when: date, weekday: bool = True) -> str:
    """`mardi 1er septembre 2026`, or `1er septembre 2026`."""
    text = f"{'1er' if when.day == 1 else when.day} {MONTHS[when.month - 1]} {when.year}"
    return f"{DAYS[when.weekday()]} {text}" if weekday else text


def moment_words(moment: datetime) -> str:
    """`mardi 1er septembre 2026, 08:30:00`, in Paris."""
    return f"{day(moment.astimezone(PARIS).date())}, {clock(moment)}"


def span(first: date, last: date) -> str:
    """`mardi 1er septembre 2020`, or `du 1er au 28 septembre 2020`; both days included."""
    if first == last:
        return day(first)
    begin = day(first, weekday=False)
    if (first.year, first.month) == (last.year, last.month):
        begin = begin.split(" ")[0]
    elif first.year == last.year:
        begin = begin.rpartition(" ")[0]
    return f"du {begin} au {day(last, weekday=False)}"


def days(several: Sequence[date], most: int = 6) -> str:
    """`14 mars 2020, 15 mars 2020`; of many the first ones and how many more."""
    shown = ", ".join(day(one, weekday=False) for one in several[:most])
    rest = len(several) - most
    return f"{shown} et {rest} autres" if rest > 0 else shown


# -- words


def of(name: str) -> str:
    """`de Lyon`, `d'Aix-Marseille`, `de La Réunion`: before a vowel or a mute h, the preposition loses its e.

    Every name in h that we know has a mute one (Hauts-de-France, which has not, is no académie).
    """
    first = unicodedata.normalize("NFD", name[:1]).casefold()[:1]
    return f"d'{name}" if first and first in "aeiouyhœ" else f"de {name}"
