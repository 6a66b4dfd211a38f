"""The schools of a simulated France: ids, sizes, portals, and how each of them writes its events."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache

import numpy as np

from pipeline.simulate import calibration, places
from pipeline.simulate.dice import Dice, Floats, Ints
from schemas import reference

CHECK_LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"
"""The check letter of a UAI is the one at (first 7 digits) % 23; I, O and Q are not used."""

PLAIN, LEGACY_2012, LOWER_CASE = 0, 1, 2
"""How a school writes codes: as the reference tables do, with the names and numbers of 2012, in lower case."""
UTC, EPOCH, LOCAL = 0, 1, 2
"""How a school writes times: with Z, as epoch milliseconds, from `LOCAL` up with the offset of clock `n - LOCAL`."""

_STREAM = 1


def uai(prefix: str, number: int) -> str:
    """The school id of `number` (1-9999) under a three-character prefix, with its check letter."""
    digits = f"{prefix}{number:04d}"
    return digits + CHECK_LETTERS[int(digits) % 23]


@dataclass(frozen=True)
class Schools:
    """Columns with one entry for each school, ordered by clock, so that a clock's schools are contiguous."""

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
    edges: Floats
    """Cumulative share of the visits; the last entry is 1."""
    clock_from: Floats
    clock_share: Floats
    """For each clock: where its schools begin in `edges`, and their share."""


@cache
def build(seed: int, count: int = calibration.SCHOOLS) -> Schools:
    """Build about `count` schools; every territory has at least one."""
    dice = Dice(seed, _STREAM)
    territories = sorted(reference.territories(), key=lambda t: (_clock(t.departement_code), t.uai_prefix))
    inhabitants = sum(places.POPULATION[t.departement_code] for t in territories)
    uais: list[str] = []
    fragments: list[bytes] = []
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
        clock = _clock(territory.departement_code)
        odd_times = (calibration.EPOCH_TIME_SHARE, calibration.LOCAL_OFFSET_SHARE)
        times = np.array([UTC, EPOCH, LOCAL + clock])[dice.pick(n, (1.0 - sum(odd_times), *odd_times))]
        blocks.append((pupils, codes, times, dice.pick(n, calibration.TOOL_SHARES), np.full(n, clock)))
        secondary = places.SECONDARY.get(territory.region_academique, places.ELSEWHERE)
        portals = [_portal_parts(p, territory.academie_name) for p in (*secondary, *places.PRIMARY)]
        second = dice.pick(n, [p.share for p in secondary])
        first = len(secondary) + dice.pick(n, [p.share for p in places.PRIMARY])
        primary = np.array([kind.primary for kind in places.KINDS])[kinds]
        start = int(dice.words(1)[0]) % 9999
        for i, portal in enumerate(np.where(primary, first, second).tolist()):
            # 7,919 has no divisor in common with 9,999, so no number comes twice.
            school = uai(territory.uai_prefix, (start + i * 7919) % 9999 + 1)
            uais.append(school)
            written = school.lower() if codes[i] == LOWER_CASE else school
            fragments.append(b'"uai":"%b",%b' % (written.encode(), portals[portal]))
    pupils, codes, times, tools, clocks = (np.concatenate(column) for column in zip(*blocks, strict=True))
    weight = np.concatenate(weights)
    edges = np.cumsum(weight / weight.sum())
    edges /= edges[-1]
    by_clock = np.searchsorted(clocks, np.arange(len(places.CLOCKS) + 1))
    bounds = np.concatenate([[0.0], edges])[by_clock]
    return Schools(uais, fragments, pupils, codes, times, tools, edges, bounds[:-1], np.diff(bounds))


def _pupils(dice: Dice, kinds: Ints) -> Ints:
    sizes = np.empty(len(kinds))
    # The sum of twelve uniform numbers, less six, is normal enough, and needs no function whose last bit may differ.
    normal = dice.uniform(12 * len(kinds)).reshape(12, -1).sum(axis=0) - 6.0
    for i, kind in enumerate(places.KINDS):
        sizes = np.where(kinds == i, kind.median_pupils * np.exp(kind.sigma * normal), sizes)
    return np.clip(np.rint(sizes), 8, 3_500).astype(np.int64)


def _portal_parts(portal: places.Portal, academie: str) -> bytes:
    parts = {
        "projet": portal.projet.format(academie=academie),
        "exploitant": portal.exploitant,
        "plateforme": portal.plateforme,
    }
    return fragment(parts)


def fragment(parts: dict[str, str]) -> bytes:
    """The members of a JSON object without its braces, in UTF-8."""
    return json.dumps(parts, ensure_ascii=False, separators=(",", ":"))[1:-1].encode()


def _clock(departement: str) -> int:
    return next((i for i, clock in enumerate(places.CLOCKS) if departement in clock.departements), 0)
