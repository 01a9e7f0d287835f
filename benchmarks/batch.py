"""Batches: what a task costs besides its work, two cores against one, a hundred thousand files that are killed.

python -m benchmarks.batch [--files 2000] [--songs 20] [--only overhead cores killed speed]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import numpy as np
import soundfile

from benchmarks.batch_jobs import RowJob
from benchmarks.rows import Row
from offline.batch.files.inputs import find_items
from offline.batch.manifest import BatchFolder, read_batch_manifest
from offline.batch.outputs.places import NoPlace
from offline.batch.planning import BatchPlan
from offline.batch.runners.cluster import LOCAL_CLUSTER, ClusterPool
from offline.batch.runners.limits import BatchLimits
from offline.batch.runners.local_pool import LocalPool
from offline.batch.running import BatchOrder, run_batch
from offline.batch.task import BatchItem, TaskReport

__all__ = ["rows"]

ROOT = Path(__file__).parents[1]
KILLS = 5
SECONDS, RATE = 30, 44100


@dataclass
class Clock:
    """A watcher that tells planning from working."""

    planned_s: float = 0.0
    begun_s: float = 0.0  # with the first answer: processes have started by then
    over_s: float = 0.0

    def on_plan(self, plan: BatchPlan) -> None:
        self.planned_s = time.perf_counter()

    def on_report(self, item: BatchItem, report: TaskReport) -> None:
        self.begun_s = self.begun_s or time.perf_counter()

    def on_idle(self) -> None:
        self.over_s = time.perf_counter()


def rows(n_files: int = 2000, n_songs: int = 20, only: tuple[str, ...] = ()) -> Iterator[Row]:
    """All rows, or those of some kinds."""
    kinds: dict[str, Callable[[Path], Iterator[Row]]] = {
        "overhead": lambda place: overhead(place, min(n_files, 500)),
        "killed": lambda place: killed(place, n_files),
        "cores": lambda place: cores(place, n_songs),
    }
    for name, measure in kinds.items():
        if not only or name in only:
            with tempfile.TemporaryDirectory() as folder:
                yield from measure(Path(folder))


def order_of(place: Path, folder: Path) -> BatchOrder:
    return BatchOrder(
        job=RowJob(),
        items=find_items([str(folder)]).items,
        place=lambda items, entries: [NoPlace()] * len(items),
        folder=BatchFolder(place / "batch"),
        tables={"rows": place / "rows.tsv"},
    )


def small_files(folder: Path, n: int) -> Path:
    """Files of one second of telephone speech's size, a thousand a folder."""
    content = bytes(16_044)
    for i in range(n):
        place = folder / f"{i // 1000:03d}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{i:06d}.wav").write_bytes(content)
    return folder


def overhead(place: Path, n: int) -> Iterator[Row]:
    """What a task costs besides its work, once processes have started."""
    folder = small_files(place / "in", n)
    limits = BatchLimits(workers=1, nice=0)
    for name, runner in {"processes": LocalPool(limits).run, "Dask": ClusterPool(LOCAL_CLUSTER, limits).run}.items():
        clock = Clock()
        cpu_s = time.process_time()
        run_batch(order_of(place / name, folder), runner, clock, Event())
        cpu_s = time.process_time() - cpu_s
        wall_ms = 1000 * (clock.over_s - clock.begun_s) / (n - 1)
        yield Row(
            what=f"overhead a task, {name}, one worker, {n} tasks: by the clock / CPU of the parent",
            ours=f"{wall_ms:.2f} / {1000 * cpu_s / n:.2f} ms",
            peer="",
            ratio="",
            agreement="reads a file of 16 kB and gives a row",
        )


