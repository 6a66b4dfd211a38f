"""`instant-t migrate`: the ClickHouse schema and the Kafka topics, brought to this release."""

from __future__ import annotations

import click

from pipeline import settings as setting
from pipeline.broker.topics_admin import ensure_topics, missing_topics, topic_warnings
from pipeline.commands.servers import open_store
from pipeline.store import migrate as schema


@click.command()
@click.option("--dry-run", is_flag=True, help="say what would be done, and change nothing")
def migrate(dry_run: bool) -> None:
    """Bring ClickHouse and Kafka to this release: schema, dimension tables, missing topics.

    It can be run again at any time, also while a worker runs, and does only what is missing. Topics that exist are
    left as they are. ClickHouse is reached with INSTANT_T_CLICKHOUSE_ADMIN, else INSTANT_T_CLICKHOUSE, else the
    embedded store's admin login.

    \b
    instant-t migrate --dry-run
    instant-t migrate
    """
    settings = setting.load()
    missing = missing_topics(settings)
    made = {topic.name for topic in missing} if dry_run else set(ensure_topics(settings))
    for topic in missing:
        if topic.name in made:
            click.echo(f"topic      {'would make' if dry_run else 'made'} {topic.described}")
    warnings = topic_warnings(settings)
    with open_store(settings, "admin") as store:
        done = schema.apply(store, dry_run=dry_run)
    for migration in done.migrations:
        click.echo(f"schema     {'would apply' if dry_run else 'applied'} {migration.name}")
    for table in done.dimensions:
        click.echo(f"dimension  {'would fill' if dry_run else 'filled'} {table}")
    if not made and done.is_empty:
        click.echo("Nothing to do: schema, dimension tables and topics are those of this release.")
    for warning in warnings:
        click.echo(f"WARNING: {warning}", err=True)
