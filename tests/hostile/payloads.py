"""Seeded records: good events in every layout, bytes of them changed, and texts written by a grammar of bad JSON.

`flow` gives chunks of a few producers' events, good ones first (so that the scanner has layouts to know), then hostile
ones among them. The same generator state gives the same bytes.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from tests.core.oracle import OPTIONAL, PROFIL_ROWS, REQUIRED, SERVICE_ROWS
from tests.core.traffic import NOW_MS, rfc3339
from tests.hostile import tokens

FIELDS = REQUIRED + OPTIONAL
LARGEST = 16_384
_UAIS = ("0750001U", "0750001u", "6200001G", "7200001n", "9710001Z", "9750001C", "9870026P", "0590123N")
_BAD_UAIS = (
    "0750001A",
    "0750001I",
    "0000001B",
    "9999999Z",
    "075000U",
    "07500011U",
    "٠٧٥٠٠٠١U",
    "0750001ſ",
    "075\x00001U",
)
_SERVICES = (*(row["service"] for row in SERVICE_ROWS), "notes", "13", "16", " Cahier_Textes ", "", "INCONNU")
_PROFILS = (*(row["profil_code"] for row in PROFIL_ROWS), "eleve", "1", "7", "", "Chef")


class Record(NamedTuple):
    """A record's value and its timestamp in Kafka."""

    value: bytes | None
    stamp_ms: int


Write = Callable[[dict[str, Any]], bytes]


class Producer:
    """One producer: its serializer, its order of fields, its form of time, its optional and unknown fields."""

    def __init__(self, rng: random.Random, now_ms: int = NOW_MS) -> None:
        self._now_ms = now_ms
        self._keys = list(REQUIRED) + [name for name in OPTIONAL if rng.random() < 0.7]
        if rng.random() < 0.8:
            rng.shuffle(self._keys)
        self._write = rng.choice(_WRITERS)
        self._integer = rng.random() < 0.35
        self._offset = rng.choice((0, 0, 0, 120, -240, 1439))
        self._digits = rng.choice((0, 3, 3, 6, 9))
        self._more = rng.choice(_UNKNOWN)
        self._more_first = rng.random() < 0.3
        self._ids = rng.choice(("{:032x}", "v{}", "é{}", "{:064d}", "a-{:x}-b"))

    def event(self, rng: random.Random) -> dict[str, Any]:
        """A good event, its fields in this producer's order."""
        time_ms = self._now_ms - rng.choice((0, 1, 9_999, rng.randrange(3_600_000)))
        made: dict[str, Any] = {
            "event_id": self._ids.format(rng.getrandbits(96)),
            "event_time": time_ms if self._integer else rfc3339(time_ms, self._offset, self._digits),
            "visit_id": self._ids.format(rng.randrange(1 << 20)),
            "visitor_id": self._ids.format(rng.randrange(1 << 16)),
            "uai": rng.choice(_UAIS),
            "service": rng.choice(_SERVICES),
            "profil": rng.choice(_PROFILS),
            "projet": rng.choice(("PCN", "monlycée.net", "")),
            "exploitant": rng.choice(("Kosmos", "Édifice", "")),
            "plateforme": rng.choice(("Skolengo", "NEO", "")),
            "type": rng.choice(("NATIF", "TIERS")),
            "outil": "",
            "page": "p" * rng.randrange(40),
            "device": rng.choice(("mobile", "tél")),
        }
        event = {name: made[name] for name in self._keys}
        return self._more | event if self._more_first else event | self._more

    def write(self, event: dict[str, Any]) -> bytes:
        """The event as this producer writes it."""
        return self._write(event)


_UNKNOWN: tuple[dict[str, Any], ...] = (
    {}, {}, {}, {"seq": 17}, {"établissement": "Lycée"}, {"x": {"y": [1, None, "é"]}}, {"v": 1, "ok": True, "no": None},
    {"": ""}, {"Event_id": "x", "uai ": "y"},
)  # fmt: skip


def _writer(**options: Any) -> Write:
    return lambda event: json.dumps(event, **options).encode()


_WRITERS: tuple[Write, ...] = (
    *[_writer(ensure_ascii=False, separators=(",", ":"))] * 4,
    *[_writer(ensure_ascii=False)] * 2,
    _writer(),
    _writer(indent=1, ensure_ascii=False),
    lambda event: json.dumps(event, ensure_ascii=False).encode() + b"\n",
    lambda event: b"  " + json.dumps(event, ensure_ascii=False, separators=(" , ", " : ")).encode() + b" ",
)


