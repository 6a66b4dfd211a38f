"""The HTML of the wall: templates filled with a page, part by part. Whatever comes from an event is escaped."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache

import jinja2

from pipeline import french
from pipeline.french import PARIS
from pipeline.wall.address import WINDOWS, Address
from pipeline.wall.compose import KIND_NAMES, Page, compose, listed
from pipeline.wall.facts import Facts, Trust
from pipeline.wall.series import Series

PARTS = (
    "confiance", "titre", "attention", "carte", "familles", "plateformes", "exploitants", "profils", "services",
    "temps",
)  # fmt: skip
"""Parts of the page that are replaced when they change, in reading order: `templates/<part>.html`."""
PALETTES = (("auto", "Automatique"), ("clair", "Clair"), ("sombre", "Sombre"), ("daltonien", "Daltonien"))


@cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("pipeline.wall"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(listed=listed, kind_names=KIND_NAMES, windows=WINDOWS, palettes=PALETTES)
    environment.filters.update(number=french.number, short=french.short)
    return environment


def render_parts(
    address: Address, facts: Facts | None, trust: Trust, now: datetime, notice: str = ""
) -> dict[str, str]:
    """Part → HTML.

    Args:
        address: of the page.
        facts: None before anything is known.
        trust: of the picture.
        now: aware.
        notice: one more sentence, for the trust bar.
    """
    facts = facts or Facts(now, now.timestamp(), address.window, Series(), {}, Series(), is_known=False)
    context = _context(address, facts, compose(address, facts), trust, now, notice)
    return {part: _templates().get_template(f"{part}.html").render(context) for part in PARTS}


def render_page(address: Address, parts: dict[str, str]) -> str:
    """The whole document."""
    return _templates().get_template("page.html").render(parts=parts, address=address, part_names=PARTS)


def render_error(status: int, sentence: str) -> str:
    """A page that says what was wrong with an address."""
    return _templates().get_template("erreur.html").render(status=status, sentence=sentence)


def _context(address: Address, facts: Facts, page: Page, trust: Trust, now: datetime, notice: str) -> dict[str, object]:
    at = address.at or now
    local = at.astimezone(PARIS)
    today = now.astimezone(PARIS).date()
    step = timedelta(minutes=address.window)
    later = at + step
    return {
        "address": address,
        "facts": facts,
        "page": page,
        "trust": trust,
        "notice": notice,
        "clock": french.clock(at),
        "clock_short": french.clock(at, seconds=False),
        "day": french.day(local.date()),
        "date_value": local.date().isoformat(),
        "date_max": today.isoformat(),
        "time_value": f"{local:%H:%M}",
        "minute_of_day": local.hour * 60 + local.minute,
        "is_past": address.at is not None,
        "window": facts.window,
        "earlier": address.link(at=_whole(at - step)),
        "later": address.link(at=_whole(later)) if later < now else address.link(at=None),
        "utc": f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
    }


def _whole(moment: datetime) -> datetime:
    seconds = int(moment.timestamp())
    return datetime.fromtimestamp(seconds - seconds % 10, UTC)
