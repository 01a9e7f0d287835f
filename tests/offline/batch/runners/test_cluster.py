"""A Dask cluster does the same tasks: of this machine, and by the address of a scheduler."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from distributed import Client

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


def networks() -> bool:
    """Whether this user may make networks."""
    if shutil.which("ip") is None or os.geteuid() != 0:
        return False
    made = subprocess.run(["ip", "netns", "add", "collaparte-try"], capture_output=True, check=False)
    subprocess.run(["ip", "netns", "del", "collaparte-try"], capture_output=True, check=False)
    return made.returncode == 0


@pytest.fixture
def two_hosts() -> Iterator[tuple[str, Callable[[], object]]]:
    """A scheduler with a worker here and one in another network; and what cuts that one off."""
    if not networks():
        pytest.skip("needs root, and the program ip")
    tag = f"cp{os.getpid() % 100_000}"

    def ip(*words: str) -> None:
        subprocess.run(["ip", *words], check=True, capture_output=True)

    dask = [sys.executable, "-m"]
    env = {
        **os.environ,
        "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "15s",
        "DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": "15s",
    }
    children: list[subprocess.Popen] = []
    ip("netns", "add", tag)
    try:
        ip("link", "add", tag, "type", "veth", "peer", "name", "far", "netns", tag)
        ip("addr", "add", "10.77.31.1/24", "dev", tag)
        ip("link", "set", tag, "up")
        ip("-n", tag, "addr", "add", "10.77.31.2/24", "dev", "far")
        ip("-n", tag, "link", "set", "far", "up")
        start = [*dask, "distributed.cli.dask_scheduler", "--host", "10.77.31.1", "--port", "0", "--no-dashboard"]
        main = subprocess.Popen(start, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=env)
        children.append(main)
        assert main.stderr is not None
        address = next(line for line in main.stderr if "Scheduler at:" in line).split()[-1]
        threading.Thread(target=main.stderr.read, daemon=True).start()
        work = [*dask, "distributed.cli.dask_worker", address, "--nthreads", "1", "--no-dashboard", "--host"]
        quiet = {"stderr": subprocess.DEVNULL, "cwd": ROOT, "env": env}
        children.append(subprocess.Popen([*work, "10.77.31.1"], **quiet))  # type: ignore[call-overload]
        children.append(subprocess.Popen(["ip", "netns", "exec", tag, *work, "10.77.31.2"], **quiet))  # type: ignore[call-overload]
        with Client(address, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=120)
        yield address, lambda: ip("link", "set", tag, "down")
    finally:
        for child in children:
            child.kill()
            child.wait()
        for pid in subprocess.run(
            ["ip", "netns", "pids", tag], capture_output=True, text=True, check=False
        ).stdout.split():
            os.kill(int(pid), 9)
        subprocess.run(["ip", "netns", "del", tag], check=False)
        subprocess.run(["ip", "link", "del", tag], capture_output=True, check=False)


@pytest.mark.slow
def test_a_host_that_is_cut_off_loses_nothing(tmp_path: Path, two_hosts: tuple[str, Callable[[], object]]) -> None:
    address, cut = two_hosts
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    tasks = [
        BatchTask(CountJob(), "job", item, FilePlace(tmp_path / "out", f"{item.name}.txt"))
        for item in items_in(tmp_path / "in", **{f"slow{i:03d}": i for i in range(120)})
    ]
    found = []
    for i, report in enumerate(ClusterPool(address, LIMITS).run(tasks, threading.Event())):
        found.append(report)
        if i == 30:
            cut()
    assert sorted(report.name for report in found) == [f"slow{i:03d}" for i in range(120)]
    assert {report.status for report in found} == {"ok"}
    assert len([path for path in (tmp_path / "out").iterdir() if path.suffix == ".txt"]) == 120
