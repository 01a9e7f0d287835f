"""Packages export what they promise, and none costs what its heaviest module needs before that is used."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from engine.core.lazy import exports
from tests.places import ROOT

PACKAGES = [*(f"engine.{path.parent.name}" for path in sorted((ROOT / "engine").glob("*/__init__.py")))]
WINGS = ("alignment", "batch", "datasets", "evaluation", "following", "separation", "synthesis")
LAZY = [*(name for name in PACKAGES if name != "engine.dsp.generated"), *(f"offline.{wing}" for wing in WINGS)]
HEAVY = {"numba", "defusedxml", "onnxruntime", "soundfile", "mido"}


@pytest.mark.parametrize("name", LAZY)
def test_every_promised_name_is_there(name: str) -> None:
    package = importlib.import_module(name)
    assert sorted(package.__all__) == sorted(exports(name))
    for each, home in exports(name).items():
        value = getattr(package, each)
        assert value is getattr(importlib.import_module(home), each)
        assert home.startswith(name + ".")
        assert getattr(value, "__module__", home) == home or not callable(value)


@pytest.mark.parametrize("name", LAZY)
def test_a_misspelt_name_is_an_error(name: str) -> None:
    with pytest.raises(ImportError, match="cannot import name 'Nonsense'"):
        exec(f"from {name} import Nonsense")


def test_packages_load_nothing_heavy() -> None:
    code = f"import sys, {', '.join(LAZY)}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not HEAVY & set(done.stdout.split())


PUBLIC = """
from engine.pipeline import Pipeline, PipelineConfig
from engine.realtime import Session
from engine.score import read_score
from engine.separation import Hpss
from offline.alignment import align

assert callable(align) and callable(read_score)
"""


def test_the_public_names_are_stable() -> None:
    subprocess.run([sys.executable, "-c", PUBLIC], cwd=ROOT, check=True)


@pytest.mark.parametrize("floor", ["engine", "models", "offline", "cli"])
def test_types_are_announced(floor: str) -> None:
    assert Path(ROOT, floor, "py.typed").is_file()
