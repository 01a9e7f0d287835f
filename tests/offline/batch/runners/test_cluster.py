"""A Dask cluster does the same tasks: of this machine, and by the address of a scheduler."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.core.errors import ConfigError
from offline.batch.outputs.places import FilePlace
from offline.batch.runners.cluster import LOCAL_CLUSTER, ClusterPool
from offline.batch.runners.limits import BatchLimits
from offline.batch.task import BatchTask, TaskReport
from tests.offline.batch.counting import CountJob, items_in
from tests.places import ROOT

LIMITS = BatchLimits(workers=2, timeout=30.0, timeout_factor=1.0, memory=0.5, nice=0)


def run(tmp_path: Path, pool: ClusterPool, **sizes: int) -> dict[str, TaskReport]:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    tasks = [
        BatchTask(CountJob(), "job", item, FilePlace(tmp_path / "out", f"{item.name}.txt"))
        for item in items_in(tmp_path / "in", **sizes)
    ]
    return {report.name: report for report in pool.run(tasks, threading.Event())}


@pytest.mark.slow
def test_a_cluster_of_this_machine(tmp_path: Path) -> None:
    said: list[str] = []
    pool = ClusterPool(LOCAL_CLUSTER, LIMITS, said.append)
    found = run(tmp_path, pool, a=1, kills=2, bad=3, odd=4, once=5, short=6, b=0)
    assert {name: report.status for name, report in found.items()} == {
        "a": "ok",
        "b": "ok",
        "bad": "failed",
        "odd": "failed",
        "once": "ok",
        "short": "short",
        "kills": "killed",
    }
    assert "the death of every worker that tried" in found["kills"].error
    assert re.match(r"dashboard of the cluster: http://127.0.0.1:\d+/status", said[0])
    assert len(list((tmp_path / "out").iterdir())) == 4


@pytest.fixture
def scheduler() -> Iterator[str]:
    """A scheduler with one worker, as a user starts them."""
    start = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"]
    with subprocess.Popen([*start, "--no-dashboard"], stderr=subprocess.PIPE, text=True, cwd=ROOT) as main:
        assert main.stderr is not None
        line = next(line for line in main.stderr if "Scheduler at:" in line)
        address = line.split()[-1]
        work = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "1", "--no-dashboard"]
        with subprocess.Popen(work, stderr=subprocess.DEVNULL, cwd=ROOT) as worker:
            try:
                yield address
            finally:
                worker.terminate()
                main.terminate()


@pytest.mark.slow
def test_a_scheduler_by_its_address(tmp_path: Path, scheduler: str) -> None:
    found = run(tmp_path, ClusterPool(scheduler, LIMITS), a=1, bad=2, b=3)
    assert {name: report.status for name, report in found.items()} == {"a": "ok", "bad": "failed", "b": "ok"}
    assert (tmp_path / "out/b.txt").read_text() == "3\n"


def test_no_scheduler_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--cluster: expected a Dask scheduler"):
        run(tmp_path, ClusterPool("nonsense://127.0.0.1:1", LIMITS), a=1)
