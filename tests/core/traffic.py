"""Events for the tests: one good event, and hypothesis strategies for records of every kind, good and bad."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from tests.core import oracle

NOW_MS = 1_788_244_200_000
"""2026-09-01T06:30:00Z, the morning of a rentrée; a multiple of ten seconds."""

EVENT: dict[str, Any] = {
    "event_id": "e-1",
    "event_time": NOW_MS,
    "visit_id": "v-1",
    "visitor_id": "p-1",
    "uai": "0750001U",
    "service": "NOTES",
    "profil": "ELEVE",
    "projet": "PCN",
    "exploitant": "Kosmos",
    "plateforme": "Skolengo",
}


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def value(*without: str, **fields: Any) -> bytes:
    """The good event with some fields changed or left out, as compact JSON."""
    event = {name: field for name, field in (EVENT | fields).items() if name not in without}
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def rfc3339(ms: int, offset_minutes: int = 0, digits: int = 3, marks: str = "TZ") -> str:
    """A time as a producer may write it; `marks` are its T and its Z."""
    local = _EPOCH + timedelta(milliseconds=ms, minutes=offset_minutes)
    fraction = f".{local.microsecond:06}000000"[: digits + 1] if digits else ""
    sign = "-" if offset_minutes < 0 else "+"
    zone = f"{sign}{abs(offset_minutes) // 60:02}:{abs(offset_minutes) % 60:02}" if offset_minutes else marks[1]
    return f"{local.year:04}-{local:%m-%d}{marks[0]}{local:%H:%M:%S}{fraction}{zone}"


_AGE = 46 * 3_600_000
_FUTURE = 300_000

moments = st.one_of(
    st.integers(-20_000, 20_000),
    st.sampled_from([-_AGE - 1, -_AGE, -_AGE + 1, -60_001, -10_000, -1, 0, 1, 9_999, 10_000, _FUTURE, _FUTURE + 1]),
    st.integers(-_AGE - 1000, _FUTURE + 1000),
).map(lambda delta: NOW_MS + delta)

good_times = st.one_of(
    moments,
    st.builds(rfc3339, moments),
    st.builds(
        rfc3339,
        moments,
        st.sampled_from([0, 120, -240, 240, 330, -719, 1439, -1439, 60]),
        st.integers(0, 12),
        st.sampled_from(["TZ", "tz", "Tz", "tZ"]),
    ),
)
bad_times = st.sampled_from(
    [
        "2026-09-01T06:30:00",
        "2026-09-01 06:30:00Z",
        "2026-09-01",
        "2026-W36-2T06:30:00Z",
        "2026-09-01T24:00:00Z",
        "2026-09-01T06:30:60Z",
        "2026-02-29T06:30:00Z",
        "2026-13-01T06:30:00Z",
        "2026-00-01T06:30:00Z",
        "2026-09-00T06:30:00Z",
        "2026-09-01T06:30:00.Z",
        "2026-09-01T06:30:00,5Z",
        "2026-09-01T06:30:00+24:00",
        "2026-09-01T06:30:00+02:60",
        "2026-09-01T06:30:00+0200",
        "2026-09-01T06:30:00+02",
        "2026-09-01T06:30:00−02:00",
        " 2026-09-01T06:30:00Z",
        "2026-09-01T06:30:00Z\n",
        "２026-09-01T06:30:00Z",
        "0000-09-01T06:30:00Z",
        "1788244200000",
        "now",
        "",
        10**17,
        -(10**17),
        10**30,
        253_402_300_800_000,
        -62_135_596_800_001,
    ]
)
old_times = st.sampled_from(
    [0, -1, "1969-12-31T23:59:59.999Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"]
)
times = st.one_of(good_times, good_times, good_times, bad_times, old_times)

good_uais = st.sampled_from(
    ["0750001U", "0750001u", "6200001G", "7200001n", "9710001Z", "9750001C", "9870026P", "0590123N"]
)
bad_uais = st.sampled_from(
    [
        "0750001A",
        "0750001I",
        "0200001T",
        "9770001S",
        "0000001B",
        "075000U",
        "07500011U",
        "",
        "٠٧٥٠٠٠١U",
        "075 001U",
        "0750001ſ",
    ]
)
uais = st.one_of(good_uais, good_uais, good_uais, bad_uais, st.text(max_size=10))

services = st.one_of(
    st.sampled_from([row["service"] for row in oracle.SERVICE_ROWS]),
    st.sampled_from(["notes", " Cahier_Textes ", "13", "16", "Ressources_En_Ligne", "orientation", "", "  ", "99"]),
    st.sampled_from(["notıces", "vısıoconference", "\u00a0NOTES\t", "abſences"]),
    st.text(max_size=12),
)
profils = st.one_of(
    st.sampled_from([row["profil_code"] for row in oracle.PROFIL_ROWS]),
    st.sampled_from(["eleve", "1", "7", "6", "5", "", " ELEVE", "Élève", "parent", "PARENTſ"]),
    st.text(max_size=8),
)

few_ids = st.integers(0, 5).map("id-{}".format)
odd_ids = st.one_of(
    few_ids, st.text(min_size=1, max_size=64), st.sampled_from(["a\0", "a", "A", "é" * 64, "x" * 64, "\0"])
)
origins = st.sampled_from(["", "PCN", "Kosmos", "Neo", "élan"])

usual_events = st.fixed_dictionaries(
    {
        "event_id": few_ids,
        "event_time": st.builds(rfc3339, moments),
        "visit_id": few_ids,
        "visitor_id": few_ids,
        "uai": good_uais,
        "service": st.sampled_from(["NOTES", "ABSENCES", "13"]),
        "profil": st.sampled_from(["ELEVE", "PARENT"]),
        "projet": origins,
    }
)
events = st.fixed_dictionaries(
    {
        "event_id": odd_ids,
        "event_time": times,
        "visit_id": odd_ids,
        "visitor_id": odd_ids,
        "uai": uais,
        "service": services,
        "profil": profils,
    },
    optional={
        "projet": origins,
        "exploitant": origins,
        "plateforme": st.text(max_size=3),
        "type": st.sampled_from(["NATIF", "TIERS", ""]),
        "outil": st.text(max_size=64),
        "page": st.sampled_from(["", "p" * 256]),
        "device": st.just("mobile"),
    },
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=70),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
field_names = st.sampled_from(oracle.REQUIRED + oracle.OPTIONAL)
damaged_events = st.builds(
    lambda event, drop, spoil, more: (
        {name: field for name, field in (event | spoil | more).items() if name not in drop}
    ),
    events,
    st.lists(field_names, max_size=1),
    st.dictionaries(field_names, st.one_of(anything, st.sampled_from(["", "x" * 65, "é" * 65, "p" * 257])), max_size=1),
    st.dictionaries(st.text(min_size=1, max_size=6), anything, max_size=1),
)


def _dump(event: Any, ascii_only: bool, spaced: bool) -> bytes:
    return json.dumps(event, ensure_ascii=ascii_only, indent=1 if spaced else None).encode()


def _written(content: st.SearchStrategy[Any]) -> st.SearchStrategy[bytes]:
    return st.builds(_dump, content, st.booleans(), st.booleans())


def _flip(raw: bytes, at: int, byte: int) -> bytes:
    at %= len(raw)
    return raw[:at] + bytes([byte]) + raw[at + 1 :]


def _splice(left: bytes, right: bytes, cut: int, join: int) -> bytes:
    return left[: cut % (len(left) + 1)] + right[join % (len(right) + 1) :]


mutations = st.one_of(
    st.builds(_flip, _written(events), st.integers(0, 4000), st.integers(0, 255)),
    st.builds(lambda raw, cut: raw[: cut % (len(raw) + 1)], _written(events), st.integers(0, 4000)),
    st.builds(_splice, _written(events), _written(events), st.integers(0, 4000), st.integers(0, 4000)),
    st.builds(lambda raw, more: raw + more, _written(events), st.binary(max_size=3)),
    st.binary(max_size=30),
)
usual_values = st.builds(_dump, usual_events, st.just(False), st.just(False))
values: st.SearchStrategy[bytes | None] = st.one_of(
    usual_values, _written(events), _written(damaged_events), mutations, st.none(), _written(anything)
)
stamps = st.one_of(
    st.just(NOW_MS),
    st.sampled_from([-1, 0, NOW_MS + _AGE, NOW_MS - _AGE, NOW_MS - _FUTURE, NOW_MS + _FUTURE]),
    st.integers(NOW_MS - 1000, NOW_MS + 1000),
)
records = st.tuples(values, stamps)
usual_records = st.tuples(usual_values, st.just(NOW_MS))
chunks = st.one_of(st.lists(records, min_size=1, max_size=12), st.lists(usual_records, min_size=1, max_size=12))
