"""The runbook: every alert leads to its paragraph, and what it tells one to type can be typed."""

from __future__ import annotations

import re
import shlex

import click
import pytest

from pipeline.alerts.change import DIRECTIONS
from pipeline.alerts.sentence import RUNBOOK as DETECTED
from pipeline.commands.main import instant_t
from pipeline.core.reasons import Reason
from pipeline.metrics import Metrics
from pipeline.settings import DOCUMENTED
from tests.deploy.alerting import ALERTS, FOLDER
from tests.deploy.test_compose import SERVICES

TEXT = (FOLDER.parent / "runbook.md").read_text(encoding="utf-8").replace("\\|", "|")
PARAGRAPHS = {
    anchor: (title, body)
    for anchor, title, body in re.findall(r'<a id="([a-z-]+)"></a>\n## (.+)\n\n((?:(?!<a id=|\n# ).|\n)+)', TEXT)
}
"""Anchor → title and text."""
TYPED = sorted(set(re.findall(r"`instant-t ([a-z][^`…]*)`", TEXT)))


def test_every_alert_of_prometheus_has_a_paragraph_that_bears_its_name() -> None:
    for rule in ALERTS:
        file, _, anchor = rule["annotations"]["runbook_url"].partition("#")
        assert file == "deploy/runbook.md"
        title, body = PARAGRAPHS[anchor]
        assert rule["alert"] in title + body


def test_every_direction_of_the_detector_has_its_paragraph_by_the_name_that_the_alert_gives() -> None:
    assert set(DETECTED) == set(DIRECTIONS)
    assert {anchor: PARAGRAPHS[anchor][0] for anchor, _ in DETECTED.values()} == dict(DETECTED.values())


def test_every_paragraph_is_reached_by_an_alert_and_stands_in_the_table_of_contents() -> None:
    reached = {rule["annotations"]["runbook_url"].partition("#")[2] for rule in ALERTS}
    assert set(PARAGRAPHS) == reached | {anchor for anchor, _ in DETECTED.values()}
    assert set(re.findall(r"\]\(#([a-z-]+)\)", TEXT.partition("\n# ")[2].partition("\n# ")[0])) <= set(PARAGRAPHS)
    assert set(re.findall(r"\]\(#([a-z-]+)\)", TEXT)) == set(PARAGRAPHS)


@pytest.mark.parametrize("anchor", PARAGRAPHS)
def test_a_paragraph_says_what_it_means_what_is_seen_what_to_type_and_do_whom_to_tell_and_when_to_sleep(
    anchor: str,
) -> None:
    _, body = PARAGRAPHS[anchor]
    for part in ("**Sens.**", "**Le public**", "**Faire.**", "**Prévenir.**", "**Se recoucher**"):
        assert part in body, part
    rows = [line for line in body.splitlines() if line.startswith("| ") and "taper" not in line]
    assert len(rows) == 3
    assert len(body) < 2600  # read at 8:32


@pytest.mark.parametrize("line", TYPED)
def test_a_command_of_the_runbook_is_one_of_this_project(line: str) -> None:
    name, *arguments = shlex.split(line)
    command = instant_t.get_command(click.Context(instant_t), name)
    while isinstance(command, click.Group):
        command = command.get_command(click.Context(command), arguments.pop(0))
    assert command is not None
    command.make_context(name, arguments)  # raises where an option or an argument is not known


def test_metrics_reasons_settings_and_services_of_the_runbook_exist() -> None:
    exposed = {family.name for family in Metrics().registry.collect()}
    for name in re.findall(r"grep (ent_\w+)", TEXT):
        assert [known for known in exposed if name.startswith(known) or known.startswith(name)], name
    assert set(re.findall(r"`(\w+)`", PARAGRAPHS["rejets"][1])) >= {reason.value for reason in Reason}
    assert set(re.findall(r"INSTANT_T_\w+", TEXT)) - {"INSTANT_T_"} <= {row.variable for row in DOCUMENTED}
    named = re.findall(r"docker compose [^`]*?\b(?:worker|clickhouse|alertmanager|status)\b", TEXT)
    assert {line.split()[-1] for line in named} <= set(SERVICES)
