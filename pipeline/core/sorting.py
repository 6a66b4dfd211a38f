"""Sorting by counting digits: numpy sorts 16-bit numbers ten times as fast as it sorts 64-bit ones by comparing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pipeline.core.ids import Ids

DIGIT_BITS = 16
Digit = npt.NDArray[np.uint16]


def digits(numbers: npt.NDArray[np.int64]) -> list[Digit]:
    """Some numbers from 0 on to the base of 65,536, the last digit first, with as many digits as the greatest has."""
    return [(numbers >> shift).astype(np.uint16) for shift in range(0, int(numbers.max()).bit_length(), DIGIT_BITS)]


def first_digit(ids: Ids) -> Digit:
    """The first of the four digits of each id."""
    return (ids >> np.uint64(64 - DIGIT_BITS)).astype(np.uint16)


def order_by(columns: Sequence[Digit]) -> npt.NDArray[np.intp]:
    """What sorts rows by some digits, of which the last weighs most; rows that are equal stay in their order."""
    order = np.argsort(columns[0], kind="stable")
    for digit in columns[1:]:
        order = order[np.argsort(digit[order], kind="stable")]
    return order
