"""From figures to what is said: how an alert stands now, which series move with it, how its neighbours are."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from pipeline.alerts import rules
from pipeline.alerts.catalogue import KIND_CODES, Catalogue
from pipeline.alerts.change import KEY_SEPARATOR, Change, Kind, Neighbour, State, WhyClosed
from pipeline.alerts.expectation import NEAR, WINDOWS, Bools, Expected, Muted
from pipeline.alerts.open_alert import OpenAlert
from pipeline.alerts.sample import SILENCE_LOOKBACK, SPAN_EDGES, Floats, Sample
from pipeline.alerts.sentence import look_at, sentence

BAND_SIGMAS = 2.6
"""Half width of what is called ordinary: 99 of 100 ordinary windows lie inside."""
NEIGHBOURS = 3
SCOPE_SHARE = 0.03
"""Least share of an alert's expected pages for a part of it to be named."""
SCOPE_MOST = 30
_DIMENSIONS: tuple[tuple[Kind, int], ...] = (("plateforme", 1), ("academie", 0), ("famille", 3))
_SIZES_DROP, _SIZES_SPIKE = (0.15, 0.5), (2.5, 6.0)


@dataclass(frozen=True)
class Standing:
    """How an open alert stands at a tick: hits of its own leaves over one window."""

    observed: float
    expected: float
    low: float
    high: float
    window: int
    """Index of `WINDOWS`."""
    rows: Bools
    """Leaves of the main table that it speaks for."""
    closed: bool
    """A planned closure has taken all of it."""
    merged: bool
    """Most of it is in a wider alert by now."""

    @property
    def ratio(self) -> float:
        """Observed to expected; 1 where too little is expected to tell."""
        return self.observed / self.expected if self.expected >= 1 else 1.0

    @property
    def size(self) -> int:
        """Class of size; another class is worth saying."""
        sizes = _SIZES_DROP if self.ratio < 1 else _SIZES_SPIKE
        return int(np.searchsorted(sizes, self.ratio))


