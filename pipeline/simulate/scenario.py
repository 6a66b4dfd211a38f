"""The scenarios that traffic can follow, by name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from pipeline.errors import UserError
from pipeline.simulate import calibration, day


@dataclass(frozen=True)
class Scenario:
    """A day that can be played again at any start time."""

    name: str
    title: str
    """For an operator, in French."""
    opens: datetime
    """Its own start (aware, UTC)."""
    length_s: float
    """Length of the part it is named after; traffic goes on after it, through the day and the next."""
    rate: float
    """Mean events a second over that part, nationally."""


SCENARIOS = (
    Scenario(
        name="rentree-2026",
        title="Rentrée 2026 : le matin du mardi 1er septembre",
        opens=datetime(2026, 9, 1, 5, 30, tzinfo=UTC),  # 07:30 in Paris
        length_s=day.MORNING_HOURS * 3600,
        rate=calibration.MEAN_RATE,
    ),
)
DEFAULT = SCENARIOS[0].name


def scenario(name: str) -> Scenario:
    """Return the scenario of that name.

    Raises:
        UserError: names the scenarios there are.
    """
    for known in SCENARIOS:
        if known.name == name:
            return known
    names = ", ".join(known.name for known in SCENARIOS)
    raise UserError(f"There is no scenario {name!r}; the known ones: {names}.")
