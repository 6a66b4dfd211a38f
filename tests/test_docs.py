"""The documents name what there is: every setting, metric, topic, view, reason and command."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipeline import topics
from pipeline.commands.main import COMMANDS
from pipeline.core.reasons import Reason
from pipeline.metrics import Metrics
from pipeline.settings import DOCUMENTED
from pipeline.store.migrate import shipped

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def _metric_names() -> list[str]:
    families = Metrics().registry.collect()
    ours = [family for family in families if family.name.startswith("ent_")]
    return [family.name + ("_total" if family.type == "counter" else "") for family in ours]


def _views() -> set[str]:
    text = "\n".join(statement for migration in shipped() for statement in migration.statements)
    return set(re.findall(r"CREATE (?:OR REPLACE )?VIEW (?:IF NOT EXISTS )?(bi\.\w+)", text))


@pytest.mark.parametrize("setting", DOCUMENTED, ids=lambda setting: setting.variable)
def test_every_setting_stands_in_the_readme_with_its_default_and_meaning(setting: object) -> None:
    row = next(line for line in README.splitlines() if line.startswith(f"| `{setting.variable}`"))  # type: ignore[attr-defined]
    assert setting.help in row  # type: ignore[attr-defined]
    assert not setting.default or f"`{setting.default}`" in row  # type: ignore[attr-defined]


def test_no_variable_of_the_readme_is_unknown() -> None:
    named = set(re.findall(r"INSTANT_T_[A-Z_]+[A-Z]", README))
    assert named - {setting.variable for setting in DOCUMENTED} == set()


@pytest.mark.parametrize("name", _metric_names())
def test_every_metric_stands_in_the_readme(name: str) -> None:
    assert re.search(rf"`{name}(\{{|`)", README)


def test_every_view_stands_in_the_readme() -> None:
    assert len(_views()) >= 22
    assert sorted(view for view in _views() if not re.search(rf"{view}\b", README)) == []


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reject_reason_stands_in_the_readme(reason: Reason) -> None:
    assert f"`{reason.value}`" in README


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_stands_in_the_readme(command: str) -> None:
    assert f"`instant-t {command}" in README


def test_the_topics_of_the_pipeline_stand_in_the_readme() -> None:
    assert f"`{topics.VISITS}`" in README
    assert f"`{topics.REJECTS}`" in README


def test_every_file_that_a_document_links_to_exists() -> None:
    broken = [
        f"{document.relative_to(ROOT)}: {target}"
        for document in ROOT.rglob("*.md")
        if ".venv" not in document.parts
        for target in re.findall(r"\]\(([^)#:\s]+)\)", document.read_text(encoding="utf-8"))
        if not (document.parent / target).exists()
    ]
    assert broken == []
