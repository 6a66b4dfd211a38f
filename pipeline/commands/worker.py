"""`instant-t worker`: the Faust worker, as `faust -A pipeline.app worker -l info` starts it."""

from __future__ import annotations

import socket

import click

from pipeline.errors import StoreRefused, StoreUnavailable, UserError
from pipeline.servers import store_url
from pipeline.settings import Settings, load
from pipeline.store import migrate
from pipeline.store.client import Store

CONNECT_SECONDS = 3.0
LEVELS = ("debug", "info", "warning", "error")


@click.command()
@click.option("-l", "--loglevel", type=click.Choice(LEVELS), default="info", show_default=True)
def worker(loglevel: str) -> None:
    """Count visits: Kafka in, ClickHouse and the dead letters out.

    \b
    instant-t worker
    INSTANT_T_KAFKA=kafka1:9092,kafka2:9092 \\
    INSTANT_T_CLICKHOUSE=clickhouse://writer:...@store:9000/ent instant-t worker

    Start as many as there are partitions; give each its INSTANT_T_METRICS_PORT when they share a machine.
    """
    check_servers(load())
    # Imported late: it builds the app from the environment.
    from faust.cli.faust import cli

    cli(args=["-A", "pipeline.app", "worker", "-l", loglevel], prog_name="instant-t worker")


def check_servers(settings: Settings) -> None:
    """Fail early and clearly on what a user can mend; Faust would answer with a traceback, or silence.

    Raises:
        UserError: no broker answers, or the store has no schema.
    """
    for address in settings.kafka:
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
            break
        except OSError:
            continue
    else:
        raise UserError(
            f"no Kafka broker answers at {', '.join(settings.kafka)}: start it, or name another in INSTANT_T_KAFKA."
        )
    store = Store(store_url(settings, "writer"))
    try:
        if migrate.unapplied(store):
            raise UserError(
                f"ClickHouse at {store.address} has not the schema of this release: run `instant-t migrate`."
            )
    except StoreUnavailable as error:
        click.echo(f"instant-t: {error}; the worker will wait for it.", err=True)
    except StoreRefused as error:
        raise UserError(f"ClickHouse at {store.address} cannot be used: {error}") from error
    finally:
        store.close()
