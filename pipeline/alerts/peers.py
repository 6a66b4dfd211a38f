"""How today compares: what the peers of a leaf show of all of them at once."""

from __future__ import annotations

import numpy as np

from pipeline.alerts.catalogue import Catalogue
from pipeline.alerts.sample import ALONE, Floats, Ints

MOVES = (0.001, 20.0)
"""Bounds of G. Nearly nothing is possible: when the whole country is dark, no part of it is to be named beside it."""
MIN_UNITS = 40
"""Peers below which no median is taken."""
UNIT_HITS = 25.0
"""Expected hits of the typical peer under which the median of so small numbers is biased: take larger peers."""


def growth(x: Floats, reference: Floats, catalogue: Catalogue, by_famille: bool) -> Floats:
    """G of each leaf and column.

    Args:
        x: (leaves, 6) Hits in the windows, near and far; 0 for leaves that are left out.
        reference: (leaves, 6) The same of their references.
        catalogue: Who the leaves are.
        by_famille: Whether G is taken in each famille.

    Returns:
        (leaves, 6), 1 for leaves without peers.
    """
    group = catalogue.leaves.group
    if by_famille:
        return _growth_by_famille(x, reference, group, catalogue)
    both = np.concatenate([x, reference], axis=1)
    units = [(catalogue.units[0], catalogue.units[0].roll.of(both))]
    found = np.ones((len(catalogue.groups) + 1, 6))  # the last row is for those without peers
    for at, number in enumerate(catalogue.groups):
        open_columns = np.ones(6, dtype=bool)
        for number_of_units in range(len(catalogue.units)):
            if number_of_units == len(units):
                units.append((catalogue.units[number_of_units], catalogue.units[number_of_units].roll.of(both)))
            unit, rolled = units[number_of_units]
            rows = unit.group == number
            seen, due = rolled[rows, :6], rolled[rows, 6:]
            typical = np.divide((due * due).sum(0), due.sum(0), out=np.zeros(6), where=due.sum(0) > 0)
            use = open_columns & (typical >= UNIT_HITS) & ((due > 0).sum(0) >= MIN_UNITS)
            if use.any():
                found[at, use] = np.clip(weighted_median(seen[:, use], due[:, use]), *MOVES)
            open_columns &= ~use
            if not open_columns.any():
                break
        # Too little traffic for the short windows: the shortest that could be judged speaks for them.
        for column in (2, 1, 0):
            if open_columns[column] and not open_columns[column + 1]:
                found[at, column], open_columns[column] = found[at, column + 1], False
    where = np.searchsorted(np.array(catalogue.groups, dtype=np.int64), group)
    each_leaf: Floats = found[np.where(group == ALONE, len(catalogue.groups), where)]
    return each_leaf


def _growth_by_famille(x: Floats, reference: Floats, group: Ints, catalogue: Catalogue) -> Floats:
    """G in each famille: the median over the leaves of its académies."""
    found = np.ones((len(group), 6))
    for famille in range(int(catalogue.famille.max(initial=-1)) + 1):
        for number in catalogue.groups:
            rows = (group == number) & (catalogue.famille == famille)
            if (reference[rows] > 0).any():
                found[rows] = np.clip(weighted_median(x[rows], reference[rows]), *MOVES)
    return found


def weighted_median(x: Floats, due: Floats) -> Floats:
    """Median of x / due weighted by due, column by column; rows with nothing due do not count.

    Returns:
        (columns,); 1 where nothing is due at all.
    """
    ratio = np.divide(x, due, out=np.zeros_like(x), where=due > 0)
    order = np.argsort(ratio, axis=0)
    weight = np.cumsum(np.take_along_axis(due, order, 0), axis=0)
    half = (weight >= 0.5 * weight[-1]).argmax(axis=0)
    columns = np.arange(x.shape[1])
    median: Floats = np.where(weight[-1] > 0, ratio[order[half, columns], columns], 1.0)
    return median
