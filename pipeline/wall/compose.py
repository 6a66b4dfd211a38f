"""From what is known of an instant to what the page says: rows, words, colours and curves; pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from pipeline import french
from pipeline.names import FAMILLES, label
from pipeline.wall import drawing
from pipeline.wall.address import Address
from pipeline.wall.alerts import Watched, watched
from pipeline.wall.asking import Counts
from pipeline.wall.expected import (
    JUDGED,
    WORDS,
    Judgement,
    Reference,
    State,
    expected_over,
    is_open,
    judge,
    total_ratio,
)
from pipeline.wall.facts import Facts
from pipeline.wall.places import Place, places
from pipeline.wall.series import MINUTE, TOTAL, Key, Series

CURVE_MINUTES = 60
ATTENTION_MAX = 5
GROUPED_FROM = 3
"""More académies than that are one line."""
SHARED = 0.5
"""Where the whole has fallen below it, parts that fell with it are no news."""
OWN_LOW, OWN_HIGH = 0.7, 1.4
"""Against the whole: where a service or a profile has a trouble of its own."""
LISTED_MAX = {"plateforme": 6, "exploitant": 5}
"""Platforms, operators and projects are free texts: a wall shows the largest, the table has them all."""
LATELY = 75 * MINUTE
BUSY = 100
"""Pages within a day, or lately, from which a quarter of an hour without any is a silence."""
_ATTENTION = {
    State.SILENT: 0, State.FALL: 1, State.LOW: 2, State.PEAK: 3, State.HIGH: 4,
}  # fmt: skip
KIND_NAMES = {
    "academie": "Académie", "famille": "Famille", "service": "Service", "plateforme": "Plateforme",
    "exploitant": "Exploitant", "profil": "Profil",
}  # fmt: skip


@dataclass(frozen=True)
class Curve:
    """The last hour of one value."""

    line: str
    area: str
    expected: str
    words: str
    """What a screen reader says of it."""


@dataclass(frozen=True)
class Row:
    """One value: a tile of the map, or a line of a list."""

    kind: str
    key: str
    label: str
    href: str
    state: State
    words: str
    """The state in words."""
    level: float | None
    """Seen by expected; None where nothing was expected."""
    ratio: str
    """The same as `96 %`, or ''."""
    rate: str
    """Pages a second over the last minute."""
    counts: Counts
    hits: str
    visits: str
    visitors: str
    share: float
    """Of the largest row's hits, 0 to 1."""
    curve: Curve | None = None
    place: Place | None = None
    is_chosen: bool = False

    @property
    def aria(self) -> str:
        """The whole row in a sentence."""
        ratio = f", {self.ratio} de l'attendu" if self.ratio else ""
        return f"{self.label} : {self.rate} pages vues par seconde{ratio}, {self.words}"


@dataclass(frozen=True)
class Attention:
    """One thing to look at."""

    kind: str
    label: str
    phrase: str
    href: str
    state: State
    key: str
    """Tells it from the others, for the page's script."""

    @property
    def about(self) -> tuple[str, str]:
        """(kind, key) of the series."""
        kind, _, key = self.key.partition(":")
        return kind, key


@dataclass(frozen=True)
class Headline:
    """The whole, of what the page is about."""

    title: str
    rate: str
    expected_rate: str
    judgement: Judgement
    words: str
    ratio: str
    change: str
    counts: Counts
    hits: str
    visits: str
    visitors: str
    per_visitor: str
    """Pages a visitor: a spike of pages without people is a retry storm."""
    curve: Curve


@dataclass(frozen=True)
class Page:
    """Everything the templates need, beside the address and the trust bar."""

    headline: Headline
    rows: dict[str, list[Row]]
    """Kind → rows, in reading order."""
    attention: list[Attention]
    judged: int
    """Values that could be judged at all."""
    watched: Watched
    """What the detector says."""


def compose(address: Address, facts: Facts) -> Page:
    """The page of an address."""
    rows = {kind: _rows(address, facts, kind) for kind in KIND_NAMES}
    judged = sum(row.ratio != "" for kind in ("plateforme", "academie", "famille") for row in rows[kind])
    headline = _headline(address, facts)
    said = watched(address, facts.watch, facts.at.timestamp())
    attention = [item for item in _attention(address, headline, rows) if item.about not in said.told]
    return Page(headline, rows, attention, judged, said)


