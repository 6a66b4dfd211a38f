"""The wheel holds what the programs read at run time, and no tests."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_wheel_holds_every_file_of_the_packages_and_nothing_else(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=60)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    data = {".sql", ".csv", ".json", ".xml"}
    wanted = {
        str(path.relative_to(ROOT))
        for package in ("pipeline", "agents", "schemas", "deploy")
        for path in (ROOT / package).rglob("*")
        if path.suffix in data | {".py"}
    }
    assert wanted <= packed
    assert {name.split("/")[0] for name in packed} == {"pipeline", "agents", "schemas", "deploy"}


def test_the_commands_work_from_any_folder(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "--help"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0
    assert "instant-t up" in done.stdout
