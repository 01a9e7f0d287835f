"""Batches: what a task costs besides its work, two cores against one, a hundred thousand files that are killed.

python -m benchmarks.batch [--files 2000] [--songs 20] [--only overhead cores killed speed]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
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
from benchmarks.batch_long import BPM, PLAIN, unit
from benchmarks.batch_peers import PEERS
from benchmarks.rows import Row
from engine.score.score import make_score
from offline.batch.files.inputs import find_items
from offline.batch.manifest import BatchFolder, read_batch_manifest
from offline.batch.outputs.places import NoPlace
from offline.batch.planning import BatchPlan
from offline.batch.runners.cluster import LOCAL_CLUSTER, ClusterPool
from offline.batch.runners.limits import BatchLimits
from offline.batch.runners.local_pool import LocalPool
from offline.batch.running import BatchOrder, run_batch
from offline.batch.task import BatchItem, TaskReport
from offline.music.midi_file import write_midi
from offline.music.piece import Piece, make_notes
from offline.synthesis.additive_piano import additive
from offline.synthesis.demo_performance import perform

__all__ = ["rows"]

ROOT = Path(__file__).parents[1]
KILLS = 5
LINE_BYTES = 250  # of the manifest, at most
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
            with tempfile.TemporaryDirectory(dir=room_for(name, n_songs)) as folder:
                yield from measure(Path(folder))


def room_for(name: str, n_songs: int) -> str | None:
    """In memory where songs are separated and there is room: not the disk is measured."""
    shm = Path("/dev/shm")
    needed = 4 * n_songs * SECONDS * RATE * 2 * 4
    return str(shm) if name == "cores" and shm.is_dir() and shutil.disk_usage(shm).free > needed else None


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
    command = [sys.executable, "-m", "benchmarks.batch", "--child", str(place / "killed"), str(folder)]
    n_kills = 0
    for share in sorted(draw.uniform(0.02, 0.95) for _ in range(KILLS)):
        with subprocess.Popen(command, cwd=ROOT, start_new_session=True, stdout=subprocess.DEVNULL) as child:
            while child.poll() is None and (not manifest.is_file() or manifest.stat().st_size < share * n * LINE_BYTES):
                time.sleep(0.005)
            n_kills += child.poll() is None
            os.killpg(child.pid, signal.SIGKILL)
    facts = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
    whole = [*command[:-2], str(place / "whole"), str(folder)]
    subprocess.run(whole, cwd=ROOT, capture_output=True, check=True)
    lines = [line for line in manifest.read_bytes().splitlines() if line.endswith(b"}")]
    same = table.read_bytes() == (place / "whole/rows.tsv").read_bytes()
    n_rows = table.read_bytes().count(b"\n") - 1
    twice = len(lines) - len(read_batch_manifest(manifest))
    again = json.loads(subprocess.run(whole, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
    yield Row(
        what=f"{n:,} small files, killed with -9 {n_kills} times: finding and planning the rest / all done before",
        ours=f"{facts['planned_s']:.1f} / {again['planned_s']:.1f} s",
        peer="",
        ratio="",
        agreement=f"table of {n_rows:,} rows {'the same to the byte as' if same else 'DIFFERS from that of'} an "
        f"undisturbed run beside it; {twice} done twice; parent at most "
        f"{max(facts['peak_mb'], again['peak_mb']):.0f} MB; writing the table {again['table_s']:.1f} s",
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


JOBS = {
    "separate hpss": (1.0, ("separate",)),
    "tag": (1.0, ("tag",)),
    "separate unmix": (0.15, ("separate", "--model", "unmix")),
    "features cqt": (0.5, ("features", "--features", "cqt")),
    "align": (0.25, ("align", "--features", "bands")),
}  # of how many of the songs, and the command; the slow ones of fewer, so that 200 songs take less than ten minutes


def cores(place: Path, n: int) -> Iterator[Row]:
    """Two workers against one, how fast each job is, and how fast peers are on one of the files."""
    folder = write_songs(place / "in", n)
    for name, (share, words) in JOBS.items():
        some = max(2, round(share * n))
        one_song = sorted(folder.iterdir())[0]
        if name == "align":
            listed, one_song = write_pieces(place / "pieces", some)
        else:
            listed = place / "songs.txt"
            listed.write_text("".join(f"{path}\n" for path in sorted(folder.iterdir())[:some]))
        measured_run(place, listed, words, 1)  # compiles what is not compiled yet, and has the system find its memory
        runs = {workers: measured_run(place, listed, words, workers) for workers in (1, 2)}
        (one_s, one), (two_s, two) = runs[1], runs[2]
        peers = peer_speeds(name, one_song)
        yield Row(
            what=f"{name}, {some} files of {SECONDS} s, stereo: times real time on one core",
            ours=f"{SECONDS / one:.0f}",
            peer="; ".join(f"{peer} {speed}" for peer, speed in peers.items()),
            ratio=f"{one_s / two_s:.2f} with two workers",
            agreement=f"{one_s:.1f} and {two_s:.1f} s by the clock, all included; CPU a file {one:.3f} s alone, "
            f"{two:.3f} beside another",
        )


def write_songs(folder: Path, n: int) -> Path:
    """Noise that comes and goes, in files of their own."""
    folder.mkdir(parents=True)
    noise = 0.1 * np.random.default_rng(0).standard_normal((SECONDS * RATE, 2)).astype(np.float32)
    for i in range(n):
        soundfile.write(folder / f"{i:03d}.wav", np.roll(noise, 997 * i, axis=0), RATE)
    return folder


def write_pieces(folder: Path, n: int) -> tuple[Path, Path]:
    """A table of pieces, all played alike, and the first recording, whose score is beside it."""
    folder.mkdir(parents=True)
    quarters = SECONDS * BPM // 60
    notes = [note for note in unit() if note[0] < quarters]
    steps = [(round(4 * quarter), round(4 * length), pitch, 0) for quarter, length, pitch, _ in notes]
    piece = Piece(notes=make_notes(steps), n_steps=4 * quarters, steps_per_quarter=4, tempo_bpm=BPM)
    played = perform(make_score("unit", notes, tempi=[(0, BPM)]), seed=0, config=PLAIN)
    sound = np.zeros(SECONDS * RATE, np.float32)
    whole = np.asarray(additive(played, RATE), np.float32)[: len(sound)]
    sound[: len(whole)] = 0.5 * whole / np.abs(whole).max()
    for i in range(n):
        soundfile.write(folder / f"{i:03d}.wav", np.stack([sound, sound], axis=1), RATE)
        write_midi(piece, folder / f"{i:03d}.mid")
    table = folder / "pieces.csv"
    table.write_text("score,audio\n" + "".join(f"{i:03d}.mid,{i:03d}.wav\n" for i in range(n)))
    return table, folder / "000.wav"


def measured_run(place: Path, inputs: Path, words: tuple[str, ...], workers: int) -> tuple[float, float]:
    """Seconds by the clock of a whole batch, and of processor a file once all is loaded."""
    output = place / f"out{'.tsv' if words[0] == 'tag' else ''}"
    command = [sys.executable, "-m", "cli", "batch", words[0], str(inputs), "-o", str(output), *words[1:]]
    command += ["--workers", str(workers), "--nice", "0", "--log-json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    costs = [line["cpu_s"] for line in lines if line["type"] == "task"][workers:]  # the first of each worker loads
    for left in (output, output.with_name(f"{output.name}.batch")):
        shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)
    return lines[-1]["wall_s"], sum(costs) / len(costs) if costs else float("nan")


def peer_speeds(job: str, song: Path) -> dict[str, str]:
    """How many times real time the peers of a job are on the same file, each in a process of its own."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    found = {}
    for peer in PEERS.get(job, ()):
        command = [sys.executable, "-m", "benchmarks.batch_peers", peer, str(song)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=environment)
        found[peer] = done.stdout.strip() if done.returncode == 0 else "is not installed here"
    return found


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
