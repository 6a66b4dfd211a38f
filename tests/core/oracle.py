"""A second, slow reading of the event's rules, written from the contract alone.

It shares nothing with `pipeline.core`: its own JSON limits, its own calendar, its own reading of the reference files.
The core is right when it agrees with this on whatever hypothesis thinks of.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

HOUR_US = 3_600_000_000
MAX_AGE_US = 46 * HOUR_US
FUTURE_US = 300_000_000
LAST_US = 4_294_967_295_000_000
"""2106-02-07T06:28:15Z, the last second the store can hold: what is later is from the future in any case."""

REQUIRED = ("event_id", "event_time", "visit_id", "visitor_id", "uai", "service", "profil")
OPTIONAL = ("projet", "exploitant", "plateforme", "type", "outil", "page", "device")

_REFERENCE = Path(__file__).parents[2] / "schemas" / "reference"


class Cell(NamedTuple):
    """Where an event counts: ten seconds of event time and the dimensions."""

    bucket: int
    departement: str
    service: str
    profil: str
    projet: str
    exploitant: str
    plateforme: str


class Counted(NamedTuple):
    """A counted event; the ids are still texts."""

    cell: Cell
    event_id: str
    visit_id: str
    visitor_id: str


Verdict = Counted | str
"""A counted event, or the reason why it is not."""


def _csv(name: str) -> list[dict[str, str]]:
    with (_REFERENCE / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


DEPARTEMENT_OF_PREFIX = {row["uai_prefix"]: row["departement_code"] for row in _csv("departements.csv")} | {
    row["uai_prefix"]: row["uai_prefix"] for row in _csv("collectivites_outremer.csv")
}
SERVICE_ROWS = _csv("services.csv")
PROFIL_ROWS = _csv("profils.csv")


def verdict(value: bytes | None, stamp_ms: int, read_ms: int, max_age_us: int = MAX_AGE_US) -> Verdict:
    """What becomes of one record: its value, its timestamp in Kafka (negative: unknown) and when it was read."""
    if value is not None and len(value) > 16_384:
        return "too_large"
    event = _object(value)
    if event is None:
        return "not_json"
    if any(name not in event for name in REQUIRED):
        return "missing_field"
    if any(not _right_type(name, event[name]) for name in REQUIRED + OPTIONAL if name in event):
        return "wrong_type"
    departement = _departement(event["uai"])
    if departement is None:
        return "bad_uai"
    time_us = instant(event["event_time"])
    if time_us is None:
        return "bad_time"
    stamp_us = (read_ms if stamp_ms < 0 else stamp_ms) * 1000
    if stamp_us - time_us > max_age_us or read_ms * 1000 - time_us > max_age_us:
        return "too_old"
    if time_us - stamp_us > FUTURE_US or time_us > LAST_US:
        return "from_future"
    cell = Cell(
        time_us // 10_000_000 * 10,
        departement,
        service_of(event["service"])[0],
        profil_of(event["profil"])[0],
        event.get("projet", ""),
        event.get("exploitant", ""),
        event.get("plateforme", ""),
    )
    return Counted(cell, event["event_id"], event["visit_id"], event["visitor_id"])


def cells(counted: Sequence[Counted]) -> dict[Cell, tuple[set[str], set[str], set[str]]]:
    """The sets of event, visit and visitor ids of each cell."""
    sets: dict[Cell, tuple[set[str], set[str], set[str]]] = {}
    for event in counted:
        hits, visits, visitors = sets.setdefault(event.cell, (set(), set(), set()))
        hits.add(event.event_id)
        visits.add(event.visit_id)
        visitors.add(event.visitor_id)
    return sets


def _object(value: bytes | None) -> dict[str, Any] | None:
    if value is None:
        return None
    try:
        text = value.decode("utf-8", "strict")
        if _depth(text) > 512:
            return None
        content = json.loads(
            text, parse_constant=_refuse, parse_int=lambda digits: int(digits[:60]), parse_float=_fraction
        )
    except ValueError:
        return None
    return content if isinstance(content, dict) and not _has_half_a_pair(content) else None


def _refuse(name: str) -> None:
    raise ValueError(name)


def _fraction(digits: str) -> float:
    return 0.5  # no field takes a fraction: its value is of no interest


def _depth(text: str) -> int:
    brackets = re.sub(r"[^][{}]", "", re.sub(r'"(?:\\.|[^"\\])*"', "", text, flags=re.DOTALL))
    depth = deepest = 0
    for bracket in brackets:
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _has_half_a_pair(content: Any) -> bool:
    waiting = [content]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            waiting += [*item, *item.values()]
        elif isinstance(item, list):
            waiting += item
        elif isinstance(item, str) and any("\ud800" <= char <= "\udfff" for char in item):
            return True
    return False


def _right_type(name: str, value: Any) -> bool:
    if name == "event_time":
        return type(value) in (str, int)
    if type(value) is not str:
        return False
    if name == "uai":
        return True
    shortest = 1 if name in ("event_id", "visit_id", "visitor_id") else 0
    return shortest <= len(value) <= (256 if name == "page" else 64)


def _departement(uai: str) -> str | None:
    if not re.fullmatch(r"[0-9]{7}[A-Za-z]", uai):
        return None
    letters = [chr(code) for code in range(ord("A"), ord("Z") + 1) if chr(code) not in "IOQ"]
    if letters.index(uai[7].upper()) != int(uai[:7]) % 23 if uai[7].upper() in letters else True:
        return None
    return DEPARTEMENT_OF_PREFIX.get(uai[:3])


def service_of(text: str) -> tuple[str, bool]:
    """The service of a text, and whether the text was known."""
    word = text.strip()
    if word == "":
        return "PAGE_ENT", True
    if not word.isascii():
        return "NON_CLASSE", False
    word = word.lower()
    if word in ("13", "ressources_en_ligne"):
        return "RESSOURCE_DOCUMENTAIRE", True
    if word in ("16", "orientation"):
        return "RESSOURCE_ORIENTATION", True
    for row in SERVICE_ROWS:
        if word in (row["service"].lower(), row["legacy_name_2012"].lower(), row["legacy_id_2012"]):
            return row["service"], True
    return "NON_CLASSE", False


def profil_of(text: str) -> tuple[str, bool]:
    """The profil of a text, and whether the text was known."""
    for row in PROFIL_ROWS:
        if text.isascii() and text.lower() in (row["profil_code"].lower(), row["legacy_id_profil_2012"]):
            return row["profil_code"], True
    return "AUTRE", False


def instant(value: str | int) -> int | None:
    """Microseconds since the epoch of an `event_time` in the years 1 to 9999, what is finer cut off; or None."""
    if isinstance(value, int):
        return value * 1000 if _days(1, 1, 1) * 86_400_000 <= value < _days(10_000, 1, 1) * 86_400_000 else None
    # date, T, time, the rest: RFC 3339 section 5.6, read from left to right.
    if not value.isascii() or len(value) < 20 or value[10] not in "Tt":
        return None
    date, time, rest = value[:10], value[11:19], value[19:]
    if date[4] + date[7] != "--" or time[2] + time[5] != "::":
        return None
    texts = (date[:4], date[5:7], date[8:], time[:2], time[3:5], time[6:])
    if not all(text.isdigit() for text in texts):
        return None
    year, month, day, hour, minute, second = map(int, texts)
    if year < 1 or not 1 <= month <= 12 or not 1 <= day <= _length(year, month):
        return None
    if hour > 23 or minute > 59 or second > 59:
        return None
    micros = 0
    if rest[0] == ".":
        digits = re.match(r"[0-9]*", rest[1:]).group()  # type: ignore[union-attr]
        if not digits:
            return None
        micros = int((digits + "000000")[:6])
        rest = rest[1 + len(digits) :]
    if rest in ("Z", "z"):
        offset = 0
    elif len(rest) == 6 and rest[0] in "+-" and rest[3] == ":" and (rest[1:3] + rest[4:]).isdigit():
        if int(rest[1:3]) > 23 or int(rest[4:]) > 59:
            return None
        offset = (int(rest[1:3]) * 60 + int(rest[4:])) * (60 if rest[0] == "+" else -60)
    else:
        return None
    seconds = _days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset
    return seconds * 1_000_000 + micros


def _leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _length(year: int, month: int) -> int:
    return (31, 29 if _leap(year) else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[month - 1]


def _days(year: int, month: int, day: int) -> int:
    """Days from 1970-01-01 in the proleptic Gregorian calendar."""
    before = year - 1
    days = before * 365 + before // 4 - before // 100 + before // 400
    return days + sum(_length(year, earlier) for earlier in range(1, month)) + day - 719_163
