"""The house stands as pipeline/README.md draws it: which room may import what, and how rooms are kept."""

from __future__ import annotations

import ast
import functools
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = ("pipeline", "agents", "schemas", "deploy")
FILES = sorted(path for name in OURS for path in (ROOT / name).rglob("*.py"))
TEST_FILES = sorted((ROOT / "tests").rglob("*.py"))

# What stands in the hall: for any room but the core, the schemas and the embedded servers.
HALL = {"pipeline.settings", "pipeline.errors", "pipeline.topics"}
WORKER = {"pipeline.metrics", "pipeline.health", "pipeline.worker_board", "pipeline.servers"}
WORDS = {"pipeline.french", "pipeline.names"}
ADAPTERS = {"pipeline.transport", "pipeline.store", "pipeline.broker", "deploy.embedded"}

MAY_IMPORT: dict[str, set[str]] = {
    "schemas": set(),
    "pipeline.core": {"schemas"},
    "agents": {"schemas", "pipeline.core", "pipeline.alerts"} | HALL,
    "pipeline.topology": {"schemas", "pipeline.core", "pipeline.alerts", "pipeline.notify", "agents"}
    | WORKER
    | ADAPTERS
    | HALL,
    "pipeline.app": {"pipeline.topology", "pipeline.transport"} | WORKER | HALL,
    "pipeline.transport": HALL,
    "pipeline.store": {"schemas", "pipeline.core", "pipeline.alerts"} | HALL,
    "pipeline.broker": {"schemas"} | HALL,
    "pipeline.simulate": {"schemas"} | HALL,
    "pipeline.history": {"schemas", "pipeline.core", "pipeline.store"} | HALL,
    "pipeline.reports": {"schemas"} | WORDS | HALL,
    "pipeline.wall": {"schemas", "pipeline.core", "pipeline.alerts", "pipeline.store"} | WORDS | HALL,
    "pipeline.alerts": {"schemas", "pipeline.core", "pipeline.errors"} | WORDS,
    "pipeline.notify": {"pipeline.alerts"} | HALL,
    "pipeline.supervisor": {"schemas", "pipeline.core", "pipeline.store", "pipeline.broker"} | HALL,
    "deploy.embedded": set(),
    "pipeline.settings": {"pipeline.errors"},
    "pipeline.errors": set(),
    "pipeline.topics": set(),
    "pipeline.french": set(),
    "pipeline.names": {"schemas", "pipeline.french"},
    "pipeline.metrics": {"schemas", "pipeline.core", "pipeline.alerts"},
    "pipeline.health": set(),
    "pipeline.worker_board": {"agents", "pipeline.core", "pipeline.alerts", "pipeline.metrics", "pipeline.health"},
    "pipeline.servers": {"deploy.embedded"} | HALL,
    "pipeline.__main__": {"pipeline.commands"},
    "pipeline": set(),
    "deploy": set(),
}
"""Room → the rooms it may import beside itself. A room is a package, or one module of the hall."""

MAY_IMPORT["pipeline.commands"] = set(MAY_IMPORT)

PURE = {
    "__future__", "bisect", "collections", "dataclasses", "datetime", "enum", "functools", "itertools", "json",
    "math", "msgspec", "numpy", "re", "struct", "typing", "unicodedata",
}  # fmt: skip
"""All that the core may import from outside: nothing that reads a clock, a file, the environment or a network."""

IMPURE_NAMES = {"now", "utcnow", "today", "random", "environ", "getenv", "fromfile", "tofile", "memmap", "load", "save"}
IMPURE_CALLS = {"open", "print", "input", "hash", "eval", "exec", "__import__"}


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@functools.cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _room(module: str) -> str:
    """The longest room that holds a module."""
    return max((room for room in MAY_IMPORT if f"{module}.".startswith(f"{room}.")), key=len)


def _imports(path: Path) -> set[str]:
    """The modules a file imports, anywhere in it: `from a import b` gives a.b where that is a module, else a."""
    found = set()
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are written in full"
            module = node.module or ""
            for alias in node.names:
                inner = ROOT.joinpath(*module.split("."), alias.name)
                found.add(f"{module}.{alias.name}" if inner.is_dir() or inner.with_suffix(".py").is_file() else module)
    return found


def _is_ours(module: str) -> bool:
    return module.split(".")[0] in OURS


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_a_file_imports_only_what_its_room_may(path: Path) -> None:
    room = _room(_name(path))
    rooms = {_room(module) for module in _imports(path) if module.split(".")[0] in OURS}
    assert rooms - {room} <= MAY_IMPORT[room]


