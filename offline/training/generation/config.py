"""The settings of training and exporting networks that write music; light to import, since `--help` reads them."""

from __future__ import annotations

from dataclasses import MISSING, dataclass
from functools import partial
from pathlib import Path

from engine.core.config import Settings, choice, plain, ranged
from offline.generation.cards import FOLDER
from offline.generation.systems import SYSTEMS, names_where
from offline.music.catalogue import ROLL_SETS
from offline.training.common.config import LoopConfig, RunConfig

__all__ = [
    "GENERATOR_SIZES",
    "GenerationExport",
    "GenerationSurvey",
    "GenerationTraining",
    "GeneratorEvaluation",
    "trained_systems",
]

GENERATOR_SIZES = ("published", "small", "tiny")  # small is learnt in ten minutes of a CPU, tiny is for tests
SYMBOLIC = "folder of symbolic corpora, or a corpus.npz of your own, as `collaparte data` writes them"
GenerationLoop = partial(
    LoopConfig,
    learning_rate=2e-3,
    decay=0.6,
    clip=1.0,
    weight_decay=0.0,
    average=0.995,
    validate_every_s=120.0,
)


def trained_systems() -> tuple[str, ...]:
    """Return the systems that have weights of their own."""
    return names_where(lambda system: bool(system.training) and not system.weights_of)


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationTraining(RunConfig):
    """Train a system that writes music."""

    system: str = choice(MISSING, tuple(SYSTEMS), "system to train")
    data: Path = plain(MISSING, SYMBOLIC)
    size: str = choice("published", GENERATOR_SIZES, "size of the network")
    batch: int | None = ranged(None, 1, 65536, "sequences of a batch (default 16; of Frames 8)")
    rolls: str = choice(ROLL_SETS[0], ROLL_SETS, "RNN-RBM only: set of rolls to learn")
    hidden: int | None = ranged(None, 1, 8192, "Frames only: units of an LSTM layer; by default as the size says")
    width: int | None = ranged(None, 1, 8192, "Frames only: units of the head; by default as the size says")
    embed: int | None = ranged(None, 1, 4096, "Frames only: size of each embedding; by default as the size says")
    dropout: float | None = ranged(None, 0, 0.9, "Frames only: dropout; by default as the size says")
    blank: float | None = ranged(
        None, 0, 0.9, "Frames only: share of notes hidden in training; by default as the size says"
    )
    loop: LoopConfig = plain(GenerationLoop, "how long and how fast the network learns")


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationExport(Settings):
    """Export a trained system to the files that play without torch; the record of systems fills the card."""

    checkpoint: Path = plain(MISSING, "checkpoint.pt of a training run of `train generation`")
    data: Path = plain(MISSING, SYMBOLIC)
    output: Path = plain(FOLDER, "folder to write the files and the card into")


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationSurvey(Settings):
    """Train every system side by side, each in its own process."""

    data: Path = plain(MISSING, SYMBOLIC)
    output: Path = plain(MISSING, "folder to write a run folder for each system into")
    systems: tuple[str, ...] = plain((), "systems to train; by default all")
    size: str = choice("published", GENERATOR_SIZES, "size of the networks")
    batch: int | None = ranged(64, 1, 65536, "sequences of a batch")
    minutes: float = ranged(5.0, 0, 100_000, "training time of a system of usual size", unit="min")
    steps: int | None = ranged(None, 0, 1_000_000_000, "training steps of each system instead of minutes")
    cpu_time: bool = plain(False, "count the minutes in CPU time, for a busy machine")
    jobs: int = ranged(8, 1, 256, "systems trained at the same time")
    device: str = plain("auto", "device to train on: cpu, cuda, or auto for cuda where there is one")


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorEvaluation(Settings):
    """Measure generators: likelihood beside baselines, and samples beside the corpus."""

    models: tuple[str, ...] = plain((), "systems, or frame networks NAME.onnx; by default those that are shipped")
    data: Path = plain(MISSING, "folder with Jsb16thSeparated.json and the .mat sets")
    split: str = choice("test", ("valid", "test"), "part of the corpora to measure on")
    temperature: float = ranged(0.7, 0.05, 10, "temperature of the choice of pitch")
    rules: bool = plain(True, "sample with the rule against parallels")
    runs: tuple[Path, ...] = plain((), "run folders of RNN-RBMs trained on other sets")
