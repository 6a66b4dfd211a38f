"""What every series should have now: its reference, moved as its peers move today, at its own level of this hour.

    expected = reference of the leaves x G x q

- **G**, how today compares: the weighted median over peers of observed / reference, by group of leaves of one calendar
  and clock. A median, for when one large platform is down its loss must not make the others look like a spike. The
  country as a whole and overseas have no peers: G = 1.
- **q**, the series' own drift: observed / (reference x G) a little while ago. There are two: *near*, over [t-15, t-5]
  min, which fits twice as closely and finds what is sudden, and *far*, over [t-70, t-10] min, which an incident does
  not bend so soon and which finds what is slow.
- A **learning** leaf (few comparable days, or a rentrée) is its own reference: its mean of the last half hour, the
  nearer minutes weighing more.

What an open or just closed alert explains is left out of all this, leaf by leaf and span by span (`Muted`), so that no
outage bends G, q or the level of anyone, and nothing that is already said is said again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.alerts import days, peers
from pipeline.alerts.catalogue import Catalogue
from pipeline.alerts.sample import SPAN_EDGES, SPANS, Counts, Floats, Ints, Sample

Bools = NDArray[np.bool_]

WINDOWS = (60, 300, 900, 1800)
"""Seconds; windows that end at t and are judged."""
OPENING = 6
"""Spans of the last half hour."""
NEAR, FAR = 0, 1
_BEFORE = slice(2, 8)
_NEAR_SPANS, _FAR_SPANS, _FAR_NATIONAL = (2, 3), (3, 4, 5, 6, 7), (3, 4, 5)
_LENGTHS = np.diff(np.array(SPAN_EDGES, dtype=float))
_AGES = np.array(SPAN_EDGES[:-1]) + _LENGTHS / 2
OWN_DECAY = 1200.0
"""Seconds; how fast the past of a learning leaf loses weight."""
OWN_SECONDS = 240.0
"""A learning leaf is judged once so much of its past is known, of the spans up to `RECENT`: older levels say little."""
RECENT = 5
PRIOR_HITS = 60.0
"""Added to both sides of q: a series of a few hits keeps to its reference, moved as its territory is where it has no
peers."""
Q_CLIP, Q_CLIP_WIDE = (0.6, 2.5), (0.05, 10.0)
"""Bounds of q; the wide ones for series without peers (national, overseas), which no G moves."""
UNEXPLAINED = 1.6
"""How much wider a series without recent figures of its own is judged."""


def _columns(*spans: tuple[int, ...]) -> Floats:
    matrix = np.zeros((SPANS, len(spans)))
    for at, each in enumerate(spans):
        matrix[list(each), at] = 1
    return matrix


_NOW = _columns((0,), (0, 1), (0, 1, 2, 3), (0, 1, 2, 3, 4, 5))
_PAST = _columns(_NEAR_SPANS, _FAR_SPANS, _FAR_NATIONAL)
_ALL = np.concatenate([_NOW, _PAST], axis=1)


@dataclass(frozen=True, eq=False)
class Muted:
    """What open and just closed alerts explain already."""

    windows: Bools
    """(leaves, WINDOWS) Left out of every other series."""
    spans: Bools
    """(leaves, SPANS) Left out of the past of everyone."""
    profil_windows: Bools
    """(leaves of profils, WINDOWS) As `windows`, in the table of profils."""
    profil_spans: Bools
    """(leaves of profils, SPANS) As `spans`."""
    drift: Floats
    """(series,) q where the past is left out; 1 where nothing is known."""
    national: Bools
    """(SPANS,) Left out of the past of the country: a national alert is or was open."""
    everywhere: Bools
    """(SPANS,) Left out of the level of every learning leaf: a national or profil's alert was open."""
    freed: Bools
    """(series,) What was alerted until it became the ordinary: q has no bounds there."""
    by_famille: bool
    """An alert of a profil is open: familles that this profil uses more move together, so G is taken in each."""


