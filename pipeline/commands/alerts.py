"""`instant-t alerts`: what is out of the ordinary, now or lately, and as it happens."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import click

from pipeline import settings as setting
from pipeline.commands.moments import PARIS, Moment, utc_text
from pipeline.commands.output import csv_text, format_option, print_csv, print_json, printable
from pipeline.commands.servers import open_store
from pipeline.errors import UserError
from pipeline.settings import Settings
from pipeline.store.sql import query

LATELY = timedelta(hours=24)
"""What is listed unless --since says otherwise."""
LONGEST = timedelta(days=3)
"""No alert stays open for longer: what was opened before is not looked for."""
POLL_SECONDS = 2.0


class Alert(NamedTuple):
    """One row of `bi.alerts`."""

    alert_id: str
    revision: int
    state: str
    direction: str
    kind: str
    key: str
    opened_at: datetime
    since: datetime
    updated_at: datetime
    closed_at: datetime | None
    observed: float
    expected: float
    low: float
    high: float
    data_age_seconds: float
    why_closed: str
    closure: str
    sentence: str
    look_at: str

    @property
    def is_open(self) -> bool:
        """Whether it still goes on."""
        return self.state == "open"

    def as_object(self) -> dict[str, object]:
        """Its values by name."""
        return dict(zip(self._fields, self.values(), strict=True))

    def values(self) -> list[object]:
        """For a program: instants as RFC 3339, figures to a tenth."""
        return [
            utc_text(value) if isinstance(value, datetime) else round(value, 1) if isinstance(value, float) else value
            for value in self
        ]


@click.command()
@click.option("--active", is_flag=True, help="only those that are open")
@click.option("--since", type=Moment(), help="also those closed since T (default: of the last 24 hours)")
@click.option("--follow", is_flag=True, help="those that are open, then each change as it comes, until Ctrl-C")
@format_option
def alerts(active: bool, since: datetime | None, follow: bool, form: str) -> None:
    """Alerts: what is out of the ordinary, where, since when, and what to look at.

    The newest are last. T is a time of day (08:30: today, Paris time), RFC 3339 with an offset, or now. With --follow,
    json gives one object a line; a store that goes away is waited for.

    \b
    instant-t alerts
    instant-t alerts --active --format json
    instant-t alerts --since 08:00
    instant-t alerts --follow
    """
    settings = setting.load()
    now = datetime.now(UTC)
    if follow:
        with suppress(KeyboardInterrupt):  # it is how one ends it
            _follow(settings, since or now, form)
        return
    begin = since or now - LATELY
    found = [alert for alert in _read(settings, begin) if alert.is_open or not active]
    if form == "json":
        print_json({"alerts": [alert.as_object() for alert in found]})
    elif form == "csv":
        print_csv(Alert._fields, [alert.values() for alert in found])
    elif found:
        _print(found, "table")
    else:
        click.echo("No alert is open." if active else f"No alert is open, and none was since {_clock(begin, now)}.")


def _read(settings: Settings, since: datetime) -> list[Alert]:
    """Open alerts, and those that changed at `since` or later.

    Raises:
        UserError: ClickHouse does not answer, has no schema yet, or refuses.
    """
    opened = min(since, datetime.now(UTC)) - LONGEST
    with open_store(settings, "reader") as store:
        rows = store.execute(query("list_alerts"), {"opened": _sql(opened), "since": _sql(since)})
    return [Alert(*row) for row in rows]


def _follow(settings: Settings, since: datetime, form: str) -> None:
    """Print what is open or has changed since `since`, then every new state of any alert; never returns."""
    if form == "csv":
        click.echo(csv_text(Alert._fields, []), nl=False)
    found = _read(settings, since - LONGEST)
    _print([alert for alert in found if alert.is_open or alert.updated_at >= since], form)
    known = {alert.alert_id: alert.revision for alert in found}
    is_away = False
    while True:
        time.sleep(POLL_SECONDS)
        try:
            found = _read(settings, since - LONGEST)
        except UserError as error:
            if not is_away:
                click.echo(f"{error} Waiting for it.", err=True)
            is_away = True
            continue
        if is_away:
            click.echo("ClickHouse answers again.", err=True)
        is_away = False
        _print([alert for alert in found if alert.revision > known.get(alert.alert_id, 0)], form)
        known |= {alert.alert_id: alert.revision for alert in found}


def _print(found: Iterable[Alert], form: str) -> None:
    """Each alert on its own: a line for a program; for a person its sentence, and below it what to look at."""
    now = datetime.now(UTC)
    for alert in found:
        if form == "json":
            text = json.dumps(alert.as_object(), ensure_ascii=False)
            click.echo("".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text))
        elif form == "csv":
            click.echo(csv_text(Alert._fields, [alert.values()]).partition("\n")[2], nl=False)
        else:
            when = _clock(alert.updated_at, now)
            word = click.style("ouverte", fg="red", bold=True) if alert.is_open else click.style("close  ", fg="green")
            click.echo(f"{when}  {word}  {printable(alert.sentence)}")
            if alert.is_open:
                click.echo(f"{'':{len(when)}}           {printable(alert.look_at)}")


def _clock(moment: datetime, now: datetime) -> str:
    """The time of day in Paris, with its day where that is not today."""
    local = moment.astimezone(PARIS)
    return f"{local:%H:%M:%S}" if local.date() == now.astimezone(PARIS).date() else f"{local:%Y-%m-%d %H:%M:%S}"


def _sql(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
