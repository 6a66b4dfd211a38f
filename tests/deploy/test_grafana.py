"""The Grafana dashboards: every query runs against the embedded store or a real Prometheus (no Grafana is needed)."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import start_http_server

from pipeline.core.columns import Tally
from pipeline.core.reasons import Reason
from pipeline.metrics import Metrics
from pipeline.store import sealing
from pipeline.store.client import Store
from tests.deploy.alerting import FOLDER as ALERTING
from tests.deploy.alerting import hastened
from tests.deploy.grafana import DASHBOARDS, FOLDER, Target, expand_sql, panels, targets
from tests.deploy.test_compose import SERVICES
from tests.notify.changes import put, story
from tests.support.brokers import free_port
from tests.support.gateway import GatewayHandle
from tests.support.stores import migrated_gateway

SOURCES = yaml.safe_load((FOLDER / "provisioning" / "datasources" / "ent.yml").read_text(encoding="utf-8"))
PROVIDER = yaml.safe_load((FOLDER / "provisioning" / "dashboards" / "ent.yml").read_text(encoding="utf-8"))
SCRAPING = yaml.safe_load((ALERTING / "prometheus.yml").read_text(encoding="utf-8"))
SQL = list(targets("rawSql"))
PROMQL = list(targets("expr"))
END = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=2)
if END.hour == 0 and END.minute < 20:
    END -= timedelta(minutes=30)  # all of the quarter of an hour on one day
QUICK = 2.0
"""Seconds for a panel; alone on its machine it takes a quarter of them at most."""
ALERTED = int((END - timedelta(minutes=20)).timestamp())
YESTERDAY = END - timedelta(days=1)


def sent_at(target: Target, end: datetime = END) -> str:
    """What reaches ClickHouse for the last hour (or the panel's own span) up to `end`, in a window of 15 minutes."""
    span = {"2d": timedelta(days=2), "35d": timedelta(days=35), None: timedelta(hours=1)}
    return expand_sql(
        target.query["rawSql"], end - span[target.panel.get("timeFrom")], end, interval=60, variables={"fenetre": "15"}
    )


# -- the store: 15 minutes of today, the same a week ago, and a busy hour of yesterday


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayHandle]:
    with migrated_gateway(tmp_path_factory.mktemp("state")) as handle, closing(Store(handle.url("admin"))) as admin:
        minute, cells = itertools.count(), []
        for start in (END - timedelta(minutes=14), END - timedelta(days=7, minutes=14)):
            today = start > YESTERDAY
            for at in (start + timedelta(minutes=m) for m in range(14)):
                first = next(minute) * 1000
                rows = [("69", "NOTES", "PARENT", "ENT-A", 40), ("75", "PAGE_ENT", "ELEVE", "", 20)]
                if not today:
                    rows = [("69", "NOTES", "PARENT", "ENT-A", 20), ("94", "VISIOCONFERENCE", "ELEVE", "ENT-A", 10)]
                for n, (departement, service, profil, plateforme, hits) in enumerate(rows):
                    ids = [first + 100 * n + i for i in range(hits)]
                    cells.append([at, departement, service, profil, "P", "E", plateforme, ids, ids[:4], ids[:2]])
        admin.execute("INSERT INTO ent.cells VALUES", cells)
        # Yesterday: 60,000 cells in an hour, sealed as a worker would have.
        admin.execute(
            "INSERT INTO ent.cells SELECT toDateTime(%(at)s, 'UTC') - 10 - (number %% 360) * 10,"
            " toString(10 + number %% 80),"
            " ['NOTES', 'PAGE_ENT', 'ABSENCES', 'VISIOCONFERENCE', 'COURRIER_ELECTRONIQUE'][1 + number %% 5],"
            " ['ELEVE', 'PARENT', 'ENSEIGNANT'][1 + intDiv(number, 5) %% 3], 'P', 'E',"
            " concat('plateforme ', toString(number %% 7)), [number * 2, number * 2 + 1], [number], [intDiv(number, 3)]"
            " FROM numbers(60000)",
            {"at": YESTERDAY},
        )
        put(admin, *story("00000000000000aa", ALERTED)[:2], *story("00000000000000bb", ALERTED - 600))
        put(admin, *story("00000000000000cc", int(YESTERDAY.timestamp()) - 1500))
        admin.execute("INSERT INTO ent.marks (start) SELECT DISTINCT toStartOfMinute(bucket) FROM ent.cells")
        with closing(Store(handle.url("writer"))) as writer:
            while sealing.seal(writer, datetime.now(UTC) + timedelta(seconds=70)).is_behind:
                pass
        yield handle


