"""From columns of events to rows of `ent.school_events`: one for each event, in any order; the store sorts them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pipeline.core.cells import split_keys, word_columns
from pipeline.core.classify import uai_texts
from pipeline.core.columns import BUCKET_SECONDS, Columns
from pipeline.core.native import Column, date_times, encode_block

HOUR_SECONDS = 3600
STEPS = HOUR_SECONDS // BUCKET_SECONDS
"""Cells of ten seconds in an hour."""


class SchoolRows(NamedTuple):
    """Rows of `ent.school_events` in wire form."""

    rows: int
    columns: tuple[Column, ...]

    def encode(self, revision: int) -> bytes:
        """The rows as one Native block for a server of this protocol revision."""
        return encode_block(self.columns, self.rows, revision)


def from_columns(counted: Columns) -> SchoolRows:
    """The rows of at least one counted event. The same event twice is the same row twice: the store keeps one."""
    keys, ids = counted.take()
    bucket, _, service, profil, origin = split_keys(keys)
    hour, step = np.divmod(bucket, STEPS)
    columns = [
        Column("hour", "DateTime('UTC')", date_times(hour * HOUR_SECONDS)),
        Column("uai", "FixedString(8)", uai_texts(counted.schools()).tobytes()),
        *word_columns(counted.origins, service, profil, origin),
        Column("step", "UInt16", step.astype("<u2").tobytes()),
    ]
    for place, name in enumerate(("event", "visit", "visitor")):
        columns.append(Column(name, "UInt64", np.ascontiguousarray(ids[:, place], "<u8").tobytes()))
    return SchoolRows(keys.size, tuple(columns))
