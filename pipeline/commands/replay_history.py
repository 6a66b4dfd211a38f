"""`instant-t replay --history`: whole past days from files, counted into the store beside Kafka."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click

from pipeline.commands.event_files import check_all, opened, progress, title
from pipeline.commands.servers import open_store
from pipeline.errors import UserError
from pipeline.history.counting import Counter, FileReport, span_of
from pipeline.history.load import DayReport, begin
from pipeline.history.rejects import RejectsFile
from pipeline.reports.periods import Period, parse_period
from pipeline.servers import store_url
from pipeline.settings import Settings
from pipeline.store import migrate
from pipeline.store.client import Store

STATEMENT_SECONDS = 600.0
"""Longest silence of the store: some statements look at an hour of a national day."""

_UNCHANGED = "nothing was changed"


def load_files(
    settings: Settings,
    files: Sequence[str],
    days: Period | None,
    replace: bool,
    rejects_path: Path | None,
    now: datetime,
) -> None:
    """Load the days that some files hold, and say what became of each file and day.

    Args:
        settings: which store, and the retention of minutes.
        files: names; `-` is standard input.
        days: UTC days to load; None: whatever the files hold.
        replace: figures of a day may be replaced by other ones.
        rejects_path: None: beside the first file that has a place.
        now: aware.

    Raises:
        UserError: a file cannot be read, a day may not be loaded, or the store does not take it.
    """
    check_all(files, _UNCHANGED)
    path = rejects_path or _place_of_rejects(files, now)
    if any(name != "-" and path.resolve() == Path(name).resolve() for name in files):
        raise UserError(f"{path} is one of the files to load: name another file with --rejects.")
    url = store_url(settings, "admin")
    with open_store(settings, "admin", STATEMENT_SECONDS) as store:
        if migrate.unapplied(store):
            raise UserError(f"ClickHouse at {store.address} is not migrated: run `instant-t migrate`.")

        def connect() -> Store:
            return Store(url, timeout=STATEMENT_SECONDS)

        with begin(connect, now, settings.retention_days, replace) as load:
            span = span_of(now, days.first, days.last) if days else span_of(now)
            with RejectsFile(path) as rejects, load.counter(rejects, span) as counter:
                for name in files:
                    _count(name, counter)
            if rejects.total:
                listed = ", ".join(f"{reason} {count:,}" for reason, count in sorted(rejects.reasons.items()))
                click.echo(f"{rejects.total:,} rejected lines ({listed}) are in {path}")
            staged = load.days()
            if not staged:
                raise UserError(f"The files hold no event that can be counted; {_UNCHANGED}.")
            for report in load.swap_in(staged):
                click.echo(_sentence(report))


def parse_days(text: str | None) -> Period | None:
    """The UTC days that `--days` names; None stands for itself.

    Raises:
        click.BadParameter: it names none, or a part of one.
    """
    if text is None:
        return None
    try:
        days = parse_period(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--days") from None
    if days.is_instants:
        raise click.BadParameter(
            f"{text!r} is no whole day: write 2019-09-02 or 2019-09-02/2019-09-07.", param_hint="--days"
        )
    return days


def _count(name: str, counter: Counter) -> None:
    report = FileReport()
    with opened(name) as (file, position), progress(name) as show:
        try:
            counter.count(file, title(name), report, lambda: show(position()))
        except (EOFError, zlib.error, OSError) as error:
            raise UserError(f"{title(name)}, after line {report.lines:,}: {error}; {_UNCHANGED}.") from None
    click.echo(
        f"{title(name)}: {report.counted:,} events read, {report.rejected:,} rejected, "
        f"{report.seconds:.1f} s, {report.lines / max(report.seconds, 1e-9):,.0f} lines/s"
    )


def _sentence(report: DayReport) -> str:
    if not report.changed:
        return f"{report.day}: {report.events:,} distinct events, loaded before, unchanged"
    speed = report.events / max(report.seconds, 1e-9)
    return f"{report.day}: {report.events:,} distinct events loaded, {report.seconds:.1f} s, {speed:,.0f} events/s"


def _place_of_rejects(files: Sequence[str], now: datetime) -> Path:
    """Beside the first file; what has no place (standard input, a pipe) leaves its rejects in the current folder."""
    first = Path(files[0])
    if files[0] != "-" and first.is_file():
        return first.with_name(f"{first.name}.rejects.ndjson")
    return Path(f"stdin-{now:%Y%m%dT%H%M%SZ}.rejects.ndjson")
