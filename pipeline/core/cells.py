"""From columns of events to rows of cells: sorted, without duplicates inside a cell, ready for `ent.cells`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.core.classify import DEPARTEMENTS, PROFILS, SERVICES
from pipeline.core.columns import (
    BUCKET_SECONDS,
    ORIGIN_BITS,
    PROFIL_BITS,
    SERVICE_BITS,
    TERRITORY_BITS,
    Columns,
    Keys,
    Origins,
)
from pipeline.core.ids import Ids
from pipeline.core.native import Column, arrays, date_times, encode_block, low_cardinality
from pipeline.core.sorting import digits, first_digit, order_by

_LOW = "LowCardinality(String)"


class Cells(NamedTuple):
    """Rows of `ent.cells` in wire form."""

    rows: int
    columns: tuple[Column, ...]
    minutes: tuple[int, ...]
    """The event-time minutes that the rows touch, epoch seconds, ascending."""
    oldest: int
    """Start of the oldest bucket, epoch seconds."""

    def encode(self, revision: int) -> bytes:
        """The rows as one Native block for a server of this protocol revision."""
        return encode_block(self.columns, self.rows, revision)


def from_columns(counted: Columns) -> Cells:
    """The cells of at least one counted event."""
    keys, ids = counted.take()
    of_cell = digits(_compact(keys, len(counted.origins)))
    # Inside a cell by the ids' first digit, so that equal ones stand together.
    orders = [order_by([first_digit(ids[:, column]), *of_cell]) for column in range(3)]
    keys = keys[orders[0]]  # the same by each of the orders
    same_cell = keys[1:] == keys[:-1]
    starts = np.flatnonzero(np.concatenate(([True], ~same_cell)))
    ends = np.append(starts[1:], keys.size)
    # A stored row with an id twice would count it twice until it merges with another: sets leave here as sets.
    sets = [_without_duplicates(ids[order, column], same_cell, ends) for column, order in enumerate(orders)]
    bucket, territory, service, profil, origin = split_keys(keys[starts])
    seconds = bucket * BUCKET_SECONDS
    columns = [
        Column("bucket", "DateTime('UTC')", date_times(seconds)),
        Column("departement", _LOW, low_cardinality(DEPARTEMENTS, territory)),
        *word_columns(counted.origins, service, profil, origin),
    ]
    for name, (ends, flat) in zip(("hits", "visits", "visitors"), sets, strict=True):
        columns.append(Column(name, "Array(UInt64)", arrays(ends, flat)))
    minutes = tuple(np.unique(seconds // 60 * 60).tolist())
    return Cells(len(starts), tuple(columns), minutes, int(seconds.min()))


def word_columns(origins: Origins, service: Keys, profil: Keys, origin: Keys) -> list[Column]:
    """The columns service, profil, projet, exploitant and plateforme, from the codes of each row."""
    columns = [
        Column("service", _LOW, low_cardinality(SERVICES, service)),
        Column("profil", _LOW, low_cardinality(PROFILS, profil)),
    ]
    for place, name in enumerate(("projet", "exploitant", "plateforme")):
        words: dict[str, int] = {}
        codes = np.array([words.setdefault(words_of[place], len(words)) for words_of in origins], np.int64)
        columns.append(Column(name, _LOW, low_cardinality(tuple(words), codes[origin])))
    return columns


def split_keys(keys: Keys) -> tuple[Keys, Keys, Keys, Keys, Keys]:
    """bucket, territory, service, profil, origin of each key."""
    parts = []
    for bits in (ORIGIN_BITS, PROFIL_BITS, SERVICE_BITS, TERRITORY_BITS):
        parts.append(keys & ((1 << bits) - 1))
        keys = keys >> bits
    origin, profil, service, territory = parts
    return keys, territory, service, profil, origin


def _compact(keys: Keys, origins: int) -> Keys:
    """The keys without the bits that are the same in all of them; their order stays. `origins`: how many there are."""
    origin_bits = max(1, (origins - 1).bit_length())
    without_origin = keys >> ORIGIN_BITS
    compact: Keys = (without_origin - without_origin.min()) << origin_bits | keys & ((1 << ORIGIN_BITS) - 1)
    return compact


def _without_duplicates(ids: Ids, same_cell: npt.NDArray[np.bool_], ends: Keys) -> tuple[npt.NDArray[np.int64], Ids]:
    """Where each cell's set ends, and the sets one after another.

    Args:
        ids: by cell, and inside a cell by first digit; they may be put in another order inside a cell.
        same_cell: whether an id, from the second one on, is of the cell of the one before it.
        ends: where each cell ends.
    """
    alike = same_cell & (first_digit(ids[1:] ^ ids[:-1]) == 0)
    different = alike & (ids[1:] != ids[:-1])
    if different.any():
        # Two ids of one cell begin with the same digit, and an equal one may stand behind the other: sort those few.
        run = np.concatenate(([0], np.cumsum(~alike)))
        mixed = np.zeros(run[-1] + 1, bool)
        mixed[run[1:][different]] = True
        suspects = np.flatnonzero(mixed[run])
        ids[suspects] = ids[suspects[np.lexsort((ids[suspects], run[suspects]))]]
        alike &= ids[1:] == ids[:-1]
    if not alike.any():
        return ends, ids
    kept = np.concatenate(([True], ~alike))
    return np.cumsum(kept)[ends - 1], ids[kept]
