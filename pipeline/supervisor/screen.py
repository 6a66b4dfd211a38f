"""What `up` shows: one live screen on a terminal, plain lines elsewhere. The screen is in French: operators read it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from pipeline.supervisor.picture import Counts, Picture
from schemas.reference import services

PARIS = ZoneInfo("Europe/Paris")
LATE_SECONDS = 10.0
"""Over this data age the screen says so, loudly."""
LINE_EVERY = 5.0
MOST_ROWS = 12
LINES_AROUND = 14
"""Lines of the screen beside the rows: frame, summary, headings, totals, addresses, what was said."""
WIDE = 110
"""Columns from which visits and visitors fit beside the names."""

_LABELS = {row.service: row.label_fr for row in services()}


def french(number: float) -> str:
    """A whole number in French form: groups of three digits, narrow no-break spaces."""
    return f"{number:,.0f}".replace(",", "\u202f")


class Screen:
    """Shows addresses, pictures and what is said; a context manager.

    Args:
        console: where it is shown; a terminal gets the live screen.
        addresses: (what, where).
    """

    def __init__(self, console: Console, addresses: Sequence[tuple[str, str]]) -> None:
        self._console = console
        self._addresses = addresses
        self._said: deque[str] = deque(maxlen=4)
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None
        self._line_at = 0.0

    def __enter__(self) -> Screen:
        if self._live is not None:
            self._live.start()
        else:
            for what, where in self._addresses:
                self._console.print(f"{what}: {where}", soft_wrap=True)
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def say(self, line: str) -> None:
        """Tell the user something that happened."""
        stamped = f"{datetime.now(PARIS):%H:%M:%S} {line}"
        if self._live is None:
            self._console.print(stamped, markup=False, highlight=False, soft_wrap=True)
        else:
            self._said.append(stamped)

    def show(self, picture: Picture | None) -> None:
        """Show the newest picture, or that there is none."""
        if self._live is not None:
            self._live.update(self._panel(picture), refresh=True)
        elif picture is not None and time.monotonic() - self._line_at >= LINE_EVERY:
            self._line_at = time.monotonic()
            self._console.print(plain(picture), markup=False, highlight=False, soft_wrap=True)

    def _panel(self, picture: Picture | None) -> Panel:
        parts: list[Text | Table] = []
        if picture is None:
            parts.append(Text("La base ne répond pas (encore) : aucun chiffre à montrer.", style="bold yellow"))
        else:
            parts.append(_summary(picture))
            both = Table.grid(expand=True, padding=(0, 2))
            both.add_column(ratio=1)
            both.add_column(ratio=1)
            of_services = [(_LABELS.get(service, service), counts) for service, _, counts in picture.by_service]
            size = self._console.size
            wide = size.width >= WIDE
            rows = max(3, min(MOST_ROWS, size.height - LINES_AROUND))
            both.add_row(
                _table("Services", of_services, picture.total, rows, wide),
                _table("Académies", list(picture.by_academie), picture.total, rows, wide),
            )
            parts.append(both)
        where = "  ".join(f"{what} {where}" for what, where in self._addresses)
        parts.append(Text(where, style="dim"))
        parts += [Text(line, style="yellow") for line in self._said]
        clock = f"{(picture.at if picture else datetime.now(PARIS)).astimezone(PARIS):%H:%M:%S}"
        return Panel(Group(*parts), title=f"instant-t — {clock}, heure de Paris", subtitle="Ctrl-C pour arrêter")


def _summary(picture: Picture) -> Text:
    total = picture.total
    line = Text()
    line.append(f"{french(picture.hits_per_second)} pages vues/s", style="bold")
    line.append(
        f"   en 15 min : {french(total.hits)} pages vues, {french(total.visits)} visites, "
        f"{french(total.visitors)} visiteurs   "
    )
    late = picture.data_age > LATE_SECONDS and picture.lag > 0
    age = f"{picture.data_age:.1f}".replace(".", ",")
    health = f"données de {age} s, {french(picture.lag)} en attente"
    line.append(f"DONNÉES EN RETARD : {health}" if late else health, style="bold white on red" if late else "green")
    return line


def _table(title: str, counted: Sequence[tuple[str, Counts]], total: Counts, rows: int, wide: bool) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", expand=True, box=None, pad_edge=False)
    table.add_column("", ratio=3, no_wrap=True, overflow="ellipsis")
    for heading in ("pages vues", "visites", "visiteurs") if wide else ("pages vues",):
        table.add_column(heading, justify="right", no_wrap=True)

    def cells(counts: Counts) -> list[str]:
        numbers = (counts.hits, counts.visits, counts.visitors) if wide else (counts.hits,)
        return [french(number) for number in numbers]

    for name, counts in counted[:rows]:
        table.add_row(name, *cells(counts))
    left = counted[rows:]
    if left:
        table.add_row(f"… et {len(left)} autres", french(sum(counts.hits for _, counts in left)), style="dim")
    table.add_row("Total", *cells(total), style="bold")
    return table


def plain(picture: Picture) -> str:
    """The picture in one or two lines, for logs and pipes."""
    total = picture.total
    lines = [
        f"{picture.at:%H:%M:%S}Z {picture.hits_per_second:,.0f} hits/s; last 15 min: {total.hits:,} hits, "
        f"{total.visits:,} visits, {total.visitors:,} visitors; lag {picture.lag:,}; data age {picture.data_age:.1f} s"
    ]
    familles: dict[str, int] = {}
    for _, famille, counts in picture.by_service:
        familles[famille] = familles.get(famille, 0) + counts.hits
    if familles:
        most = sorted(familles.items(), key=lambda item: -item[1])
        lines.append("  hits: " + ", ".join(f"{famille} {hits:,}" for famille, hits in most))
    return "\n".join(lines)
