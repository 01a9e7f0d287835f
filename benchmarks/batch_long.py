"""Recordings of hours: the memory that each job of a batch takes, by the length.

python -m benchmarks.batch_long [--hours 1 2 8] [--jobs align kam]: mono at 22.05 kHz, a piece of ten minutes again and
again, with its score. Eight hours of everything take some hours; `separate unmix` alone half of one.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import numpy as np
import soundfile

from benchmarks.rows import Row
from engine.score.score import make_score
from offline.music.midi_file import write_midi
from offline.music.piece import Piece, make_notes
from offline.synthesis.additive_piano import additive
from offline.synthesis.demo_performance import PerformConfig, perform

__all__ = ["rows"]

ROOT = Path(__file__).parents[1]
RATE, BPM, QUARTERS = 22_050, 100, 1000
SECONDS = QUARTERS * 60 / BPM
LIMIT_MB = 600
PLAIN = PerformConfig(arch=0.0, wander=0.0, slowing=0.0, spread_ms=0.0, lead_ms=0.0, start_s=0.0)
JOBS = {
    "hpss": ("separate", "SONG"),
    "kam": ("separate", "SONG", "--model", "kam"),
    "unmix": ("separate", "SONG", "--model", "unmix"),
    "tag": ("tag", "SONG"),
    "align": ("align", "PIECES", "--features", "bands"),
    "follow": ("follow", "PIECES", "--features", "bands"),
    "cqt": ("features", "SONG", "--features", "cqt"),
    "chroma": ("features", "SONG", "--features", "chroma"),
    "salience": ("features", "SONG", "--features", "salience"),
    "learned": ("features", "SONG", "--features", "learned"),
}

Notes = list[tuple[float, float, int, int]]


def unit() -> Notes:
    """Ten minutes of a melody over single notes, no two bars alike."""
    dice, pitch, notes = Random(3), 67, []
    for quarter in range(QUARTERS):
        for half in (0.0, 0.5):
            pitch = min(max(pitch + dice.choice((-4, -3, -2, -1, 1, 2, 3, 4)), 60), 84)
            notes.append((quarter + half, 0.5, pitch, 80))
        notes.append((quarter, 1.0, 36 + dice.randrange(24), 60))
    return notes


def write_song(folder: Path, hours: float, sound: np.ndarray) -> None:
    """song.wav, score.mid and pieces.csv."""
    n = max(1, round(hours * 3600 / SECONDS))
    with soundfile.SoundFile(str(folder / "song.wav"), "w", RATE, 1, subtype="PCM_16") as file:
        for _ in range(n):
            file.write(sound)
    rows = [(q + QUARTERS * k, length, pitch, velocity) for k in range(n) for q, length, pitch, velocity in unit()]
    notes = make_notes([(round(4 * q), round(4 * length), pitch, 0) for q, length, pitch, _ in rows])
    piece = Piece(notes=notes, n_steps=4 * QUARTERS * n, steps_per_quarter=4, tempo_bpm=BPM)
    write_midi(piece, folder / "score.mid")
    (folder / "pieces.csv").write_text("score,audio\nscore.mid,song.wav\n")


def rows(hours: Sequence[float] = (1, 2), jobs: Sequence[str] = tuple(JOBS)) -> Iterator[Row]:
    """A row for each job: megabytes by length."""
    played = perform(make_score("unit", unit(), tempi=[(0, BPM)]), seed=0, config=PLAIN)
    sound = np.zeros(int(SECONDS * RATE), np.float32)
    whole = np.asarray(additive(played, RATE), np.float32)[: len(sound)]
    sound[: len(whole)] = 0.5 * whole / np.abs(whole).max()
    for job in jobs:
        facts = {each: measured(job, each, sound) for each in hours}
        most = max(mb for mb, _ in facts.values())
        yield Row(
            what=f"{job}, a recording of {' / '.join(f'{each:g}' for each in hours)} h: most memory",
            ours=f"{' / '.join(f'{mb:.0f}' for mb, _ in facts.values())} MB",
            peer="",
            ratio="",
            agreement=f"{'within' if most <= LIMIT_MB else 'BEYOND'} {LIMIT_MB} MB; "
            f"{' / '.join(f'{speed:.0f}' for _, speed in facts.values())} times real time on one core",
        )


def measured(job: str, hours: float, sound: np.ndarray) -> tuple[float, float]:
    """The most memory of the worker, MB, and how many times real time it was, by its processor time."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_song(folder, hours, sound)
        named = {"SONG": str(folder / "song.wav"), "PIECES": str(folder / "pieces.csv")}
        out = folder / ("out.tsv" if job == "tag" else "out")
        words = [named.get(word, word) for word in JOBS[job]]
        command = [sys.executable, "-m", "cli", "batch", *words, "-o", str(out), "--workers", "1", "--log-json"]
        done = subprocess.run(
            [*command, "--timeout-factor", "0"], cwd=ROOT, capture_output=True, text=True, check=False
        )
        tasks = [json.loads(line) for line in done.stdout.splitlines() if '"task"' in line]
        if not tasks or tasks[0]["status"] not in ("ok", "short"):
            raise RuntimeError(f"{job}, {hours:g} h: {tasks or done.stderr[-500:]}")
        shutil.rmtree(out, ignore_errors=True)
    return tasks[0]["peak_mb"], tasks[0]["audio_s"] / max(tasks[0]["cpu_s"], 1e-9)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--hours", type=float, nargs="*", default=(1.0, 2.0))
    parser.add_argument("--jobs", nargs="*", choices=tuple(JOBS), default=tuple(JOBS))
    options = parser.parse_args()
    for row in rows(options.hours, options.jobs):
        print(row, flush=True)


if __name__ == "__main__":
    main()
