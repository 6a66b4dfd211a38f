"""`instant-t simulate`: realistic traffic, to Kafka in real time, or to a file as fast as it can be written."""

from __future__ import annotations

import gzip
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, cast

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from pipeline import settings, topics
from pipeline.broker.publish import Publisher
from pipeline.errors import UserError
from pipeline.simulate.scenario import DEFAULT, SCENARIOS, scenario
from pipeline.simulate.traffic import Slice, Traffic

_PARTS = 10
"""A second is sent in so many parts, so that its events do not all arrive at once."""


@click.command(epilog="\n\n".join(["Scenarios:", *(f"{s.name}: {s.story}." for s in SCENARIOS)]))
@click.option("--scenario", "name", default=DEFAULT, show_default=True, help=", ".join(s.name for s in SCENARIOS))
@click.option("--rate", type=float, help="Mean hits per second over the run.  [default: the scenario's]")
@click.option("--speed", type=float, default=1.0, show_default=True, help="Simulated seconds per second, to Kafka.")
@click.option("--start", "start_text", metavar="T", help="Start of the traffic: RFC 3339, with an offset or Z.")
@click.option("--duration", type=float, metavar="S", help="Simulated seconds.  [default: endless to Kafka]")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Same seed, same bytes.")
@click.option("--out", default="kafka", show_default=True, metavar="kafka|FILE|-", help="Where events go.")
def simulate(
    name: str,
    rate: float | None,
    speed: float,
    start_text: str | None,
    duration: float | None,
    seed: int,
    out: str,
) -> None:
    """Realistic traffic of French school portals: the whole country, on the days of a scenario.

    To Kafka it is paced, starts now, and goes on until it is stopped, or for --duration. Above --speed 1 it starts
    earlier, so that its last event is of now. To a file (compressed where the name ends in .gz) or to - it is
    written as fast as possible, and starts at the scenario's own time, half past seven in Paris on its first day.
    Without --duration a file holds a morning of three hours. Give --start for a file that is to be replayed through
    Kafka: events over 46 hours old are rejected.

    Days follow the calendar: Wednesdays, weekends, the holidays of each zone, local time overseas. --start on one of
    the scenario's own days is played as that day and hour. At any other time, as in a live run, the scenario is moved
    there whole, from its opening, or from four minutes before something goes wrong: in a live run the incident comes
    in the fifth minute. The scenario ordinaire is any day: with --start it has that day's own shape.

    The mornings with an incident, and rentree-2026, have 2000 hits a second on average, unless --rate says otherwise;
    the others have what the country has on such a day: about 50 million hits on an ordinary one.

    \b
    instant-t simulate
    instant-t simulate --scenario panne-plateforme
    instant-t simulate --rate 20000 --speed 10 --duration 3600
    instant-t simulate --rate 500 --duration 60 --out - | head -3
    instant-t simulate --scenario ordinaire --start 2026-03-02T00:00+01:00 --duration 604800 --rate 20 --out semaine.gz
    """
    if not (0 < speed <= 1_000_000):
        raise UserError(f"A speed of {speed:g} cannot be kept: give simulated seconds a second, over 0.")
    played = scenario(name)
    start = None if start_text is None else _instant(start_text)
    # Without a start of its own choosing, a run is the scenario's, moved to now; with one, the scenario decides.
    moved = played.begins if start is None else None
    if out == "kafka":
        seconds = math.inf if duration is None else duration
        start = start or _start_that_ends_now(seconds, speed)
        _to_kafka(Traffic(played, start, seconds, rate, seed, played=moved), speed)
    else:
        seconds = played.length_s if duration is None else duration
        _to_file(Traffic(played, start or played.opens, seconds, rate, seed), out)


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise UserError(
            f"--start {text!r} is no instant: write it with an offset or Z, as in 2026-09-01T06:00:00+02:00."
        )
    if not 1971 <= instant.year <= 2100:
        raise UserError(f"--start {text!r} is out of reach: write a year from 1971 to 2100.")
    return instant.astimezone(UTC)


def _start_that_ends_now(seconds: float, speed: float) -> datetime:
    now = datetime.now(UTC)
    if speed <= 1:
        return now
    if math.isinf(seconds):
        raise UserError(f"At --speed {speed:g} the traffic would run into the future: give --duration or --start.")
    return now - timedelta(seconds=seconds * (1 - 1 / speed))  # by its last event, seconds / speed have passed


def _to_file(traffic: Traffic, out: str) -> None:
    with _opened(out) as file, _progress(traffic) as show:
        for part in traffic:
            if part.records:
                file.write(b"\n".join(part.records) + b"\n")
            show(part)


@contextmanager
def _opened(out: str) -> Iterator[BinaryIO]:
    if out == "-":
        try:
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            # The reader has what it wanted. What is still buffered would fail again at exit: it goes nowhere.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return
    try:
        with Path(out).open("wb") as raw:
            if out.endswith(".gz"):
                # Neither name nor time in the header: the same traffic is the same file.
                with gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=5, mtime=0) as packed:
                    yield cast(BinaryIO, packed)
            else:
                yield raw
    except OSError as error:
        raise UserError(f"Cannot write {out}: {error.strerror or error}.") from None


def _to_kafka(traffic: Traffic, speed: float) -> None:
    config = settings.load()
    with Publisher(config.kafka, topics.VISITS) as publisher, _progress(traffic) as show, _stopped(publisher) as stop:
        began = time.monotonic()
        for part in traffic:
            size = math.ceil(len(part.records) / _PARTS)
            for i in range(_PARTS):
                # Sent when its time is over, so that no event is of the future. Parts that are due already go at once.
                due = began + (part.second + (i + 1) / _PARTS) / speed
                if stop.wait(max(0.0, due - time.monotonic())):
                    return
                for record in part.records[i * size : (i + 1) * size]:
                    publisher.send(record)
            show(part)


@contextmanager
def _stopped(publisher: Publisher) -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set: the traffic ends, what was sent is flushed, the exit status is 0."""
    stop = threading.Event()

    def on_signal(*_: object) -> None:
        stop.set()
        publisher.hurry()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
        publisher.flush()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _progress(traffic: Traffic) -> Iterator[Callable[[Slice], None]]:
    """A bar (or, for endless traffic, a count) on stderr when that is a terminal; nothing otherwise."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda part: None
        return
    total = traffic.duration_s if math.isfinite(traffic.duration_s) else None
    sent = 0
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[sent]} événements, {task.fields[instant]}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    ) as bar:
        task: TaskID = bar.add_task(traffic.scenario.title, total=total, sent="0", instant="")

        def show(part: Slice) -> None:
            nonlocal sent
            sent += len(part.records)
            instant = traffic.start + timedelta(seconds=part.second + 1)
            bar.update(task, completed=part.second + 1, sent=f"{sent:,}", instant=f"{instant:%Y-%m-%d %H:%M:%S} UTC")

        yield show
