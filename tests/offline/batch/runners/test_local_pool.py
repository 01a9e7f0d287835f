"""Processes of this machine: each does its tasks, and none of them can spoil the batch."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from engine.core.errors import ModelError
from offline.batch.outputs.places import FilePlace
from offline.batch.runners.limits import BatchLimits
from offline.batch.runners.local_pool import LocalPool
from offline.batch.task import BatchTask, TaskReport
from tests.offline.batch.counting import CountJob, items_in

LIMITS = BatchLimits(workers=2, nice=0)


def run(tmp_path: Path, limits: BatchLimits = LIMITS, job: CountJob | None = None, **sizes: int) -> list[TaskReport]:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    tasks = [
        BatchTask(job or CountJob(), "job", item, FilePlace(tmp_path / "out", f"{item.name}.txt"))
        for item in items_in(tmp_path / "in", **sizes)
    ]
    return list(LocalPool(limits).run(tasks, threading.Event()))


def test_a_file_that_kills_is_marked_and_the_rest_is_done(tmp_path: Path) -> None:
    sizes = {"a": 1, "kills": 2, "bad": 3, "odd": 4, "once": 5, "short": 6, "b": 0}
    found = {report.name: report for report in run(tmp_path, **sizes)}
    status = {name: report.status for name, report in found.items()}
    assert status == {
        "a": "ok",
        "b": "ok",
        "bad": "failed",
        "odd": "failed",
        "short": "short",
        "once": "ok",
        "kills": "killed",
    }
    assert f"{tmp_path}/in/kills: expected a recording that its process survives" in found["kills"].error
    assert "got its death (SIGSEGV)" in found["kills"].error and "batch retry" in found["kills"].error
    assert "ZeroDivisionError: by nothing (counting.py, line" in found["odd"].error
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        f"{name}.txt" for name in ("a", "b", "once", "short")
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "limits", "said"),
    [
        ("hangs", BatchLimits(workers=2, timeout=1.0, nice=0), "got no result after 1 s"),
        ("eats", BatchLimits(workers=2, memory=0.5, nice=0), "GB of memory, more than the 0.5 GB allowed"),
    ],
)
def test_memory_and_time_are_bounded(tmp_path: Path, name: str, limits: BatchLimits, said: str) -> None:
    found = {report.name: report for report in run(tmp_path, limits, **{name: 1, "a": 1})}
    assert {name: report.status for name, report in found.items()} == {name: "killed", "a": "ok"}
    assert said in found[name].error


def test_a_job_that_cannot_begin_ends_the_batch(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="weights: expected some, got none"):
        run(tmp_path, BatchLimits(workers=1), CountJob(usable=False), a=1, b=1)


def test_the_share_of_a_worker() -> None:
    assert BatchLimits(workers=3).n_workers == 3 and BatchLimits().n_workers >= 1
    assert BatchLimits(memory=2).n_bytes == 2_000_000_000 and BatchLimits(workers=4).n_bytes > 1_000_000
    assert BatchLimits().longest_s(100) == 5000 and BatchLimits(timeout=7).longest_s(0) == 7
    assert BatchLimits(timeout_factor=0).longest_s(1e9) == float("inf")