def _attention(address: Address, headline: Headline, rows: dict[str, list[Row]]) -> list[Attention]:
    """What an operator should see first: what is shared by many (a platform, an operator) before what is local.

    Services and profiles fall with their platforms: they are named only where they do worse than the whole.
    """
    whole = headline.judgement.ratio or 1.0
    found: list[Attention] = []
    for kind in ("plateforme", "exploitant", "academie", "famille", "service", "profil"):
        news = [
            row
            for row in rows[kind]
            if row.state in _ATTENTION and not (row.kind == address.kind and row.key != address.key)
        ]
        if kind in ("famille", "service", "profil"):
            low, high = (OWN_LOW * whole, OWN_HIGH * max(whole, 1.0)) if whole > SHARED else (-1.0, math.inf)
            news = [row for row in news if not low < (row.level or 0.0) < high]
        news.sort(key=lambda row: (_ATTENTION[row.state], -row.share))
        fallen = [row for row in news if (row.level or 0.0) < 1]
        if kind == "academie" and len(fallen) > GROUPED_FROM:
            names = ", ".join(row.label for row in fallen)
            found.append(Attention(f"{len(fallen)} académies", names, "", fallen[0].href, fallen[0].state, "academies"))
            news = [row for row in news if row not in fallen]
        found.extend(
            Attention(
                KIND_NAMES[kind],
                row.label,
                row.ratio if row.ratio and row.state is not State.SILENT else "silence",
                row.href,
                row.state,
                f"{kind}:{row.key}",
            )
            for row in news
        )
    return found[:ATTENTION_MAX]


def _headline(address: Address, facts: Facts) -> Headline:
    at = facts.read_until
    if address.kind == "total":
        counts = facts.counts.get("total", {}).get("") or _by_minutes(facts, facts.series, TOTAL)
        series, reference, key = facts.series, facts.reference, TOTAL
        judgement = total_ratio(series, reference, at, facts.window * MINUTE)
        if not facts.is_known:
            judgement = Judgement(State.UNJUDGED, None)
        title = "France entière"
    else:
        counts = facts.counts.get(address.kind, {}).get(address.key) or _by_minutes(facts, facts.series, TOTAL)
        series, reference, key = facts.national, facts.national_reference, (address.kind, address.key)
        judgement = _judge(facts, address.kind, address.key, crossed=False)
        title = label(address.kind, address.key)
    # Over the span that is judged, so that rate, expectation and percent say the same.
    span = _judged_seconds(facts)
    rate = series.over(key, at - span, at) / span
    expected = expected_over(reference, key, at - span, at)
    return Headline(
        title=title,
        rate=_or_dash(facts, french.per_second(rate if not facts.by_hours else counts.hits / 3600)),
        expected_rate="" if expected is None else french.per_second(expected / span),
        judgement=judgement,
        words=WORDS[judgement.state],
        ratio="" if judgement.ratio is None else french.percent(judgement.ratio),
        change="" if judgement.ratio is None else french.change(judgement.ratio),
        counts=counts,
        hits=_or_dash(facts, french.number(counts.hits)),
        visits=_or_dash(facts, counts.visits),
        visitors=_or_dash(facts, counts.visitors),
        per_visitor=french.number(counts.hits / counts.visitors, 1) if counts.visitors else "–",
        curve=_curve(facts.series, facts.reference, at, TOTAL, title),
    )


def _rows(address: Address, facts: Facts, kind: str) -> list[Row]:
    """The rows of one kind. Where the page is about another kind they are crossings: pages only, of whole minutes."""
    is_crossed = address.kind not in ("total", kind)
    at, window = facts.read_until, facts.window * MINUTE
    series = facts.series if is_crossed else facts.national
    if is_crossed or kind not in facts.counts:
        counts = {key: _by_minutes(facts, series, (kind, key)) for key in series.keys(kind)}
        nothing = Counts(0)
    else:
        counts = dict(facts.counts[kind])
        nothing = Counts(0, 0, 0)
    for key in _expected_keys(kind, facts, is_crossed):
        counts.setdefault(key, nothing)
    # By the minutes, which are there before the views are: an order that holds from the first paint on.
    sizes = {key: max(series.over((kind, key), at - window, at), row.hits if facts.by_hours else 0)
             for key, row in counts.items()}  # fmt: skip
    most = max(sizes.values(), default=0) or 1
    rows = [_row(address, facts, kind, key, row, sizes[key] / most) for key, row in counts.items()]
    order = {key: number for number, key in enumerate(places() if kind == "academie" else FAMILLES)}
    if kind in ("academie", "famille"):
        return sorted(rows, key=lambda row: (order.get(row.key, len(order)), row.key))
    return sorted(rows, key=lambda row: (-row.share, row.label))


