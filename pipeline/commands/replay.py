"""`instant-t replay`: files of events, one a line, published as they are."""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import IO, BinaryIO, cast

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from pipeline import settings, topics
from pipeline.broker.publish import MAX_RECORD_BYTES, OversizedRecordError, Publisher
from pipeline.errors import UserError

_STEP_LINES = 1_000
"""The bar moves every so many lines."""


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
def replay(files: tuple[str, ...]) -> None:
    """Publish files of newline-delimited JSON to the input topic, each line as it is.

    Plain files, .gz files, and - for standard input. Blank lines are skipped. Lines that are no good events are sent
    too: the pipeline judges them, and keeps them with its rejects. The same file may be replayed: an event with an
    id that was counted before is not counted again.

    \b
    instant-t replay matin.ndjson
    instant-t replay 2026-09-01.ndjson.gz 2026-09-02.ndjson.gz
    zcat archive.gz | grep 0750001 | instant-t replay -
    """
    _check_all(files)
    config = settings.load()
    with Publisher(config.kafka, topics.VISITS) as publisher:
        for name in files:
            sent = _publish(name, publisher)
            click.echo(f"{_title(name)}: {sent:,} lines sent to {topics.VISITS}")


def _check_all(files: Sequence[str]) -> None:
    """Nothing is sent while a file is missing: half a replay is harder to understand than none."""
    for name in files:
        if name == "-":
            continue
        try:
            if Path(name).is_fifo():
                continue  # a pipe is there as long as it is not opened: what is read from it is gone
            with Path(name).open("rb") as file:
                start = file.read(2)
        except OSError as error:
            raise UserError(f"Cannot read {name}: {error.strerror or error}; nothing was sent.") from None
        if name.endswith(".gz") and start != b"\x1f\x8b":
            raise UserError(f"Cannot read {name}: it is not compressed with gzip; nothing was sent.")


def _publish(name: str, publisher: Publisher) -> int:
    """Send the lines of one file, and return how many once all of them are acknowledged."""
    sent = 0
    number = 0
    with _opened(name) as (lines, position), _progress(name) as show:
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
                f"{_title(name)}, line {number:,}: over the {MAX_RECORD_BYTES:,} bytes that Kafka takes; "
                f"the {sent:,} lines before it were sent."
            ) from None
        except (EOFError, zlib.error, OSError) as error:
            raise UserError(f"{_title(name)}, after line {number:,}: {error}; {sent:,} lines were sent.") from None
        publisher.flush()
        show(position())
    return sent


@contextmanager
def _opened(name: str) -> Iterator[tuple[IO[bytes], Callable[[], int]]]:
    """The lines of a file, and how many of its bytes (compressed ones, if so) are read."""
    with nullcontext(sys.stdin.buffer) if name == "-" else Path(name).open("rb") as raw:
        position = raw.tell if raw.seekable() else lambda: 0
        if name.endswith(".gz"):
            with gzip.GzipFile(fileobj=cast(BinaryIO, raw), mode="rb") as packed:
                yield cast(IO[bytes], packed), position
        else:
            yield raw, position


@contextmanager
def _progress(name: str) -> Iterator[Callable[[int], None]]:
    """A bar by bytes on stderr when that is a terminal; nothing otherwise."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda done: None
        return
    total = Path(name).stat().st_size if name != "-" and Path(name).is_file() else None
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
        task = bar.add_task(_title(name), total=total)
        yield lambda done: bar.update(task, completed=done)


def _title(name: str) -> str:
    return "standard input" if name == "-" else name
