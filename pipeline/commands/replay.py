"""`instant-t replay`: files of events, one a line, published as they are, or (`--history`) counted beside Kafka."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime
from pathlib import Path

import click

from pipeline import settings, topics
from pipeline.broker.publish import MAX_RECORD_BYTES, OversizedRecordError, Publisher
from pipeline.commands.event_files import check_all, opened, progress, title
from pipeline.errors import UserError

_STEP_LINES = 1_000
"""The bar moves every so many lines."""


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--history", is_flag=True, help="count whole past days into the store, beside Kafka")
@click.option(
    "--days", metavar="A/B", help="with --history: the days (UTC) to load, as in `report growth`; others are rejected"
)
@click.option("--replace", is_flag=True, help="with --history: put the files' figures in the place of a day's own")
@click.option(
    "--rejects",
    type=click.Path(dir_okay=False, path_type=Path),
    help="with --history: where rejected lines go (default: beside the first file, NAME.rejects.ndjson)",
)
def replay(files: tuple[str, ...], history: bool, days: str | None, replace: bool, rejects: Path | None) -> None:
    """Publish files of newline-delimited JSON to the input topic, each line as it is.

    Plain files, .gz files, and - for standard input. Blank lines are skipped. Lines that are no good events are sent
    too: the pipeline judges them, and keeps them with its rejects. The same file may be replayed: an event with an
    id that was counted before is not counted again.

    With --history the files are counted into the store itself, by the rules of the live count, for days (UTC) that
    ended over 47 hours ago: a topic that keeps 72 hours cannot carry them. Give all files of a day in one call: a
    day's figures are replaced as a whole, never added to. The same files again change nothing. A day that was counted
    live, or loaded from other files, is refused without --replace. What is no good event, or lies outside of --days,
    is kept with its reason in the file of rejects. Needs the login of `migrate`, and disk for the events of all the
    files at once.

    \b
    instant-t replay matin.ndjson
    instant-t replay 2026-09-01.ndjson.gz 2026-09-02.ndjson.gz
    zcat archive.gz | grep 0750001 | instant-t replay -
    instant-t replay --history 2019-09.ndjson.gz
    instant-t replay --history --days 2019-09-02 2019-09-02.ndjson.gz
    instant-t replay --history --replace 2019-09.ndjson.gz repaired.ndjson
    """
    config = settings.load()
    if history:
        # Only here: publishing needs neither the store nor the counting core.
        from pipeline.commands.replay_history import load_files, parse_days

        load_files(config, files, parse_days(days), replace, rejects, datetime.now(UTC))
        return
    if days or replace or rejects:
        raise click.UsageError("--days, --replace and --rejects go with --history")
    check_all(files, "nothing was sent")
    with Publisher(config.kafka, topics.VISITS) as publisher:
        for name in files:
            sent = _publish(name, publisher)
            click.echo(f"{title(name)}: {sent:,} lines sent to {topics.VISITS}")


def _publish(name: str, publisher: Publisher) -> int:
    """Send the lines of one file, and return how many once all of them are acknowledged."""
    sent = 0
    number = 0
    with opened(name) as (lines, position), progress(name) as show:
        try:
            # A line is read to one byte over the limit at most: a file without line breaks must not fill the memory.
            while line := lines.readline(MAX_RECORD_BYTES + 2):
                number += 1
                line = line.rstrip(b"\r\n")
                if line.strip():
                    publisher.send(line)
                    sent += 1
                if number % _STEP_LINES == 0:
                    show(position())
        except OversizedRecordError:
            raise UserError(
                f"{title(name)}, line {number:,}: over the {MAX_RECORD_BYTES:,} bytes that Kafka takes; "
                f"the {sent:,} lines before it were sent."
            ) from None
        except (EOFError, zlib.error, OSError) as error:
            raise UserError(f"{title(name)}, after line {number:,}: {error}; {sent:,} lines were sent.") from None
        publisher.flush()
        show(position())
    return sent
