"""Which days may be held against which: the calendar of the schools, seen from one zone or from the whole country."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

ZONES = ("A", "B", "C")
_BY_WEEKDAY = ("ecole", "ecole", "mercredi", "ecole", "ecole", "samedi", "dimanche")
_NAMES = {
    "ecole": ("jour d'école", "jours d'école"),
    "mercredi": ("mercredi", "mercredis"),
    "samedi": ("samedi", "samedis"),
    "dimanche": ("dimanche", "dimanches"),
    "vacances": ("jour de vacances", "jours de vacances"),
    "ferie": ("jour férié", "jours fériés"),
}


class DayClasses:
    """Classes of days, as texts: two days of one class are comparable.

    In a zone the class is the calendar's kind (ecole, mercredi, samedi, dimanche, vacances, ferie). In the country it
    is that of all zones where they agree; where some are on holiday, the kind of the others and how many are away
    (`ecole-1`: a school day with one zone on holiday), whichever zones they are: the holidays' order turns from year
    to year. Where the calendar says nothing (Corse, overseas, days outside it) the class is the weekday's, public
    holidays apart.

    Args:
        rows: (day, zone, kind) of `bi.calendar`.
    """

    def __init__(self, rows: Iterable[tuple[date, str, str]]) -> None:
        self._kinds = {(day, zone): kind for day, zone, kind in rows}

    def of(self, day: date, zone: str | None) -> str:
        """The class of a day for a school zone, or for the country where `zone` is None."""
        zones = ZONES if zone is None else (zone,)
        kinds = [self._kinds[day, name] for name in zones if (day, name) in self._kinds]
        if not kinds:
            public = any(self._kinds.get((day, name)) == "ferie" for name in ZONES)
            return "ferie" if public else _BY_WEEKDAY[day.weekday()]
        if "ferie" in kinds:
            return "ferie"
        away = kinds.count("vacances")
        if away == len(kinds):
            return "vacances"
        rest = next(kind for kind in kinds if kind != "vacances")
        return f"{rest}-{away}" if away else rest

    def knows(self, days: Iterable[date], zone: str | None) -> bool:
        """Whether the school calendar covers all of the days for the zone, or for the country."""
        zones = ZONES if zone is None else (zone,)
        return all((day, name) in self._kinds for day in days for name in zones)

    def is_closed(self, days: Iterable[date], zone: str | None) -> bool:
        """Whether every one of the days is known to be a holiday, school's or public."""
        days = list(days)
        return self.knows(days, zone) and all(self.of(day, zone) in ("vacances", "ferie") for day in days)


def class_text(name: str, count: int) -> str:
    """`20 jours d'école`, `1 mercredi (1 zone en vacances)`."""
    kind, _, away = name.partition("-")
    words = _NAMES[kind][count >= 2]
    zones = f" ({away} zone{'s' if away != '1' else ''} en vacances)" if away else ""
    return f"{count} {words}{zones}"
