"""From columns of events to rows of `ent.school_events`: one for each event, nearly in the order of the table.

The store sorts what it is given. Given rows by hour, school and visitor, it takes half the time.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pipeline.core.cells import split_keys, word_columns
from pipeline.core.classify import uai_texts
from pipeline.core.columns import BUCKET_SECONDS, Columns
from pipeline.core.native import Column, date_times, encode_block
from pipeline.core.sorting import digits, first_digit, order_by

HOUR_SECONDS = 3600
STEPS = HOUR_SECONDS // BUCKET_SECONDS
"""Cells of ten seconds in an hour."""
_SCHOOL_BITS = 24  # of seven decimal digits


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
    schools = counted.schools()
    hour = split_keys(keys)[0] // STEPS
    order = order_by([first_digit(ids[:, 2]), *digits((hour - hour.min()) << _SCHOOL_BITS | schools)])
    keys, schools = keys[order], schools[order]
    bucket, _, service, profil, origin = split_keys(keys)
    hour, step = np.divmod(bucket, STEPS)
    columns = [
        Column("hour", "DateTime('UTC')", date_times(hour * HOUR_SECONDS)),
        Column("uai", "FixedString(8)", uai_texts(schools).tobytes()),
        *word_columns(counted.origins, service, profil, origin),
        Column("step", "UInt16", step.astype("<u2").tobytes()),
    ]
    for place, name in enumerate(("event", "visit", "visitor")):
        columns.append(Column(name, "UInt64", ids[order, place].astype("<u8", copy=False).tobytes()))
    return SchoolRows(keys.size, tuple(columns))
