"""The house stays in order: sizes, names, documentation, imports, and every processor under contract."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import pkgutil
import re
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import engine
import offline
from tests.cases import CASES
from tests.places import ROOT

GENERATED = {"engine/dsp/generated/median_networks.py"}
FLOORS = ("engine", "models", "offline", "recipes", "cli")
PACKAGES = [path for floor in FLOORS for path in sorted((ROOT / floor).rglob("*.py"))]
SOURCES = [path for path in PACKAGES if path.relative_to(ROOT).as_posix() not in GENERATED]
BELOW_THE_FRONT_DOOR = [path for path in SOURCES if path.relative_to(ROOT).parts[0] != "cli"]
FOLDERS = sorted({path.parent for path in PACKAGES})
MAX_LINES, MAX_FILES, MAX_LOOSE, MAX_FUNCTION, MEDIAN_FUNCTION, MAX_ARGUMENTS = 500, 20, 3, 40, 6, 6
TEST_HELPERS = {"cases", "docs", "examples", "fuzz", "networks", "soak"}  # what tests are made of, and of all floors
SHARED_NAMES = {"Stream", "devices", "refresh", "RECIPES"}  # an audio backend has the first three, a recipe the last

every_source = pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())


def test_nothing_is_left_lying_at_the_root() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a clone")
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    files = {name for name in tracked if name and "/" not in name and not name.startswith(".")}
    assert files == {
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "LICENSE",
        "Makefile",
        "README.md",
        "constraints.txt",
        "pyproject.toml",
    }


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def dotted(path: Path) -> str:
    """The name by which a file is imported."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def public_names(path: Path) -> Iterator[str]:
    """What a module defines and exports: what stands in its `__all__`, else what has no leading underscore."""
    defined, exported = [], None
    for node in ast.parse(path.read_text()).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", node)]
        names = [getattr(target, "id", getattr(target, "name", "_")) for target in targets]
        if names == ["__all__"]:
            exported = set(ast.literal_eval(node.value))  # type: ignore[attr-defined]
        defined += names
    return (name for name in defined if (name in exported if exported is not None else name[0] != "_"))


def test_public_names_are_unique() -> None:
    count = Counter(name for path in PACKAGES if path.name != "__init__.py" for name in public_names(path))
    assert {name for name, n in count.items() if n > 1} <= SHARED_NAMES


def test_no_files_import_each_other_in_a_circle() -> None:
    files = {dotted(path): path for path in PACKAGES}
    imports: dict[str, set[str]] = {name: set() for name in files}
    for name, path in files.items():
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ImportFrom):
                inside = {f"{node.module}.{alias.name}" for alias in node.names} & files.keys()
                imports[name] |= inside or {str(node.module)} & files.keys()
            elif isinstance(node, ast.Import):
                imports[name] |= {alias.name for alias in node.names} & files.keys()
    TopologicalSorter(imports).prepare()  # CycleError names the circle


@pytest.mark.parametrize("floor", FLOORS)
def test_tests_mirror_the_folders(floor: str) -> None:
    folders = {path.parent.relative_to(ROOT / "tests") for path in (ROOT / "tests" / floor).rglob("*.py")}
    assert not [folder for folder in folders if not (ROOT / folder / "__init__.py").is_file()]


def test_no_test_lies_beside_the_floors() -> None:
    folders = {path.parent.name for path in (ROOT / "tests").glob("*/*.py")}
    assert folders <= {*FLOORS, *TEST_HELPERS}


def test_the_median_function_is_short() -> None:
    lengths = [length(f) for path in SOURCES for f in functions(path) if not is_kernel(f)]
    assert statistics.median(lengths) <= MEDIAN_FUNCTION


@pytest.mark.parametrize("name", [dotted(path) for path in SOURCES if ">>> " in path.read_text()])
def test_examples_in_docstrings_are_true(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def is_kernel(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Numba kernels take their whole state as arguments."""
    return any("njit" in ast.unparse(mark) or "cfunc" in ast.unparse(mark) for mark in function.decorator_list)


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of the body without the docstring."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


@every_source
def test_files_have_one_subject(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MAX_LINES


def modules(folder: Path) -> list[str]:
    return [path.name for path in folder.glob("*.py") if path.name != "__init__.py"]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_folders_can_be_overlooked(folder: Path) -> None:
    assert len(modules(folder)) <= MAX_FILES or folder.name == "cli"  # one file a command


@pytest.mark.parametrize("floor", [floor for floor in FLOORS if floor not in ("recipes", "cli")])
def test_no_file_lies_loose_on_a_floor(floor: str) -> None:
    assert len(modules(ROOT / floor)) <= MAX_LOOSE


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_folders_are_packages(folder: Path) -> None:
    assert (folder / "__init__.py").is_file()


@every_source
def test_functions_are_short(path: Path) -> None:
    for function in functions(path):
        if is_kernel(function):
            continue
        assert length(function) <= MAX_FUNCTION, function.name
        named = [a for a in (*function.args.posonlyargs, *function.args.args) if a.arg not in ("self", "cls")]
        assert len(named) <= MAX_ARGUMENTS, function.name


@pytest.mark.parametrize("path", BELOW_THE_FRONT_DOOR, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_import_hides_in_a_function(path: Path) -> None:
    for function in functions(path):
        hidden = [node for node in ast.walk(function) if isinstance(node, ast.Import | ast.ImportFrom)]
        assert not hidden, f"{function.name}, line {hidden[0].lineno}"


@pytest.mark.parametrize("path", BELOW_THE_FRONT_DOOR, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_options_are_read_at_the_front_door_only(path: Path) -> None:
    assert not re.search(r"^\s*(import|from) (argparse|click|rich_click)\b", path.read_text(), re.MULTILINE)


def processors() -> Iterator[type]:
    """Every class of the project that has the three members of the contract."""
    for package in (engine, offline):
        for info in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            module = importlib.import_module(info.name)
            for _, kind in inspect.getmembers(module, inspect.isclass):
                members = all(hasattr(kind, name) for name in ("process", "reset")) and (
                    "latency" in dir(kind) or "latency" in getattr(kind, "__annotations__", {})
                )
                if kind.__module__ == info.name and members and not inspect.isabstract(kind):
                    yield kind


# Protocols; what is inside the followers; stems and events at once, see test_stream
NOT_UNDER_CONTRACT = {"Processor", "FollowerFeatures", "Tracker", "MatchTracker", "Pipeline"}


def test_every_processor_is_under_contract() -> None:
    tested = {type(case.build()) for case in CASES}
    missing = [k.__qualname__ for k in processors() if k not in tested and k.__name__ not in NOT_UNDER_CONTRACT]
    assert not missing


def test_imports_run_one_way() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


HEAVY = {"torch", "librosa", "matplotlib", "offline", "models", "scipy.signal", "scipy.stats"}
LIVE = "import engine.realtime.session, engine.realtime.engine_process, sys; print(*sys.modules)"


def test_the_live_path_is_light() -> None:
    """What costs a second to import must not be reached from the live engine."""
    result = subprocess.run([sys.executable, "-c", LIVE], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not HEAVY & set(result.stdout.split())
