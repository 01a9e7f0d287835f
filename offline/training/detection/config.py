"""The settings of training, exporting and fine-tuning a sound event network; light to import for `--help`."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from engine.core.config import Settings, check, choice, plain, ranged
from engine.core.errors import ConfigError
from models.detection.config import CrnnOptions, LossConfig
from offline.training.common.config import ExportConfig, LoopConfig, RunConfig

__all__ = [
    "DetectionExport",
    "DetectionFinetuning",
    "DetectionTable",
    "DetectionTraining",
    "RecurrentFinetuning",
    "RecurrentFit",
    "SceneAugmentation",
    "as_published",
]

LABELS = ("strong", "weak")
PRESETS = ("own", "published")
SETS = "folders of scenes to learn from, as `collaparte data scenes` and `data desed` make them"
FUSED = "embedding of the sets to fuse with the log-mel: NAME, or NAME=SIZE to project it to that size"
LICENCE = "as its recordings and the network it started from"


Trained = TypeVar("Trained", bound="DetectionTraining")


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneAugmentation(Settings):
    """How scenes are changed at random each time they are drawn."""

    gain_db: float = ranged(6.0, 0, 40, "largest gain of a smooth random filter over frequency", unit="dB")
    mask: int = ranged(12, 0, 64, "widest stripe of mel bands that is blanked", unit="bands")
    shift: int = ranged(0, 0, 32, "most that a scene is moved up or down in pitch", unit="bands")
    stretch: float = ranged(0.0, 0, 0.5, "largest relative change of a scene's speed")
    overlay: float = ranged(0.0, 0, 1, "share of the scenes that another scene is laid over")


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionTraining(RunConfig):
    """Train a sound event network on sets of scenes."""

    sets: tuple[Path, ...] = plain(MISSING, SETS)
    validation: Path = plain(MISSING, "folder of scenes of other sources, to validate on")
    network: CrnnOptions = plain(CrnnOptions, "the network")
    embedding: tuple[str, ...] = plain((), FUSED)
    labels: str = choice("strong", LABELS, "labels to learn from: of every step, or of whole clips alone")
    labelled: float = ranged(1.0, 0, 1, "share of the scenes whose labels are used; the others count as unlabelled")
    preset: str = choice(
        "own", PRESETS, "published: every setting but sets and length as Boes and Van hamme (2021), 50,000 steps"
    )
    student: bool = plain(False, "measure and export the network that learns, not the running average of its weights")
    teacher: bool = plain(False, "learn from a mean teacher too, with unlabelled scenes in half of each batch")
    distil: Path | None = plain(
        None, "checkpoint or exported file of a finished network whose probabilities are learnt too"
    )
    init_weights: Path | None = plain(None, "checkpoint or exported network to begin with, also causal after another")
    batch: int = ranged(48, 2, 4096, "scenes per batch")
    losses: LossConfig = plain(LossConfig, "the parts of the loss")
    augmentation: SceneAugmentation = plain(SceneAugmentation, "how scenes are changed at random")
    mixed_precision: bool = plain(True, "compute in bfloat16 where that is possible")
    published_rate: bool = plain(False, "let the learning rate rise and decay by steps as in the paper")
    loop: LoopConfig = plain(partial(LoopConfig, average=0.999), "how long and how fast the network learns")


PUBLISHED_STEPS = 200 * 250  # section 4.3.1: epochs, batches an epoch


def as_published(config: Trained) -> Trained:
    """Return a training as Boes & Van hamme (2021) describe theirs, section 4.3.1; only its length is as given.

    The student of a mean teacher, scored itself, on weak labels of half of each batch of 48, the other half unlabelled;
    Adam at their learning rate, float32; no augmentation, clipping, or decay of the weights.
    """
    steps = PUBLISHED_STEPS if config.loop.steps is None and config.loop.until is None else config.loop.steps
    loop = replace(config.loop, steps=steps, learning_rate=1e-3, weight_decay=0.0, average=0.999, clip=1e9)
    chosen = replace(config.network, activation="relu", causal=False, look_ahead=0, dropout=1 / 3, drop_channels=False)
    return replace(
        config,
        preset="own",
        network=chosen,
        labels="weak",
        teacher=True,
        student=True,
        distil=None,
        batch=48,
        losses=LossConfig(weak=1.0, strong=0.0, consistency=2.0),
        augmentation=SceneAugmentation(gain_db=0.0, mask=0),
        mixed_precision=False,
        published_rate=True,
        loop=loop,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionExport(ExportConfig):
    """Tune the thresholds of a trained sound event network, measure it and export it."""

    validation: Path = plain(MISSING, "folder of scenes to tune thresholds on")
    test: Path = plain(MISSING, "folder of scenes to measure on")
    split: str = plain("by source: offline/synthesis/sound_events_split.csv", "how training and test data are separate")
    metrics: str = plain("", "remark on the figures, which are measured")
    quiet: tuple[Path, ...] = plain((), "folders of scenes without events, which live thresholds must respect")
    false_alarms: float = ranged(
        1.0, 0, 1e6, "false alarms per class that live thresholds may cause in the quiet scenes", unit="1/h"
    )
    soon: bool = plain(
        False, "choose live thresholds by how soon sounds are told, of those that cause no more false alarms than that"
    )
    early: float | None = ranged(
        None,
        0,
        1e6,
        "report sounds early, by thresholds of their own, with so many retracted reports per class in the quiet scenes",
        unit="1/h",
    )
    decisions_of: Path | None = plain(
        None, "checkpoint from before the validation sources were learnt too, whose thresholds are taken"
    )
    tighten: float | None = ranged(
        None, 0, 1e6, "false alarms per class above which the thresholds taken are raised", unit="1/h"
    )

    def __post_init__(self) -> None:
        check(self)
        if self.tighten is not None and not (self.decisions_of and self.quiet):
            raise ConfigError("--tighten", expected="--decisions-of and --quiet", got="it alone")
        if self.early is not None and not self.quiet:
            raise ConfigError("--early", expected="--quiet besides", got="it alone")
        if self.soon and not self.quiet:
            raise ConfigError("--soon", expected="--quiet besides", got="it alone")


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionFinetuning(Settings):
    """Teach a sound event network your own classes."""

    data: Path = plain(MISSING, "folder with one sub-folder of recordings per class, perhaps also _background")
    output: Path = plain(MISSING, "network file to write, NAME.onnx; its card NAME.toml is written beside it")
    classes: tuple[str, ...] = plain((), "sub-folders to learn; the others must not be reported (default: learn all)")
    backgrounds: tuple[Path, ...] = plain((), "further folders with _background in them")
    embedding: tuple[str, ...] = plain((), "embedding to fuse with the log-mel, NAME=FILE.onnx with FILE.toml beside")
    init_weights: Path | None = plain(None, "exported network to begin with (default: the one that ships)")
    scenes: int = ranged(400, 8, 100_000, "scenes to mix")
    batch: int = ranged(12, 2, 4096, "scenes per batch")
    licence: str = plain(LICENCE, "licence of the new weights, for the card")
    seed: int = ranged(0, 0, 2**32 - 1, "seed of scenes, initial weights and batches")
    loop: LoopConfig = plain(
        partial(LoopConfig, minutes=5.0, learning_rate=5e-4, average=0.99, validate_every_s=1e9, save_every_s=1e9),
        "how long and how fast the whole network learns; 0 steps or minutes teach the last layer alone",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RecurrentFit(Settings):
    """How the last layers learn."""

    steps: int = ranged(1000, 1, 1_000_000, "training steps")
    batch: int = ranged(32, 1, 4096, "scenes per batch")
    learning_rate: float = ranged(2e-3, 0, 1, "learning rate of Adam, which falls to 0")
    dropout: float = ranged(0.1, 0, 0.9, "share of the channels that are dropped")
    average: float = ranged(0.99, 0, 0.999999, "decay of the running average of the weights per step")
    hidden_spectra: float = ranged(0.0, 0, 0.9, "share of the scenes without log-mel, so that embeddings are used")
    stacks: int = ranged(0, 0, 7, "how many of the last convolution stacks learn, too")
    describe: str | None = plain(
        None, "embedding of the sets that the recurrent layers learn to tell, too, in training alone"
    )
    described: float = ranged(1.0, 0, 1000, "weight of the embedding of --describe in the loss")
    losses: LossConfig = plain(partial(LossConfig, strong=2.0, consistency=0.0), "the parts of the loss")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecurrentFinetuning(Settings):
    """Continue the training of the last layers alone: those behind the convolutions, and the last convolutions."""

    checkpoint: Path = plain(MISSING, "checkpoint.pt, or exported file, of the network to continue")
    sets: tuple[Path, ...] = plain(MISSING, SETS)
    output: Path = plain(MISSING, "folder to write checkpoint.pt into")
    scenes: int = ranged(2500, 1, 1_000_000, "scenes to draw from the sets")
    look_ahead: int | None = ranged(
        None, 0, 8, "make the network causal with this look-ahead; its convolutions lag by 6 steps", unit="steps"
    )
    embedding: tuple[str, ...] = plain((), FUSED)
    seed: int = ranged(0, 0, 2**32 - 1, "seed of scenes, initial weights and batches")
    fit: RecurrentFit = plain(RecurrentFit, "how the layers learn")


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionTable(DetectionTraining):
    """Train and measure every row of the paper's Table 3."""

    test: Path = plain(MISSING, "folder of scenes to measure on")
    auditory: str = plain("", "name of the auditory embedding of the sets; without it, its rows are not trained")
    visual: str = plain("", "name of the visual embedding of the sets; without it, its rows are not trained")
    seeds: int = ranged(1, 1, 1000, "trainings per row; the paper has 20")
    best: int = ranged(1, 1, 1000, "trainings that count, the best on validation; the paper has 5")

    def __post_init__(self) -> None:
        check(self)
        if self.best > self.seeds:
            raise ConfigError("best", expected=f"at most seeds, {self.seeds}", got=str(self.best))
