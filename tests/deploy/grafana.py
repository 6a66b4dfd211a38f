"""The provisioned dashboards as Grafana would send their queries: variables and macros written out."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "deploy" / "grafana"
DASHBOARDS: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted((FOLDER / "dashboards").glob("*.json"))
}


@dataclass(frozen=True)
class Target:
    """One query of one panel."""

    dashboard: str
    panel: Mapping[str, Any]
    query: Mapping[str, Any]

    @property
    def name(self) -> str:
        return f"{self.dashboard}: {self.panel['title']} {self.query['refId']}"


def panels(dashboard: str) -> list[dict[str, Any]]:
    """The panels that show something (rows are headings)."""
    return [panel for panel in DASHBOARDS[dashboard]["panels"] if panel["type"] != "row"]


def targets(field: str) -> Iterator[Target]:
    """Every query written in `field`: `rawSql` (ClickHouse) or `expr` (Prometheus)."""
    for dashboard in DASHBOARDS:
        for panel in panels(dashboard):
            for query in panel["targets"]:
                if field in query:
                    yield Target(dashboard, panel, query)


def expand_sql(text: str, start: datetime, end: datetime, interval: int, variables: Mapping[str, str]) -> str:
    """A panel's SQL as the ClickHouse plugin sends it.

    First Grafana's own variables (`$name`, `${__to:date:seconds}`), then the plugin's macros, as its documentation
    writes them out; a macro takes plain arguments here, since the plugin splits them at commas.

    Args:
        text: `rawSql`.
        start: of the time range, aware.
        end: of the time range, aware.
        interval: seconds of `$__interval_s` and `$__timeInterval`.
        variables: of the dashboard, name to value.
    """
    text = text.replace("${__to:date:seconds}", str(int(end.timestamp())))
    for name, value in variables.items():
        text = re.sub(rf"\${name}\b", value, text)
    instants = {bound: f"toDateTime({int(at.timestamp())})" for bound, at in (("from", start), ("to", end))}
    days = {bound: f"toDate('{at.astimezone(UTC):%Y-%m-%d}')" for bound, at in (("from", start), ("to", end))}
    macros: dict[str, Callable[[str], str]] = {
        "timeFilter": lambda column: f"{column} >= {instants['from']} AND {column} <= {instants['to']}",
        "dateFilter": lambda column: f"{column} >= {days['from']} AND {column} <= {days['to']}",
        "timeInterval": lambda column: f"toStartOfInterval(toDateTime({column}), INTERVAL {interval} second)",
    }
    text = re.sub(r"\$__(timeFilter|dateFilter|timeInterval)\((\w+)\)", lambda m: macros[m[1]](m[2]), text)
    text = re.sub(r"\$__(from|to)Time\b", lambda m: instants[m[1]], text)
    text = text.replace("$__interval_s", str(interval))
    if "$" in text:
        raise ValueError(f"Grafana would not know {re.findall(r'[$][^ ]*', text)}")
    return text