@dataclass(frozen=True, eq=False)
class Expected:
    """Figures of every series, hits in `WINDOWS`; muted leaves are not in them."""

    x: Floats
    """(series, WINDOWS) Observed."""
    base: Floats
    """(series, WINDOWS) reference x G."""
    steady: Floats
    """(series, 2, WINDOWS) reference x G of the near past, and of the far: what would be, had peers not moved since."""
    q: Floats
    """(series, 2) near, far."""
    old: Floats
    """(series,) The far q also where the series is learning (of the country then: the least of the last hour):
    what a loss that is told from its own last half hour has to agree with."""
    freed: Bools
    """(series,) As `Muted.freed`."""
    past: Floats
    """(series,) Hits that were to be expected over the last hour: enough to judge by?"""
    known: Bools
    """(series, 2) Whether q rests on figures."""
    learning: Bools
    """(series,)"""
    steep: Floats
    """(series,) Relative change of the reference within two minutes: steep mornings widen the band."""
    share: Floats
    """(series,) How much of what is expected of the series is not muted; of the country, of what is seen."""
    climb: float
    """By how much, as a logarithm, the whole country has moved within ten minutes: learning series have no slope."""
    coarse: bool
    """Whether an alert of a profil is open, which bends every leaf."""
    pages: Floats
    """(series,) Hits a visit over 300 s."""
    expected_pages: Floats
    """(series,) What that should be."""
    leaf_x: Floats
    """(leaves of the main table, WINDOWS) Observed, muted or not; 0 under planned closures."""
    leaf_base: Floats
    """(leaves of the main table, WINDOWS) reference x G."""
    profil_full: Floats
    """(2, profils, WINDOWS) Observed, and reference x G, of the series of profils, muted or not."""
    raw: Floats
    """(WINDOWS,) The country's reference without G, muted or not."""

    def only(self, rows: Ints) -> Expected:
        """The same of some series; what is not of series stays whole."""
        return replace(self, **{name: getattr(self, name)[rows] for name in _OF_SERIES})


_OF_SERIES = ("x", "base", "steady", "q", "old", "freed", "past", "known", "learning", "steep", "share", "pages",
              "expected_pages")  # fmt: skip


def expect(sample: Sample, catalogue: Catalogue, muted: Muted | None, unopened: Sequence[Bools] = ()) -> Expected:
    """What was observed and what was to be expected, for each series of the catalogue.

    Args:
        sample: One tick.
        catalogue: Of its leaves.
        muted: What open alerts explain.
        unopened: (leaves,) of each territory that may be on holiday: it is its own measure, so that no series that
            holds it beside others misses it.
    """
    main = _Columns(sample, sample.main, muted.spans if muted else None, muted.everywhere if muted else None)
    x, due = main.hits[:, :6], main.reference[:, :6]
    kept, kept_due = x, due
    if muted is not None:
        keep = np.concatenate([~muted.windows, np.ones((len(x), 2), dtype=bool)], axis=1)
        kept, kept_due = x * keep, due * keep
    today = peers.growth(kept, kept_due, catalogue, by_famille=muted is not None and muted.by_famille)
    for rows in unopened:
        seen, usual = x[rows].sum(axis=0), due[rows].sum(axis=0)
        today[rows] = np.divide(seen, usual, out=np.ones_like(seen), where=usual > 0)
    base = due * today
    now_base = base if muted is None else kept_due * today
    steady = np.concatenate([kept_due[:, :4] * today[:, 4:5], kept_due[:, :4] * today[:, 5:6]], axis=1)
    visits = np.stack([sample.main.visits, sample.main.reference_visits], axis=1)
    stacked = np.concatenate(
        [kept, now_base, sample.main.slope, main.past[:, None], (main.past * main.learning)[:, None], visits,
         main.hits[:, 1:2], sample.main.reference[:, :2].sum(axis=1, keepdims=True), base[:, 1:2], steady], axis=1,
    )  # fmt: skip
    rolled = catalogue.roll.of(stacked)
    _judge_the_country_raw(rolled, main, muted)
    more, full, gone = _profils(sample, catalogue, muted)
    rolled[0, :4] = np.maximum(rolled[0, :4] - gone[0], 0.0)
    rolled[0, 6:10] = np.maximum(rolled[0, 6:10] - gone[1], 0.0)
    rolled[0, 20] = main.reference[:, 1].sum()
    rolled[0, 21:] = np.tile(rolled[0, 6:10], 2)
    rolled = np.concatenate([rolled, more])
    measured = _measured(sample)
    leaves = (
        main.seen,
        base[:, :4],
        full,
        main.reference[:, :4].sum(axis=0),
        _before(main, measured),
        _climb(main, measured),
    )
    return _figures(rolled, catalogue, muted, *leaves)


