"""The figures of 2019-2020 as planted levels.

Source, where a number is not marked `ours`: "Usages des ENT" (Kosmos, 14 January 2021), an article on the EFFIOS
report of the ministry's direction du numérique (DNE, November 2020). It gives growths, not volumes, but for May 2020:
186 million visits.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime

from pipeline.simulate import calibration
from pipeline.simulate.levels import TOTAL, Level

BEFORE = 0.203
"""Visits before the first lockdown, against ordinary days of today (ours: it gives May 2020 about its 186 million)."""
RENTREE = 1.7
"""Visits of a rentrée day against an ordinary one (ours)."""
_VISIO_BEFORE = 0.02
"""Videoconferences of 2019, against today: "almost none"."""

LOCKDOWN: Mapping[tuple[str, str], float] = {
    TOTAL: 3.30,  # ours
    ("domaine", "pedagogique"): 3.26,
    ("service", "STOCKAGE_PARTAGE"): 6.30,
    ("service", "PARCOURS_PEDAGOGIQUE"): 8.00,
}
"""Growth in the first lockdown, 17 March to 11 May 2020, against what went before."""
MAY_2020 = 4.45
"""Growth of all visits to May 2020, when the portals were among the five most visited sites of France. The article does
not say for which weeks it holds; that it is May is ours."""
MARCH: Mapping[tuple[str, str], float] = {
    # The article says over 75 % and over 60 %: what is above is ours.
    ("region", "Occitanie"): 2.34,
    ("region", "Auvergne-Rhône-Alpes"): 1.77,
    ("departement", "95"): 1.78,
    ("departement", "27"): 1.79,
    ("departement", "76"): 1.80,
    ("region", "Grand Est"): 1.63,
}
"""Growth from January to March 2020 (the article writes 2019), before the schools closed."""
RENTREE_2020 = 2.02
"""Growth of Tuesday 1 September 2020 against Monday 2 September 2019."""
SEPTEMBER_2020: Mapping[tuple[str, str], float] = {
    TOTAL: 1.50,
    ("famille", "vie_scolaire"): 1.26,
    ("domaine", "pedagogique"): 1.51,
    ("service", "PARCOURS_PEDAGOGIQUE"): 1.61,
}
"""Growth of the first four weeks of September 2020 against those of 2019."""
NOVEMBER_2020: Mapping[tuple[str, str], float] = {
    TOTAL: 1.20,  # ours
    ("region", "Auvergne-Rhône-Alpes"): 1.49,
    ("region", "Bourgogne-Franche-Comté"): 1.48,
    ("region", "Grand Est"): 1.20,
    ("departement", "76"): 1.15,
}
"""Growth of November 2020 against the first lockdown."""
MAY_2020_VISITS = 186_000_000
"""The second most visited national site of the month, after one of about 171 million among the press."""


def grown(
    reference: Mapping[tuple[str, str], float], growth: Mapping[tuple[str, str], float]
) -> dict[tuple[str, str], float]:
    """The factors of a stretch whose keys have grown from those of a reference stretch."""
    return {name: reference.get(name, reference[TOTAL]) * factor for name, factor in growth.items()}


# What is compared later is held: without videoconferences, the rest of its domaine would make up for them unevenly.
_2019 = dict.fromkeys((*LOCKDOWN, *SEPTEMBER_2020), BEFORE) | {("service", "VISIOCONFERENCE"): BEFORE * _VISIO_BEFORE}
_IN_LOCKDOWN = grown({TOTAL: BEFORE}, LOCKDOWN)


def _level(first: date, end: date, factors: Mapping[tuple[str, str], float], pages: float) -> Level:
    """A level over whole days of UTC, which is how days are counted."""
    start, stop = (datetime(d.year, d.month, d.day, tzinfo=UTC) for d in (first, end))
    return Level(start, stop, factors, pages)


_PLAIN = calibration.MEAN_PAGES
LEVELS: tuple[Level, ...] = (
    _level(date(2019, 1, 1), date(2019, 9, 2), _2019, _PLAIN),
    _level(date(2019, 9, 2), date(2019, 9, 3), {name: RENTREE * f for name, f in _2019.items()}, _PLAIN),
    _level(date(2019, 9, 3), date(2020, 3, 1), _2019, _PLAIN),
    _level(date(2020, 3, 1), date(2020, 3, 17), grown(_2019, MARCH) | {TOTAL: BEFORE * 1.4}, _PLAIN),  # 1.4: ours
    _level(date(2020, 3, 17), date(2020, 5, 1), _IN_LOCKDOWN, calibration.LOCKDOWN_PAGES),
    _level(date(2020, 5, 1), date(2020, 5, 11), _IN_LOCKDOWN | {TOTAL: BEFORE * MAY_2020}, calibration.LOCKDOWN_PAGES),
    _level(date(2020, 5, 11), date(2020, 6, 1), {TOTAL: BEFORE * MAY_2020}, calibration.LOCKDOWN_PAGES),
    _level(date(2020, 6, 1), date(2020, 7, 4), {TOTAL: BEFORE * 3.0}, _PLAIN),  # 3: ours
    _level(date(2020, 7, 4), date(2020, 9, 1), {TOTAL: BEFORE}, _PLAIN),
    _level(date(2020, 9, 1), date(2020, 9, 2), {TOTAL: BEFORE * RENTREE * RENTREE_2020}, _PLAIN),
    _level(date(2020, 9, 2), date(2020, 9, 29), grown({TOTAL: BEFORE}, SEPTEMBER_2020), _PLAIN),
    _level(date(2020, 9, 29), date(2020, 11, 1), {TOTAL: BEFORE * 1.5}, _PLAIN),
    _level(date(2020, 11, 1), date(2020, 12, 1), grown(_IN_LOCKDOWN, NOVEMBER_2020), _PLAIN),
)
"""What the country did from 2019 to November 2020; what lies outside is ordinary."""
