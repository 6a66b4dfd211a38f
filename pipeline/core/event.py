"""What one event v1 means: its fields, and the rules that reject it. `columns.py` applies the same to many at once.

The fast way is one typed msgspec decode that accepts nothing unusual. Whatever it refuses is judged here at leisure,
by the order of `Reason`: unknown fields are ignored, a repeated key takes its last value, a lone surrogate or a
nesting over 512 levels is not JSON (RFC 8259 lets a reader set such limits).
"""

from __future__ import annotations

import json
from typing import Annotated, Any, NoReturn

import msgspec

from pipeline.core.reasons import Reason, Rejected, quoted

MAX_VALUE_BYTES = 16_384
MAX_DEPTH = 512

_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
_Text = Annotated[str, msgspec.Meta(max_length=64)]
_Page = Annotated[str, msgspec.Meta(max_length=256)]


class Event(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """One event whose fields are present and of the right type; UAI and time are not judged yet."""

    event_id: _Id
    event_time: str | int
    visit_id: _Id
    visitor_id: _Id
    uai: str
    service: _Text
    profil: _Text
    projet: _Text = ""
    exploitant: _Text = ""
    plateforme: _Text = ""
    type: _Text = ""
    outil: _Text = ""
    page: _Page = ""
    device: _Text = ""


decode_usual = msgspec.json.Decoder(Event).decode
"""bytes → Event, or one of UNUSUAL: the value is to be judged by `judge`."""

UNUSUAL = (msgspec.DecodeError, UnicodeDecodeError, TypeError, RecursionError)
"""What `decode_usual` raises. TypeError: a tombstone has no bytes."""

_FIELDS = msgspec.structs.fields(Event)
_NAMES = tuple(field.name for field in _FIELDS)
_REQUIRED = tuple(field.name for field in _FIELDS if field.required)
_IDS = ("event_id", "visit_id", "visitor_id")
_MAX_LENGTH = {name: 256 if name == "page" else 64 for name in (f.name for f in _FIELDS)}
_NO_LIMIT = ("uai", "event_time")  # over-long ones are `bad_uai` and `bad_time`


def judge(value: bytes | None) -> Event | Rejected:
    """The event in a record's value, or why it is rejected (the first four reasons; UAI and time come after)."""
    if value is not None and len(value) <= MAX_VALUE_BYTES:
        try:
            return decode_usual(value)
        except UNUSUAL:
            pass
    return judge_unusual(value)


def judge_unusual(value: bytes | None) -> Event | Rejected:
    """The same for a value that is too large, or that `decode_usual` has refused."""
    if value is None:
        return Rejected(Reason.NOT_JSON, "the record has no value (a tombstone)")
    if len(value) > MAX_VALUE_BYTES:
        return Rejected(Reason.TOO_LARGE, f"the value has {len(value)} bytes, at most {MAX_VALUE_BYTES} are taken")
    try:
        content = _parse_json(value)
    except ValueError as error:
        return Rejected(Reason.NOT_JSON, f"the value is not JSON: {quoted(str(error))}")
    if not isinstance(content, dict):
        return Rejected(Reason.NOT_JSON, f"the value is {_kind(content)}, not an object")
    missing = [name for name in _REQUIRED if name not in content]
    if missing:
        return Rejected(Reason.MISSING_FIELD, f"missing: {', '.join(missing)}")
    fields = {name: content[name] for name in _NAMES if name in content}
    for name, field in fields.items():
        if type(field) is str and 0 < len(field) <= 64:  # every field takes that
            continue
        wrong = _wrong_type(name, field)
        if wrong:
            return Rejected(Reason.WRONG_TYPE, f"{name} {wrong}")
    return Event(**fields)


def _wrong_type(name: str, value: Any) -> str | None:
    """What is wrong with a field's type or length, or None."""
    if name == "event_time" and isinstance(value, int) and not isinstance(value, bool):
        return None
    if not isinstance(value, str):
        wanted = "an RFC 3339 text or integer milliseconds" if name == "event_time" else "a text"
        return f"is {_kind(value)}, not {wanted}"
    if name in _NO_LIMIT:
        return None
    if name in _IDS and not value:
        return "is empty"
    if len(value) > _MAX_LENGTH[name]:
        return f"has {len(value)} characters, at most {_MAX_LENGTH[name]} are taken"
    return None


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "an array", str: "a text", bool: "a boolean", int: "a number", float: "a number"}
    return names.get(type(value), "null")


def _parse_json(value: bytes) -> Any:
    """JSON by RFC 8259; raises ValueError (UnicodeDecodeError included) for everything else."""
    text = value.decode()
    _check_depth(text)
    content = _JSON.decode(text)
    if "\\u" in text:
        # Escapes may spell half a surrogate pair, which is no text: nothing could store or show it.
        json.dumps(content, ensure_ascii=False).encode()
    return content


def _check_depth(text: str) -> None:
    """Refuse what would exhaust the parser's stack, wherever it stands (brackets in texts are skipped)."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    depth = 0
    in_text = escaped = False
    for char in text:
        if in_text:
            if escaped:
                escaped = False
            elif char == "\\":
                escaped = True
            elif char == '"':
                in_text = False
        elif char == '"':
            in_text = True
        elif char in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
        elif char in "]}":
            depth -= 1


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _integer(digits: str) -> int:
    # A number of thousands of digits is JSON; its exact value can matter to no field.
    return int(digits) if len(digits) <= 40 else 10**40 * (-1 if digits[0] == "-" else 1)


_JSON = json.JSONDecoder(parse_constant=_refuse_constant, parse_int=_integer)
