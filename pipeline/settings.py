"""Every setting, once: its variable, unit, bounds and default. Nothing else in the project reads the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pipeline.errors import BadSetting

HOUR = 3600


@dataclass(frozen=True)
class Setting:
    """One documented setting: `INSTANT_T_<NAME>`."""

    variable: str
    default: str
    unit: str
    """What the number counts, or the form of the text."""
    low: float | None
    high: float | None
    help: str


DOCUMENTED = (
    Setting(
        "INSTANT_T_KAFKA", "", "host:port, comma-separated", None, None, "Kafka to use; unset: the embedded broker"
    ),
    Setting(
        "INSTANT_T_CLICKHOUSE",
        "",
        "clickhouse://user:password@host:port/ent",
        None,
        None,
        "ClickHouse to use, with the worker's login; unset: the embedded one",
    ),
    Setting(
        "INSTANT_T_CLICKHOUSE_ADMIN",
        "",
        "clickhouse://user:password@host:port/ent",
        None,
        None,
        "login of `migrate`; unset: INSTANT_T_CLICKHOUSE, or the embedded store's admin",
    ),
    Setting("INSTANT_T_STATE", ".instant-t", "folder", None, None, "where the embedded store and its logins live"),
    Setting("INSTANT_T_KAFKA_PORT", "19092", "port", 1, 65535, "embedded broker (keep it under 32768)"),
    Setting("INSTANT_T_CLICKHOUSE_PORT", "19000", "port", 1, 65535, "embedded store, native protocol"),
    Setting("INSTANT_T_CLICKHOUSE_HTTP_PORT", "18123", "port", 1, 65535, "embedded store, HTTP"),
    Setting("INSTANT_T_METRICS_PORT", "18090", "port", 1, 65535, "the worker's /metrics and /health"),
    Setting("INSTANT_T_METRICS_HOST", "127.0.0.1", "address", None, None, "where /metrics and /health listen"),
    Setting("INSTANT_T_DASHBOARD_PORT", "18080", "port", 1, 65535, "the wall's page"),
    Setting("INSTANT_T_DASHBOARD_HOST", "127.0.0.1", "address", None, None, "where the wall listens"),
    Setting("INSTANT_T_WALL_PASSWORD", "", "text", None, None, "asked of every viewer of the wall; unset: none"),
    Setting(
        "INSTANT_T_ALERTMANAGER",
        "",
        "http://host:port",
        None,
        None,
        "Alertmanager to tell of alerts (v2 API; user:password@ before the host for HTTP basic); unset: none",
    ),
    Setting(
        "INSTANT_T_WEBHOOK",
        "",
        "http://host:port/path",
        None,
        None,
        "address that gets each change of an alert by POST, as JSON (user:password@ as above); unset: none",
    ),
    Setting(
        "INSTANT_T_MAX_EVENT_AGE",
        str(46 * HOUR),
        "seconds",
        60,
        46 * HOUR,
        "an event older than this before its record's timestamp, or when it is read, is `too_old`",
    ),
    Setting("INSTANT_T_RETENTION_DAYS", "35", "days", 3, 35, "how long sealed minutes (with their sketches) are kept"),
    Setting(
        "INSTANT_T_HISTORY_DAYS",
        "761",
        "days",
        35,
        761,
        "how long hits, visits and visitors by hour and by day (integers) are kept: 25 months",
    ),
    Setting("INSTANT_T_PARTITIONS", "4", "partitions", 1, 512, "partitions of ent.visits.v1 when `migrate` makes it"),
    Setting("INSTANT_T_REPLICATION", "1", "replicas", 1, 9, "replicas of the topics when `migrate` makes them"),
    Setting("INSTANT_T_GROUP", "instant-t", "text", None, None, "consumer group (and Faust app id) of the workers"),
    Setting(
        "INSTANT_T_SESSION_TIMEOUT",
        "6",
        "seconds",
        1,
        300,
        "consumer session; Apache Kafka refuses under 6, `up` sets 2 on the embedded broker",
    ),
    Setting(
        "INSTANT_T_STUCK_SECONDS",
        "30",
        "seconds",
        2,
        600,
        "without progress for so long, /health says so; twice as long, and the worker ends itself to be started again",
    ),
    Setting("INSTANT_T_FLUSH_SECONDS", "0.5", "seconds", 0.05, 10, "oldest an uninserted event may become"),
    Setting("INSTANT_T_FLUSH_EVENTS", "250000", "events", 1000, 1_000_000, "most events of one insert"),
)


@dataclass(frozen=True)
class Settings:
    """The settings of one process. Ages and times are in seconds, ports on loopback unless said otherwise."""

    kafka: tuple[str, ...]
    """Bootstrap addresses."""
    kafka_is_embedded: bool
    clickhouse: str | None
    """URL given by the user; None means the embedded store (its logins are in the state folder)."""
    clickhouse_admin: str | None
    state: Path
    kafka_port: int
    clickhouse_port: int
    clickhouse_http_port: int
    metrics_port: int
    metrics_host: str
    dashboard_port: int
    dashboard_host: str
    wall_password: str
    """'' when the wall is open to whoever reaches it."""
    alertmanager: str | None
    """Base address, with its login if it needs one: for the client only, never for a message."""
    webhook: str | None
    """The same; its path may be a secret as well."""
    max_event_age: int
    retention_days: int
    history_days: int
    partitions: int
    replication: int
    group: str
    session_timeout: float
    stuck_seconds: float
    flush_seconds: float
    flush_events: int


def load(environ: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    """Read the settings from `environ` (the process's own by default); keyword arguments win over variables.

    Raises:
        BadSetting: names the variable, its value, the bound, and what to write instead.
    """
    env = os.environ if environ is None else environ
    raw = {s.variable: (env.get(s.variable) or s.default) for s in DOCUMENTED}

    def number(name: str) -> float:
        setting = next(s for s in DOCUMENTED if s.variable == name)
        assert setting.low is not None
        assert setting.high is not None
        try:
            value = float(raw[name])
        except ValueError:
            raise BadSetting(name, raw[name], f"write a number of {setting.unit}, such as {setting.default}") from None
        if not setting.low <= value <= setting.high:
            bound = f"write a number of {setting.unit} from {setting.low:g} to {setting.high:g}"
            raise BadSetting(name, raw[name], bound)
        return value

    def integer(name: str) -> int:
        value = number(name)
        if value != int(value):
            raise BadSetting(name, raw[name], f"write a whole number, such as {int(value)}")
        return int(value)

    kafka = tuple(address.strip() for address in raw["INSTANT_T_KAFKA"].split(",") if address.strip())
    for address in kafka:
        if not re.fullmatch(r"[\w.-]+:\d{1,5}|\[[0-9a-fA-F:]+\]:\d{1,5}", address):
            raise BadSetting("INSTANT_T_KAFKA", address, "write host:port, such as broker.example:9092")
    for name in ("INSTANT_T_CLICKHOUSE", "INSTANT_T_CLICKHOUSE_ADMIN"):
        _check_store_url(name, raw[name])
    for name in ("INSTANT_T_ALERTMANAGER", "INSTANT_T_WEBHOOK"):
        _check_web_url(name, raw[name])
    kafka_port = integer("INSTANT_T_KAFKA_PORT")
    values: dict[str, Any] = {
        "kafka": kafka or (f"127.0.0.1:{kafka_port}",),
        "kafka_is_embedded": not kafka,
        "clickhouse": raw["INSTANT_T_CLICKHOUSE"] or None,
        "clickhouse_admin": raw["INSTANT_T_CLICKHOUSE_ADMIN"] or None,
        "state": Path(raw["INSTANT_T_STATE"]),
        "kafka_port": kafka_port,
        "clickhouse_port": integer("INSTANT_T_CLICKHOUSE_PORT"),
        "clickhouse_http_port": integer("INSTANT_T_CLICKHOUSE_HTTP_PORT"),
        "metrics_port": integer("INSTANT_T_METRICS_PORT"),
        "metrics_host": raw["INSTANT_T_METRICS_HOST"],
        "dashboard_port": integer("INSTANT_T_DASHBOARD_PORT"),
        "dashboard_host": raw["INSTANT_T_DASHBOARD_HOST"],
        "wall_password": raw["INSTANT_T_WALL_PASSWORD"],
        "alertmanager": raw["INSTANT_T_ALERTMANAGER"] or None,
        "webhook": raw["INSTANT_T_WEBHOOK"] or None,
        "max_event_age": integer("INSTANT_T_MAX_EVENT_AGE"),
        "retention_days": integer("INSTANT_T_RETENTION_DAYS"),
        "history_days": integer("INSTANT_T_HISTORY_DAYS"),
        "partitions": integer("INSTANT_T_PARTITIONS"),
        "replication": integer("INSTANT_T_REPLICATION"),
        "group": raw["INSTANT_T_GROUP"],
        "session_timeout": number("INSTANT_T_SESSION_TIMEOUT"),
        "stuck_seconds": number("INSTANT_T_STUCK_SECONDS"),
        "flush_seconds": number("INSTANT_T_FLUSH_SECONDS"),
        "flush_events": integer("INSTANT_T_FLUSH_EVENTS"),
    }
    if values["kafka_is_embedded"] and "INSTANT_T_SESSION_TIMEOUT" not in env:
        values["session_timeout"] = 2.0  # the embedded broker makes every join wait for half of it
    return Settings(**(values | overrides))


def _check_store_url(name: str, url: str) -> None:
    """Refuse a ClickHouse address that the driver would misread. The password is never repeated in the error."""
    if not url:
        return
    parts = urlsplit(url)
    try:
        well_formed = parts.scheme in ("clickhouse", "clickhouses") and bool(parts.hostname) and parts.port is not None
    except ValueError:
        well_formed = False
    if not well_formed:
        shown = re.sub(r":[^:@/]*@", ":***@", url)
        raise BadSetting(name, shown, "write clickhouse://user:password@host:port/ent")
    if parts.path.strip("/") not in ("", "ent"):
        raise BadSetting(name, parts.path, "the database is `ent`: write clickhouse://user:password@host:port/ent")


def _check_web_url(name: str, url: str) -> None:
    """Refuse what is no address of the web. Neither its login nor its path, which may be secrets, is ever repeated."""
    if not url:
        return
    try:
        parts = urlsplit(url)
        well_formed = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        well_formed = well_formed and not parts.fragment and url.isprintable() and " " not in url
    except ValueError:
        well_formed = False
    if not well_formed:
        scheme = re.match(r"[a-z]{1,10}://", url)
        raise BadSetting(name, f"{scheme[0] if scheme else ''}***", "write http://host:port or https://host/path")
