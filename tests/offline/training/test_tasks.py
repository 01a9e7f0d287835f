"""The registry of trainings: complete, consistent, and light to import."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import get_type_hints

import pytest

from engine.core.config import Settings, settings_of
from offline.training.tasks import AVERAGE, PLOT, TRAININGS, TrainingJob, TrainingRow
from tests.places import ROOT

ROWS = list(TRAININGS.values())
JOBS = [AVERAGE, PLOT, *(getattr(row, each.name) for row in ROWS for each in fields(TrainingRow))]
JOBS = [job for job in JOBS if isinstance(job, TrainingJob)]

HEAVY = {"torch", "onnx", "matplotlib", "librosa", "scipy", "numba"}


def test_help_needs_no_torch() -> None:
    code = "import offline.training.tasks, sys; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not HEAVY & set(result.stdout.split())


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.function)
def test_a_job_names_a_function_of_its_config(job: TrainingJob) -> None:
    module, _, name = job.function.partition(":")
    function = getattr(importlib.import_module(module), name)
    first = next(iter(inspect.signature(function).parameters))
    assert get_type_hints(function)[first] is job.config
    assert function.__doc__


def names(kind: type[Settings]) -> Iterator[str]:
    """Names of all fields that become options; settings inside are flattened."""
    hints = get_type_hints(kind)
    for name in settings_of(kind):
        if is_dataclass(hints[name]):
            yield from names(hints[name])
        else:
            yield name


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.function)
def test_every_field_is_declared_and_unique_in_its_job(job: TrainingJob) -> None:
    assert [each.name for each in fields(job.config)] == list(settings_of(job.config))  # type: ignore[arg-type]
    all_names = list(names(job.config))
    assert len(set(all_names)) == len(all_names)
    assert "model" not in all_names  # that word is for what runs
