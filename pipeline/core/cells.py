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
    order = np.argsort(keys)
    keys, ids = keys[order], ids[order]
    starts = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
    # A stored row with an id twice would count it twice until it merges with another: sets leave here as sets.
    sets = [_without_duplicates(keys, ids[:, column], starts) for column in range(3)]
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


def _without_duplicates(keys: Keys, ids: Ids, starts: Keys) -> tuple[npt.NDArray[np.int64], Ids]:
    """Where each cell's set ends, and the sets one after another; `keys` ascending, `starts` the first of each cell."""
    # Sorting one mixed number is many times faster than sorting pairs. Equal pairs are equal here; the few unequal
    # ones that coincide are told apart below.
    mixed = ids ^ (keys.view(np.uint64) * np.uint64(0x9E3779B97F4A7C15))
    in_order = np.sort(mixed)
    repeated = np.unique(in_order[1:][in_order[1:] == in_order[:-1]])
    ends = np.append(starts[1:], keys.size)
    if not repeated.size:
        return ends, ids
    place = np.searchsorted(repeated, mixed)
    place[place == repeated.size] = 0
    suspects = np.flatnonzero(repeated[place] == mixed)
    by_pair = suspects[np.lexsort((ids[suspects], keys[suspects]))]
    same = (keys[by_pair[1:]] == keys[by_pair[:-1]]) & (ids[by_pair[1:]] == ids[by_pair[:-1]])
    kept = np.ones(keys.size, bool)
    kept[by_pair[1:][same]] = False
    return np.cumsum(kept)[ends - 1], ids[kept]
