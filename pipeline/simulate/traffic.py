"""A scenario as a stream of records, second by second, in bounded memory."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from pipeline.errors import UserError
from pipeline.simulate import calibration, day, schools
from pipeline.simulate.dice import Dice
from pipeline.simulate.encode import Encoder
from pipeline.simulate.incidents import Trouble, change
from pipeline.simulate.levels import Level, Phase, Plan
from pipeline.simulate.scenario import PARIS, Scenario
from pipeline.simulate.walks import HIT, MEAN_AGE_S, Hits, Walks, mean_pages

_STREAM = 2
_WARM_UP_S = 420
"""Visits that began up to so long before the start are still going on; of a run's hits, 1 % belong to older ones."""
_BLOCK_EVENTS = 20_000.0
_BLOCK_MAX_S = 3_600
_STEP_S = 60.0
"""The curves of the day are followed in steps of at most this length."""
_DRIFT_STEP_H = 0.5
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
        scenario: What is played.
        start: Aware.
        duration_s: Simulated seconds; `math.inf` goes on for ever, with the mean rate that of the scenario's length.
        rate: Mean records a second over the run, duplicates included; None for the scenario's own.
        seed: Not negative. Same seed, start, rate and duration: same bytes, on machines that round alike.
        played: The instant of the scenario's own clock that falls on `start`; None: what `Scenario.played` says.
        scale: Instead of a rate: the country's own traffic, times this.

    Raises:
        UserError: a number out of its bounds.
    """

    def __init__(
        self,
        scenario: Scenario,
        start: datetime,
        duration_s: float,
        rate: float | None,
        seed: int,
        *,
        played: datetime | None = None,
        scale: float | None = None,
    ) -> None:
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
        self.seed = seed
        self._schools = of = schools.build(seed)
        self._origin_s = day.seconds(played or scenario.played(start))
        self._troubles = [Trouble(incident, of, self._origin_s) for incident in scenario.incidents]
        last = self._origin_s + duration_s
        self._plan = Plan(scenario.levels, of, self._origin_s - _WARM_UP_S, last)
        groups = np.bincount(of.group, of.weights, len(day.GROUPS)).astype(np.float64)
        self._visits_per_activity = day.hits_per_activity(groups) / mean_pages(calibration.MEAN_PAGES)
        country = self._mean_hits(duration_s if math.isfinite(duration_s) else scenario.length_s)
        country *= 1 + calibration.DUPLICATE_SHARE
        if scale is None:
            wanted = scenario.rate if rate is None else rate
            scale = 1.0 if wanted is None else wanted / country
        self.rate = country * scale
        self._visits_per_activity *= scale
        self._block_s = max(1, min(_BLOCK_MAX_S, int(_BLOCK_EVENTS / self.rate)))

    def __iter__(self) -> Iterator[Slice]:
        for first, last, arrived, encoder in self._blocks():
            edges = np.searchsorted(arrived["arrival"], np.arange(first, last + 1) * 1000).tolist()
            records = encoder.records(arrived)
            for i in range(last - first):
                yield Slice(first + i, records[edges[i] : edges[i + 1]])

    def batches(self) -> Iterator[list[bytes]]:
        """The same records, in the same order, some thousands at a time."""
        for _, _, arrived, encoder in self._blocks():
            yield encoder.records(arrived)

    def _blocks(self) -> Iterator[tuple[int, int, Hits, Encoder]]:
        """Stretches of whole seconds (first, end) with the hits that arrive in them, in order of arrival."""
        walks = Walks(self._schools, Dice(self.seed, _STREAM))
        encoder = Encoder(self._schools, self.start, self.seed)
        pending: dict[int, list[Hits]] = defaultdict(list)
        due = 0.0  # visits, of which the whole ones have begun
        block = -math.ceil(_WARM_UP_S / self._block_s)
        while (first := block * self._block_s) < self.duration_s:
            for start_s, end_s, phase in self._pieces(max(first, -_WARM_UP_S), first + self._block_s):
                steps = math.ceil((end_s - start_s) / _STEP_S)
                step_s = (end_s - start_s) / steps
                middles = (np.arange(steps, dtype=np.float64) + 0.5) * step_s
                # Visits begin ahead of their hits, which are spread over them.
                busy = phase.busy(day.activity(self._origin_s + start_s + MEAN_AGE_S + middles))
                before = math.floor(due)
                due += float(busy.sum()) * self._visits_per_activity * step_s
                hours = _drift(self._origin_s + (start_s + end_s) / 2)
                hits = walks.visits(math.floor(due) - before, start_s, step_s, busy, phase, hours)
                for trouble in self._troubles:
                    hits = trouble.strike(hits)
                _file(pending, hits, self._block_s * 1000)
            if block >= 0:
                last = min(first + self._block_s, math.ceil(min(self.duration_s, first + self._block_s)))
                arrived = pending.pop(block, [])
                yield first, last, _in_order(arrived, self.duration_s * 1000), encoder
            block += 1

    def _pieces(self, first: float, end: float) -> Iterator[tuple[float, float, Phase]]:
        """A stretch cut where the phase changes; in seconds since the start of the run."""
        for start, stop, phase in self._plan.parts:
            low, high = max(first, start - self._origin_s), min(end, stop - self._origin_s)
            if low < high:
                yield low, high, phase

    def _mean_hits(self, span_s: float) -> float:
        """National hits a second over the run, on average."""
        grid = self._origin_s + (np.arange(_GRID) + 0.5) / _GRID * span_s
        activity = day.activity(grid) * change(self._troubles, self._schools, grid)
        hits = 0.0
        for start, end, phase in self._plan.parts:
            within = (grid >= start) & (grid < end)
            hits += float(phase.busy(activity[within]).sum()) * mean_pages(phase.pages)
        return hits / _GRID * self._visits_per_activity


def planted(
    spans: Iterable[tuple[datetime, datetime]], levels: tuple[Level, ...], scale: float, seed: int
) -> Iterator[list[bytes]]:
    """The records of several stretches of time, one after another, as the country's traffic times `scale`.

    The same people and schools appear in all of them; ids of visits and events never repeat.

    Args:
        spans: Start and end of each stretch, aware.
        levels: What has grown in them; see `Level`.
        scale: 1/2000 is about 25,000 events for an ordinary school day.
        seed: Not negative.

    Raises:
        UserError: the levels cannot be planted, or a number is out of its bounds.
    """
    for start, end in spans:
        scenario = Scenario("planted", "", "", start, None, None, levels)
        yield from Traffic(scenario, start, (end - start) / timedelta(seconds=1), None, seed, scale=scale).batches()


def _drift(instant_s: float) -> float:
    """For how many hours the tastes of the day have drifted: from half past seven in Paris on, in steps."""
    local = datetime.fromtimestamp(instant_s, tz=PARIS)
    hours = math.floor((local.hour + local.minute / 60 - day.OPENS_HOUR) / _DRIFT_STEP_H) * _DRIFT_STEP_H
    return min(max(hours, 0.0), calibration.DRIFT_HOURS)


def _in_order(arrived: list[Hits], end_ms: float) -> Hits:
    hits = np.concatenate(arrived) if arrived else np.empty(0, dtype=HIT)
    hits = hits[hits["arrival"] < end_ms]
    ordered: Hits = hits[np.argsort(hits["arrival"], kind="stable")]
    return ordered


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