class _Columns:
    """Hits and reference of the leaves of one table, by the columns that are used: windows, near, far, far national."""

    def __init__(self, sample: Sample, counts: Counts, void: Bools | None, everywhere: Bools | None) -> None:
        hits, reference = counts.hits, counts.reference
        closed = counts.closure >= 0
        if closed.any():
            keep = (~closed)[:, None]
            hits, reference = hits * keep, reference * keep
        past, past_reference = hits, reference
        if void is not None:
            past, past_reference = np.where(void, 0.0, hits), np.where(void, 0.0, reference)
        if sample.measured_seconds < SPAN_EDGES[-1]:
            past_reference = past_reference * (_measured(sample) / _LENGTHS)
        self.hits = _windows(hits, past)
        self.reference = _windows(reference, past_reference)
        self.past = reference @ _PAST[:, 1]
        """Expected hits of the last hour, muted or not."""
        self.seen = self.hits[:, :4].copy()
        """(leaves, WINDOWS) Hits, also of leaves that cannot be judged."""
        self.learning = (counts.days < days.ENOUGH) | sample.learning
        self.before = reference[:, _BEFORE] / _LENGTHS[_BEFORE]
        """Hits a second of the spans of the last hour; of a learning leaf its own, else its reference's."""
        if self.learning.any():
            self._learn(sample, past, void, everywhere)
            self.before[self.learning] = hits[self.learning][:, _BEFORE] / _LENGTHS[_BEFORE]
        # A window that began before counting did says nothing.
        short = np.flatnonzero(np.array(WINDOWS) > sample.measured_seconds)
        self.hits[:, short] = self.reference[:, short] = 0

    def _learn(self, sample: Sample, past: Floats, void: Bools | None, everywhere: Bools | None) -> None:
        """Put a learning leaf's own level in the place of its reference."""
        rows = self.learning
        seconds = _measured(sample)
        first = 1 if sample.measured_seconds < 900 else 2
        weights = np.exp(-_AGES / OWN_DECAY)
        weights[:first] = 0
        weights[7] = 0
        known = np.broadcast_to(seconds, past.shape) if void is None else np.where(void, 0.0, seconds)
        known, past = known[rows], past[rows]
        if everywhere is not None:
            known, past = np.where(everywhere, 0.0, known), np.where(everywhere, 0.0, past)
        behind = known @ weights
        rate = np.divide(past @ weights, behind, out=np.zeros(len(known)), where=behind > 0)
        known_seconds = known @ (weights > 0)
        judged = known[:, first:RECENT].sum(axis=1) >= OWN_SECONDS
        rate = np.where(judged, rate, 0.0)
        self.reference[rows] = rate[:, None] * np.concatenate(
            [np.broadcast_to(_LENGTHS @ _NOW, (len(known), len(WINDOWS))), known @ _PAST], axis=1
        )
        self.hits[rows] *= judged[:, None]
        self.past[rows] = rate * np.minimum(known_seconds, 1800.0)


def _windows(hits: Floats, past: Floats) -> Floats:
    """(leaves, 7): `WINDOWS` of the one, near, far and far national of the other."""
    if past is hits:
        windows: Floats = hits @ _ALL
        return windows
    return np.concatenate([hits @ _NOW, past @ _PAST], axis=1)