@pytest.fixture
def reader(gateway: GatewayHandle) -> Iterator[Store]:
    with closing(Store(gateway.url("default"))) as store:
        yield store


def ask(reader: Store, title: str, ref: str = "A") -> list[tuple[Any, ...]]:
    """The rows of a panel."""
    (target,) = [t for t in SQL if t.panel["title"] == title and t.query["refId"] == ref]
    return reader.execute(sent_at(target))


@pytest.mark.parametrize("target", SQL, ids=lambda target: target.name)
def test_a_panel_shows_the_reader_something_without_delay(reader: Store, target: Target) -> None:
    # The busy hour is yesterday's: that of the week before for what is drawn over today, the day before for a day.
    is_reference, is_day_before = target.query["refId"] == "B", "hier" in target.panel["title"]
    end = YESTERDAY + timedelta(days=7 if is_reference else 1 if is_day_before else 0)
    started = time.monotonic()
    rows = reader.execute(sent_at(target, end))
    assert time.monotonic() - started < QUICK
    assert rows


def test_the_country_is_what_was_counted_in_the_window(reader: Store) -> None:
    # 14 minutes of 40 + 20 hits, 4 visits and 2 visitors each
    assert ask(reader, "France, $fenetre minutes") == [(840 / 900, 840, 112, 56)]


def test_alerts_are_listed_with_the_open_ones_first(reader: Store) -> None:
    sentence, look_at = "Plateforme NEO : 12 pages/min au lieu de 1 050.", "Appeler l'exploitant."
    opened = datetime.fromtimestamp(ALERTED, UTC)
    assert ask(reader, "Alertes") == [
        ("ouverte", opened, None, sentence, look_at),
        ("close", opened - timedelta(minutes=10), opened, sentence, look_at),
    ]


def test_growth_is_against_the_same_minutes_a_week_ago(reader: Store) -> None:
    assert ask(reader, "Par rapport à J-7") == [(100.0,)]
    assert ask(reader, "Académies, face à J-7") == [
        ("Lyon", 560, 280, 100.0),
        ("Paris", 280, 0, None),  # no reference: never a growth out of nothing
        ("Créteil", 0, 140, -100.0),  # silence
    ]
    assert ask(reader, "Plateformes, face à J-7") == [
        ("ENT-A", 560, 420, pytest.approx(33.3, abs=0.1)),
        ("non renseigné", 280, 0, None),
    ]


def test_minutes_of_the_week_before_are_drawn_over_those_of_today(reader: Store) -> None:
    minutes = [END.replace(tzinfo=None) - timedelta(minutes=m) for m in range(14, 0, -1)]
    assert [(row[0].replace(tzinfo=None), row[1]) for row in ask(reader, "Pages vues par seconde")] == [
        (m, 1.0) for m in minutes
    ]
    assert [(row[0].replace(tzinfo=None), row[1]) for row in ask(reader, "Pages vues par seconde", "B")] == [
        (m, 0.5) for m in minutes
    ]


def test_hours_and_days_of_the_history_hold_the_visits_of_the_minutes(reader: Store) -> None:
    since = (END - timedelta(minutes=14)).replace(minute=0, tzinfo=None)
    for ref in ("A", "B"):  # B: the week before, drawn over today
        hours = [(row[0].replace(tzinfo=None), row[1]) for row in ask(reader, "Visites par heure", ref)]
        assert sum(visits for hour, visits in hours if since <= hour <= END.replace(tzinfo=None)) == 112
    days = ask(reader, "Visites par jour et par famille")
    assert {(row[1], row[2]) for row in days if row[0].date() == END.date()} == {("vie_scolaire", 56), ("accueil", 56)}


