"""Records' values in one buffer: where each begins and ends, and no object for any of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Places = npt.NDArray[np.int64]

LEAD, PAD = 16, 64
"""Bytes before the first value and behind the last: whatever is read around a field lies inside."""


@dataclass(frozen=True, slots=True)
class Values:
    """Values in the order of their records, one behind the other; what lies between two of them is nobody's.

    Whatever reads them is fastest where those bytes are spaces: odd ones make it look at the neighbours one by one.
    """

    raw: bytes | bytearray
    starts: Places
    """Ascending."""
    ends: Places
    """Each not below its start; a tombstone, which has no value, ends one before it."""

    @classmethod
    def of(cls, values: Sequence[bytes | None]) -> Values:
        """The same values in a buffer of their own."""
        sizes = np.array([-1 if value is None else len(value) for value in values], np.int64)
        starts = np.concatenate(([LEAD], LEAD + np.cumsum(np.maximum(sizes, 0))))[:-1]
        return cls(b"".join([bytes(LEAD), *[value or b"" for value in values], bytes(PAD)]), starts, starts + sizes)

    def __len__(self) -> int:
        """Records."""
        return self.starts.size

    def __getitem__(self, at: int) -> bytes | None:
        """One value; None for a tombstone."""
        start, end = int(self.starts[at]), int(self.ends[at])
        return bytes(self.raw[start:end]) if start <= end else None

    def part(self, start: int, end: int) -> Values:
        """The records from `start` to before `end`."""
        return Values(self.raw, self.starts[start:end], self.ends[start:end])

    def without(self, which: npt.NDArray[np.bool_]) -> Values:
        """The same with tombstones in place of some, in a buffer of its own."""
        return Values.of([None if out else self[at] for at, out in enumerate(which.tolist())])

    def holds(self, byte: bytes) -> bool:
        """Whether a byte stands in one of the values, or between them."""
        return self.raw.find(byte, int(self.starts[0]), int(self.ends[-1])) >= 0

    def window(self) -> tuple[npt.NDArray[np.uint8], Places, Places]:
        """The bytes from `LEAD` before the first value to `PAD` behind the last, and the starts and ends in them.

        There has to be a value. A tombstone is empty there.
        """
        ends = np.maximum(self.starts, self.ends)
        first, after = int(self.starts[0]) - LEAD, int(ends[-1]) + PAD
        chars = np.frombuffer(self.raw, np.uint8)
        if first < 0 or after > chars.size:
            missing = np.zeros(max(0, -first), np.uint8), np.zeros(max(0, after - chars.size), np.uint8)
            window = np.concatenate((missing[0], chars[max(0, first) : after], missing[1]))
        else:
            window = chars[first:after]
        return window, self.starts - first, ends - first
