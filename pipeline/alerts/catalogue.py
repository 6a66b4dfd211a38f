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


FEW = 0.2
"""Of all académies: a series that lies in no more of them moves as one of them does, not as the country."""


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


@dataclass(frozen=True, eq=False)
class TwoRolls:
    """The same in two steps, over cells that many series share: half of the additions."""

    cells: Roll
    series: Roll

    def of(self, columns: Floats) -> Floats:
        """Sum (leaves, columns) over the leaves of each series."""
        return self.series.of(self.cells.of(columns))


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
        self.roll = _two_rolls(leaves, list(sets), mine)
        self.flat = Roll.by(mine)
        self.roll_profils = Roll.by(list(of_profils.values()))
        self.members: NDArray[np.bool_] = np.zeros((self.main, len(leaves)), dtype=bool)
        """(main, leaves) Whether the series holds the leaf."""
        for at, members in enumerate(mine):
            self.members[at, members] = True
        self.kind_codes = np.array([KIND_CODES[kind] for kind in self.kinds], dtype=np.int64)
        academies = _codes(leaves, _ACADEMIE)
        self.academie_names = sorted({key[_ACADEMIE] for key in leaves.keys})
        self.academie_of = np.full(len(names), -1, dtype=np.int64)
        """Index in `academie_names` of the series that lie in one académie, else -1."""
        for at, members in enumerate(mine):
            if (academies[members] == academies[members[0]]).all():
                self.academie_of[at] = academies[members[0]]
        within = np.array([len(np.unique(academies[members])) for members in mine], dtype=np.int64)
        local = np.zeros(len(names), dtype=bool)
        local[: self.main] = within <= max(1.0, FEW * len(self.academie_names))
        crossed = np.isin(self.kind_codes, [KIND_CODES["plateforme_famille"], KIND_CODES["academie_famille"]])
        self.levels = np.where(
            local & (self.kind_codes > 0),
            np.where(crossed, KIND_CODES["academie_famille"], KIND_CODES["academie"]),
            self.kind_codes,
        )
        """Kind code by whose thresholds a series is judged: that of an académie for a platform of a few of them."""
        # Peers whose ratios are compared: académie × famille where they are large enough, académie × plateforme else.
        self.units = [_Units(leaves, parts) for parts in ((_ACADEMIE, _FAMILLE), (_ACADEMIE, _PLATEFORME))]
        self.groups = sorted({int(group) for group in leaves.group if group >= 0})
        alone = np.flatnonzero(leaves.group < 0)
        self.alone = np.zeros(len(names), dtype=bool)
        """Series that hold leaves without peers only."""
        self.alone[: self.main] = ~self.members[:, np.setdiff1d(np.arange(len(leaves)), alone)].any(axis=1)
        self.territories = np.flatnonzero(self.alone & (self.kind_codes == KIND_CODES["academie"]))
        """The académies among them."""
        territory = np.full(len(self.academie_names) + 1, -1, dtype=np.int64)
        territory[self.academie_of[self.territories]] = self.territories
        around = np.where(self.alone, territory[self.academie_of], -1)
        around[self.territories] = -1
        self.inside = np.flatnonzero(around >= 0)
        """The other series that lie in one of them."""
        self.territory_around = around[self.inside]
        """Which, for each of `inside`."""
        self.famille = _codes(leaves, _FAMILLE)
        self.offset = np.zeros(len(names))
        """Seconds that the local time of the series is ahead of UTC: that of the mainland unless it is elsewhere."""
        mainland = leaves.utc_offset[leaves.group >= 0]
        if len(leaves):
            self.offset[:] = mainland[0] if len(mainland) else leaves.utc_offset[0]
            own = self.academie_of[: self.main] >= 0
            self.offset[: self.main][own] = leaves.utc_offset[self.flat.order[self.flat.starts]][own]

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


def _two_rolls(leaves: Leaves, names: list[tuple[Kind, str]], sets: list[Ints]) -> TwoRolls:
    # Cells of (académie, famille), and of (plateforme, exploitant, famille), empty values included.
    cells: list[Ints] = []
    cell_of: list[Ints] = []
    for parts in ((_ACADEMIE, _FAMILLE), (_PLATEFORME, _EXPLOITANT, _FAMILLE)):
        number: dict[tuple[str, ...], int] = {}
        mine = [number.setdefault(tuple(key[part] for part in parts), len(number)) for key in leaves.keys]
        of = np.array(mine, dtype=np.int64)
        cell_of.append(of + len(cells))
        cells += [np.flatnonzero(of == each) for each in range(len(number))]
    hosted = ("plateforme", "exploitant", "plateforme_famille")
    series = [
        np.unique(cell_of[kind in hosted][members]) for (kind, _), members in zip(names, sets, strict=True)
    ]  # fmt: skip
    return TwoRolls(Roll.by(cells), Roll.by(series))


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