# -- the files


@pytest.mark.parametrize("target", SQL, ids=lambda target: target.name)
def test_a_query_reads_bi_and_nothing_else(target: Target) -> None:
    tables = re.findall(r"\b(?:FROM|JOIN)\s+([\w.]+)", target.query["rawSql"])
    assert tables
    assert [table for table in tables if not table.startswith("bi.")] == []


@pytest.mark.parametrize("name", DASHBOARDS)
def test_a_dashboard_is_whole(name: str) -> None:
    board = DASHBOARDS[name]
    assert board["uid"] == name
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    uids = {source["uid"]: source["type"] for source in SOURCES["datasources"]}
    for panel in panels(name):
        assert panel["title"]
        assert panel["description"]
        for source in [panel["datasource"], *(query["datasource"] for query in panel["targets"])]:
            assert uids[source["uid"]] == source["type"]


@pytest.mark.parametrize("name", DASHBOARDS)
def test_no_panel_covers_another(name: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARDS[name]["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        squares = set(
            itertools.product(range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"]))
        )
        assert not squares & taken, panel["title"]
        taken |= squares


def test_grafana_logs_in_as_the_reader_with_a_password_of_the_environment() -> None:
    clickhouse = SOURCES["datasources"][0]
    assert clickhouse["jsonData"]["username"] == "dashboards"
    assert clickhouse["jsonData"]["defaultDatabase"] == "bi"
    assert clickhouse["secureJsonData"] == {"password": "$CLICKHOUSE_BI_PASSWORD"}
    assert "CLICKHOUSE_BI_PASSWORD" in SERVICES["grafana"]["environment"]
    # The driver asks for five seconds more than the plugin, and the profile `bi` refuses over 60.
    assert int(clickhouse["jsonData"]["queryTimeout"]) + 5 <= 60


def test_the_sources_are_services_of_the_compose_file_and_the_folders_are_mounted() -> None:
    assert SOURCES["datasources"][0]["jsonData"]["host"] in SERVICES
    assert urllib.parse.urlsplit(SOURCES["datasources"][1]["url"]).hostname in SERVICES
    assert SCRAPING["scrape_configs"][0]["dns_sd_configs"][0]["names"] == ["worker"]
    mounted = {volume.split(":")[1] for volume in SERVICES["grafana"]["volumes"]}
    assert PROVIDER["providers"][0]["options"]["path"] in mounted
    assert "/etc/grafana/provisioning" in mounted
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (FOLDER / "dashboards" / Path(home).name).is_file()


def test_grafana_is_there_for_who_asks_for_it_and_nobody_can_change_it() -> None:
    environment = SERVICES["grafana"]["environment"]
    assert SERVICES["grafana"]["profiles"] == ["grafana"]
    assert "grafana" in SERVICES["prometheus"]["profiles"]
    assert environment["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert environment["GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"] == "true"


def test_macros_are_written_out_as_the_plugin_documents_them() -> None:
    start, end = datetime(2026, 9, 1, 6, 30, tzinfo=UTC), datetime(2026, 9, 1, 7, tzinfo=UTC)
    macros = "$__timeInterval(minute) $__timeFilter(minute) $__dateFilter(day) $__fromTime $__interval_s"
    assert expand_sql(f"{macros} $w ${{__to:date:seconds}}", start, end, 20, {"w": "15"}) == (
        "toStartOfInterval(toDateTime(minute), INTERVAL 20 second)"
        " minute >= toDateTime(1788244200) AND minute <= toDateTime(1788246000)"
        " day >= toDate('2026-09-01') AND day <= toDate('2026-09-01') toDateTime(1788244200) 20 15 1788246000"
    )
    with pytest.raises(ValueError, match="timeInterval"):
        expand_sql("$__timeInterval(f(a, b))", start, end, 20, {})


# -- Prometheus


class Prometheus:
    """A real Prometheus that scrapes one page of the project's metrics, every 200 ms."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def ask(self, expression: str) -> list[dict[str, Any]]:
        """The result of an instant query."""
        data = urllib.parse.urlencode({"query": expression}).encode()
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/query", data, timeout=10) as answer:
                found = json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 503:
                    raise ConnectionError("it listens and is not ready yet") from None
                raise AssertionError(error.read().decode()) from None
        result: list[dict[str, Any]] = found["data"]["result"]
        return result


def written_out(expression: str) -> str:
    """What Grafana sends for scrapes every 200 ms."""
    return expression.replace("$__rate_interval", "3s").replace("[5m]", "[3s]")


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    binary = shutil.which("prometheus")
    if binary is None:
        pytest.skip("prometheus is not installed")
    folder = tmp_path_factory.mktemp("prometheus")
    metrics = Metrics()
    metrics.alerts_active.labels("drop").set(1)
    metrics.lag.labels("0").set(12)
    metrics.lag.labels("1").set(30)
    metrics.data_age.set(1.5)
    server, thread = start_http_server(0, "127.0.0.1", metrics.registry)
    every = {"scrape_interval": "200ms", "scrape_timeout": "200ms", "evaluation_interval": "200ms"}
    config: dict[str, Any] = {"global": every, "rule_files": ["recording.yml"]}
    rules = (ALERTING / "rules" / "recording.yml").read_text(encoding="utf-8")
    (folder / "recording.yml").write_text(hastened(rules, 20), encoding="utf-8")
    config["scrape_configs"] = [
        {
            "job_name": SCRAPING["scrape_configs"][0]["job_name"],
            "static_configs": [{"targets": [f"127.0.0.1:{server.server_port}"]}],
        }
    ]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    port = free_port()
    command = [binary, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        running = Prometheus(port)
        wait_for(lambda: bool(running.ask('up{job="instant-t"} == 1')), folder / "log")
        for _ in range(8):  # traffic, over some scrapes
            tally = Tally()
            tally.counted, tally.unknown_services, tally.unknown_profils, tally.late = 90, 3, 2, 1
            metrics.record(tally, [Reason.BAD_UAI] * 10)
            metrics.hits.labels("visio").inc(90)
            metrics.batch_seconds.observe(0.4)
            metrics.insert_seconds.observe(0.02)
            metrics.insert_rows.inc(50)
            metrics.insert_failures.inc()
            time.sleep(0.25)
        yield running
    finally:
        process.terminate()
        process.wait(20)
        server.shutdown()
        server.server_close()
        thread.join()


def wait_for(ready: Callable[[], bool], log: Path, patience: float = 30.0) -> None:
    deadline = time.monotonic() + patience
    while True:
        try:
            if ready():
                return
        except OSError:
            pass
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)


def test_every_panel_of_the_pipeline_shows_something_and_never_nan(prometheus: Prometheus) -> None:
    empty = {}
    for target in PROMQL:
        series = prometheus.ask(written_out(target.query["expr"]))
        if not series or any(row["value"][1] == "NaN" for row in series):
            empty[target.name] = series
    assert empty == {}


def test_the_share_of_rejects_the_age_and_the_lag_are_those_of_the_worker(prometheus: Prometheus) -> None:
    def value(title: str) -> float:
        (target,) = [t for t in PROMQL if t.panel["title"] == title]
        (row,) = prometheus.ask(written_out(target.query["expr"]))
        return float(row["value"][1])

    assert value("Part rejetée") == pytest.approx(0.1)
    assert value("Âge des données") == 1.5
    assert value("Événements en attente") == 42
    assert value("Workers") == 1


def test_every_metric_of_the_worker_is_on_the_dashboard() -> None:
    text = "\n".join(target.query["expr"] for target in PROMQL)
    names = {family.name for family in Metrics().registry.collect() if family.name.startswith("ent_")}
    assert {name for name in names if name not in text} == set()


def test_promtool_accepts_every_expression(tmp_path: Path) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed")
    rules = [
        {"record": f"panel_{n}", "expr": target.query["expr"].replace("$__rate_interval", "20s")}
        for n, target in enumerate(PROMQL)
    ]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}), encoding="utf-8")
    done = subprocess.run(["promtool", "check", "rules", str(file)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