@pytest.mark.parametrize("path", [path for path in FILES if _room(_name(path)) == "pipeline.core"], ids=_name)
def test_the_core_is_pure(path: Path) -> None:
    outside = {module.split(".")[0] for module in _imports(path)} - {"pipeline", "schemas"}
    assert outside <= PURE
    tree = _tree(path)
    assert not {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)} & IMPURE_NAMES
    calls = {node.func for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert not {call.id for call in calls if isinstance(call, ast.Name)} & IMPURE_CALLS


def test_importing_the_core_brings_in_no_faust_no_driver_and_no_engine() -> None:
    program = (
        "import sys; import pipeline.core.cells, pipeline.core.event; "
        "print(sorted({'faust', 'mode', 'aiokafka', 'kafka', 'clickhouse_driver', 'chdb', 'prometheus_client', 'click'}"
        " & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n"


DRIVERS = {
    "clickhouse_driver": {"pipeline.store.client"},
    "kafka": {"pipeline.broker"},
    "chdb": {"deploy.embedded"},
    "faust": {"pipeline.transport", "pipeline.app", "pipeline.topology", "pipeline.commands.worker", "agents"},
    "mode": {"pipeline.transport", "pipeline.app", "pipeline.topology", "agents"},
    "aiokafka": {"pipeline.transport", "pipeline.broker"},
    "prometheus_client": {"pipeline.metrics", "pipeline.health"},
}
"""Library → the rooms that may import it; everybody else goes through them."""


@pytest.mark.parametrize("library", DRIVERS)
def test_a_driver_is_imported_where_it_belongs_and_nowhere_else(library: str) -> None:
    importers = {_name(path) for path in FILES if library in {module.split(".")[0] for module in _imports(path)}}
    strangers = {name for name in importers if not any(f"{name}.".startswith(f"{home}.") for home in DRIVERS[library])}
    assert not strangers


def _reads_a_variable(node: ast.AST) -> bool:
    """os.environ[…], os.environ.get(…) or os.getenv(…); to hand the whole environment to a child is no reading."""
    if isinstance(node, ast.Subscript):
        return isinstance(node.ctx, ast.Load) and ast.unparse(node.value) in ("os.environ", "environ")
    return isinstance(node, ast.Attribute) and ast.unparse(node) in (
        "os.getenv",
        "os.environ.get",
        "os.environ.setdefault",
        "os.environb",
    )


def test_only_the_settings_read_variables_of_the_environment() -> None:
    # The embedded servers stand apart: they know nothing of ours, and the programs they wrap read variables.
    readers = {
        _name(path)
        for path in FILES
        if _room(_name(path)) != "deploy.embedded" and any(map(_reads_a_variable, ast.walk(_tree(path))))
    }
    assert readers <= {"pipeline.settings"}


def test_every_room_of_the_plan_has_its_rule_and_every_folder_is_a_room_of_the_plan() -> None:
    plan = (ROOT / "pipeline" / "README.md").read_text(encoding="utf-8")
    rooms = {
        name.rstrip("/").removesuffix(".py").replace("/", ".")
        for name in re.findall(r"^\| `([^`]+)` \|", plan, flags=re.MULTILINE)
    }
    assert rooms <= set(MAY_IMPORT)
    folders = {_name(path.parent / "__init__.py") for path in FILES if path.parent.parent in (ROOT, ROOT / "pipeline")}
    assert folders - {"pipeline", "deploy"} <= rooms
    assert {_name(path) for path in (ROOT / "pipeline").glob("*.py")} <= set(MAY_IMPORT)


@pytest.mark.parametrize("path", FILES + TEST_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_has_over_400_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def test_no_file_is_called_for_having_no_subject() -> None:
    vague = {"utils", "util", "helpers", "helper", "common", "misc"}
    assert [path for path in FILES + TEST_FILES if path.stem in vague or path.parent.name in vague] == []


@pytest.mark.parametrize(
    "folder", sorted({path.parent for path in FILES}), ids=lambda path: str(path.relative_to(ROOT))
)
def test_a_package_says_what_it_is_for(folder: Path) -> None:
    package = folder / "__init__.py"
    assert package.is_file()
    docstring = ast.get_docstring(ast.parse(package.read_text(encoding="utf-8")))
    assert docstring or (folder / "README.md").is_file()


@pytest.mark.parametrize("path", FILES + TEST_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_names_no_machine_of_ours(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"(?<![\w.])/(work|home|root|Users)/\w", text)
