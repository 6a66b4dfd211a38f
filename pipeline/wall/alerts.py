"""What the detector says, for « À regarder »: open alerts, what has just closed, and what was planned; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import cast

from pipeline import french
from pipeline.alerts.change import KEY_SEPARATOR, Kind
from pipeline.alerts.sentence import where
from pipeline.wall.address import KINDS, TEXT_MAX, Address
from pipeline.wall.expected import State

OPEN_MAX, ENDED_MAX, CLOSURES_MAX = 4, 2, 3
"""Lines of each on the page; whatever is beyond them is counted in words."""
_STATES = {
    "drop": State.FALL, "silence": State.SILENT, "spike": State.PEAK, "retries": State.PEAK, "late": State.LOW,
}  # fmt: skip
_CLOSURE_KINDS: tuple[Kind, ...] = ("academie", "plateforme", "exploitant", "famille", "profil")


@dataclass(frozen=True)
class Alert:
    """One row of `bi.alerts`, as of an instant."""

    alert_id: str
    is_open: bool
    direction: str
    kind: str
    key: str
    since: float
    """Epoch seconds, as `closed_at`."""
    closed_at: float | None
    sentence: str
    look_at: str
    scope: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Closure:
    """One planned closure that is in force."""

    closure_id: str
    names: tuple[str, ...]
    """Académie, plateforme, exploitant, famille, profil; '' for any."""
    until: float
    """Epoch seconds."""
    why: str


@dataclass(frozen=True)
class Watch:
    """What the detector and the calendar of closures say of one instant."""

    alerts: tuple[Alert, ...] = ()
    """The open ones first, the newest of them first."""
    closures: tuple[Closure, ...] = ()


@dataclass(frozen=True)
class Line:
    """One alert on the page."""

    key: str
    sentence: str
    look_at: str
    lasted: str
    """How long it has been going on, or was."""
    href: str
    state: State


@dataclass(frozen=True)
class Watched:
    """What the page says of them."""

    open: list[Line] = field(default_factory=list)
    more: str = ""
    """« et 3 autres alertes », or ''."""
    ended: list[Line] = field(default_factory=list)
    closures: list[str] = field(default_factory=list)
    """One sentence each."""
    told: frozenset[tuple[str, str]] = frozenset()
    """(kind, key) that the open ones are about, or that move with them: the page need not say them once more."""


def watched(address: Address, watch: Watch, at: float) -> Watched:
    """The lines of a page.

    Args:
        address: of the page; links keep its window and instant.
        watch: what is known.
        at: epoch seconds of the instant that the page is about.
    """
    still = [alert for alert in watch.alerts if alert.is_open]
    ended = [alert for alert in watch.alerts if not alert.is_open]
    hidden = len(still) - OPEN_MAX
    return Watched(
        open=[_line(address, alert, at) for alert in still[:OPEN_MAX]],
        more=f"et {french.plural(hidden, 'autre alerte', 'autres alertes')}" if hidden > 0 else "",
        ended=[_line(address, alert, at) for alert in ended[:ENDED_MAX]],
        closures=[_closure(closure) for closure in watch.closures[:CLOSURES_MAX]],
        told=frozenset(place for alert in still for place in ((alert.kind, alert.key), *alert.scope)),
    )


def _line(address: Address, alert: Alert, at: float) -> Line:
    end = at if alert.is_open or alert.closed_at is None else alert.closed_at
    return Line(
        key=alert.alert_id,
        sentence=alert.sentence,
        look_at=alert.look_at,
        lasted=french.duration(max(0.0, end - alert.since)),
        href=_link(address, alert),
        state=_STATES.get(alert.direction, State.LOW) if alert.is_open else State.NORMAL,
    )


def _link(address: Address, alert: Alert) -> str:
    """The page about the series; of a crossing, about its place."""
    kind, key = alert.kind, alert.key
    if kind in ("academie_famille", "plateforme_famille"):
        kind, key = kind.partition("_")[0], key.rpartition(KEY_SEPARATOR)[0]
    if kind not in KINDS or not 0 < len(key) <= TEXT_MAX or not key.isprintable():
        kind, key = "total", ""
    return address.link(kind=kind, key=key)


def _closure(closure: Closure) -> str:
    named = [where(kind, name, capital=False) for kind, name in zip(_CLOSURE_KINDS, closure.names, strict=True) if name]
    until = french.clock(datetime.fromtimestamp(closure.until, UTC), seconds=False)
    return f"Fermeture annoncée : {', '.join(named) or 'France entière'}, jusqu'à {until} ({closure.why})"


def from_rows(rows: Sequence[tuple[object, ...]]) -> Watch:
    """What the rows of `read_alerts.sql` say."""
    alerts, closures = [], []
    for what, name, is_open, direction, kind, key, names, since, until, text, look_at, scope in rows:
        if what == "closure":
            every = tuple(cast(Sequence[str], names))
            closures.append(Closure(str(name), every, cast(float, until), str(text)))
        else:
            pairs = tuple((str(one), str(value)) for one, value in cast(Sequence[tuple[str, str]], scope))
            alerts.append(
                Alert(str(name), bool(is_open), str(direction), str(kind), str(key), cast(float, since),
                      cast(float | None, until), str(text), str(look_at), pairs)
            )  # fmt: skip
    alerts.sort(key=lambda alert: not alert.is_open)
    return Watch(tuple(alerts), tuple(closures))