def _measured(sample: Sample) -> Floats:
    """(SPANS,) Seconds of each span in which anything was counted at all."""
    seconds: Floats = np.clip(sample.measured_seconds - np.array(SPAN_EDGES[:-1]), 0.0, _LENGTHS)
    return seconds


def _before(main: _Columns, measured: Floats) -> float:
    """Hits a second of the country in the least busy span of the last hour; -1 if its older half was not measured."""
    shares = measured[_BEFORE] / _LENGTHS[_BEFORE]
    return float((main.before.sum(axis=0) / np.maximum(shares, 0.25)).min()) if shares[-1] >= 0.25 else -1.0


def _climb(main: _Columns, measured: Floats) -> float:
    """`Expected.climb`; a moderate one where the near past was not measured."""
    seconds = float(measured[list(_NEAR_SPANS)].sum())
    if seconds < OWN_SECONDS:
        return 0.1
    now, near = float(main.seen[:, 1].sum()) / 300, float(main.hits[:, 4].sum()) / seconds
    return abs(float(np.log((now + 1) / (near + 1))))


def _judge_the_country_raw(rolled: Floats, main: _Columns, muted: Muted | None) -> None:
    """The country is its own measure: no G, and a far q that ends sooner."""
    if muted is not None:
        keep = ~muted.windows
        rolled[0, :4] = (main.hits[:, :4] * keep).sum(0)
        rolled[0, 6:10] = (main.reference[:, :4] * keep).sum(0)
    else:
        rolled[0, 6:10] = main.reference[:, :4].sum(0)
    rolled[0, 4:6] = main.hits[:, [4, 6]].sum(0)
    rolled[0, 10:12] = main.reference[:, [4, 6]].sum(0)
    if muted is not None and muted.national.any():
        free = [not muted.national[list(spans)].any() for spans in (_NEAR_SPANS, _FAR_NATIONAL)]
        rolled[0, 4:6] *= free
        rolled[0, 10:12] *= free


def _profils(sample: Sample, catalogue: Catalogue, muted: Muted | None) -> tuple[Floats, Floats, Floats]:
    """The same columns for the series of profils, each judged against the others; and its windows with nothing muted.

    Returns:
        (profils, 29); (2, profils, WINDOWS): observed, reference x G; and (2, WINDOWS): observed and reference that
        muted profils take out of the country's.
    """
    counts = sample.profils
    if not len(counts.leaves):
        return np.zeros((0, 29)), np.zeros((2, 0, 4)), np.zeros((2, 4))
    own = _Columns(sample, counts, muted.profil_spans if muted else None, muted.everywhere if muted else None)
    rows = catalogue.roll_profils.of(
        np.concatenate(
            [own.hits[:, :6], own.reference[:, :6], counts.slope, own.past[:, None],
             (own.past * own.learning)[:, None], counts.visits[:, None], counts.reference_visits[:, None],
             own.hits[:, 1:2], counts.reference[:, :2].sum(axis=1, keepdims=True), own.reference[:, 1:2],
             own.reference[:, :4], own.reference[:, :4]], axis=1,
        )
    )  # fmt: skip
    x, due = rows[:, :6], rows[:, 6:12]
    judged = due.copy()
    taken = np.zeros((2, 4))
    if muted is not None:
        gone = catalogue.roll_profils.of(muted.profil_windows.astype(float)) > 0
        judged[:, :4][gone] = 0
        # Overseas is left out of the country anyway while an alert of a profil is open.
        out = muted.profil_windows & (counts.leaves.group >= 0)[:, None]
        taken[0], taken[1] = (own.hits[:, :4] * out).sum(0), (own.reference[:, :4] * out).sum(0)
    # The root of the weight: in the evening parents alone are over half of the country, and no measure of themselves.
    weight = np.sqrt(judged)
    ratio = np.divide(x, due, out=np.zeros_like(x), where=due > 0)
    today = np.clip(peers.weighted_median(ratio * weight, weight), *peers.MOVES)
    rows[:, 6:12] *= today
    rows[:, 21:] *= np.repeat(today[4:], len(WINDOWS))
    full = np.stack([catalogue.roll_profils.of(own.seen), rows[:, 6:10]])
    rows[:, 20] = full[1, :, 1]
    if muted is not None:
        rows[:, :4][gone] = 0
        rows[:, 6:10][gone] = rows[:, 21:25][gone] = rows[:, 25:][gone] = 0
    return rows, full, taken


