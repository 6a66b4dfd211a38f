"""The schools of a simulated France: ids, sizes, portals, and how each of them writes its events."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import numpy.typing as npt

from pipeline.errors import UserError
from pipeline.simulate import calibration, day, places
from pipeline.simulate.dice import Bools, Dice, Floats, Ints
from schemas import reference

CHECK_LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"
"""The check letter of a UAI is the one at (first 7 digits) % 23; I, O and Q are not used."""

PLAIN, LEGACY_2012, LOWER_CASE = 0, 1, 2
"""How a school writes codes: as the reference tables do, with the names and numbers of 2012, in lower case."""
UTC, EPOCH, LOCAL = 0, 1, 2
"""How a school writes times: with Z, as epoch milliseconds, from `LOCAL` up with the offset of clock `n - LOCAL`."""

KEYS = ("region", "academie", "departement", "projet", "exploitant", "plateforme", "degre")
PORTAL_KEYS = ("projet", "exploitant", "plateforme")

_CORSE_ZONE = "B"
"""Corse has holidays of its own, which no library knows (see `school_days.py`)."""
_STREAM = 1


def uai(prefix: str, number: int) -> str:
    """The school id of `number` (1-9999) under a three-character prefix, with its check letter."""
    digits = f"{prefix}{number:04d}"
    return digits + CHECK_LETTERS[int(digits) % 23]


@dataclass(frozen=True)
class Schools:
    """Columns with one entry for each school, ordered by group, so that a group's schools are contiguous."""

    uais: list[str]
    """As the reference form has it; a lower-case school writes it in lower case."""
    fragments: list[bytes]
    """The school's own part of an event: `"uai":…,"projet":…,"exploitant":…,"plateforme":…`."""
    pupils: Ints
    codes: Ints
    """`PLAIN`, `LEGACY_2012` or `LOWER_CASE`."""
    times: Ints
    """`UTC`, `EPOCH`, or `LOCAL` + clock."""
    tools: Ints
    """Column of `calibration.TIERS_TOOLS`."""
    weights: Floats
    """Share of the country's visits; sums to 1."""
    group: Ints
    """Place in `day.GROUPS`."""
    keys: dict[str, npt.NDArray[np.str_]]
    """Region, academie, departement, projet, exploitant, plateforme and degre (école, collège, lycée), by name."""

    def having(self, kind: str, key: str) -> Bools:
        """Which schools have that key.

        Raises:
            UserError: no school has it.
        """
        found: Bools = self.keys[kind] == key
        if not found.any():
            raise UserError(f"No simulated school has the {kind} {key!r}.")
        return found


@cache
def build(seed: int, count: int = calibration.SCHOOLS) -> Schools:
    """Build about `count` schools; every territory has at least one."""
    dice = Dice(seed, _STREAM)
    territories = sorted(reference.territories(), key=lambda t: (_group(t), t.uai_prefix))
    inhabitants = sum(places.POPULATION[t.departement_code] for t in territories)
    uais: list[str] = []
    fragments: list[bytes] = []
    keys: dict[str, list[str]] = {kind: [] for kind in KEYS}
    blocks: list[tuple[Ints, ...]] = []
    weights: list[Floats] = []
    for territory in territories:
        n = max(1, round(count * places.POPULATION[territory.departement_code] / inhabitants))
        kinds = dice.pick(n, [kind.share for kind in places.KINDS])
        pupils = _pupils(dice, kinds)
        use = np.array([kind.visits_per_pupil for kind in places.KINDS])[kinds]
        weights.append(pupils * use * (0.4 + 1.2 * dice.uniform(n)))  # keenness between 0.4 and 1.6
        awkward = (calibration.LEGACY_2012_SHARE, calibration.LOWER_CASE_SHARE)
        codes = dice.pick(n, (1.0 - sum(awkward), *awkward))
        group = _group(territory)
        odd_times = (calibration.EPOCH_TIME_SHARE, calibration.LOCAL_OFFSET_SHARE)
        times = np.array([UTC, EPOCH, LOCAL + day.GROUPS[group].clock])[dice.pick(n, (1 - sum(odd_times), *odd_times))]
        blocks.append((pupils, codes, times, dice.pick(n, calibration.TOOL_SHARES), np.full(n, group)))
        secondary = places.SECONDARY.get(territory.region_academique, places.ELSEWHERE)
        portals = [_owned(p, territory.academie_name) for p in (*secondary, *places.PRIMARY)]
        parts = [fragment({name: getattr(portal, name) for name in PORTAL_KEYS}) for portal in portals]
        second = dice.pick(n, [p.share for p in secondary])
        first = len(secondary) + dice.pick(n, [p.share for p in places.PRIMARY])
        primary = np.array([kind.primary for kind in places.KINDS])[kinds]
        start = int(dice.words(1)[0]) % 9999
        for i, portal in enumerate(np.where(primary, first, second).tolist()):
            # 7,919 has no divisor in common with 9,999, so no number comes twice.
            school = uai(territory.uai_prefix, (start + i * 7919) % 9999 + 1)
            uais.append(school)
            written = school.lower() if codes[i] == LOWER_CASE else school
            fragments.append(b'"uai":"%b",%b' % (written.encode(), parts[portal]))
            for name in PORTAL_KEYS:
                keys[name].append(getattr(portals[portal], name))
        keys["region"] += [territory.region_name] * n
        keys["academie"] += [territory.academie_name] * n
        keys["departement"] += [territory.departement_code] * n
        keys["degre"] += [places.KINDS[kind].name for kind in kinds.tolist()]
    pupils, codes, times, tools, groups = (np.concatenate(column) for column in zip(*blocks, strict=True))
    weight = np.concatenate(weights)
    columns = {kind: np.array(names) for kind, names in keys.items()}
    return Schools(uais, fragments, pupils, codes, times, tools, weight / weight.sum(), groups, columns)


def _pupils(dice: Dice, kinds: Ints) -> Ints:
    sizes = np.empty(len(kinds))
    # The sum of twelve uniform numbers, less six, is normal enough, and needs no function whose last bit may differ.
    normal = dice.uniform(12 * len(kinds)).reshape(12, -1).sum(axis=0) - 6.0
    for i, kind in enumerate(places.KINDS):
        sizes = np.where(kinds == i, kind.median_pupils * np.exp(kind.sigma * normal), sizes)
    return np.clip(np.rint(sizes), 8, 3_500).astype(np.int64)


def _owned(portal: places.Portal, academie: str) -> places.Portal:
    return replace(portal, projet=portal.projet.format(academie=academie))


def fragment(parts: dict[str, str]) -> bytes:
    """The members of a JSON object without its braces, in UTF-8."""
    return json.dumps(parts, ensure_ascii=False, separators=(",", ":"))[1:-1].encode()


def _group(territory: reference.Territory) -> int:
    code = territory.departement_code
    clock = next((i for i, clock in enumerate(places.CLOCKS) if code in clock.departements), 0)
    zone = territory.zone if territory.zone in ("A", "B", "C") else ""
    return day.GROUPS.index(day.Group(clock, zone or ("" if clock else _CORSE_ZONE)))
