"""Bad events: every way in which a producer gets an event rejected, each as a change to a good one.

The reasons are the closed set of `ent.rejects.v1`. An empty value is left out: a file of lines cannot hold it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

Event = dict[str, Any]
"""A good event, decoded."""


@dataclass(frozen=True)
class Fault:
    """One way to spoil an event."""

    reason: str
    """The reject reason it causes."""
    share: float
    """Of the bad events, in any unit (ours)."""
    spoil: Callable[[Event, datetime], bytes]
    """From a good event and its instant to the bad record: one line, without a line break."""


def _line(event: Event) -> bytes:
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def _with(**changes: Any) -> Callable[[Event, datetime], bytes]:
    return lambda event, _: _line(event | changes)


def _without(field: str) -> Callable[[Event, datetime], bytes]:
    return lambda event, _: _line({name: value for name, value in event.items() if name != field})


def _at(**shift: float) -> Callable[[Event, datetime], bytes]:
    """The event with a clock that is wrong by `shift`."""

    def spoil(event: Event, instant: datetime) -> bytes:
        wrong = instant + timedelta(**shift)
        return _line(event | {"event_time": wrong.isoformat(timespec="milliseconds").replace("+00:00", "Z")})

    return spoil


def _cut(event: Event, _: datetime) -> bytes:
    line = _line(event)
    return line[: len(line) * 2 // 3].rstrip(b"}")


def _latin_1(event: Event, _: datetime) -> bytes:
    text = json.dumps(event | {"page": "fil de la 3è"}, ensure_ascii=False, separators=(",", ":"))
    return text.encode("latin-1", errors="replace")


def _wrong_letter(event: Event, _: datetime) -> bytes:
    uai = str(event["uai"])
    wrong = "A" if uai[-1].upper() != "A" else "B"
    return _line(event | {"uai": uai[:-1] + wrong})


def _no_offset(event: Event, instant: datetime) -> bytes:
    return _line(event | {"event_time": instant.replace(tzinfo=None).isoformat(timespec="seconds")})


def _month_13(event: Event, instant: datetime) -> bytes:
    return _line(event | {"event_time": f"{instant.year}-13-01T08:00:00Z"})


def _seconds_for_text(event: Event, instant: datetime) -> bytes:
    return _line(event | {"event_time": str(int(instant.astimezone(UTC).timestamp()))})


FAULTS: tuple[Fault, ...] = (
    Fault("not_json", 10, _cut),
    Fault("not_json", 4, _latin_1),
    Fault("not_json", 3, lambda event, _: b"[" + _line(event) + b"]"),
    Fault("not_json", 2, lambda event, _: _line(event) + _line(event)),
    Fault("not_json", 2, lambda _event, _: b"<html><body>502 Bad Gateway</body></html>"),
    Fault("missing_field", 5, _without("event_id")),
    Fault("missing_field", 5, _without("event_time")),
    Fault("missing_field", 3, _without("visit_id")),
    Fault("missing_field", 3, _without("visitor_id")),
    Fault("missing_field", 5, _without("uai")),
    Fault("missing_field", 3, _without("service")),
    Fault("missing_field", 3, _without("profil")),
    Fault("wrong_type", 5, _with(uai=None)),
    Fault("wrong_type", 4, _with(service=5)),
    Fault("wrong_type", 3, _with(profil=1)),
    Fault("wrong_type", 3, _with(event_id="")),
    Fault("wrong_type", 2, _with(visitor_id="0123456789abcdef" * 5)),
    Fault("wrong_type", 2, _with(event_time=1788246000.25)),
    Fault("wrong_type", 2, _with(page=["accueil"])),
    Fault("bad_uai", 8, _wrong_letter),
    Fault("bad_uai", 3, _with(uai="0969999Z")),
    Fault("bad_uai", 3, _with(uai="0750")),
    Fault("bad_uai", 3, _with(uai="")),
    Fault("bad_time", 4, _no_offset),
    Fault("bad_time", 2, _month_13),
    Fault("bad_time", 2, _seconds_for_text),
    Fault("bad_time", 2, _with(event_time="hier matin")),
    # Clocks that lost their battery, or were set by hand: so far off that no day that was measured is theirs, also
    # when the events are loaded years later.
    Fault("too_old", 5, _at(days=-9_000)),
    Fault("too_old", 1, _at(days=-12_000)),
    Fault("from_future", 4, _at(days=9_000)),
    Fault("from_future", 2, _at(days=7_500)),
    Fault("too_large", 0.5, _with(page="accueil", contenu="x" * 20_000)),
)
