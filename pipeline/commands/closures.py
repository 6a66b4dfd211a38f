"""`instant-t closures`: what is meant to be quiet, so that no alert is made of it."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import click

from pipeline import settings as setting
from pipeline.commands.moments import Moment, utc_text
from pipeline.commands.output import format_option, print_csv, print_json, print_table, printable
from pipeline.commands.servers import open_store
from pipeline.errors import UserError
from pipeline.store.client import Store
from pipeline.store.closures import (
    Closure,
    add_closure,
    closure_id,
    known_values,
    read_closures,
    remove_closure,
)
from schemas.reference import profils, services, territories

DIMENSIONS = ("academie", "plateforme", "exploitant", "famille", "profil")
COLUMNS = ("id", "state", "who", "from", "to", "why", "added_by", "added_at", "removed_by", "removed_at")
LONGEST_WHY = 200
MOST_SUGGESTED = 40


def _who_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for name in reversed(DIMENSIONS):
        command = click.option(f"--{name}", metavar="NAME", help=f"only this {name}")(command)
    return command


@click.group()
def closures() -> None:
    """Planned closures: who is meant to be quiet, from when to when, and why.

    While a closure is in force, and for 70 minutes after it, what it covers is left out of the judgement, and alerts
    that touch it say why. Several names together are a crossing. T is RFC 3339 with an offset, a time of day (08:30:
    today, Paris time), or now.

    \b
    instant-t closures add --profil PARENT --from 07:30 --to 17:30 --why "accès des parents fermé, rentrée"
    instant-t closures add --academie Lyon --plateforme NEO --from 22:00 --to 23:30 --why "maintenance"
    instant-t closures list
    instant-t closures remove 3f9a61c2
    """


@closures.command()
@_who_options
@click.option("--from", "starts_at", type=Moment(), required=True, help="when it begins")
@click.option("--to", "ends_at", type=Moment(), required=True, help="when it ends")
@click.option("--why", required=True, help="what an operator reads beside the alerts it touches")
def add(starts_at: datetime, ends_at: datetime, why: str, **names: str | None) -> None:
    """Add a closure; the same one added twice is one.

    Names are those of the counts, in any case: an académie as in the views (Lyon, Orléans-Tours), a famille of
    services, a code of a profil, a plateforme or an exploitant that was seen.

    \b
    instant-t closures add --academie Mayotte --from now --to 2026-09-03T00:00:00+03:00 --why "cyclone"
    """
    starts_at, ends_at = starts_at.replace(microsecond=0), ends_at.replace(microsecond=0)
    if ends_at <= starts_at:
        raise UserError(
            f"The closure would end ({utc_text(ends_at)}) before it begins ({utc_text(starts_at)}); "
            "a time of day is one of today, so write the end of a closure over midnight as RFC 3339."
        )
    why = " ".join(why.split())
    if not why or len(why) > LONGEST_WHY:
        raise UserError(f"--why has {len(why)} characters: say in 1 to {LONGEST_WHY} why it is quiet.")
    given = {name: value for name, value in names.items() if value is not None}
    if not given:
        listed = ", ".join(f"--{name}" for name in DIMENSIONS)
        raise UserError(f"Say who is closed: give one of {listed}, or several for a crossing.")
    if "profil" in given and not given.keys() <= {"profil", "academie"}:
        raise UserError("A profil is watched by académie only: give --profil alone or with --academie.")
    with open_store(setting.load(), "writer") as store:
        who = {name: _known(store, name, value) for name, value in given.items()}
        name = closure_id(sorted(who.items()), starts_at, ends_at)
        academie, plateforme, exploitant, famille, profil = (who.get(dimension, "") for dimension in DIMENSIONS)
        added_at = datetime.now(UTC).replace(microsecond=0)
        closure = Closure(
            name, academie, plateforme, exploitant, famille, profil, starts_at, ends_at, why, _me(), added_at
        )
        add_closure(store, closure)
    click.echo(f"{name}: {_who(closure)} from {utc_text(starts_at)} to {utc_text(ends_at)}, {printable(why)}")
    if ends_at <= added_at:
        click.echo("It is over already: alerts that were told stay; `list --all` shows it.", err=True)


@closures.command("list")
@click.option("--all", "everything", is_flag=True, help="also those that are over, or were removed")
@format_option
def list_closures(everything: bool, form: str) -> None:
    """List the closures that are in force or to come, the latest to begin first.

    \b
    instant-t closures list
    instant-t closures list --all --format csv
    """
    with open_store(setting.load(), "reader") as store:
        found = read_closures(store)
    now = datetime.now(UTC)
    rows = [_row(closure, now) for closure in found if everything or _state(closure, now) in ("in force", "to come")]
    if form == "json":
        print_json({"closures": [dict(zip(COLUMNS, row, strict=True)) for row in rows]})
    elif form == "csv":
        print_csv(COLUMNS, rows)
    elif not rows:
        click.echo("No closure is in force or to come." if not everything else "No closure was ever added.")
    else:
        print_table(COLUMNS[:7], [row[:7] for row in rows])


@closures.command()
@click.argument("closure", metavar="ID")
def remove(closure: str) -> None:
    """Take a closure out of force; `list --all` shows it on, and who removed it.

    \b
    instant-t closures remove 3f9a61c2
    """
    with open_store(setting.load(), "writer") as store:
        found = next((known for known in read_closures(store) if known.closure_id == closure), None)
        if found is None:
            raise UserError(f"No closure is called {printable(closure)}: see `instant-t closures list`.")
        if found.removed_at is not None:
            raise UserError(f"Closure {closure} was removed on {utc_text(found.removed_at)} by {found.removed_by}.")
        remove_closure(store, found, _me(), datetime.now(UTC).replace(microsecond=0))
    click.echo(f"Removed: {_who(found)} from {utc_text(found.starts_at)} to {utc_text(found.ends_at)}.")


def _known(store: Store, dimension: str, value: str) -> str:
    """The name as the counts have it; UserError that says which there are."""
    names = {
        "academie": lambda: sorted({row.academie_name for row in territories()}),
        "famille": lambda: sorted({row.famille for row in services()}),
        "profil": lambda: sorted(row.profil_code for row in profils()),
    }.get(dimension, lambda: known_values(store, dimension))()
    for name in names:
        if name.casefold() == value.casefold():
            return name
    if not names:
        raise UserError(f"No {dimension} was counted yet, so {printable(value)!r} cannot be checked: add it later.")
    shown = ", ".join(map(printable, names[:MOST_SUGGESTED]))
    more = f" and {len(names) - MOST_SUGGESTED} more" if len(names) > MOST_SUGGESTED else ""
    raise UserError(f"No {dimension} is called {printable(value)!r}; there are {shown}{more}.")


def _state(closure: Closure, now: datetime) -> str:
    if closure.removed_at is not None:
        return "removed"
    return "to come" if now < closure.starts_at else "in force" if now < closure.ends_at else "over"


def _who(closure: Closure) -> str:
    return ", ".join(f"{dimension} {printable(value)}" for dimension, value in closure.who)


def _row(closure: Closure, now: datetime) -> tuple[str | None, ...]:
    return (
        closure.closure_id, _state(closure, now), _who(closure), utc_text(closure.starts_at), utc_text(closure.ends_at),
        closure.why, closure.added_by, utc_text(closure.added_at), closure.removed_by or None,
        None if closure.removed_at is None else utc_text(closure.removed_at),
    )  # fmt: skip


def _me() -> str:
    """Who types, as the machine knows them; empty where it does not."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
