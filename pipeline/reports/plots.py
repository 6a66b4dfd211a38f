"""Geometry of the plots on a report's page: bars in percent of their track, curves in units of an SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from pipeline import french

WIDTH, HEIGHT = 900, 260
"""Of the curves' SVG, in its own units."""
LEFT, RIGHT, TOP, BOTTOM = 70, 14, 12, 34
"""Room for the axes."""
_X_LABELS = 8
"""At most so many words under a curve."""


@dataclass(frozen=True)
class Bar:
    """One bar of a diverging plot; lengths in percent of the track."""

    label: str
    text: str
    left: float
    width: float
    grows: bool
    error: tuple[float, float] | None
    """Where the whisker begins, and how long it is."""


@dataclass(frozen=True)
class Bars:
    """Growth by key."""

    bars: tuple[Bar, ...]
    zero: float
    """Where the axis stands, in percent of the track."""


def growth_bars(values: Sequence[tuple[str, str, float, float | None]]) -> Bars:
    """Bars left and right of a common zero, with whiskers.

    Args:
        values: (label, text of the figure, figure, its error either way), in the order of the plot.
    """
    low = min([0.0, *(value - (error or 0) for _, _, value, error in values)])
    high = max([0.0, *(value + (error or 0) for _, _, value, error in values)])
    unit = 100 / ((high - low) or 1.0)
    bars = []
    for label, text, value, error in values:
        left, right = sorted((0.0, value))
        whisker = None if error is None else (round((value - error - low) * unit, 2), round(2 * error * unit, 2))
        bars.append(
            Bar(label, text, round((left - low) * unit, 2), round((right - left) * unit, 2), value >= 0, whisker)
        )
    return Bars(tuple(bars), round(-low * unit, 2))


@dataclass(frozen=True)
class Curve:
    """One line; cut where nothing was measured, so that a gap is never drawn as a zero."""

    lines: tuple[str, ...]
    """Values of `points` of an SVG polyline."""
    dots: tuple[tuple[float, float], ...]
    """Points that stand alone."""


@dataclass(frozen=True)
class Curves:
    """Two periods over the same axis."""

    period: Curve
    reference: Curve
    ticks: tuple[tuple[float, str], ...]
    """(y, text)."""
    words: tuple[tuple[float, str], ...]
    """(x, text)."""


def curves(period: Sequence[float | None], reference: Sequence[float | None], words: Sequence[str]) -> Curves | None:
    """The two periods from their first day (or hour) on; None where there is nothing to draw.

    Args:
        period: values in order, None where not measured.
        reference: the same.
        words: under each position; a few are shown.
    """
    count = max(len(period), len(reference))
    known = [value for value in (*period, *reference) if value is not None]
    if count < 2 or not known:
        return None
    steps = nice_steps(max(known))
    top = steps[-1] or 1.0

    def x(at: int) -> float:
        return round(LEFT + at * (WIDTH - LEFT - RIGHT) / (count - 1), 1)

    def y(value: float) -> float:
        return round(TOP + (1 - value / top) * (HEIGHT - TOP - BOTTOM), 1)

    def curve(values: Sequence[float | None]) -> Curve:
        runs: list[list[tuple[float, float]]] = [[]]
        for at, value in enumerate(values):
            if value is None:
                runs.append([])
            else:
                runs[-1].append((x(at), y(value)))
        lines = tuple(" ".join(f"{a:g},{b:g}" for a, b in run) for run in runs if len(run) > 1)
        return Curve(lines, tuple(run[0] for run in runs if len(run) == 1))

    every = ceil(count / _X_LABELS)
    shown = tuple((x(at), words[at]) for at in range(0, min(count, len(words)), every))
    return Curves(curve(period), curve(reference), tuple((y(step), french.number(step)) for step in steps), shown)


def nice_steps(most: float) -> tuple[float, ...]:
    """Round values from 0 to at least `most`, three to six of them."""
    if most <= 0:
        return (0.0, 1.0)
    raw = most / 4
    power = 10 ** floor(log10(raw))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if raw <= power * factor)
    step = max(step, 1.0)
    return tuple(step * n for n in range(ceil(most / step) + 1))
