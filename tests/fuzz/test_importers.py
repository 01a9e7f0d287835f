"""A few files for every importer; `make fuzz` takes ten minutes for each."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.fuzz.check import fuzz_test, require_one_line
from tests.fuzz.targets import TARGETS, Target

N_FILES = {"audio": 60, "pth": 60, "musicxml": 60, "mxl": 40}  # which are slow; else as many as below
N_OTHERS = 100

every_target = pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)


@every_target
def test_files_in_order_are_read(target: Target, tmp_path: Path) -> None:
    if target.name == "pth":
        pytest.skip("whole networks are read in the tests of import-weights")
    for seed in target.seeds():
        assert require_one_line(target, tmp_path / f"x{target.suffix}", seed)


@every_target
def test_damaged_files_are_read_or_refused_in_one_line(target: Target, tmp_path: Path) -> None:
    few = settings(max_examples=N_FILES.get(target.name, N_OTHERS), suppress_health_check=list(HealthCheck))
    few(fuzz_test(target, tmp_path / f"x{target.suffix}"))()
