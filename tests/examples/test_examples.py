"""Every example runs, from the folder where `make demo` has been, and says something."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.jack_server import JackServer
from tests.places import ROOT

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


LIVE = "follow_live"
LONG = {"remix_stems", "tempo_curve"}
RUN = [
    pytest.param(path, marks=[pytest.mark.slow] if path.stem in LONG else [], id=path.stem)
    for path in EXAMPLES
    if path.stem != LIVE
]


def output_of(example: Path, folder: Path, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, str(example), *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("example", RUN)
def test_an_example_runs(example: Path, demo_folder: Path) -> None:
    assert output_of(example, demo_folder).strip()


@pytest.mark.jack
def test_the_live_example_follows_a_device(demo_folder: Path, server: JackServer) -> None:
    said = output_of(ROOT / "examples" / f"{LIVE}.py", demo_folder, "demo/score.musicxml", "1")
    assert "ended: stopped" in said


def test_the_page_names_every_example() -> None:
    page = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    assert not [path.name for path in EXAMPLES if f"({path.name})" not in page]
