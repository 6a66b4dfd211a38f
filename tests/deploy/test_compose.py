"""docker-compose.yml: well-formed, closed to the outside, and true to the rest of the project."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from pipeline import settings as setting
from pipeline.commands.main import COMMANDS

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, Any] = COMPOSE["services"]
EXAMPLE = (ROOT / "deploy" / ".env.example").read_text(encoding="utf-8")
VARIABLE = re.compile(r"\$\{(\w+)(:\?[^}]+|:-[^}]*)?\}")


def test_the_file_is_what_the_compose_specification_allows() -> None:
    schema = json.loads((Path(__file__).parent / "compose.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft7Validator.check_schema(schema)
    jsonschema.validate(COMPOSE, schema)


def test_docker_compose_itself_reads_the_file() -> None:
    def compose(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["docker", "compose", *arguments], capture_output=True, text=True, cwd=ROOT)

    try:
        present = compose("version").returncode == 0
    except FileNotFoundError:
        present = False
    if not present:
        pytest.skip("docker compose is not installed")
    without = compose("config", "--quiet")
    assert without.returncode != 0
    assert "set it in deploy/.env" in without.stderr


def test_every_image_is_pinned_to_a_version() -> None:
    images = {name: service["image"] for name, service in SERVICES.items()}
    assert images == {
        "kafka": "apache/kafka:4.1.0",
        "clickhouse": "clickhouse/clickhouse-server:25.8",
        "grants": "clickhouse/clickhouse-server:25.8",
        "migrate": "instant-t:0.1.0",
        "worker": "instant-t:0.1.0",
        "wall": "instant-t:0.1.0",
        "status": "instant-t:0.1.0",
        "prometheus": "prom/prometheus:v3.14.0",
        "alertmanager": "prom/alertmanager:v0.28.1",
        "grafana": "grafana/grafana:13.2.1",
    }


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_service_keeps_no_privilege_it_does_not_need(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service.get("read_only", False) is (name != "kafka")


def test_every_port_is_bound_to_loopback() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(ports) == 7
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_passwords_come_from_the_environment_and_their_absence_stops_everything() -> None:
    secrets = {name: suffix for name, suffix in VARIABLE.findall(TEXT) if "PASSWORD" in name}
    assert set(secrets) == {"CLICKHOUSE_ADMIN_PASSWORD", "CLICKHOUSE_WRITER_PASSWORD", "CLICKHOUSE_BI_PASSWORD"}
    assert all(suffix.startswith(":?") for name, suffix in VARIABLE.findall(TEXT) if "PASSWORD" in name)
    assert all(suffix.startswith(":-") for name, suffix in VARIABLE.findall(TEXT) if "PASSWORD" not in name)


def test_the_example_names_every_variable_and_holds_no_secret() -> None:
    named = dict(re.findall(r"^#?([A-Z_]+)=(.*)$", EXAMPLE, re.MULTILINE))
    used = {name for name, _ in VARIABLE.findall(TEXT)}
    assert set(named) == used
    assert {name: value for name, value in named.items() if "PASSWORD" in name and value} == {}
    defaults = {name: suffix.removeprefix(":-") for name, suffix in VARIABLE.findall(TEXT) if "PASSWORD" not in name}
    assert {name: named[name] for name in defaults} == defaults


def test_the_file_of_passwords_is_kept_out_of_git() -> None:
    done = subprocess.run(["git", "check-ignore", "--quiet", "deploy/.env"], cwd=ROOT)
    if done.returncode == 128:
        pytest.skip("this is no git checkout")
    assert done.returncode == 0


def test_networks_volumes_and_mounted_files_exist() -> None:
    for service in SERVICES.values():
        assert set(service.get("networks", [])) <= set(COMPOSE["networks"])
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            if source.startswith("./"):
                assert (ROOT / source).exists(), source
                assert volume.endswith(":ro")
            else:
                assert source in COMPOSE["volumes"]
        for name, asked in service.get("depends_on", {}).items():
            if asked["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[name]


def test_the_order_is_servers_grants_migration_workers() -> None:
    assert SERVICES["grants"]["depends_on"] == {"clickhouse": {"condition": "service_healthy"}}
    assert SERVICES["migrate"]["depends_on"]["grants"] == {"condition": "service_completed_successfully"}
    assert SERVICES["worker"]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


def by_default(variable: re.Match[str]) -> str:
    """What Compose puts in its place: the default, or a password."""
    return variable[2].removeprefix(":-") if variable[2].startswith(":-") else "abc"


@pytest.mark.parametrize("name", ["migrate", "worker", "status"])
def test_our_containers_run_commands_and_settings_that_exist(name: str) -> None:
    service = SERVICES[name]
    assert service["command"] == [name]
    assert name in COMMANDS
    assert (ROOT / service["build"]["dockerfile"]).is_file()
    documented = {row.variable for row in setting.DOCUMENTED}
    assert set(service["environment"]) <= documented
    filled = {k: VARIABLE.sub(by_default, str(v)) for k, v in service["environment"].items()}
    loaded = setting.load(filled)
    assert loaded.kafka == ("kafka:9092",)
    assert loaded.clickhouse == "clickhouse://writer:abc@clickhouse:9000/ent"


def test_kafka_remembers_commits_for_as_long_as_rejects_are_kept() -> None:
    # `rejects redrive` relies on it.
    assert SERVICES["kafka"]["environment"]["KAFKA_OFFSETS_RETENTION_MINUTES"] == 7 * 24 * 60


def test_prometheus_and_alertmanager_are_for_who_asks_for_them_and_find_their_files() -> None:
    assert SERVICES["prometheus"]["profiles"] == ["grafana", "alerts"]
    assert SERVICES["alertmanager"]["profiles"] == ["alerts"]
    mounts = {volume.split(":")[1]: ROOT / volume.split(":")[0] for volume in SERVICES["prometheus"]["volumes"][:1]}
    assert (mounts["/etc/prometheus"] / "prometheus.yml").is_file()
    assert "--config.file=/etc/prometheus/prometheus.yml" in SERVICES["prometheus"]["command"]
    scraped = yaml.safe_load((mounts["/etc/prometheus"] / "prometheus.yml").read_text(encoding="utf-8"))
    (told,) = scraped["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"]
    assert told == "alertmanager:9093"
    assert told.partition(":")[0] in SERVICES


def test_a_worker_that_ends_itself_is_started_again_and_one_that_hangs_is_not_by_compose() -> None:
    # Compose restarts what has ended; `unhealthy` restarts nothing. So the worker's watchdog has to end it.
    assert SERVICES["worker"]["restart"] == "unless-stopped"
    assert "INSTANT_T_STUCK_SECONDS" not in SERVICES["worker"]["environment"]
    stuck = next(row for row in setting.DOCUMENTED if row.variable == "INSTANT_T_STUCK_SECONDS")
    assert stuck.default == "30"
