"""Counted events taken apart by day: the store keeps a day in a partition, files hold many days in any order."""

from __future__ import annotations

import numpy as np

from pipeline.core.columns import (
    BUCKET_SECONDS,
    ORIGIN_BITS,
    PROFIL_BITS,
    SERVICE_BITS,
    TERRITORY_BITS,
    Columns,
)

_BELOW_BUCKET = ORIGIN_BITS + PROFIL_BITS + SERVICE_BITS + TERRITORY_BITS
_BUCKETS_A_DAY = 86_400 // BUCKET_SECONDS


def by_day(counted: Columns) -> dict[int, Columns]:
    """The same events, those of each UTC day by themselves; days since 1970-01-01, ascending.

    The parts share the origins of the whole; of the tally they have what a sink looks at, the number of events.
    """
    keys, ids = counted.take()
    days = (keys >> _BELOW_BUCKET) // _BUCKETS_A_DAY
    numbers = np.unique(days).tolist()
    if len(numbers) == 1:
        return {numbers[0]: counted}
    schools = counted.schools()
    parts = {}
    for number in numbers:
        rows = np.flatnonzero(days == number)
        parts[number] = Columns.of(counted.origins, keys[rows], ids[rows], schools[rows])
    return parts