def _by_minutes(facts: Facts, series: Series, key: Key) -> Counts:
    """Pages of the window where no view has them: of a crossing, or of a window that was just chosen."""
    return Counts(round(series.over(key, facts.read_until - facts.window * MINUTE, facts.read_until)))


def _expected_keys(kind: str, facts: Facts, is_crossed: bool) -> set[str]:
    """What has a place on the page also without traffic."""
    if kind == "academie":
        return set(places())
    if kind == "famille":
        return set(FAMILLES)
    return set() if is_crossed else set(facts.seen.get(kind, ())) | set(facts.national.keys(kind))


def _row(address: Address, facts: Facts, kind: str, key: str, counts: Counts, share: float) -> Row:
    chosen = (address.kind, address.key) == (kind, key)
    crossed = address.kind not in ("total", kind)
    # On a page about Lyon, académies are those of the country: there is no such crossing.
    series = facts.series if crossed else facts.national
    judgement = _judge(facts, kind, key, crossed)
    at = facts.read_until
    span = _judged_seconds(facts)
    rate = series.over((kind, key), at - span, at) / span
    if facts.by_hours:
        rate = counts.hits / 3600
    name = label(kind, key)
    return Row(
        kind=kind,
        key=key,
        label=name,
        href=replace(address, kind="total", key="").link() if chosen else address.link(kind=kind, key=key),
        state=judgement.state,
        words=WORDS[judgement.state],
        level=judgement.ratio,
        ratio="" if judgement.ratio is None else french.percent(judgement.ratio),
        rate=_or_dash(facts, french.per_second(rate)),
        counts=counts,
        hits=_or_dash(facts, french.number(counts.hits)),
        visits=_or_dash(facts, counts.visits),
        visitors=_or_dash(facts, counts.visitors),
        share=share,
        curve=_curve(series, _reference(facts, crossed), facts.read_until, (kind, key), name)
        if kind in ("famille", "plateforme")
        else None,
        place=places().get(key) if kind == "academie" else None,
        is_chosen=chosen,
    )


def _judged_seconds(facts: Facts) -> int:
    return min(JUDGED, facts.window * MINUTE)


def _reference(facts: Facts, crossed: bool) -> Reference | None:
    return facts.reference if crossed else facts.national_reference


def _judge(facts: Facts, kind: str, key: str, crossed: bool) -> Judgement:
    if not facts.is_known:
        return Judgement(State.UNJUDGED, None)
    place = places().get(key) if kind == "academie" else None
    series = facts.series if crossed else facts.national
    moment = datetime.fromtimestamp(facts.read_until, UTC)
    # A crossing that never was is not measured, however often its parts were seen.
    in_a_day = 0 if crossed else facts.seen.get(kind, {}).get(key, 0)
    measured = (kind, key) in series.hits or in_a_day > 0
    lately = series.over((kind, key), facts.read_until - LATELY, facts.read_until)
    return judge(
        series,
        _reference(facts, crossed),
        (kind, key),
        facts.read_until,
        facts.window * MINUTE,
        measured=measured,
        is_busy=max(in_a_day, lately) >= BUSY,
        # Only a territory opens later than others.
        is_open=is_open(place, moment, facts.closed_zones) or (not measured and (place is None or crossed)),
    )


def _curve(series: Series, reference: Reference | None, read_until: float, key: Key, name: str) -> Curve:
    """The last hour in whole minutes: the one that passes would look like a fall."""
    end = int(read_until) // MINUTE * MINUTE
    minutes = range(end - CURVE_MINUTES * MINUTE, end, MINUTE)
    begins = series.first_minute() or end
    seen: list[float | None] = [float(series.at(key, minute)) if minute >= begins else None for minute in minutes]
    expected = [reference.rate(key, minute) if reference and minute >= begins else None for minute in minutes]
    highest = drawing.top(seen, expected)
    known = [value for value in seen if value is not None]
    words = f"{name}, pages vues par minute sur une heure"
    if known:
        words += f" : de {french.number(known[0])} à {french.number(known[-1])}, au plus {french.number(max(known))}"
    return Curve(drawing.line(seen, highest), drawing.area(seen, highest), drawing.line(expected, highest), words)


def _or_dash(facts: Facts, value: int | str | None) -> str:
    """A figure nobody has is a dash, never a zero."""
    if value is None or not facts.is_known:
        return "–"
    return value if isinstance(value, str) else french.number(value)


def listed(rows: Sequence[Row]) -> list[Row]:
    """The rows a list shows: the largest, whatever needs a look, and what the page is about."""
    return [
        row
        for place, row in enumerate(rows)
        if place < LISTED_MAX.get(row.kind, place + 1) or row.state in _ATTENTION or row.is_chosen
    ]
