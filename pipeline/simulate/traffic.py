"""A scenario as a stream of records, second by second, in bounded memory."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from pipeline.errors import UserError
from pipeline.simulate import calibration, day, schools
from pipeline.simulate.dice import Dice
from pipeline.simulate.encode import Encoder
from pipeline.simulate.scenario import Scenario
from pipeline.simulate.walks import MEAN_AGE_S, MEAN_PAGES, Hits, Walks

_STREAM = 2
_WARM_UP_S = 420
"""Visits that began up to so long before the start are still going on; of a run's hits, 1 % belong to older ones."""
_BLOCK_EVENTS = 20_000.0
_BLOCK_MAX_S = 60
_GRID = 4_096
"""Instants at which the mean of the curve is taken."""


@dataclass(frozen=True)
class Slice:
    """What arrives in one simulated second."""

    second: int
    """Since the start of the run, from 0."""
    records: list[bytes]
    """In order of arrival; each is one line."""


class Traffic:
    """The records of a scenario that starts at `start`; iterating twice gives the same bytes.

    Args:
        scenario: What is played; its own start falls on `start`.
        start: Aware, UTC.
        duration_s: Simulated seconds; `math.inf` goes on for ever, with the mean rate that of the scenario's length.
        rate: Mean records a second over the run, duplicates included; None for the scenario's own.
        seed: Not negative. Same seed, start, rate and duration: same bytes, on any machine.

    Raises:
        UserError: a number out of its bounds.
    """

    def __init__(self, scenario: Scenario, start: datetime, duration_s: float, rate: float | None, seed: int) -> None:
        if rate is not None and not 0 < rate <= 1_000_000:
            raise UserError(f"A rate of {rate:g} cannot be simulated: give hits a second, over 0 and up to 1,000,000.")
        if not duration_s > 0:
            raise UserError(f"A duration of {duration_s:g} cannot be simulated: give simulated seconds, over 0.")
        if seed < 0:
            raise UserError(f"A seed of {seed} cannot be used: give a whole number from 0.")
        if start.tzinfo is None:
            raise UserError("The start of the traffic needs an offset or Z.")
        self.scenario = scenario
        self.start = start
        self.duration_s = duration_s
        self.rate = scenario.rate if rate is None else rate
        self.seed = seed
        self._schools = schools.build(seed)
        span = duration_s if math.isfinite(duration_s) else scenario.length_s
        grid = (np.arange(_GRID) + 0.5) / _GRID * span
        mean_activity = float(day.activity(grid, self._schools.clock_share).sum(axis=(0, 1)).mean())
        hits = self.rate / (1 + calibration.DUPLICATE_SHARE)
        self._visits_per_activity = hits / MEAN_PAGES / mean_activity
        self._block_s = max(1, min(_BLOCK_MAX_S, int(_BLOCK_EVENTS / self.rate)))

    def __iter__(self) -> Iterator[Slice]:
        walks = Walks(self._schools, Dice(self.seed, _STREAM))
        encoder = Encoder(self._schools, self.start, self.seed)
        pending: dict[int, list[Hits]] = defaultdict(list)
        block_ms = self._block_s * 1000
        end_ms = self.duration_s * 1000
        due = 0.0  # visits, of which the whole ones have begun
        block = -math.ceil(_WARM_UP_S / self._block_s)
        while block * block_ms < end_ms:
            start_s = float(block * self._block_s)
            before = math.floor(due)
            due += self._visits_per_second(start_s + self._block_s / 2) * self._block_s
            _file(pending, walks.visits(math.floor(due) - before, start_s, self._block_s), block_ms)
            if block >= 0:
                arrived = pending.pop(block, [])
                yield from self._slices(arrived, block, encoder, end_ms)
            block += 1

    def _visits_per_second(self, elapsed_s: float) -> float:
        """Visits that begin at an instant: ahead of the hits, which are spread over the visit."""
        instant = np.array([elapsed_s + MEAN_AGE_S])
        return self._visits_per_activity * float(day.activity(instant, self._schools.clock_share).sum())

    def _slices(self, arrived: list[Hits], block: int, encoder: Encoder, end_ms: float) -> Iterator[Slice]:
        first = block * self._block_s
        seconds = range(first, min(first + self._block_s, math.ceil(min(end_ms / 1000, first + self._block_s))))
        if not arrived:
            yield from (Slice(second, []) for second in seconds)
            return
        hits = np.concatenate(arrived)
        hits = hits[np.argsort(hits["arrival"], kind="stable")]
        hits = hits[hits["arrival"] < end_ms]
        edges = np.searchsorted(hits["arrival"], np.arange(first, first + len(seconds) + 1) * 1000)
        for second, low, high in zip(seconds, edges[:-1].tolist(), edges[1:].tolist(), strict=True):
            yield Slice(second, encoder.records(hits[low:high]))


def _file(pending: dict[int, list[Hits]], hits: Hits, block_ms: int) -> None:
    """Put hits by the block they arrive in; those from before the start are dropped."""
    hits = hits[hits["arrival"] >= 0]
    if not len(hits):
        return
    block = hits["arrival"] // block_ms
    order = np.argsort(block, kind="stable")
    hits, block = hits[order], block[order]
    blocks, firsts = np.unique(block, return_index=True)
    for number, part in zip(blocks.tolist(), np.split(hits, firsts[1:].tolist()), strict=True):
        pending[number].append(part)
