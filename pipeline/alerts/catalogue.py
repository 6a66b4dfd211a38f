"""The series that are judged, and which leaves each of them holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.alerts.change import KEY_SEPARATOR, Kind
from pipeline.alerts.sample import Floats, Ints, Leaves

_ACADEMIE, _PLATEFORME, _EXPLOITANT, _FAMILLE, _PROFIL = range(5)
_PARTS: dict[Kind, tuple[int, ...]] = {
    "national": (),
    "plateforme": (_PLATEFORME,),
    "exploitant": (_EXPLOITANT,),
    "famille": (_FAMILLE,),
    "academie": (_ACADEMIE,),
    "plateforme_famille": (_PLATEFORME, _FAMILLE),
    "academie_famille": (_ACADEMIE, _FAMILLE),
}
"""Kind → the parts of a leaf's key that a series of it is named by. Of two series with the same leaves the kind that
comes first here is kept: an exploitant with one platform is that platform."""


@dataclass(frozen=True, eq=False)
class Roll:
    """Sums over leaves by some name of theirs: `Roll.of(columns)` is (names, columns)."""

    order: Ints
    starts: Ints

    def of(self, columns: Floats) -> Floats:
        """Sum (leaves, columns) over the leaves of each name."""
        if not len(self.starts):
            return np.zeros((0, columns.shape[1]))
        return np.add.reduceat(columns[self.order], self.starts, axis=0)

    @classmethod
    def by(cls, sets: list[Ints]) -> Roll:
        """Sum over these sets of leaves, none of them empty."""
        sizes = np.array([len(each) for each in sets], dtype=np.int64)
        order = np.concatenate(sets) if sets else np.zeros(0, np.int64)
        return cls(order, np.cumsum(sizes) - sizes)


class Catalogue:
    """All series of both tables of leaves; those of profils come last.

    Attributes:
        kinds: Kind of each series.
        keys: Its key, values joined by " · ".
        number: (kind, key) → index.
        main: How many series are of the main table.
    """

    def __init__(self, leaves: Leaves, profils: Leaves) -> None:
        self.leaves, self.profils = leaves, profils
        sets: dict[tuple[Kind, str], Ints] = {}
        seen: set[bytes] = set()
        self.twins: dict[tuple[Kind, str], tuple[Kind, str]] = {}
        """Series left out for having the same leaves as another → that other one."""
        first: dict[bytes, tuple[Kind, str]] = {}
        for kind, parts in _PARTS.items():
            for name, members in _grouped(leaves, parts).items():
                mark = members.tobytes()
                if mark in seen:
                    self.twins[kind, name] = first[mark]
                    continue
                seen.add(mark)
                first[mark] = (kind, name)
                sets[kind, name] = members
        self.main = len(sets)
        mine = list(sets.values())
        of_profils = _grouped(profils, (_PROFIL,))
        names: list[tuple[Kind, str]] = [*sets, *(("profil", name) for name in of_profils)]
        self.kinds = [kind for kind, _ in names]
        self.keys = [key for _, key in names]
        self.number = {name: at for at, name in enumerate(names)}
        self.roll = Roll.by(mine)
        self.roll_profils = Roll.by(list(of_profils.values()))
        self.members: NDArray[np.bool_] = np.zeros((self.main, len(leaves)), dtype=bool)
        """(main, leaves) Whether the series holds the leaf."""
        for at, members in enumerate(mine):
            self.members[at, members] = True
        self.kind_codes = np.array([KIND_CODES[kind] for kind in self.kinds], dtype=np.int64)
        # Peers whose ratios are compared: académie × famille where they are large enough, académie × plateforme else.
        self.units = [_Units(leaves, parts) for parts in ((_ACADEMIE, _FAMILLE), (_ACADEMIE, _PLATEFORME))]
        self.groups = sorted({int(group) for group in leaves.group if group >= 0})
        alone = np.flatnonzero(leaves.group < 0)
        self.alone = np.zeros(len(names), dtype=bool)
        """Series that hold leaves without peers only."""
        self.alone[: self.main] = ~self.members[:, np.setdiff1d(np.arange(len(leaves)), alone)].any(axis=1)
        self.famille = _codes(leaves, _FAMILLE)
        self.offset = np.zeros(len(names))
        """Seconds that the local time of the series is ahead of UTC: that of Paris unless it is overseas only."""
        self.offset[: self.main] = leaves.utc_offset[self.roll.order[self.roll.starts]] if self.main else 0
        mainland = leaves.utc_offset[leaves.group >= 0]
        wide = np.isin(
            self.kind_codes,
            [
                KIND_CODES[k]
                for k in ("national", "famille", "plateforme", "exploitant", "plateforme_famille", "profil")
            ],
        )
        if len(mainland):
            self.offset[wide & ~self.alone] = mainland[0]

    def __len__(self) -> int:
        return len(self.keys)


class _Units:
    """Peers, and the group of each."""

    def __init__(self, leaves: Leaves, parts: tuple[int, ...]) -> None:
        sets = list(_grouped(leaves, parts).values())
        self.roll = Roll.by(sets)
        self.group = np.array([leaves.group[each[0]] for each in sets], dtype=np.int64)


KIND_CODES: dict[Kind, int] = {
    "national": 0, "plateforme": 1, "exploitant": 2, "famille": 3, "academie": 4, "plateforme_famille": 5,
    "academie_famille": 6, "profil": 7,
}  # fmt: skip


def _grouped(leaves: Leaves, parts: tuple[int, ...]) -> dict[str, Ints]:
    """Leaves by the values of some parts of their keys; those with an empty value there are in no series."""
    found: dict[tuple[str, ...], list[int]] = {}
    for at, key in enumerate(leaves.keys):
        values = tuple(key[part] for part in parts)
        if all(values):
            found.setdefault(values, []).append(at)
    return {KEY_SEPARATOR.join(values): np.array(ats, dtype=np.int64) for values, ats in sorted(found.items())}


def _codes(leaves: Leaves, part: int) -> Ints:
    values = [key[part] for key in leaves.keys]
    number = {value: at for at, value in enumerate(sorted(set(values)))}
    return np.array([number[value] for value in values], dtype=np.int64)
