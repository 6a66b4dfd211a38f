"""What a page is about, as its address says it: `/?academie=Lyon&fenetre=15&t=2026-09-01T06:30:00Z`; pure.

Viewers of the same address share one answer, so that equal addresses have to be equal here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlencode

from pipeline.core import instants
from pipeline.errors import UserError
from pipeline.names import FAMILLES
from pipeline.wall.places import places
from schemas import reference

WINDOWS = (1, 5, 15, 60)
"""Minutes."""
DEFAULT_WINDOW = 5
KINDS = ("academie", "famille", "service", "plateforme", "exploitant", "profil")
"""What a page can be about, beside the country."""
TEXT_MAX = 64
"""Characters of a plateforme or exploitant (the same bound as in the event)."""
FIRST = datetime(2019, 1, 1, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_COMPARISONS = ("auto", "pente", "j7", "rentree")


class BadAddress(UserError):
    """An address that asks for nothing there is; the message is French, for the page."""


@dataclass(frozen=True)
class Address:
    """One page."""

    kind: str = "total"
    """`total`, or one of KINDS."""
    key: str = ""
    window: int = DEFAULT_WINDOW
    """Minutes."""
    at: datetime | None = None
    """End of the window, UTC, whole ten seconds; None: now."""
    compare: str = "auto"
    """`auto`, `pente`, `j7`, `rentree`, or a day as 2026-09-01."""

    def query(self) -> str:
        """The address as a query string; what is as usual is left out."""
        parts: dict[str, str] = {}
        if self.kind != "total":
            parts[self.kind] = self.key
        if self.window != DEFAULT_WINDOW:
            parts["fenetre"] = str(self.window)
        if self.at is not None:
            parts["t"] = f"{self.at:%Y-%m-%dT%H:%M:%SZ}"
        if self.compare != "auto":
            parts["comparer"] = self.compare
        return urlencode(parts)

    def link(self, **changes: object) -> str:
        """The address with some parts changed, as a link of the page."""
        query = replace(self, **changes).query()  # type: ignore[arg-type]
        return f"/?{query}" if query else "/"


def parse(query: Mapping[str, str], now: datetime) -> Address:
    """The address that a query string means.

    Args:
        query: names and values, decoded; names that are not ours are left aside.
        now: aware.

    Raises:
        BadAddress: says what cannot be understood, and what to write instead.
    """
    named = [kind for kind in KINDS if kind in query]
    if len(named) > 1:
        raise BadAddress(f"La page porte sur une seule chose à la fois : gardez {named[0]} ou {named[1]}.")
    kind, key = "total", ""
    if named:
        kind, key = named[0], _key(named[0], query[named[0]])
    return Address(
        kind, key, _window(query.get("fenetre", "")), _moment(query.get("t", ""), now), _compare(query, now.date())
    )


def _key(kind: str, value: str) -> str:
    known: Sequence[str] | None = {
        "academie": list(places()),
        "famille": list(FAMILLES),
        "service": [row.service for row in reference.services()],
        "profil": [row.profil_code for row in reference.profils()],
    }.get(kind)
    if known is not None:
        found = next((name for name in known if name.casefold() == value.casefold()), None)
        if found is None:
            names = {"academie": "académie"}.get(kind, kind)
            raise BadAddress(f"« {_shown(value)} » n'est pas une valeur connue de {names} : {_some(known)}…")
        return found
    if not 0 < len(value) <= TEXT_MAX or not value.isprintable():
        raise BadAddress(f"« {_shown(value)} » n'est pas un nom de {kind} : de 1 à {TEXT_MAX} caractères.")
    return value


def _window(text: str) -> int:
    if not text:
        return DEFAULT_WINDOW
    if text not in map(str, WINDOWS):
        raise BadAddress(f"fenetre={_shown(text)} : la fenêtre est de 1, 5, 15 ou 60 minutes.")
    return int(text)


def _moment(text: str, now: datetime) -> datetime | None:
    if not text:
        return None
    micros = instants.parse(text.replace(" ", "+"))
    if micros is None:
        raise BadAddress(f"t={_shown(text)} n'est pas un instant : écrivez par exemple t=2026-09-01T06:30:00Z.")
    seconds = micros // 1_000_000
    moment = _EPOCH + timedelta(seconds=seconds - seconds % 10)
    if moment < FIRST:
        raise BadAddress(f"t={_shown(text)} : il n'y a rien avant le {FIRST:%d/%m/%Y}.")
    if moment > now:
        raise BadAddress(f"t={_shown(text)} est dans l'avenir : choisissez un instant passé, ou revenez au direct.")
    return moment


def _compare(query: Mapping[str, str], today: date) -> str:
    text = query.get("comparer", "") or "auto"
    if text in _COMPARISONS:
        return text
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or not FIRST.date() <= day <= today:
        raise BadAddress(f"comparer={_shown(text)} : écrivez pente, j7, rentree, ou un jour passé comme 2026-09-01.")
    return day.isoformat()


def _shown(text: str) -> str:
    return text if len(text) <= 40 else text[:40] + "…"


def _some(names: Sequence[str]) -> str:
    return ", ".join(sorted(names)[:6])
