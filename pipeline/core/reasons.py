"""Why an event is rejected: the closed set that is the metric's label and the dead letter's header at once."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Reason(StrEnum):
    """Reject reasons, in the order in which they are checked: the first that fails wins."""

    TOO_LARGE = "too_large"
    """Value over 16,384 bytes."""
    NOT_JSON = "not_json"
    """Not UTF-8, not JSON, not exactly one object, empty, or a tombstone."""
    MISSING_FIELD = "missing_field"
    """A required field is absent."""
    WRONG_TYPE = "wrong_type"
    """Null, another type, an empty or over-long id or text."""
    BAD_UAI = "bad_uai"
    """Not eight characters, wrong check letter, or the prefix of no territory."""
    BAD_TIME = "bad_time"
    """A string or an integer that is no instant, or a time without an offset."""
    TOO_OLD = "too_old"
    """Over the maximum age before the record's timestamp in Kafka, or before it is read."""
    FROM_FUTURE = "from_future"
    """Over five minutes after the record's timestamp in Kafka."""


class Rejected(NamedTuple):
    """An event that is not counted, and why."""

    reason: Reason
    error: str
    """One sentence for the person who mends the producer; event content is quoted by repr and cut."""


def quoted(value: object) -> str:
    """Event content as it may stand in an error: escaped, at most 80 characters."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
