"""Numbers and dates as one writes them in French."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

NARROW = "\u202f"
"""Narrow no-break space: between thousands, and before the percent sign."""
MONTHS = (
    "janvier", "février", "mars", "avril", "mai", "juin",
    "juillet", "août", "septembre", "octobre", "novembre", "décembre",
)  # fmt: skip
WEEKDAYS = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
MINUS = "\u2212"


def number(value: float, digits: int = 0) -> str:
    """`1 234 567` or `1 234,5`, with narrow no-break spaces and a true minus sign."""
    text = f"{value:,.{digits}f}".replace(",", NARROW).replace(".", ",")
    if text.lstrip("-").strip("0,\u202f") == "":
        text = text.lstrip("-")
    return text.replace("-", MINUS)


def signed(value: float, digits: int = 0) -> str:
    """The same with a plus sign before what grew."""
    text = number(value, digits)
    return text if text.startswith(MINUS) or text.strip("0,") == "" else f"+{text}"


def percent(value: float) -> str:
    """`+50,3 %`."""
    return f"{signed(value, 1)}{NARROW}%"


def day_text(day: date, weekday: bool = False) -> str:
    """`1er septembre 2020`, or `mardi 1er septembre 2020`."""
    number_text = "1er" if day.day == 1 else str(day.day)
    text = f"{number_text} {MONTHS[day.month - 1]} {day.year}"
    return f"{WEEKDAYS[day.weekday()]} {text}" if weekday else text


def span_text(first: date, last: date) -> str:
    """`mardi 1er septembre 2020`, or `du 1er au 28 septembre 2020`; both days included."""
    if first == last:
        return day_text(first, weekday=True)
    begin = day_text(first)
    if (first.year, first.month) == (last.year, last.month):
        begin = begin.split(" ")[0]
    elif first.year == last.year:
        begin = begin.rpartition(" ")[0]
    return f"du {begin} au {day_text(last)}"


def days_text(days: Sequence[date], most: int = 6) -> str:
    """`14 mars 2020, 15 mars 2020`; of many the first ones and how many more."""
    shown = ", ".join(day_text(day) for day in days[:most])
    rest = len(days) - most
    return f"{shown} et {rest} autres" if rest > 0 else shown


def plural(count: int, one: str, many: str | None = None) -> str:
    """`1 jour`, `2 jours`; zero is singular in French."""
    return f"{number(count)} {one if count < 2 else many or one + 's'}"
