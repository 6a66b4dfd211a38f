"""`instant-t rejects`: list, show and send again what was rejected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from pipeline import settings as setting
from pipeline.broker.dead_letters import DeadLetter, survey, values
from pipeline.broker.publish import OversizedRecordError, Publisher
from pipeline.broker.redrive import Plan, Run, Selection, make_plan, past_runs, remember
from pipeline.commands.moments import Moment
from pipeline.commands.output import (
    format_option,
    print_csv,
    print_json,
    print_table,
    printable,
    printable_bytes,
)
from pipeline.core.reasons import Reason
from pipeline.errors import UserError
from pipeline.topics import REJECTS, VISITS

COLUMNS = ("rejected_at", "reason", "topic", "partition", "offset", "bytes", "error")
SHOWN_CHARACTERS = 4_000

_reason_option = click.option("--reason", type=click.Choice([r.value for r in Reason]), help="only this reason")
_since_option = click.option("--since", type=Moment(), help="rejected at T or later")
_until_option = click.option("--until", type=Moment(), help="rejected before T")


def _selection_options(command: Callable[..., Any]) -> Callable[..., Any]:
    return _reason_option(_since_option(_until_option(command)))


@click.group()
def rejects() -> None:
    """What was rejected: list it, look at one, send it again after a fix.

    Rejected events lie in the topic ent.rejects.v1 for seven days, with their reason. T is RFC 3339 with an offset,
    a time of day (08:30: today, Paris time), or now.

    \b
    instant-t rejects list --reason bad_uai --since 08:00
    instant-t rejects show ent.visits.v1:0:1234
    instant-t rejects redrive --reason bad_uai --dry-run
    """


@rejects.command("list")
@_selection_options
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="at most N, the newest")
@format_option
def list_rejects(reason: str | None, since: datetime | None, until: datetime | None, limit: int, form: str) -> None:
    """List rejected events, the newest last, with how many there are of each reason.

    An event is listed once, also when a worker that was started again after a crash rejected it twice.

    \b
    instant-t rejects list
    instant-t rejects list --reason too_old --since 2026-09-01T08:00:00+02:00 --limit 500 --format csv
    """
    asked = Selection(reason, since, until)
    found = survey(setting.load().kafka)
    letters = [letter for letter in found.letters if asked.matches(letter)]
    counts = Counter(letter.reason for letter in letters)
    shown = letters[-limit:]
    if form == "json":
        rows = [dict(zip(COLUMNS, _row(letter), strict=True)) for letter in shown]
        print_json({"rejects": rows, "matching": len(letters), "by_reason": dict(counts.most_common())})
    elif form == "csv":
        print_csv(COLUMNS, [_row(letter) for letter in shown])
    elif not letters:
        click.echo("No rejected event matches." if found.letters else f"{REJECTS} is empty: nothing was rejected.")
    else:
        columns = ("rejected_at", "reason", "record", "bytes", "error")
        print_table(columns, [(_time(x), x.reason, x.origin, x.size, x.error) for x in shown])
        parts = ", ".join(f"{name} {number:,}" for name, number in counts.most_common())
        newest = f", the newest {len(shown):,} shown" if len(shown) < len(letters) else ""
        click.echo(f"\n{len(letters):,} rejected{newest}: {parts}")
    if found.foreign:
        click.echo(f"{found.foreign:,} records of {REJECTS} are no dead letters and were passed over.", err=True)


@rejects.command()
@click.argument("record", metavar="TOPIC:PARTITION:OFFSET")
@click.option("--full", is_flag=True, help=f"the whole value, not only its first {SHOWN_CHARACTERS:,} characters")
def show(record: str, full: bool) -> None:
    """Show one rejected event: why, where from, and its original value.

    RECORD is what `list` prints: where the event lay, or where its letter lies in ent.rejects.v1. What a terminal
    might obey (control characters) is escaped.

    \b
    instant-t rejects show ent.visits.v1:0:1234
    instant-t rejects show ent.rejects.v1:0:17 --full
    """
    topic, _, place = record.partition(":")
    partition, _, offset = place.partition(":")
    if not (topic and partition.isdecimal() and offset.isdecimal()):
        raise UserError(f"{record!r} names no record: write topic:partition:offset, such as {VISITS}:0:1234.")
    bootstrap = setting.load().kafka
    place_asked = (topic, int(partition), int(offset))
    letter = next((x for x in survey(bootstrap).letters if place_asked in _places(x)), None)
    value = next((v for _, v in values(bootstrap, [letter])), None) if letter else None
    if letter is None or value is None:
        raise UserError(f"{REJECTS} holds no letter about {record}: see `instant-t rejects list`.")
    for name, text in (
        ("reason", letter.reason),
        ("error", letter.error),
        ("record", letter.origin),
        ("rejected_at", _time(letter)),
        ("letter", f"{REJECTS}:{letter.letter_partition}:{letter.letter_offset}"),
        ("bytes", f"{letter.size:,}"),
    ):
        click.echo(f"{name + ':':<13}{printable(text)}")
    text = printable_bytes(value)
    click.echo()
    click.echo(text if full else text[:SHOWN_CHARACTERS])
    if not full and len(text) > SHOWN_CHARACTERS:
        click.echo(f"{len(text) - SHOWN_CHARACTERS:,} more characters: add --full to see them.", err=True)


@rejects.command()
@_selection_options
@click.option("--force", is_flag=True, help="also what will be rejected again: too_old, too_large")
@click.option("--again", is_flag=True, help="also events that were sent again before and came back")
@click.option("--dry-run", is_flag=True, help="say what would be sent, and send nothing")
@click.option("--yes", is_flag=True, help="do not ask")
def redrive(
    reason: str | None,
    since: datetime | None,
    until: datetime | None,
    force: bool,
    again: bool,
    dry_run: bool,
    yes: bool,
) -> None:
    """Send rejected events to ent.visits.v1 again, as they were, once each: after a fix.

    Kafka remembers what was sent; a second run sends only what was rejected since. An event that comes back is not
    sent a third time unless --again is given. If a run is interrupted, run it again: events count once.

    \b
    instant-t rejects redrive --reason bad_uai --dry-run
    instant-t rejects redrive --reason bad_uai --since 08:00 --yes
    """
    settings = setting.load()
    found = survey(settings.kafka)
    now = datetime.now(UTC)
    now -= timedelta(microseconds=now.microsecond % 1000)
    run = Run(now, Selection(reason, since, until, force, again), found.ends)
    plan = make_plan(found.letters, past_runs(settings), run)
    _explain(plan, now - timedelta(seconds=settings.max_event_age))
    if not plan.send:
        click.echo("Nothing to send.")
        return
    counts = ", ".join(f"{name} {n:,}" for name, n in Counter(x.reason for x in plan.send).most_common())
    words = f"{len(plan.send):,} event{'s' * (len(plan.send) > 1)} ({counts})"
    if dry_run:
        click.echo(f"Would send {words} to {VISITS} again.")
        return
    if not yes:
        if not click.get_text_stream("stdin").isatty():
            raise UserError("Nobody can be asked here: add --yes to send, or --dry-run to look.")
        click.confirm(f"Send {words} to {VISITS} again?", abort=True)
    sent, too_large = _send(settings.kafka, plan.send)
    remember(settings, run)
    click.echo(f"Sent {sent:,} of {words} to {VISITS} again.")
    if too_large:
        click.echo(f"{too_large:,} are longer than Kafka takes and were not sent.", err=True)


def _send(bootstrap: tuple[str, ...], letters: list[DeadLetter]) -> tuple[int, int]:
    """Publish the original bytes; returns (acknowledged, too large). Raises DeliveryError when one is not taken."""
    too_large = 0
    with Publisher(bootstrap, VISITS) as publisher:
        for _, value in values(bootstrap, letters):
            try:
                publisher.send(value)
            except OversizedRecordError:
                too_large += 1
        publisher.flush()
        return publisher.acknowledged, too_large


def _explain(plan: Plan, oldest: datetime) -> None:
    """Say, on stderr, what is left out and why."""
    aged = sum(letter.rejected_at < oldest for letter in plan.send)
    for number, words in (
        (plan.sent_before, "sent again before: left out"),
        (plan.echoes, "sent again before and rejected again: left out (--again sends them)"),
        (plan.hopeless, "too old or too large, and would be rejected again: left out (--force sends them)"),
        (plan.same, "the same bytes as another: sent once"),
        (plan.expired, "over seven days old: left out"),
        (aged, "rejected so long ago that they may be too old by now: sent all the same"),
    ):
        if number:
            click.echo(f"{number:,} {words}", err=True)


def _row(letter: DeadLetter) -> tuple[object, ...]:
    return (
        _time(letter),
        letter.reason,
        letter.topic,
        letter.partition,
        letter.offset,
        letter.size,
        letter.error,
    )


def _places(letter: DeadLetter) -> tuple[tuple[str, int, int], ...]:
    """Both addresses of a letter: the rejected record's, and its own."""
    origin = (letter.topic, letter.partition, letter.offset)
    return origin, (REJECTS, letter.letter_partition, letter.letter_offset)


def _time(letter: DeadLetter) -> str:
    return letter.rejected_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