class Teller:
    """What can be said at one tick.

    Args:
        sample: The tick.
        catalogue: Its series.
        found: Their figures.
        alerts: All that are remembered, as they stand while this tick is judged.
    """

    def __init__(self, sample: Sample, catalogue: Catalogue, found: Expected, alerts: list[OpenAlert]) -> None:
        self.sample, self.catalogue, self.found, self.alerts = sample, catalogue, found, alerts

    def standing(self, alert: OpenAlert, window: int | None = None) -> Standing:
        """The alert's own figures, without what a later alert has taken over.

        Args:
            alert: One whose series is in the catalogue.
            window: Index of `WINDOWS`; None for a minute where that is enough to go by, else five.
        """
        at, found = self.catalogue.number[alert.name], self.found
        whole = self._rows(at)
        rows = whole
        if alert.kind != "national" and not alert.learning:
            for other in self.alerts:
                taken = self.catalogue.number.get(other.name, len(self.catalogue))
                if other.closed_at is None and other.opened_at > alert.opened_at and 0 < taken < self.catalogue.main:
                    rows = rows & ~self.catalogue.members[taken]
        x, mu = self._figures(at, alert, rows)
        if window is None:
            window = 0 if mu[0] >= 300 else 1
        observed, expected = float(x[window]), float(mu[window])
        noise = float(rules.NOISE[NEAR, self.catalogue.kind_codes[at]])
        half = BAND_SIGMAS * math.sqrt(rules.CLUMPING[window] * expected + (noise * expected) ** 2)
        closed = bool(rows.any() and (self.sample.main.closure[rows] >= 0).all())
        gone = float(found.leaf_base[rows, 1].sum()) < 0.5 * float(found.leaf_base[whole, 1].sum())
        return Standing(observed, expected, max(expected - half, 0.0), expected + half, window, rows, closed, gone)

    def differs(self, alert: OpenAlert, standing: Standing) -> bool:
        """Whether something an operator acts on has changed since the last that was said."""
        now, said = set(self.scope(alert, standing.rows)), set(alert.scope)
        return standing.size != alert.size or len(now ^ said) > max(2, len(said) // 2)

    def say(self, alert: OpenAlert, state: State, why: WhyClosed = "") -> Change:
        """The next revision of an alert, and note in it what was said."""
        standing = self.standing(alert, alert.window if state == "opened" else None)
        scope = self.scope(alert, standing.rows) if state != "closed" else alert.scope
        alert.revision += 1
        alert.updated_at, alert.scope, alert.size = self.sample.t, scope, standing.size
        per_minute = 60.0 / WINDOWS[standing.window]
        change = Change(
            alert_id=alert.alert_id,
            revision=alert.revision,
            state=state,
            direction=alert.direction,
            kind=alert.kind,
            key=alert.key,
            opened_at=alert.opened_at,
            since=alert.since,
            changed_at=self.sample.t,
            closed_at=alert.closed_at,
            observed=round(standing.observed * per_minute, 1),
            expected=round(standing.expected * per_minute, 1),
            low=round(standing.low * per_minute, 1),
            high=round(standing.high * per_minute, 1),
            window_seconds=WINDOWS[standing.window],
            data_age_seconds=round(self.sample.data_age_seconds, 1),
            neighbours=self._neighbours(self.catalogue.number[alert.name]),
            scope=scope,
            why_closed=why,
            closure=self._closure(standing.rows),
        )
        return worded(change)

    def scope(self, alert: OpenAlert, rows: Bools) -> tuple[tuple[Kind, str], ...]:
        """The platforms, académies and familles inside an alert that move with it, largest first by dimension.

        A dimension in which all parts move says nothing, but for académies: how many they are is how wide it is.
        """
        if alert.kind == "profil":
            return ()
        if alert.learning and alert.revision:
            return alert.scope  # the levels of its parts fade while it is open
        found = self.found
        numbers = np.flatnonzero(rows)
        drift = alert.drift
        falls = alert.direction in ("drop", "silence")
        code = KIND_CODES[alert.kind]
        named = alert.kind.split("_")
        said: list[tuple[Kind, str]] = [name for name, twin in self.catalogue.twins.items()
                                        if twin == alert.name and name[0] == "exploitant"]  # fmt: skip
        keys = self.sample.main.leaves.keys
        total = max(float(found.leaf_base[numbers, 1].sum()), 1e-9)
        for kind, part in _DIMENSIONS:
            if kind in named:
                continue
            values: dict[str, tuple[float, float]] = {}
            for leaf in numbers:
                x, mu = values.get(keys[leaf][part], (0.0, 0.0))
                values[keys[leaf][part]] = x + found.leaf_x[leaf, 1], mu + found.leaf_base[leaf, 1] * drift
            large = {name: pair for name, pair in values.items() if name and pair[1] >= SCOPE_SHARE * total}
            bound = rules.DROP[1, code] / 2 if falls else (rules.SPIKE[1, code] - 1) / 2
            moved = [
                name for name, (x, mu) in large.items() if (x < (1 - bound) * mu if falls else x > (1 + bound) * mu)
            ]
            if moved and (len(moved) < len(large) or (kind == "academie" and len(moved) > 1)):
                said += [(kind, name) for name in sorted(moved, key=lambda each: -large[each][1])]
        return tuple(said[:SCOPE_MOST])

    @cached_property
    def silent(self) -> Floats:
        """(series,) Seconds since any leaf of the series had a hit."""
        counts = self.sample.main
        return _series_silence(self.catalogue, leaf_silence(self.sample), len(counts.leaves))

    def silent_seconds(self, at: int) -> float:
        """Seconds since the series had a hit."""
        return float(self.silent[at])

    def _rows(self, at: int) -> Bools:
        if at < self.catalogue.main:
            rows: Bools = self.catalogue.members[at]
            return rows
        return np.zeros(len(self.catalogue.leaves), dtype=bool)

    def level(self, alert: OpenAlert) -> tuple[float, float]:
        """Expected hits a second of a series that opens now, and observed ones of the rest of the country."""
        at = self.catalogue.number[alert.name]
        x, mu = self._whole(at, self._rows(at))
        rest = 0.0 if alert.kind == "national" else float(self.found.leaf_x[:, 1].sum() - x[1]) / WINDOWS[1]
        return float(mu[alert.window]) * alert.drift / WINDOWS[alert.window], max(rest, 0.0)

    def _whole(self, at: int, rows: Bools) -> tuple[Floats, Floats]:
        """Observed hits and reference x G in `WINDOWS`, muted or not."""
        found = self.found
        if at >= self.catalogue.main:
            seen, due = found.profil_full[:, at - self.catalogue.main]
            return seen, due
        if at == 0:
            return found.leaf_x.sum(0), found.raw
        return found.leaf_x[rows].sum(0), found.leaf_base[rows].sum(0)

    def _figures(self, at: int, alert: OpenAlert, rows: Bools) -> tuple[Floats, Floats]:
        """Observed and expected hits in `WINDOWS`."""
        x, mu = self._whole(at, rows)
        if not alert.learning:
            return x, mu * alert.drift
        moved = 1.0
        if alert.rest > 0:
            moved = float(self.found.leaf_x[:, 1].sum() - x[1]) / WINDOWS[1] / alert.rest
        return x, alert.rate * moved * np.array(WINDOWS, dtype=float)

    def _closure(self, rows: Bools) -> str:
        touched = self.sample.main.closure[rows]
        touched = touched[touched >= 0]
        return self.sample.closures[int(np.bincount(touched).argmax())] if len(touched) else ""

    def _neighbours(self, at: int) -> tuple[Neighbour, ...]:
        """The country, what a crossing is made of, and the largest peers."""
        catalogue = self.catalogue
        kind, key = catalogue.kinds[at], catalogue.keys[at]
        names: list[tuple[Kind, str]] = [("national", "")]
        if kind == "academie_famille" or kind == "plateforme_famille":
            first, _, famille = key.rpartition(KEY_SEPARATOR)
            names += [("academie" if kind == "academie_famille" else "plateforme", first), ("famille", famille)]
        else:
            peers = np.flatnonzero(catalogue.kind_codes == catalogue.kind_codes[at])
            peers = peers[np.argsort(-self.found.base[peers, 1], kind="stable")]
            names += [(kind, catalogue.keys[peer]) for peer in peers if peer != at][:NEIGHBOURS]
        said = []
        for name in names:
            number = catalogue.number.get(name)
            if number is None or number == at:
                continue
            x, mu = self.found.x[number, 1], self.found.base[number, 1] * self.found.q[number, 1]
            said.append(Neighbour(*name, round(float(x) / 5, 1), round(float(mu) / 5, 1)))
        return tuple(said)


def leaf_silence(sample: Sample) -> Floats:
    """(leaves,) Seconds since the last hit, at least as fresh as the spans tell."""
    counts = sample.main
    seen = counts.hits > 0
    newest = seen.argmax(axis=1)
    bound = np.where(seen.any(axis=1), np.array(SPAN_EDGES[1:])[newest], SILENCE_LOOKBACK)
    quiet: Floats = np.minimum(counts.silent, bound.astype(float))
    return quiet


def _series_silence(catalogue: Catalogue, quiet: Floats, leaves: int) -> Floats:
    silent = np.zeros(len(catalogue))
    if leaves:
        silent[: catalogue.main] = np.minimum.reduceat(quiet[catalogue.flat.order], catalogue.flat.starts)
    return silent


def silence(sample: Sample, catalogue: Catalogue, hidden: Muted | None, found: Expected) -> Bools:
    """(series,) Whether nothing has come for so long that more than chance keeps it away.

    For series too small for rates, over hours; also for a service that was dead before it opened, since what is
    missed counts from its last hit, the evening before.
    """
    counts = sample.main
    said = np.zeros(len(catalogue), dtype=bool)
    if not len(counts.leaves) or not (counts.missed >= rules.SILENCE_HITS / 10).any():
        return said
    quiet = leaf_silence(sample)
    due = counts.reference[:, :6].sum(axis=1)
    today = np.divide(found.leaf_base[:, 3], due, out=np.ones_like(due), where=due > 0)
    missed = np.where((counts.closure >= 0) | sample.learning, 0.0, counts.missed) * np.minimum(today, 1.0)
    missed *= np.minimum(1.0, quiet / np.maximum(counts.silent, 1.0))
    if hidden is not None:
        missed[hidden.windows[:, 3]] = 0
    silent = _series_silence(catalogue, quiet, len(counts.leaves))[: catalogue.main]
    order, starts = catalogue.flat.order, catalogue.flat.starts
    sizes = np.diff(np.append(starts, len(order)))
    part = np.minimum(1.0, np.repeat(silent, sizes) / np.maximum(quiet[order], 1.0))
    total = np.add.reduceat(missed[order] * part, starts)
    said[: catalogue.main] = (silent >= rules.SILENCE_SECONDS) & (total >= rules.SILENCE_HITS)
    return said


def gone(alert: OpenAlert, t: int) -> Change:
    """The change that closes an alert whose series is no more: no leaf of it is left, or another has the same ones."""
    alert.revision += 1
    rate = round(alert.rate * 60, 1)
    change = Change(
        alert_id=alert.alert_id, revision=alert.revision, state="closed", direction=alert.direction, kind=alert.kind,
        key=alert.key, opened_at=alert.opened_at, since=alert.since, changed_at=t, closed_at=t, observed=rate,
        expected=rate, low=rate, high=rate, window_seconds=WINDOWS[1], data_age_seconds=0.0, scope=alert.scope,
        why_closed="merged",
    )  # fmt: skip
    return worded(change)


def late(alert: OpenAlert, state: State, t: int, worst: float) -> Change:
    """The change that says that the pipeline itself is behind, or in time again."""
    change = Change(
        alert_id=alert.alert_id, revision=alert.revision, state=state, direction="late", kind="national", key="",
        opened_at=alert.opened_at, since=alert.since, changed_at=t, closed_at=alert.closed_at, observed=0.0,
        expected=0.0, low=0.0, high=0.0, window_seconds=0, data_age_seconds=round(worst, 1),
        why_closed="recovered" if state == "closed" else "",
    )  # fmt: skip
    return worded(change)


def worded(change: Change) -> Change:
    """With its French sentences."""
    return replace(change, sentence=sentence(change), look_at=look_at(change))
