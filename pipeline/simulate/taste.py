"""What people do in a visit: a Markov chain over the services for each profil, whose taste drifts over the morning."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from pipeline.errors import UserError
from pipeline.simulate import calibration
from pipeline.simulate.dice import Bools, Floats, Ints
from schemas import reference

Bytes = npt.NDArray[np.uint8]

SERVICE_CODES = tuple(calibration.SERVICES)
PROFIL_CODES = tuple(calibration.PROFILS)
SERVICE_KINDS = ("service", "famille", "domaine")

_MOST_TOUCHED = 0.97
_ROUNDS = 400
_MOST = 1e9
_CLOSE_ENOUGH = 1e-3
"""Of the visits that touch the services, those that may be wrong: a small profil may be beyond what can be fitted."""
_SHARES = np.array(list(calibration.PROFILS.values()))


def touching(kind: str, key: str) -> Bools:
    """Which of `SERVICE_CODES` are counted under a key of `SERVICE_KINDS`.

    Raises:
        UserError: none is.
    """
    known = {service.service: service for service in reference.services()}
    counted = [known.get(code or "PAGE_ENT", known["NON_CLASSE"]) for code in SERVICE_CODES]
    found = np.array([getattr(service, kind) == key for service in counted])
    if not found.any():
        raise UserError(f"No simulated visit touches the {kind} {key!r}.")
    return found


class Taste:
    """The chain of the visits of one phase.

    Args:
        pages: Mean pages a visit.
        ratios: For some sets of services, how many times the ordinary share of the visits touches one of them.
    """

    def __init__(self, pages: float, ratios: tuple[tuple[Bools, float], ...]) -> None:
        self._pages = pages
        self._ratios = ratios
        self.lotteries = lru_cache(maxsize=16)(self._lotteries)
        """By hours of drift: of the landing service, by profil, and of the next one, by profil and service."""

    def touched(self, services: Bools, hours: float = calibration.DRIFT_HOURS) -> Floats:
        """Share of each profil's visits with at least one page of those services: array (profils)."""
        return _touched(services, *self._chain(hours), self._pages)

    def _lotteries(self, hours: float) -> tuple[Lottery, Lottery]:
        landing, chain = self._chain(hours)
        return Lottery(landing), Lottery(chain.reshape(-1, len(SERVICE_CODES)))

    def _chain(self, hours: float) -> tuple[Floats, Floats]:
        """Landing (profils, services) and transition probabilities (profils, services, services)."""
        multipliers = np.ones((len(PROFIL_CODES), len(SERVICE_CODES)))
        if not self._ratios:
            return _chain(hours, multipliers)
        ordinary = _chain(hours, multipliers)
        goals = [
            np.minimum(_touched(s, *ordinary, calibration.MEAN_PAGES) * ratio, _MOST_TOUCHED)
            for s, ratio in self._ratios
        ]
        for _ in range(_ROUNDS):
            off = 0.0
            for (services, _ratio), goal in zip(self._ratios, goals, strict=True):
                now = _touched(services, *_chain(hours, multipliers), self._pages)
                step = goal / (1 - goal) / (now / (1 - now))
                multipliers[:, services] *= np.clip(step, 0.1, 10.0)[:, None]
                off = max(off, float(_SHARES @ np.abs(goal - now)) / float(_SHARES @ goal))
            if off < _CLOSE_ENOUGH:
                return _chain(hours, multipliers)
            if multipliers.max() > _MOST:
                break
        raise UserError("These growths of services cannot hold at once, or not with so few visits in all.")


def _touched(services: Bools, landing: Floats, chain: Floats, pages: float) -> Floats:
    """Share of visits of geometric length that touch one of `services`: array (profils)."""
    outside = ~services
    inner = chain[:, outside][:, :, outside]
    more = 1 - 1 / pages
    ones = np.ones((len(chain), int(outside.sum()), 1))
    never = (1 - more) * np.linalg.solve(np.eye(inner.shape[1]) - more * inner, ones)[:, :, 0]
    touched: Floats = 1 - (landing[:, outside] * never).sum(axis=1)
    return touched


def _chain(hours: float, multipliers: Floats) -> tuple[Floats, Floats]:
    """Stay, follow a link, or go where the taste leads, `hours` after the day began."""
    weights = np.array([s.weight * math.exp(s.trend * hours) for s in calibration.SERVICES.values()])
    factors = [
        [calibration.PROFIL_TASTE[profil].get(service, 1.0) for service in SERVICE_CODES] for profil in PROFIL_CODES
    ]
    taste = weights * np.array(factors) * multipliers
    taste = taste / taste.sum(axis=1, keepdims=True)
    landing = taste * (1 - calibration.LANDING_SHARE)
    landing[:, SERVICE_CODES.index("PAGE_ENT")] += calibration.LANDING_SHARE
    fixed = np.tile(np.diag([s.stay for s in calibration.SERVICES.values()]), (len(PROFIL_CODES), 1, 1))
    for source, (target, probability) in calibration.LINKS.items():
        to = SERVICE_CODES.index(target)
        # A service that hardly exists yet is hardly linked to.
        fixed[:, SERVICE_CODES.index(source), to] += probability * np.minimum(1.0, multipliers[:, to])
    free = 1.0 - fixed.sum(axis=2)
    return landing, fixed + free[:, :, None] * taste[:, None, :]


class Lottery:
    """Draws by the probabilities of one of many rows, each draw from one number: Walker's alias method.

    Exact for rare outcomes too, and small enough to stay in the processor's cache.
    """

    def __init__(self, rows: Floats) -> None:
        self._width = rows.shape[1]
        chances = rows / rows.sum(axis=1, keepdims=True) * self._width
        aliases = np.tile(np.arange(self._width, dtype=np.uint8), (len(rows), 1))
        for chance, alias in zip(chances, aliases, strict=True):
            small = [i for i in range(self._width) if chance[i] < 1]
            large = [i for i in range(self._width) if chance[i] >= 1]
            while small and large:
                poor, rich = small.pop(), large[-1]
                alias[poor] = rich
                chance[rich] -= 1 - chance[poor]
                if chance[rich] < 1:
                    small.append(large.pop())
            chance[[*small, *large]] = 1.0
        self._chances = chances.ravel()
        self._aliases = aliases.ravel()

    def draw(self, row: Ints, uniform: Floats) -> Bytes:
        """An outcome for each row number and number in [0, 1)."""
        scaled = uniform * self._width
        column = scaled.astype(np.int64)
        at = row * self._width + column
        drawn: Bytes = np.where(scaled - column < self._chances[at], column, self._aliases[at]).astype(np.uint8)
        return drawn
