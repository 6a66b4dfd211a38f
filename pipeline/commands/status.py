"""`instant-t status`: is everything right? One line for each part, exit status 0 or 1."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

import click

from pipeline import settings as setting
from pipeline.broker.reading import open_reader, partitions_of
from pipeline.broker.topics_admin import open_admin, wanted_topics
from pipeline.commands.servers import open_store
from pipeline.errors import UserError
from pipeline.settings import Settings
from pipeline.store import migrate as schema
from pipeline.topics import VISITS

LATE_SECONDS = 60.0
"""A record that has waited longer than this to be counted means that the picture is late."""
HTTP_SECONDS = 3.0
STORE_SECONDS = 4.0
LOOK_SECONDS = 10.0
LOOK_BYTES = 64 << 10


class Waiting(NamedTuple):
    """Records of the input topic that are not yet acknowledged."""

    records: int
    oldest_seconds: float | None
    """Age of the oldest one; None when there is none."""


def broker_answers(settings: Settings) -> str:
    """Words for a broker that answers; raises UserError otherwise, as all checks do."""
    with open_admin(settings) as admin:
        nodes = len(admin.describe_cluster()["brokers"])
    return f"{', '.join(settings.kafka)} answers ({nodes} node{'s' * (nodes > 1)})"


def store_answers(settings: Settings) -> str:
    """Words for a store that answers and lets `bi` be read from."""
    with open_store(settings, "reader", STORE_SECONDS) as store:
        ((version,),) = store.execute("SELECT version()")
        return f"{store.address} answers (ClickHouse {version})"


def schema_is_whole(settings: Settings) -> str:
    """Words for a schema with every migration of this release."""
    with open_store(settings, "writer", STORE_SECONDS) as store:
        plan = schema.plan(store)
    shipped = len(schema.shipped())
    if plan.migrations:
        applied = shipped - len(plan.migrations)
        raise UserError(f"{applied} of {shipped} migrations applied: run `instant-t migrate`")
    if plan.dimensions:
        raise UserError(f"{', '.join(plan.dimensions)} not as in this release: run `instant-t migrate`")
    return f"{shipped} of {shipped} migrations applied"


def topics_exist(settings: Settings) -> str:
    """Words for topics that are all there."""
    wanted = [topic.name for topic in wanted_topics(settings)]
    with open_admin(settings) as admin:
        existing = set(admin.list_topics())
    missing = [name for name in wanted if name not in existing]
    if missing:
        raise UserError(f"{', '.join(missing)} missing: run `instant-t migrate`")
    return ", ".join(wanted)


def worker_is_well(settings: Settings) -> str:
    """Words for a worker whose /health says that records flow or that there are none to read."""
    host = settings.metrics_host if settings.metrics_host not in ("0.0.0.0", "::") else "127.0.0.1"  # noqa: S104
    url = f"http://{f'[{host}]' if ':' in host else host}:{settings.metrics_port}/health"
    try:
        with urllib.request.urlopen(url, timeout=HTTP_SECONDS) as answer:
            answer.read()
    except urllib.error.HTTPError as error:
        with error:
            words = error.read(500).decode("utf-8", "replace").strip()
        raise UserError(f"{url} says {error.code}: {words}") from None
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise UserError(f"{url} does not answer ({reason}): start one with `instant-t worker`") from None
    return f"{url} answers"


def waiting(settings: Settings) -> Waiting:
    """Look at the input topic from what the workers' consumer group has committed to the end."""
    records = 0
    oldest_ms: int | None = None
    with open_reader(settings.kafka, group=settings.group, fetch_bytes=LOOK_BYTES) as consumer:
        partitions = partitions_of(consumer, VISITS)
        consumer.assign(partitions)
        starts = consumer.beginning_offsets(partitions)
        for partition in partitions:
            starts[partition] = max(starts[partition], consumer.committed(partition) or 0)
            consumer.seek(partition, starts[partition])
        unseen = set(partitions)
        deadline = time.monotonic() + LOOK_SECONDS
        while unseen:
            for batch in consumer.poll(timeout_ms=200).values():
                oldest_ms = min(batch[0].timestamp, oldest_ms or batch[0].timestamp)
            for partition in list(unseen):
                end = consumer.highwater(partition)
                # Its end came with its first records; those may still wait their turn behind another partition's.
                if end is not None and (end <= starts[partition] or consumer.position(partition) > starts[partition]):
                    records += max(0, end - starts[partition])
                    unseen.discard(partition)
            if unseen and time.monotonic() > deadline:
                raise UserError(f"{VISITS} could not be read within {LOOK_SECONDS:g} s")
    return Waiting(records, None if oldest_ms is None else max(0.0, time.time() - oldest_ms / 1000))


def lag_is_small(settings: Settings) -> str:
    """Words for a lag whose oldest record has not waited for long."""
    found = waiting(settings)
    if found.oldest_seconds is None:
        return "no record waits to be counted"
    words = f"{found.records:,} records wait to be counted, the oldest for {duration(found.oldest_seconds)}"
    if found.oldest_seconds > LATE_SECONDS:
        raise UserError(f"{words}: the worker is stopped or too slow")
    return words


def data_is_fresh(settings: Settings) -> str:
    """Words for figures that are up to date: the newest record counted is young, or no newer one waits."""
    with open_store(settings, "reader", STORE_SECONDS) as store:
        rows = store.execute("SELECT newest_arrival, data_age_seconds, lag_records FROM bi.freshness")
    newest: datetime = rows[0][0]
    if newest.replace(tzinfo=newest.tzinfo or UTC).timestamp() <= 0:
        return "nothing has been counted yet"
    age, lag = float(rows[0][1]), int(rows[0][2])
    words = f"the newest record counted arrived {duration(age)} ago"
    if age > LATE_SECONDS and lag:
        raise UserError(f"{words} and {lag:,} waited behind it: the figures are late")
    return words


CHECKS: tuple[tuple[str, Callable[[Settings], str]], ...] = (
    ("broker", broker_answers),
    ("store", store_answers),
    ("schema", schema_is_whole),
    ("topics", topics_exist),
    ("worker", worker_is_well),
    ("lag", lag_is_small),
    ("data age", data_is_fresh),
)


def duration(seconds: float) -> str:
    """`0.4 s`, `12 min`, `3.5 h`, `2 days`: short, for a sentence."""
    for limit, unit, name in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / unit:.1f} {name}" if seconds / unit < 10 else f"{seconds / unit:.0f} {name}"
    return f"{seconds / 86_400:.0f} days"


@click.command()
def status() -> None:
    """Are broker, store, schema, topics, worker, lag and data age right?

    One line for each; exit status 0 when all are `ok`, 1 when one is `FAIL`. The worker is asked on this machine's
    metrics port (INSTANT_T_METRICS_HOST and _PORT); of several workers, the one that holds the port answers.

    \b
    instant-t status
    instant-t status || echo "call somebody"
    """
    settings = setting.load()
    failed = False
    for name, check in CHECKS:
        try:
            verdict, words = click.style("ok  ", fg="green"), check(settings)
        except UserError as error:
            verdict, words, failed = click.style("FAIL", fg="red", bold=True), str(error), True
        click.echo(f"{name:<8}  {verdict}  {words}")
    if failed:
        raise SystemExit(1)
