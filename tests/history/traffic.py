"""Small days of traffic as lines of a file, and what the oracle says of them."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from pipeline.core.ids import hash_text
from pipeline.store.client import Store
from tests.store.oracle import DOMAINE, FAMILLE, TERRITORY, Event, count

LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"
SCHOOLS = {"75": "075", "69": "069", "2A": "620", "974": "974"}
"""Code of a département -> first characters of its UAIs."""
SERVICES = ("PAGE_ENT", "ACTUALITES", "COURRIER_ELECTRONIQUE", "CAHIER_TEXTES")


def uai(departement: str, number: int) -> str:
    """A valid UAI."""
    digits = f"{SCHOOLS[departement]}{number:04d}"
    return digits + LETTERS[int(digits) % 23]


def day_of_events(day: date, how_many: int, seed: int = 0) -> list[dict[str, Any]]:
    """Events of one UTC day, in no order; its first and last instants are among them."""
    r = random.Random(f"{day} {seed}")
    midnight = datetime.combine(day, time(), UTC)
    events = []
    for n in range(how_many):
        # Few minutes, so that there is little to seal; borders of minutes, tens and hours are among them.
        busy = r.choice((7, 8, 8, 8)) * 3600 + r.choice((0, 9, 10, 59)) * 60 + r.randrange(60_000) / 1000
        second = {0: 0.0, 1: 86_399.999}.get(n, busy)
        departement = r.choice(tuple(SCHOOLS))
        visitor = r.randrange(how_many // 3 + 1)
        events.append(
            {
                "event_id": f"e-{day}-{seed}-{n}",
                "event_time": (midnight + timedelta(seconds=second)).isoformat(),
                "visit_id": f"v-{day}-{visitor}-{r.randrange(2)}",
                "visitor_id": f"p-{visitor}",
                "uai": uai(departement, r.randrange(1, 4)),
                "service": r.choice(SERVICES),
                "profil": r.choice(("ELEVE", "PARENT")),
                "projet": r.choice(("PCN", "L'Éclat")),
                "exploitant": r.choice(("Kosmos", "Edifice")),
                "plateforme": r.choice(("Skolengo", "")),
            }
        )
    r.shuffle(events)
    return events


def write_lines(path: Path, events: Iterable[Mapping[str, Any]], bad: Sequence[bytes] = ()) -> Path:
    """Write a file, compressed where its name says so; the bad lines stand first."""
    raw = b"".join(line + b"\n" for line in (*bad, *(json.dumps(e, ensure_ascii=False).encode() for e in events)))
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)
    return path


def as_kept(event: Mapping[str, Any]) -> Event:
    """The event as the store keeps it."""
    digits = event["uai"][:3]
    departement = next(code for code, prefix in SCHOOLS.items() if prefix == digits)
    second = int(datetime.fromisoformat(event["event_time"]).timestamp())
    ids = [hash_text(event[name]) for name in ("event_id", "visit_id", "visitor_id")]
    return Event(
        ids[0], second, departement, event["service"], event["profil"], event["projet"], event["exploitant"],
        event["plateforme"], ids[1], ids[2],
    )  # fmt: skip


KINDS: Mapping[str, Callable[[Event], str]] = {
    "total": lambda e: "",
    "service": lambda e: e.service,
    "famille": lambda e: FAMILLE[e.service],
    "domaine": lambda e: DOMAINE[e.service],
    "region": lambda e: TERRITORY[e.departement].region_name,
    "academie": lambda e: TERRITORY[e.departement].academie_name,
    "departement": lambda e: e.departement,
    "projet": lambda e: e.projet,
    "plateforme": lambda e: e.plateforme,
    "exploitant": lambda e: e.exploitant,
    "profil": lambda e: e.profil,
}

Figures = dict[tuple[Any, ...], tuple[int, ...]]


def day_figures(events: Iterable[Mapping[str, Any]]) -> Figures:
    """(day, kind, key) -> (hits, visits, visitors), as `bi.traffic_day` should say."""
    kept = [as_kept(event) for event in events]
    figures: Figures = {}
    for kind, key in KINDS.items():
        for (day, value), counts in count(kept, lambda e, key=key: (_day(e), key(e))).items():  # type: ignore[misc]
            figures[day, kind, value] = counts
    return figures


def hour_figures(events: Iterable[Mapping[str, Any]]) -> Figures:
    """(hour, kind, key) -> (hits, visits, visitors), as `bi.traffic_hour` should say."""
    kept = [as_kept(event) for event in events]
    figures: Figures = {}
    for kind, key in KINDS.items():
        for (hour, value), counts in count(kept, lambda e, key=key: (_hour(e), key(e))).items():  # type: ignore[misc]
            figures[hour, kind, value] = counts
    return figures


def school_figures(events: Iterable[Mapping[str, Any]]) -> Figures:
    """(hour, uai, service, profil) -> (hits, visits, visitors) of the cells with 5 visitors or more."""
    sets: dict[tuple[Any, ...], tuple[set[Any], set[Any], set[Any]]] = {}
    for event in events:
        kept = as_kept(event)
        key = (_hour(kept), event["uai"], event["service"], event["profil"])
        hits, visits, visitors = sets.setdefault(key, (set(), set(), set()))
        hits.add((kept.hit, kept.cell))
        visits.add(kept.visit)
        visitors.add(kept.visitor)
    return {k: (len(h), len(v), len(p)) for k, (h, v, p) in sets.items() if len(p) >= 5}


def read_figures(store: Store, sql: str) -> Figures:
    """Rows whose last three columns are figures."""
    rows = store.execute(sql)
    figures: Figures = {row[:-3]: row[-3:] for row in rows}
    assert len(figures) == len(rows)
    return figures


def _day(event: Event) -> date:
    return datetime.fromtimestamp(event.second, UTC).date()


def _hour(event: Event) -> datetime:
    return datetime.fromtimestamp(event.second // 3600 * 3600, UTC)
