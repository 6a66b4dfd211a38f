"""What the peers run in: a virtual environment for those in Python, the jars of the one in Java; made once per user."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
STREAMS = HERE / "kafka-streams"


class NotHereError(Exception):
    """It cannot be had on this machine; says why."""


def peers_python() -> Path:
    """The interpreter of an environment with what `requirements.txt` names.

    Raises:
        NotHereError: pip could not install that.
    """
    requirements = HERE / "requirements.txt"

    def make(folder: Path) -> None:
        _run([sys.executable, "-m", "venv", str(folder)])
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*pip, "--no-deps", "--requirement", str(requirements)])

    # An environment knows its own path: it is made where it stays.
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return _cached("peers-python", [requirements], version, make, in_place=True) / "bin" / "python"


def streams_classpath() -> str:
    """Kafka Streams and the contestant in Java.

    Raises:
        NotHereError: there is no Java or Maven, or Maven could not build it.
    """
    if missing := [tool for tool in ("java", "mvn") if shutil.which(tool) is None]:
        raise NotHereError(f"{' and '.join(missing)} not found")
    sources = sorted(path for path in STREAMS.rglob("*") if path.suffix in (".java", ".xml"))

    def make(folder: Path) -> None:
        shutil.copytree(STREAMS, folder)
        maven = ["mvn", "-q", "-B", "package", "dependency:copy-dependencies", "-DoutputDirectory=target/lib"]
        _run(maven, folder)

    target = _cached("peers-streams", sources, "", make) / "target"
    return f"{target}/*:{target}/lib/*"


def _cached(name: str, sources: list[Path], more: str, make: Callable[[Path], None], in_place: bool = False) -> Path:
    """The folder made from these sources, now or earlier; `make` is given one that does not exist."""
    digest = hashlib.sha256(more.encode() + b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "instant-t"
    folder, done = cache / f"{name}-{digest}", cache / f"{name}-{digest}.done"
    if done.exists() and folder.is_dir():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    if in_place:
        make(folder)
    else:
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            make(Path(scratch) / name)
            with contextlib.suppress(OSError):  # somebody else was faster: theirs is the same
                (Path(scratch) / name).rename(folder)
    done.touch()
    return folder


def _run(command: list[str], folder: Path | None = None) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        reason = next((line for line in said if "ERROR" in line), said[-1] if said else "no word")
        raise NotHereError(f"{Path(command[0]).name} failed: {reason.strip()[:200]}")
