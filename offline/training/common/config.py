"""The settings that all trainings share; light to import, since `--help` reads them."""

from __future__ import annotations

from dataclasses import MISSING, dataclass
from pathlib import Path

from engine.core.config import Settings, plain, ranged

__all__ = ["AverageConfig", "ExportConfig", "LoopConfig", "PlotConfig", "RunConfig"]

CHECKPOINTS = "checkpoints of training runs of one network"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopConfig(Settings):
    """How long and how fast a network learns."""

    minutes: float = ranged(10.0, 0, 100_000, "training time of this call", unit="min")
    steps: int | None = ranged(
        None, 0, 1_000_000_000, "training steps of this call instead of minutes: the same on every machine"
    )
    until: int | None = ranged(
        None, 0, 1_000_000_000, "train to this step of the run instead: one that was stopped and resumed ends the same"
    )
    cpu_time: bool = plain(False, "count the minutes in CPU time of this process, for a busy machine")
    learning_rate: float = ranged(1e-3, 0, 1, "largest learning rate of Adam")
    weight_decay: float = ranged(1e-5, 0, 1, "L2 penalty of the weights")
    warmup: int = ranged(50, 1, 1_000_000, "steps until the learning rate is reached")
    decay: float = ranged(0.3, 0, 1, "last share of the call, over which the learning rate falls to 0")
    average: float = ranged(0.998, 0, 0.999999, "decay of the running average of the weights per step")
    clip: float = ranged(5.0, 0, 1e9, "largest norm of the gradient; 0 for any")
    validate_every_s: float = ranged(300.0, 0, 1e9, "training time between validations", unit="s")
    save_every_s: float = ranged(120.0, 0, 1e9, "training time between checkpoints", unit="s")

    @property
    def length(self) -> str:
        """How long a call trains, as text."""
        if self.until is not None:
            return f"to step {self.until}"
        return f"{self.minutes:g} minutes" if self.steps is None else f"{self.steps} steps"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig(Settings):
    """What every training takes."""

    output: Path = plain(MISSING, "folder to write checkpoint.pt and curves.jsonl into")
    seed: int = ranged(0, 0, 2**32 - 1, "seed of initial weights and batches")
    device: str = plain("auto", "device to train on: cpu, cuda, or auto for cuda where there is one")
    threads: int | None = ranged(None, 1, 1024, "processor threads to train with (default: all)")
    resume: bool = plain(False, "continue the run whose checkpoint is in the output folder")
    loop: LoopConfig = plain(LoopConfig, "how long and how fast the network learns")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportConfig(Settings):
    """What every export takes; the texts go onto the card."""

    checkpoint: Path = plain(MISSING, "checkpoint.pt of a training run")
    output: Path = plain(MISSING, "network file to write, NAME.onnx; its card NAME.toml is written beside it")
    licence: str = plain(MISSING, "licence of the weights")
    data: str = plain(MISSING, "data that the network was trained on, and its licence")
    split: str = plain("", "data that was kept for validation and test")
    training: str = plain("", "how the network was trained, beyond the settings in the checkpoint")
    metrics: str = plain("", "what the network reaches on the test data")


@dataclass(frozen=True, slots=True, kw_only=True)
class AverageConfig(Settings):
    """Average the weights of several runs."""

    checkpoints: tuple[Path, ...] = plain(MISSING, CHECKPOINTS)
    output: Path = plain(MISSING, "folder to write the new checkpoint.pt into")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlotConfig(Settings):
    """Draw the learning curves of a run."""

    folder: Path = plain(MISSING, "folder of a training run")
    output: Path | None = plain(None, "picture to write (default: curves.png in the folder)")
