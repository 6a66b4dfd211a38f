"""A small country without chance in it: every leaf has its rate, and what happens to it is written down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from pipeline.alerts.change import Change
from pipeline.alerts.machine import Machine
from pipeline.alerts.sample import ALONE, SPAN_EDGES, TICK_SECONDS, Counts, Floats, Leaves, Sample

MORNING = 1_772_614_800
"""2026-03-04 09:00 UTC, ten o'clock in Paris."""
ACADEMIES = (*(f"Académie {letter}" for letter in "ABCDEFGHIJKLMN"), "La Réunion")
FAMILLES = ("accueil", "messagerie", "notes", "visio")
PLATEFORMES = (("Nord", "Un"), ("Sud", "Un"), ("Ouest", "Deux"), ("Est", "Trois"), ("Centre", "Quatre"))
"""Plateforme and exploitant; académies have them in turn."""
PROFILS = {"ELEVE": 0.45, "PARENT": 0.35, "ENSEIGNANT": 0.20}

Story = Callable[[tuple[str, str, str, str, str], int], float]
"""Leaf key and second of event time → factor on its hits."""


def _places() -> list[tuple[str, str, str, str, str]]:
    return [
        (academie, *PLATEFORMES[number % 5], famille, "")
        for number, academie in enumerate(ACADEMIES)
        for famille in FAMILLES
    ]


def _leaves(keys: list[tuple[str, str, str, str, str]]) -> Leaves:
    overseas = np.array([key[0] == "La Réunion" for key in keys])
    return Leaves(tuple(keys), np.where(overseas, ALONE, 0), np.where(overseas, 14_400, 3_600))


@dataclass
class Country:
    """Rates in hits a minute, the same all day; `story` bends them."""

    rate: float = 240.0
    rates: dict[tuple[str, str], float] = field(default_factory=dict)
    """Other rates, by académie and famille."""
    story: Story = lambda key, second: 1.0
    days: int = 8
    learning: bool = False
    measured: float = 4200.0
    closure: Callable[[tuple[str, str, str, str, str], int], int] = lambda key, second: -1
    pages: float = 6.0
    """Hits a visit; retries make more of them."""
    retries: Story = lambda key, second: 1.0
    late: Callable[[int], float] = lambda second: 0.0
    main: Leaves = field(default_factory=lambda: _leaves(_places()))
    profils: Leaves = field(
        default_factory=lambda: _leaves(
            [(academie, "", "", "", profil) for academie in ACADEMIES for profil in PROFILS]
        )
    )

    _known: dict[tuple[int, int], Floats] = field(default_factory=dict)

    def sample(self, t: int) -> Sample:
        """The tick at t; every ten seconds of the past have the factor of their start."""
        late = self.late(t)
        return Sample(
            t, self._counts(self.main, t), self._counts(self.profils, t), self.measured, self.learning, late, late,
            ("grève annoncée",),
        )  # fmt: skip

    def _factors(self, leaves: Leaves, second: int) -> Floats:
        """(2, leaves): the story and the retries of a minute."""
        known = (id(leaves), second)
        if known not in self._known:
            self._known[known] = np.array(
                [[self.story(key, second) for key in leaves.keys], [self.retries(key, second) for key in leaves.keys]]
            )
        return self._known[known]

    def _rates(self, leaves: Leaves) -> Floats:
        each = len(FAMILLES) * self.rate
        rates = [
            each * PROFILS[key[4]] if key[4] else self.rates.get((key[0], key[3]), self.rate) for key in leaves.keys
        ]
        return np.array(rates) / 60

    def _counts(self, leaves: Leaves, t: int) -> Counts:
        rates = self._rates(leaves)
        edges = np.array(SPAN_EDGES)
        lengths = np.diff(edges)
        starts = np.arange(t - SPAN_EDGES[-1], t, 60)
        hits = np.zeros((len(leaves), len(lengths)))
        factors = np.array([self._factors(leaves, int(start)) for start in starts])
        number = np.searchsorted(edges, t - starts - 60, side="right") - 1
        np.add.at(hits.T, number, rates * 60 * factors[:, 0] * factors[:, 1])
        visits = (rates * 60 * factors[:, 0] / self.pages)[-5:].sum(axis=0)
        ever = (factors[:, 0] > 0).any(axis=0)
        newest = (factors[::-1, 0] > 0).argmax(axis=0)
        silent = np.where(ever, newest * 60.0, 36 * 3600.0)
        known = self.days > 0
        return Counts(
            leaves=leaves,
            hits=np.round(hits),
            reference=rates[:, None] * lengths * known,
            slope=np.repeat(rates[:, None] * 300 * known, 2, axis=1),
            days=np.full(len(leaves), self.days),
            visits=visits,
            reference_visits=rates * 300 / self.pages * known,
            silent=silent,
            missed=rates * silent * known,
            closure=np.array([self.closure(key, t) for key in leaves.keys]),
        )


def watch(country: Country, minutes: int, machine: Machine | None = None, start: int = MORNING) -> list[Change]:
    """What a detector says over so many minutes from `start` on."""
    machine = machine or Machine()
    changes = []
    for t in range(start, start + 60 * minutes + 1, TICK_SECONDS):
        if t > machine.t:
            changes += machine.step(country.sample(t))
    return changes


def told(changes: list[Change]) -> list[tuple[str, str, str, str, int]]:
    """(state, direction, kind, key, minute after `MORNING`) of each change but updates."""
    return [
        (each.state, each.direction, each.kind, each.key, (each.changed_at - MORNING) // 60)
        for each in changes
        if each.state != "updated"
    ]