def _figures(
    rolled: Floats,
    catalogue: Catalogue,
    muted: Muted | None,
    leaf_x: Floats,
    leaf_base: Floats,
    profil_full: Floats,
    raw: Floats,
    before: float,
    climb: float,
) -> Expected:
    x, base = rolled[:, :4], rolled[:, 6:10]
    past_x, past_base = rolled[:, 4:6], rolled[:, 10:12]
    slope, past, learned = rolled[:, 12:14], rolled[:, 14], rolled[:, 15]
    prior = np.repeat(muted.drift[:, None] if muted is not None else np.ones((len(rolled), 1)), 2, axis=1)
    prior = _as_its_territory(prior, past_x, past_base, catalogue)
    q = (past_x + PRIOR_HITS * prior) / (past_base + PRIOR_HITS)
    wide = catalogue.alone.copy()
    wide[0] = True
    low, high = (np.where(wide, w, n)[:, None] for w, n in zip(Q_CLIP_WIDE, Q_CLIP, strict=True))
    if muted is not None:
        low, high = np.where(muted.freed[:, None], 0.0, low), np.where(muted.freed[:, None], np.inf, high)
    learning = learned > 0.2 * np.maximum(past, 1e-9)
    q = np.clip(q, low, high)
    old = q[:, FAR].copy()
    q[learning, FAR] = 1.0
    if learning[0]:
        # In the morning the country climbs for an hour, after a surge it falls: the least it was is what it must fall
        # below.
        old[0] = before / max(raw[1] / WINDOWS[1], 1e-9) if before >= 0 else 1.0
    steep = np.abs(np.log((slope[:, 1] + 1) / (slope[:, 0] + 1))) / 2
    pages = rolled[:, 18] / np.maximum(rolled[:, 16], 1.0)
    due_pages = np.divide(rolled[:, 19], rolled[:, 17], out=np.full(len(rolled), np.nan), where=rolled[:, 17] > 0)
    country = pages[0] if len(pages) else 1.0
    share = np.divide(base[:, 1], rolled[:, 20], out=np.ones(len(rolled)), where=rolled[:, 20] > 0)
    # Of learning leaves some may not be judged at all: the rest is not the country.
    share[:1] = np.minimum(share[:1], x[:1, 1] / max(float(leaf_x[:, 1].sum()), 1e-9))
    return Expected(
        x=x,
        base=base,
        steady=rolled[:, 21:].reshape(-1, 2, len(WINDOWS)),
        q=q,
        past=past,
        old=old,
        freed=muted.freed if muted is not None else np.zeros(len(rolled), dtype=bool),
        known=past_base >= 100,
        learning=learning,
        steep=np.where(learning, 0.0, steep),
        share=share,
        climb=climb,
        coarse=muted is not None and muted.by_famille,
        pages=pages,
        expected_pages=np.where(np.isnan(due_pages) | learning, country, due_pages),
        leaf_x=leaf_x,
        leaf_base=leaf_base,
        profil_full=profil_full,
        raw=raw,
    )


def _as_its_territory(prior: Floats, past_x: Floats, past_base: Floats, catalogue: Catalogue) -> Floats:
    """What q is drawn towards: in a territory without peers, whose reference may be of holidays, to its q of today."""
    drift = (past_x + PRIOR_HITS * prior) / (past_base + PRIOR_HITS)
    prior = prior.copy()
    prior[catalogue.inside] *= drift[catalogue.territory_around]
    return prior
