"""The wheel, installed into an environment of its own, works from any folder."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tests.places import ROOT

MAX_BYTES = 60_000_000  # mostly weights
FLOORS = ("engine", "models", "offline", "cli")
WANTED = (".py", ".onnx", ".npz", ".toml", ".csv", ".typed", ".html", ".css", ".js", ".svg")


def run(*command: str | Path, folder: Path) -> str:
    done = subprocess.run([str(part) for part in command], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that nothing is left beside the sources."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for floor in FLOORS:
        shutil.copytree(ROOT / floor, source / floor, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    options = ("--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder)
    run(sys.executable, "-m", "pip", "wheel", *options, source, folder=folder)
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_every_module_and_every_weight(wheel: Path) -> None:
    paths = [path for floor in FLOORS for path in (ROOT / floor).rglob("*") if path.suffix in WANTED]
    there = set(zipfile.ZipFile(wheel).namelist())
    assert not {path.relative_to(ROOT).as_posix() for path in paths} - there
    assert not [name for name in there if name.startswith(("tests/", "benchmarks/", "docs/", "examples/"))]
    assert wheel.stat().st_size < MAX_BYTES


@pytest.mark.slow  # its kernels are compiled anew: they are cached by where their sources lie
@pytest.mark.timeout(1200)
def test_it_runs_from_any_folder(wheel: Path, tmp_path: Path) -> None:
    environment, elsewhere = tmp_path / "environment", tmp_path / "elsewhere"
    elsewhere.mkdir()
    run(sys.executable, "-m", "venv", environment, folder=tmp_path)
    python = environment / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", "--no-deps", wheel, folder=elsewhere)
    site = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", folder=elsewhere).strip()
    # What the project needs is here already; its own editable install is not reached through a path file.
    Path(site, "requirements.pth").write_text(sysconfig.get_path("purelib") + "\n")
    program = environment / "bin" / "collaparte"
    assert str(site) in run(python, "-c", "import engine; print(engine.__file__)", folder=elsewhere)
    run(program, "demo", "--output", "demo", "--no-page", folder=elsewhere)
    assert (elsewhere / "demo" / "picture.png").is_file()
    assert "kernels" in run(program, "doctor", folder=elsewhere)
    run(program, "separate", "demo/performance.wav", "--model", "unmix", "--output", "stems", folder=elsewhere)
    assert (elsewhere / "stems" / "performance" / "vocals.wav").is_file()