def killed(place: Path, n: int) -> Iterator[Row]:
    """A batch killed again and again: what it takes to go on, and what comes out."""
    folder = small_files(place / "in", n)
    manifest, table = place / "killed/batch/manifest.jsonl", place / "killed/rows.tsv"
    draw = random.Random(0)
    for share in sorted(draw.uniform(0.02, 0.95) for _ in range(KILLS)):
        command = [sys.executable, "-m", "benchmarks.batch", "--child", str(place / "killed"), str(folder)]
        with subprocess.Popen(command, cwd=ROOT, start_new_session=True) as child:
            while not manifest.is_file() or manifest.stat().st_size < share * n * 250:
                time.sleep(0.005)
            os.killpg(child.pid, signal.SIGKILL)
    facts = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
    whole = [*command[:-2], str(place / "whole"), str(folder)]
    subprocess.run(whole, cwd=ROOT, capture_output=True, check=True)
    lines = [line for line in manifest.read_bytes().splitlines() if line.endswith(b"}")]
    same = table.read_bytes() == (place / "whole/rows.tsv").read_bytes()
    twice = len(lines) - len(read_batch_manifest(manifest))
    again = json.loads(subprocess.run(whole, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
    yield Row(
        what=f"{n:,} small files, killed with -9 {KILLS} times: finding and planning the rest / all done before",
        ours=f"{facts['planned_s']:.1f} / {again['planned_s']:.1f} s",
        peer="",
        ratio="",
        agreement=f"table {'the same to the byte' if same else 'DIFFERS'} as undisturbed; {twice} done twice; parent "
        f"at most {max(facts['peak_mb'], again['peak_mb']):.0f} MB; writing the table {again['table_s']:.1f} s",
    )


def child(place: Path, folder: Path) -> None:
    """One run, in a process of its own; prints what it took."""
    begun_s, clock = time.perf_counter(), Clock()
    run_batch(order_of(place, folder), LocalPool(BatchLimits(nice=0)).run, clock, Event())
    facts = {
        "planned_s": clock.planned_s - begun_s,
        "table_s": time.perf_counter() - clock.over_s,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps(facts))


def cores(place: Path, n: int) -> Iterator[Row]:
    """Two workers against one, and how fast each job is."""
    rng = np.random.default_rng(0)
    for i in range(n):
        (place / "in").mkdir(exist_ok=True)
        noise = 0.1 * rng.standard_normal((SECONDS * RATE, 2)).astype(np.float32)
        soundfile.write(place / "in" / f"{i:03d}.wav", noise, RATE)
    jobs = {
        "separate hpss": ("separate",),
        "separate unmix": ("separate", "--model", "unmix"),
        "tag": ("tag",),
        "features cqt": ("features", "--features", "cqt"),
    }
    for name, words in jobs.items():
        walls, speed = [], 0.0
        for workers in (1, 2):
            output = place / f"{name.replace(' ', '-')}-{workers}{'.tsv' if words[0] == 'tag' else ''}"
            command = [sys.executable, "-m", "cli", "batch", *words[:1], str(place / "in"), "-o", str(output)]
            command += [*words[1:], "--workers", str(workers), "--nice", "0", "--log-json"]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
            lines = [json.loads(line) for line in done.stdout.splitlines()]
            walls.append(lines[-1]["wall_s"])
            tasks = [line for line in lines if line["type"] == "task"][1:]  # the first compiles and loads
            speed = sum(line["audio_s"] for line in tasks) / sum(line["cpu_s"] for line in tasks)
        yield Row(
            what=f"{name}, {n} files of {SECONDS} s, stereo: times real time on one core",
            ours=f"{speed:.0f}",
            peer="",
            ratio=f"{walls[0] / walls[1]:.2f} with two workers",
            agreement=f"{walls[0]:.1f} and {walls[1]:.1f} s by the clock",
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--songs", type=int, default=20)
    parser.add_argument("--only", nargs="*", default=())
    parser.add_argument("--child", nargs=2, type=Path)
    options = parser.parse_args()
    if options.child:
        child(*options.child)
        return
    for row in rows(options.files, options.songs, tuple(options.only)):
        print(row, flush=True)


if __name__ == "__main__":
    main()
