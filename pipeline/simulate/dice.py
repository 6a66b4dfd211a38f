"""Randomness that is the same on every machine and with every version of numpy.

Only raw 64-bit words are drawn: numpy promises the stream of a bit generator for good, but not that of the
distributions built upon it. Distributions are tables of quantiles, rounded to integers where they are times.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Words = npt.NDArray[np.uint64]

TABLE_BITS = 12
TABLE_SIZE = 1 << TABLE_BITS
_TO_TABLE = np.uint64(64 - TABLE_BITS)


class Dice:
    """A seeded stream of 64-bit words (PCG64)."""

    def __init__(self, seed: int, *stream: int) -> None:
        self._bits = np.random.PCG64([seed, *stream])

    def words(self, n: int) -> Words:
        """`n` words of 64 random bits."""
        raw: Words = self._bits.random_raw(n)
        return raw

    def uniform(self, n: int) -> Floats:
        """`n` numbers in [0, 1)."""
        return (self.words(n) >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def slots(self, n: int) -> Words:
        """`n` positions in a table of `TABLE_SIZE` entries."""
        return self.words(n) >> _TO_TABLE

    def pick(self, n: int, shares: Sequence[float] | Floats) -> Ints:
        """`n` indices drawn by `shares` (any unit)."""
        edges = np.cumsum(np.asarray(shares, dtype=np.float64))
        picked: Ints = np.searchsorted(edges, self.uniform(n) * edges[-1], side="right")
        return picked


def quantiles(inverse: Callable[[float], float]) -> Ints:
    """The table of a distribution, rounded to integers: its inverse at the middle of each of `TABLE_SIZE` slots."""
    return np.array([round(inverse((i + 0.5) / TABLE_SIZE)) for i in range(TABLE_SIZE)], dtype=np.int64)


def lognormal(median: float, sigma: float, highest: float) -> Ints:
    """Table of a lognormal distribution, cut at `highest`; in the unit of `median`."""
    normal = NormalDist()
    return quantiles(lambda u: min(highest, median * math.exp(sigma * normal.inv_cdf(u))))


def log_uniform(low: float, high: float) -> Ints:
    """Table of a distribution whose logarithm is uniform, between `low` and `high` in their unit."""
    return quantiles(lambda u: low * (high / low) ** u)


def geometric(mean: float, highest: int) -> Ints:
    """Table of a geometric distribution from 1 up, cut at `highest`."""
    keep = math.log(1.0 - 1.0 / mean)
    return quantiles(lambda u: min(highest, math.ceil(math.log(1.0 - u) / keep)))


def mix(words: Words, salt: int) -> Words:
    """Spread each word over 64 bits: a bijection (splitmix64's finaliser) of the word and the salt."""
    z = words + np.uint64(salt & 0xFFFF_FFFF_FFFF_FFFF)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
