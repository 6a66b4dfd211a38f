"""Instants as a person types them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import click

from pipeline.core import instants

PARIS = ZoneInfo("Europe/Paris")
_CLOCK = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d))?", re.ASCII)
FIRST, LAST = datetime(1971, 1, 1, tzinfo=UTC), datetime(2105, 1, 1, tzinfo=UTC)
"""ClickHouse's DateTime holds 1970 to 2106; a window has to fit as well."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_moment(text: str, now: datetime) -> datetime | None:
    """The instant that `text` names, in UTC, or None when it names none.

    Args:
        text: `now`, a time of day of Paris (`8:30`, `08:30:10`: today's), or RFC 3339 with an offset or `Z`.
        now: aware.
    """
    if text == "now":
        return now.astimezone(UTC)
    clock = _CLOCK.fullmatch(text)
    try:
        if clock:
            hour, minute, second = (int(part or 0) for part in clock.groups())
            today = now.astimezone(PARIS)
            return today.replace(hour=hour, minute=minute, second=second, microsecond=0, fold=0).astimezone(UTC)
        micros = instants.parse(text.replace(" ", "T", 1))
        return None if micros is None else _EPOCH + timedelta(microseconds=micros)
    except (ValueError, OverflowError):
        return None


class Moment(click.ParamType):
    """A click type whose values are aware datetimes, UTC."""

    name = "T"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Parse `value`, or fail with the forms that are understood."""
        if isinstance(value, datetime):
            return value
        moment = parse_moment(value, datetime.now(UTC))
        if moment is None:
            self.fail(
                f"{value!r} is no instant: write 2026-09-01T08:30:00+02:00, 2026-09-01T06:30:00Z, "
                "08:30 or 08:30:10 (today, Paris time), or now.",
                param,
                ctx,
            )
        if not FIRST <= moment <= LAST:
            self.fail(f"{value!r} is out of reach: write an instant from {FIRST:%Y} to {LAST:%Y}.", param, ctx)
        return moment


def utc_text(moment: datetime) -> str:
    """RFC 3339, UTC, whole seconds: `2026-09-01T06:30:00Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
