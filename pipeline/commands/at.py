"""`instant-t at`: the picture at an instant T, in the terminal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click

from pipeline import settings as setting
from pipeline.commands.moments import PARIS, Moment, utc_text
from pipeline.commands.output import format_option, print_csv, print_json, print_table
from pipeline.commands.servers import open_store

KEYS = {
    "service": ("service", "famille", "domaine"),
    "famille": ("famille",),
    "domaine": ("domaine",),
    "region": ("region",),
    "academie": ("academie",),
    "departement": ("departement", "departement_name", "academie"),
    "projet": ("projet",),
    "plateforme": ("plateforme",),
    "exploitant": ("exploitant",),
    "profil": ("profil",),
    "total": (),
}
"""Way in → key columns of its view `bi.instant_t_…`."""
MEASURES = ("hits", "visits", "visitors")
MINUTES_MAX = 35 * 24 * 60
HOT = timedelta(hours=46)
"""Windows that begin within it are cut at ten seconds; older ones at whole minutes, as the views do."""

FOOTNOTE = "Visits and visitors are distinct: one that is seen in several rows counts once in each. Rows do not add up."


@click.command()
@click.argument("t", metavar="[T]", type=Moment(), required=False)
@click.option(
    "--minutes",
    type=click.IntRange(1, MINUTES_MAX),
    default=15,
    show_default=True,
    metavar="M",
    help="length of the window that ends at T",
)
@click.option("--by", type=click.Choice(list(KEYS)), default="service", show_default=True, help="one row for each")
@format_option
def at(t: datetime | None, minutes: int, by: str, form: str) -> None:
    """Hits, visits and visitors of the M minutes before the instant T.

    T is a time of day such as 08:30 or 08:30:10 (today, Paris time), RFC 3339 with its offset, or now. The window
    holds the events with T - M min <= event_time < T, T floored to ten seconds. Without T it ends with the ten seconds
    that are passing, so that what has just happened is in it.

    \b
    instant-t at
    instant-t at 08:30 --by academie
    instant-t at 2026-09-01T08:30:00+02:00 --minutes 60 --by famille
    instant-t at --by departement --format json
    """
    settings = setting.load()
    now = datetime.now(UTC)
    moment = floored(t or now + timedelta(seconds=10), minutes, now)
    keys = KEYS[by]
    window = {"at": moment.strftime("%Y-%m-%d %H:%M:%S"), "minutes": minutes}
    with open_store(settings, "reader") as store:
        (total,) = store.execute(_select("total", ()), window)
        rows = store.execute(_select(by, keys), window) if keys else [total]
    if form == "json":
        print_json(
            {
                "at": utc_text(moment),
                "minutes": minutes,
                "by": by,
                "rows": [dict(zip(keys + MEASURES, row, strict=True)) for row in rows],
                "total": dict(zip(MEASURES, total, strict=True)),
            }
        )
    elif form == "csv":
        print_csv(keys + MEASURES, rows)
    else:
        paris = moment.astimezone(PARIS)
        click.echo(f"{minutes} min before {paris:%Y-%m-%d %H:%M:%S} Paris ({utc_text(moment)}), by {by}\n")
        if keys:
            print_table(keys + MEASURES, rows, ("total", *(None,) * (len(keys) - 1), *total))
            click.echo(f"\n{FOOTNOTE}")
        else:
            print_table(MEASURES, rows)
    if moment - timedelta(minutes=minutes) < now - timedelta(days=settings.retention_days):
        click.echo(f"The window begins over {settings.retention_days} days ago: minutes that old are gone.", err=True)
    elif moment > now + timedelta(minutes=1):
        click.echo("T is still to come: the window is not over.", err=True)


def floored(moment: datetime, minutes: int, now: datetime) -> datetime:
    """The instant that the views answer for: ten whole seconds, or a whole minute where the window is no longer hot."""
    step = 10 if moment - timedelta(minutes=minutes) >= now - HOT else 60
    return datetime.fromtimestamp(int(moment.timestamp()) // step * step, UTC)


def _select(by: str, keys: tuple[str, ...]) -> str:
    view = "instant_t_total" if by == "total" else f"instant_t_by_{by}"
    order = ", ".join(("hits DESC", *keys))
    # Names are ours, from KEYS; what a person typed is a parameter.
    return f"SELECT {', '.join(keys + MEASURES)} FROM bi.{view}(at=%(at)s, minutes=%(minutes)s) ORDER BY {order}"  # noqa: S608
