"""The rules of Prometheus and the routes of Alertmanager: well-formed, tried, and explained to who is woken by them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.exposition import generate_latest

from pipeline.health import Pulse
from pipeline.metrics import Metrics
from pipeline.worker_board import WorkerBoard
from tests.deploy.alerting import ALERTS, FOLDER, RECORDS, hastened, program
from tests.deploy.grafana import targets

ROUTES: dict[str, Any] = yaml.safe_load((FOLDER / "alertmanager.yml").read_text(encoding="utf-8"))
CASES = sorted(FOLDER.glob("tests/*.yml"))
NAMES = sorted({rule["alert"] for rule in ALERTS})


def run(*command: str) -> str:
    done = subprocess.run([program(command[0]), *command[1:]], capture_output=True, text=True, cwd=FOLDER)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# -- what the tools themselves say


def test_promtool_accepts_the_rules_and_the_configuration() -> None:
    run("promtool", "check", "rules", "--lint=all", "--lint-fatal", "rules/recording.yml", "rules/alerts.yml")
    assert "2 rule files found" in run("promtool", "check", "config", "prometheus.yml")


def test_promtool_finds_nothing_to_mend_in_the_metrics_themselves() -> None:
    metrics = Metrics()
    metrics.lag.labels("0").set(1)
    page = generate_latest(metrics.registry)
    done = subprocess.run([program("promtool"), "check", "metrics"], input=page, capture_output=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


def test_amtool_accepts_the_routes() -> None:
    assert "3 receivers" in run("amtool", "check-config", "alertmanager.yml")


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_each_rule_says_what_its_cases_expect_and_nothing_else(case: Path) -> None:
    run("promtool", "test", "rules", str(case))


def test_every_alert_has_a_case_in_which_it_comes_and_one_in_which_it_does_not() -> None:
    checks = [
        check
        for case in CASES
        for test in yaml.safe_load(case.read_text(encoding="utf-8"))["tests"]
        for check in test["alert_rule_test"]
    ]
    come = {check["alertname"] for check in checks if check["exp_alerts"]}
    stay_away = {check["alertname"] for check in checks if not check["exp_alerts"]}
    assert sorted(come) == NAMES
    assert sorted(stay_away | {"EntHeartbeat"}) == NAMES


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        ("alertname=EntWorkerGone severity=critical component=pipeline", "on-call"),
        ("alertname=EntLagGrows severity=warning component=pipeline", "team"),
        ("alertname=EntAudience severity=critical component=traffic direction=drop", "on-call"),
        ("alertname=EntAudience severity=warning component=traffic direction=spike", "team"),
        ("alertname=EntHeartbeat severity=none component=heartbeat", "heartbeat"),
    ],
)
def test_an_alert_goes_to_who_can_do_something(labels: str, receiver: str) -> None:
    routed = run("amtool", "config", "routes", "test", "--config.file=alertmanager.yml", *labels.split())
    assert routed.strip() == receiver


# -- true to the rest of the project


def test_rules_name_metrics_that_the_worker_exposes_and_records_that_exist() -> None:
    exposed = {sample.name for family in Metrics().registry.collect() for sample in family.samples}
    exposed |= {family.name for family in Metrics().registry.collect()}
    recorded = {rule["record"] for rule in RECORDS}
    for rule in [*ALERTS, *RECORDS]:
        text = rule["expr"] + " ".join(rule.get("annotations", {}).values())
        for name in re.findall(r"\b\w+:ent_\w+:\w+", text):
            assert name in recorded, name
        for name in re.findall(r"(?<!:)\bent_\w+", text):
            assert name in exposed | {f"{known}_total" for known in exposed}, name


def test_every_record_is_drawn_by_a_dashboard_or_compared_by_an_alert() -> None:
    used = "\n".join([target.query["expr"] for target in targets("expr")])
    used += "\n".join(rule["expr"] for rule in [*ALERTS, *RECORDS])
    assert [rule["record"] for rule in RECORDS if rule["record"] not in used] == []


def test_an_alert_says_in_french_what_it_means_how_grave_it_is_and_where_to_read_on() -> None:
    for rule in ALERTS:
        assert rule["labels"]["severity"] in ("critical", "warning", "none")
        assert rule["labels"]["service"] == "instant-t"
        assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
        assert len(rule["annotations"]["summary"]) <= 110


def test_inhibitions_name_alerts_that_exist() -> None:
    known = {*NAMES, "EntAudience"}
    for inhibition in ROUTES["inhibit_rules"]:
        assert "service" in inhibition["equal"]
        for matcher in [*inhibition["source_matchers"], *inhibition["target_matchers"]]:
            label, value = re.fullmatch(r'(\w+)(?:=~|!=|=)"(.*)"', matcher).groups()  # type: ignore[union-attr]
            assert label != "alertname" or set(value.split("|")) <= known, matcher


def test_every_receiver_is_told_when_it_is_over() -> None:
    told = {receiver["name"]: receiver["webhook_configs"][0]["send_resolved"] for receiver in ROUTES["receivers"]}
    assert told == {"on-call": True, "team": True, "heartbeat": False}


def test_the_page_tells_for_how_long_a_worker_has_stood_still() -> None:
    now = [1000.0]
    metrics, pulse = Metrics(), Pulse(lambda: now[0])
    WorkerBoard(metrics, pulse).beat({("ent.visits.v1", 0): 7}, heard=True)
    assert metrics.registry.get_sample_value("ent_stall_seconds") == 0.0
    now[0] += 30.5
    assert metrics.registry.get_sample_value("ent_stall_seconds") == 30.5


def test_time_is_cut_short_in_every_place_but_the_start_of_a_worker() -> None:
    text = (
        "for: 5m\n- alert: EntWorkerGone\n  for: 1m\n- alert: B\n  expr: rate(a[1m]) > 60 and b offset 10m\n  for: 30s"
    )
    assert hastened(text, 10) == (
        "for: 30000ms\n- alert: EntWorkerGone\n  for: 1m\n- alert: B\n"
        "  expr: rate(a[6000ms]) > 60 and b offset 60000ms\n  for: 3000ms"
    )
