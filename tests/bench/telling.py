"""What a program under measurement says on standard output, one JSON object a line; `contestant` reads it.

`{"events": N}`: so many events have been counted since the start, rejected ones included; 0 when the first has come.
`{"hits": …, "visits": …, "visitors": …}`: the distinct ids of each cell (10 seconds, service, département, profil),
summed over all cells.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np

from pipeline.core.columns import ORIGIN_BITS, Columns, Keys
from pipeline.core.ids import Ids


def say(**what: Any) -> None:
    """One line for the bench that reads it."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


class Kept:
    """What the core has counted, flush by flush, for figures at the end."""

    def __init__(self) -> None:
        self._kept: list[tuple[Keys, Ids]] = []

    def add(self, counted: Columns) -> None:
        """Keep the cells and ids of one flush."""
        self._kept.append(counted.take())

    def figures(self) -> dict[str, int]:
        """hits, visits and visitors over all flushes; origins are no part of the cells here."""
        keys = np.concatenate([keys for keys, _ in self._kept]) >> ORIGIN_BITS
        ids = np.concatenate([ids for _, ids in self._kept])
        return {name: _distinct(keys, ids[:, at]) for at, name in enumerate(("hits", "visits", "visitors"))}


def _distinct(keys: Keys, ids: Ids) -> int:
    """How many different pairs there are."""
    order = np.lexsort((ids, keys))
    keys, ids = keys[order], ids[order]
    return 1 + int(np.count_nonzero((keys[1:] != keys[:-1]) | (ids[1:] != ids[:-1])))
