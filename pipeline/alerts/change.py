"""One change of state of one alert: a record of `ent.alerts.v1`, and a row of `ent.alerts`."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

Direction = Literal["drop", "spike", "silence", "retries", "late"]
"""`drop`, `spike`: pages against expectation. `retries`: a spike of pages a visit. `silence`: nothing at all, where
rates cannot judge. `late`: the pipeline itself is behind, so that drops cannot be told (series national)."""
State = Literal["opened", "updated", "closed"]
WhyClosed = Literal["", "recovered", "capped", "merged", "closure", "late"]
"""`capped`: open for so long that today's level is taken for the new one. `merged`: a wider alert holds it now."""
Kind = Literal[
    "national", "famille", "academie", "academie_famille", "plateforme", "exploitant", "plateforme_famille", "profil"
]

DIRECTIONS: tuple[Direction, ...] = get_args(Direction)
KINDS: tuple[Kind, ...] = get_args(Kind)
KEY_SEPARATOR = " · "
"""Between the values of a crossing's key: `Lyon · vie_scolaire`."""


@dataclass(frozen=True)
class Neighbour:
    """Another series at the same moment, for comparison."""

    kind: Kind
    key: str
    observed: float
    """Pages a minute."""
    expected: float
    """Pages a minute."""


@dataclass(frozen=True)
class Change:
    """What an operator is told. Instants are whole seconds since 1970, figures are pages (hits) a minute.

    The same traffic gives the same changes, ids and revisions, whichever worker says them: `(alert_id, revision)`
    names a change for good.
    """

    alert_id: str
    """16 hexadecimal digits of `alert_id(kind, key, direction, opened_at)`."""
    revision: int
    """1 when opened, then one more each time."""
    state: State
    direction: Direction
    kind: Kind
    key: str
    """Names as the counts have them, '' for national, crossings joined by `KEY_SEPARATOR`."""
    opened_at: int
    """Tick that opened it."""
    since: int
    """Start of what is seen, at or before `opened_at`."""
    changed_at: int
    """Tick of this change."""
    closed_at: int | None
    """Tick that closed it; None before."""
    observed: float
    expected: float
    low: float
    """Lower end of what would have been ordinary."""
    high: float
    """Upper end of it."""
    window_seconds: int
    """Length of the window that `observed` and `expected` were taken over, ending at `changed_at`."""
    data_age_seconds: float
    neighbours: tuple[Neighbour, ...] = ()
    """Parents and largest peers: do they move too?"""
    scope: tuple[tuple[Kind, str], ...] = ()
    """(kind, key) of the series inside this one that move with it, largest first: six académies of a platform."""
    why_closed: WhyClosed = ""
    closure: str = ""
    """Why-text of a planned closure that touches the series, or ''."""
    sentence: str = ""
    """French, one line: `sentence.sentence(change)`."""
    look_at: str = ""
    """French, what to look at: `sentence.look_at(change)`."""

    def to_json(self) -> bytes:
        """The record of `ent.alerts.v1`: one JSON object in UTF-8, fields in the order of this class."""
        return json.dumps(asdict(self), ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, record: bytes) -> Change:
        """The change a record holds; fields it does not know are ignored.

        Raises:
            ValueError: The record is no change of an alert.
        """
        try:
            found = json.loads(record)
            known: dict[str, Any] = {field.name: found[field.name] for field in fields(cls) if field.name in found}
            known["neighbours"] = tuple(Neighbour(**each) for each in known.get("neighbours", ()))
            known["scope"] = tuple((kind, key) for kind, key in known.get("scope", ()))
            return cls(**known)
        except (TypeError, KeyError, AttributeError, UnicodeDecodeError) as error:
            raise ValueError("this record is no change of an alert") from error


def alert_id(kind: str, key: str, direction: str, opened_at: int) -> str:
    """The name of an alert: 16 hexadecimal digits that any worker would find."""
    text = "\x1f".join((kind, key, direction, str(opened_at)))
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