def chunk(rng: random.Random, size: int, producers: Sequence[Producer], now_ms: int = NOW_MS) -> list[Record]:
    """`size` records of some producers, nine in ten of them hostile, in a random order."""
    records = good(rng, size // 10, producers, now_ms)
    while len(records) < size:
        stamp_ms = now_ms if rng.random() < 0.9 else rng.choice(tokens.STAMPS)
        records.append(Record(hostile(rng, rng.choice(producers), now_ms), stamp_ms))
    rng.shuffle(records)
    return records


def good(rng: random.Random, size: int, producers: Sequence[Producer], now_ms: int = NOW_MS) -> list[Record]:
    """Good events, which teach the scanner the layouts of their producers."""
    made = []
    for _ in range(size):
        producer = rng.choice(producers)
        made.append(Record(producer.write(producer.event(rng)), now_ms))
    return made


def hostile(rng: random.Random, producer: Producer, now_ms: int = NOW_MS) -> bytes | None:
    """One hostile value: something of every kind, those that look most like a good one most often."""
    kind = rng.random()
    if kind < 0.25:
        return mutated(rng, producer.write(producer.event(rng)))
    if kind < 0.50:
        return inside(rng, producer.write(producer.event(rng)))
    if kind < 0.70:
        return producer.write(spoiled(rng, producer.event(rng), now_ms))
    if kind < 0.92:
        return written(rng, spoiled(rng, producer.event(rng), now_ms))
    if kind < 0.95:
        return spliced(rng, producer.write(producer.event(rng)), producer.write(producer.event(rng)))
    if kind < 0.97:
        return rng.randbytes(rng.choice((0, 1, 2, 8, 64, 400)))
    if kind < 0.975:
        return sized(rng, producer)
    if kind < 0.985:
        return nested(rng, producer)
    return rng.choice((None, b"", b" ", b"{}", b"[]", b"null", b'""', b"0", b"{" * 40, b'{"":' * 40, b"\xef\xbb\xbf{}"))


def mutated(rng: random.Random, raw: bytes) -> bytes:
    """Bytes changed, left out, doubled, put in; often once, sometimes many times."""
    for _ in range(rng.choice((1, 1, 1, 1, 2, 3, 8))):
        at = rng.randrange(len(raw) + 1)
        kind = rng.randrange(8)
        if kind == 0:  # one byte another
            raw = raw[:at] + bytes((rng.randrange(256),)) + raw[at + 1 :]
        elif kind == 1:  # one bit
            raw = raw[:at] + bytes((raw[at] ^ 1 << rng.randrange(8),)) + raw[at + 1 :] if at < len(raw) else raw
        elif kind == 2:  # something put in
            raw = raw[:at] + rng.choice(tokens.BYTES) + raw[at:]
        elif kind == 3:  # put over
            token = rng.choice(tokens.BYTES)
            raw = raw[:at] + token + raw[at + len(token) :]
        elif kind == 4:  # left out
            raw = raw[:at] + raw[at + rng.choice((1, 1, 1, 2, 8, 40)) :]
        elif kind == 5:  # doubled
            raw = raw[: at + rng.choice((1, 1, 2, 30))] + raw[at:]
        elif kind == 6:  # put over where a text begins or ends, so that the layout may stay
            quote = raw.find(b'"', at) + rng.randint(0, 1)
            raw = raw[:quote] + rng.choice(tokens.BYTES) + raw[quote:]
        else:  # cut
            raw = raw[:at] if rng.random() < 0.3 else raw
    return raw


def inside(rng: random.Random, raw: bytes) -> bytes:
    """One text of the record, or its number, is another: all that stands around it stays as the producer writes it."""
    parts = raw.split(b'"')
    at = rng.randrange(1, len(parts), 2)
    if rng.random() < 0.15:  # between the texts
        at -= 1
    text = parts[at]
    place = rng.randrange(len(text) + 1)
    kind = rng.randrange(6)
    if kind == 0:
        text = rng.choice(tokens.TEXTS + tokens.TIMES).encode()
    elif kind == 1:
        text = text[:place] + rng.choice(tokens.BYTES) + text[place:]
    elif kind == 2:
        text = text[:place] + bytes((rng.randrange(256),)) + text[place + 1 :]
    elif kind == 3:
        text = text[:place] + text[place + 1 :]
    elif kind == 4:
        text = (text or b"x") * rng.choice((2, 3, 8, 64))
    else:
        text = text.swapcase() if rng.random() < 0.5 else text[::-1]
    return b'"'.join([*parts[:at], text, *parts[at + 1 :]])


def spliced(rng: random.Random, left: bytes, right: bytes) -> bytes:
    """The beginning of one and the end of another; sometimes both whole, one after the other."""
    return left + right if rng.random() < 0.2 else left[: rng.randrange(len(left))] + right[rng.randrange(len(right)) :]


def spoiled(rng: random.Random, event: dict[str, Any], now_ms: int) -> dict[str, Any]:
    """An event some of whose fields are not as they should be, or only just."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        name = rng.choice(FIELDS)
        kind = rng.random()
        if kind < 0.08:
            event.pop(name, None)
        elif kind < 0.13:
            event[rng.choice(tokens.TEXTS)] = rng.choice(tokens.TEXTS)
        elif kind < 0.25:
            event["uai"] = (
                rng.choice(_BAD_UAIS) if rng.random() < 0.5 else f"{rng.randrange(10**7):07}{rng.choice('ABUZ')}"
            )
        elif kind < 0.50:
            event["event_time"] = _time(rng, now_ms)
        elif kind < 0.60:
            event[name] = rng.choice((None, True, 7, 1.5, 2**70, [], {}, ["x"], {"a": "b"}))
        else:
            event[name] = rng.choice(tokens.TEXTS)
            if rng.random() < 0.2:
                event[name] += rng.choice(tokens.TEXTS)
    return event


def _time(rng: random.Random, now_ms: int) -> Any:
    kind = rng.randrange(4)
    if kind == 0:
        return rng.choice(tokens.TIMES)
    if kind == 1:
        return now_ms + rng.choice(tokens.EDGES_MS)
    if kind == 2:
        return rng.choice((0, -1, 2**31, 2**63, -(2**63), 2**64, 10**40, 253_402_300_799_999, -62_135_596_800_000))
    offset = rng.choice((0, 0, 60, -1439, 1439, 345))
    return rfc3339(now_ms + rng.choice(tokens.EDGES_MS), offset, rng.randrange(13), rng.choice(("TZ", "tz", "Tz")))


def written(rng: random.Random, event: dict[str, Any]) -> bytes:
    """The event by a grammar that knows each freedom of JSON, and takes some it has not got."""
    members = list(event.items())
    if rng.random() < 0.3:
        members.append(rng.choice(members) if members and rng.random() < 0.5 else (rng.choice(FIELDS), "doublon"))
        rng.shuffle(members)
    out: list[str] = []
    broken = rng.random() < 0.1
    odd = rng.random()
    for number, (name, field) in enumerate(members):
        comma = "," if number else ""
        if broken and rng.random() < 0.1:
            comma = rng.choice(("", ",,", ";", "\x00", ",\x0b"))
        out.append(f"{_space(rng)}{comma}{_space(rng)}{_text(rng, name, odd)}{_space(rng)}:{_space(rng)}")
        if odd < 0.25 and rng.random() < 0.1:
            out.append(rng.choice(tokens.VALUES))
        elif isinstance(field, str):
            out.append(_text(rng, field, odd))
        else:
            out.append(json.dumps(field))
    text = "{" + "".join(out) + _space(rng) + ("" if broken and rng.random() < 0.2 else "}") + _space(rng)
    return text.encode("utf-8", "surrogatepass")


_ESCAPES = ("\\ud800", "\\udfff", "\\ud83d\\ude00", "\ud800", "\\u0000", "\\q")


def _space(rng: random.Random) -> str:
    return "" if rng.random() < 0.9 else rng.choice((" ", "\n", "\t", "\r", " \n\t\r ", " ", "  "))


def _text(rng: random.Random, text: str, odd: float) -> str:
    """A text in quotes: some characters spelt by escapes, right or wrong."""
    if odd > 0.3:
        return json.dumps(text, ensure_ascii=rng.random() < 0.2)
    out = []
    for char in text:
        code = ord(char)
        if rng.random() < 0.1 and code < 0x10000:
            out.append(f"\\u{code:04x}" if rng.random() < 0.5 else f"\\u{code:04X}")
        elif char in '"\\' or code < 0x20:
            # One in ten raw: control characters and quotes that JSON does not let stand.
            out.append(char if rng.random() < 0.1 else json.dumps(char)[1:-1])
        else:
            out.append(char)
    if rng.random() < 0.05:
        out.insert(
            rng.randrange(len(out) + 1),
            rng.choice(("\\ud800", "\\udfff", "\\ud83d\\ude00", "\ud800", "\\u0000", "\\q")),
        )
    return f'"{"".join(out)}"'


def sized(rng: random.Random, producer: Producer) -> bytes:
    """A value of just about the most bytes that are taken, made so long by a text or by white space."""
    size = LARGEST + rng.choice((-1, 0, 0, 1, 1, 2, 5000))
    event = producer.event(rng)
    raw = producer.write(event)
    if rng.random() < 0.5:
        return raw + b" " * (size - len(raw))
    bare = producer.write(event | {"inconnu": ""})
    return producer.write(event | {"inconnu": "x" * (size - len(bare))})


def nested(rng: random.Random, producer: Producer) -> bytes:
    """Brackets in brackets, around the deepest that are read, closed or not, in a text or not."""
    depth = rng.choice((10, 500, 510, 511, 512, 513, 600, 3000, 8000))
    left, right, inner = rng.choice((("[", "]", ""), ('{"a":', "}", "1"), ('[{"a":', "}]", "null"), ("[1,", "]", "1")))
    deep = left * depth + inner + right * (depth if rng.random() < 0.8 else rng.randrange(depth))
    raw = producer.write(producer.event(rng)).strip()
    if rng.random() < 0.2:
        return deep.encode()
    if rng.random() < 0.3:
        deep = json.dumps(deep)
    return raw[:-1] + b',"inconnu":' + deep.encode() + b"}"


def flow(rng: random.Random, chunks: int, size: int, now_ms: int = NOW_MS) -> Iterator[list[Record]]:
    """Chunks of records; every fifth is good throughout, and begins the time of up to three new producers."""
    producers: list[Producer] = []
    for number in range(chunks):
        if number % 5 == 0:
            producers = [Producer(rng, now_ms) for _ in range(rng.randint(1, 3))]
            yield good(rng, size, producers, now_ms)
        else:
            yield chunk(rng, size, producers, now_ms)
