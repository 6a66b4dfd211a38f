"""A seeded country whose pages are counted: days of history by the minute, and the judged day by ten seconds.

Counts are overdispersed (a visit brings several pages) and move together: each day has its own level for the country,
each territory, each service; within the day these wander for a quarter of an hour or so, platforms too. Some services
grow by a few percent a day, the past holds outages that nobody noted down, and last year's shares are not this year's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np

from pipeline.simulate import calibration
from tests.bench.alerts import country
from tests.bench.alerts.country import FAMILLES, MINUTES, PROFILS, Doubles, Floats, Ints

BUCKET = 10
"""Seconds."""
BUCKETS = 86_400 // BUCKET
PER_MINUTE = 60 // BUCKET
_PAGES = calibration.MEAN_PAGES
_VISIT_SECONDS = 120.0
"""Time constant with which the pages of a visit follow its start (ours)."""
_VISITS_PER_HIT = 0.45
"""Distinct visits of a minute for each page that people asked for (ours)."""
_LAST_YEAR = 200
"""Days back from which on a day belongs to last year."""
_CACHED_DAYS = 40

_DAYS, _TODAY, _LEVELS = 1, 2, 3  # streams of random numbers


@dataclass(frozen=True, eq=False)
class Rates:
    """What would be counted without chance, over 24 hours from some local midnight or other."""

    hits: Floats
    """(leaves, minutes) Pages a second."""
    profils: Floats
    """(académies, profils, familles, minutes) Shares of the profils in the pages of a famille; their sum is 1."""
    bells: Floats
    """(académies, buckets) Factors on hits."""


@dataclass(frozen=True, eq=False)
class Minutes:
    """One local day of history."""

    hits: Floats
    """(leaves, minutes)."""
    visits: Floats
    profil_hits: Floats
    """(académies × profils, minutes), académie by académie."""
    profil_visits: Floats


class World:
    """One country, as it is on one day.

    Args:
        seed: Same seed, same everything.
        today: The judged day, as Paris has it.
    """

    def __init__(self, seed: int, today: date) -> None:
        self.seed, self.today = seed, today
        dice = np.random.default_rng([seed, 0])
        self.portals = country.portals()
        self.academies = country.academies()
        self.academie_of = np.array([self.academies.index(portal.academie) for portal in self.portals])
        self.platforms = tuple(sorted({portal.plateforme for portal in self.portals}))
        self._platform_of = np.array([self.platforms.index(portal.plateforme) for portal in self.portals])
        shape = (len(self.academies), len(FAMILLES))
        taste = np.exp(dice.normal(0, 0.4, shape))
        taste[dice.random(shape) < 0.08] *= 0.03  # a service that an académie hardly has
        self._taste = (taste[self.academie_of] * np.exp(dice.normal(0, 0.2, (len(self.portals), shape[1])))).astype(
            np.float32
        )
        self._taste /= self._taste.mean(axis=1, keepdims=True)
        self._growth = np.where(dice.random(shape) < 0.1, dice.uniform(0.01, 0.04, shape), 0.0015)
        sigma = np.exp(dice.normal(0, 0.2, (shape[0], 1)) + dice.normal(0, 0.15, (1, shape[1])))
        self._last_year = sigma * np.exp(dice.normal(0, 0.25, shape))
        self._history: dict[date, Minutes] = {}

    def day_class(self, academie: str, on: date) -> int:
        """The kind of a local day of an académie (`country.kind_of`)."""
        return country.kind_of(country.territory(academie)[0], on)

    def history(self, on: date) -> Minutes:
        """A past day, each académie by its own local minutes; the same whenever it is asked for."""
        found = self._history.get(on)
        if found is None:
            dice = np.random.default_rng([self.seed, _DAYS, on.toordinal()])
            midnight = np.full(len(self.academies), on.toordinal() * MINUTES)
            rates = self._rates(dice, midnight, self._level_dice(on))
            self._spoil(dice, rates.hits)
            hits = rates.hits * 60.0
            hits *= rates.bells.reshape(len(self.academies), MINUTES, PER_MINUTE).mean(axis=2)[self.leaf_academie]
            counted = pages(dice, hits, 60.0)
            visits = self.visits_of(dice, counted)
            if len(self._history) >= _CACHED_DAYS:
                self._history.pop(next(iter(self._history)))
            found = self._history[on] = Minutes(
                counted, visits, self.split(dice, rates.profils, counted), self.split(dice, rates.profils, visits)
            )
        return found

    def rates_of_today(self, dice: np.random.Generator) -> Rates:
        """The judged day, from midnight in Paris, before anything goes wrong."""
        ahead = np.array([country.ahead(academie, self.today) for academie in self.academies])
        return self._rates(dice, self.today.toordinal() * MINUTES + ahead, dice)

    def dice(self, draw: int) -> np.random.Generator:
        """Random numbers of one draw of the judged day."""
        return np.random.default_rng([self.seed, _TODAY, self.today.toordinal(), draw])

    def totals(self, on: date) -> tuple[Doubles, Doubles]:
        """Pages of a whole past day, nearly: by leaf, and by académie × profil. Cheaper than its minutes."""
        back = self.today.toordinal() - on.toordinal()
        classes = [self.day_class(academie, on) for academie in self.academies]
        mixed = np.stack([country.pages_of_a_day(kind) for kind in classes])  # (académies, profils, familles)
        by_kind = mixed.sum(axis=1)
        shares = np.array([portal.share for portal in self.portals])
        leaves = by_kind[self.academie_of] * self._taste * shares[:, None] * self._level(self._level_dice(on), back)
        by_place = np.zeros(by_kind.shape)
        np.add.at(by_place, self.academie_of, leaves)
        profils = np.einsum("apf,af->ap", mixed, by_place / by_kind)
        return leaves.ravel(), profils.ravel()

    def _level_dice(self, on: date) -> np.random.Generator:
        return np.random.default_rng([self.seed, _LEVELS, on.toordinal()])

    @cached_property
    def leaf_academie(self) -> Ints:
        return np.repeat(self.academie_of, len(FAMILLES))

    def _rates(self, dice: np.random.Generator, first_minutes: Ints, level_dice: np.random.Generator) -> Rates:
        """Rates over 24 hours from a local minute (since ordinal 0) of each académie."""
        places, kinds = len(self.academies), len(FAMILLES)
        by_place = np.empty((places, kinds, MINUTES), np.float32)
        profils = np.empty((places, len(PROFILS), kinds, MINUTES), np.float32)
        bells = np.empty((places, BUCKETS), np.float32)
        moods = np.exp(_wander(dice, len(PROFILS), 0.03, 20.0))
        for a, academie in enumerate(self.academies):
            first = int(first_minutes[a])
            minutes = first + np.arange(MINUTES)
            day_numbers = np.unique(minutes // MINUTES)
            on = [date.fromordinal(int(number)) for number in day_numbers]
            classes = [self.day_class(academie, day) for day in on]
            rentree = country.RENTREE in classes
            shift = dice.normal(0, 10.0 if rentree else 2.0) / 60.0
            busy = np.empty((len(PROFILS), MINUTES))
            tastes = np.empty((len(PROFILS), kinds, MINUTES), np.float32)
            late = dice.normal(0, 15.0 / 3_600.0, country.BELLS)
            for day, kind in zip(on, classes, strict=True):
                inside = minutes // MINUTES == day.toordinal()
                hours = (minutes[inside] % MINUTES + 0.5) / 60.0
                busy[:, inside] = country.curves(hours - shift, kind)
                mix = country.taste() * (country.rentree_taste() if kind == country.RENTREE else 1.0)
                tastes[:, :, inside] = mix[:, :, None]
                fine = np.repeat(inside, PER_MINUTE)
                seconds = (first * 60 + np.arange(BUCKETS)[fine] * BUCKET + BUCKET / 2) % 86_400
                bells[a, fine] = country.bells(seconds / 3_600.0, kind, late)
            pages = tastes * (busy * moods)[:, None, :].astype(np.float32)
            by_place[a] = pages.sum(axis=0)
            profils[a] = pages / np.maximum(by_place[a], 1e-12)
        shares = np.array([portal.share for portal in self.portals], np.float32)
        hits = by_place[self.academie_of] * (self._taste * shares[:, None])[:, :, None]
        back = self.today.toordinal() - int(first_minutes.min()) // MINUTES
        hits *= (self._level(level_dice, back)[:, :, None] * self._moods(dice)).astype(np.float32)
        return Rates(hits.reshape(-1, MINUTES), profils, bells)

    def _level(self, dice: np.random.Generator, back: int) -> Doubles:
        """Levels of a whole day `back` days before today: array (portals, familles)."""
        shape = self._growth.shape
        level = np.exp(-self._growth * min(back, 60)) * np.exp(dice.normal(0, 0.08))
        level *= np.exp(dice.normal(0, 0.06, (shape[0], 1)) + dice.normal(0, 0.05, (1, shape[1])))
        level *= np.exp(dice.normal(0, 0.08, shape))
        if back > _LAST_YEAR:
            level *= self._last_year
        by_portal: Doubles = level[self.academie_of]
        return by_portal

    def _moods(self, dice: np.random.Generator) -> Doubles:
        """How everything wanders within a day: array (portals, familles, minutes)."""
        places, kinds = len(self.academies), len(FAMILLES)
        whole = _wander(dice, 1, 0.05, 30.0)
        by_place = _wander(dice, places, 0.05, 20.0) + whole
        by_kind = _wander(dice, kinds, 0.04, 20.0)
        by_platform = _wander(dice, len(self.platforms), 0.03, 20.0)
        crossed = _wander(dice, places * kinds, 0.08, 12.0).reshape(places, kinds, MINUTES)
        crossed += by_place[:, None] + by_kind
        moods: Doubles = np.exp(crossed[self.academie_of] + by_platform[self._platform_of][:, None])
        return moods

    def _spoil(self, dice: np.random.Generator, hits: Floats) -> None:
        """What went wrong on a past day, and that nobody wrote down."""
        of_leaf, platform_of = self.leaf_academie, np.repeat(self._platform_of, len(FAMILLES))
        everywhere = np.ones(len(hits), dtype=np.bool_)
        for chance, struck, longest, left in (
            (0.25, everywhere, 150, float(dice.choice([0.1, 0.5]))),
            (0.50, of_leaf == dice.integers(len(self.academies)), 240, 0.02),
            (0.25, platform_of == dice.integers(len(self.platforms)), 150, 0.05),
        ):
            start, length = int(dice.integers(420, 1_100)), int(dice.integers(30, longest))
            if dice.random() < chance:
                hits[struck, start : start + length] *= left

    def visits_of(self, dice: np.random.Generator, people_hits: Floats) -> Floats:
        """Distinct visits of each minute (or bucket) that brought those pages."""
        chance = dice.random(people_hits.shape, dtype=np.float32)
        visits: Floats = np.floor(people_hits * np.float32(_VISITS_PER_HIT) + chance)
        return visits

    def split(self, dice: np.random.Generator, shares: Floats, counts: Floats) -> Floats:
        """Counts of leaves by académie and profil: array (académies × profils, instants).

        Args:
            dice: Random numbers.
            shares: As `Rates.profils`.
            counts: (leaves, minutes or buckets).
        """
        instants = counts.shape[1]
        each = instants // MINUTES
        out = []
        for a in range(len(self.academies)):
            mine = counts.reshape(-1, len(FAMILLES), MINUTES, each)[self.academie_of == a].sum(axis=0)
            mean = np.einsum("pfm,fme->pme", shares[a], mine, optimize=True)
            spread = np.einsum("pfm,fme->pme", shares[a] * (1 - shares[a]), mine, optimize=True)
            noise = dice.standard_normal(mean.shape, dtype=np.float32) * np.sqrt(spread)
            drawn = np.floor(mean + noise + dice.random(mean.shape, dtype=np.float32))
            out.append(np.maximum(drawn, 0.0).reshape(len(PROFILS), instants))
        return np.concatenate(out)


def pages(dice: np.random.Generator, mean: Floats, seconds: float) -> Floats:
    """Pages that are counted in steps of so many seconds when `mean` are to be expected: visits start, pages follow."""
    starts: Floats = dice.poisson(mean / _PAGES).astype(np.float32)
    keep = np.float32(np.exp(-seconds / _VISIT_SECONDS))
    steps = np.ascontiguousarray(starts.T)
    under_way = mean[:, 0].copy()
    gain = (1 - keep) * np.float32(_PAGES)
    for step in steps:
        under_way *= keep
        step *= gain
        under_way += step
        step[:] = under_way
    counted: Floats = dice.poisson(steps.T).astype(np.float32)
    return counted


def _wander(dice: np.random.Generator, series: int, sigma: float, minutes: float) -> Doubles:
    """Autocorrelated normal numbers, one a minute, with a time constant: array (series, minutes)."""
    keep = np.exp(-1.0 / minutes)
    steps = dice.standard_normal((MINUTES, series)) * (sigma * np.sqrt(1 - keep * keep))
    value = dice.normal(0, sigma, series)
    for step in steps:
        value = keep * value + step
        step[:] = value
    return np.ascontiguousarray(steps.T)
