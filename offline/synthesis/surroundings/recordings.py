"""Write recordings in which none of the classes sounds, and talk: to train on, and to count invented events in.

OUT/KIND/NUMBER.flac, mono at 22.05 kHz, with manifest.csv as `offline.synthesis.sound_bank` reads it: every recording
a source of its own, with the label `_background`, or `speech` for talk.
"""

from __future__ import annotations

import zlib
from dataclasses import MISSING, dataclass
from pathlib import Path

import numpy as np
import soundfile
from tqdm import tqdm

from engine.core.config import Settings, choice, plain, ranged
from engine.core.errors import ConfigError
from engine.core.table_log import TableLog
from engine.detection.frame_clock import SOUND_RATE
from offline.synthesis.sound_bank import SPLITS
from offline.synthesis.surroundings.kinds import SURROUNDINGS, surroundings

__all__ = ["SurroundingsJob", "make_surroundings"]

PEAK = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class SurroundingsJob(Settings):
    """What is written; other splits and seeds share no source, and talk no voice and no sentence between splits."""

    output: Path = plain(MISSING, "folder to write")
    kinds: tuple[str, ...] = plain(tuple(SURROUNDINGS), "kinds to write: " + ", ".join(SURROUNDINGS))
    which: str = choice("train", SPLITS, "part: its own sources, voices and sentences")
    recordings: int = ranged(30, 1, 100_000, "recordings of each kind")
    seconds: float = ranged(60.0, 1, 3600, "length of each", unit="s")
    seed: int = ranged(0, 0, 2**31, "seed")

    def __post_init__(self) -> None:
        if unknown := [kind for kind in self.kinds if kind not in SURROUNDINGS]:
            raise ConfigError("--kinds", expected=" ".join(SURROUNDINGS), got=" ".join(unknown))


def make_surroundings(job: SurroundingsJob) -> int:
    """Write the recordings; return how many."""
    n = 0
    with TableLog(job.output / "manifest.csv", ("file", "label", "source", "split")) as manifest:
        for kind in job.kinds:
            (job.output / kind).mkdir(parents=True, exist_ok=True)
            for number in tqdm(range(job.recordings), desc=kind, unit="recording"):
                name = f"{kind}/{number:04d}.flac"
                soundfile.write(job.output / name, PEAK * _recording(job, kind, number), SOUND_RATE)
                label = "speech" if kind == "talk" else "_background"
                manifest.write([(name, label, f"{kind}-{job.which}-{job.seed}-{number}", job.which)])
                n += 1
    return n


def _recording(job: SurroundingsJob, kind: str, number: int) -> np.ndarray:
    rng = np.random.default_rng([job.seed, SPLITS.index(job.which), zlib.crc32(kind.encode()), number])
    return surroundings(kind, job.which, job.seconds, SOUND_RATE, rng)
