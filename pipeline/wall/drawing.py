"""Curves as the path data of an SVG; pure."""

from __future__ import annotations

from collections.abc import Sequence

WIDTH, HEIGHT = 240, 48
"""User units of a curve's box; the page stretches it."""


def top(*curves: Sequence[float | None]) -> float:
    """The value at the top edge: a little above the highest, and never zero."""
    highest = max((value for curve in curves for value in curve if value is not None), default=0.0)
    return highest * 1.08 or 1.0


def line(values: Sequence[float | None], highest: float) -> str:
    """`M0,40 L4,38 …`: one point a value, evenly spaced, the last at the right edge; None interrupts the line."""
    step = WIDTH / max(1, len(values) - 1)
    parts = []
    pen_down = False
    for place, value in enumerate(values):
        if value is not None:
            height = HEIGHT * (1 - min(1.0, value / highest))
            parts.append(f"{'L' if pen_down else 'M'}{place * step:.1f},{height:.1f}")
        pen_down = value is not None
    return " ".join(parts)


def area(values: Sequence[float | None], highest: float) -> str:
    """The same, closed along the bottom edge."""
    step = WIDTH / max(1, len(values) - 1)
    known = [place for place, value in enumerate(values) if value is not None]
    if len(known) < 2:
        return ""
    first, last = known[0] * step, known[-1] * step
    return f"{line(values, highest)} L{last:.1f},{HEIGHT} L{first:.1f},{HEIGHT} Z"
