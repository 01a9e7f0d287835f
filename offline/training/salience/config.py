"""The settings of training and exporting pitch salience; light to import, for `--help`."""

from __future__ import annotations

from dataclasses import MISSING, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from engine.core.config import Settings, plain, ranged
from models.salience.config import CHANNELS, PUBLISHED, REACH
from offline.training.common.config import ExportConfig, LoopConfig, RunConfig

__all__ = ["SalienceBatch", "SalienceExport", "SalienceTraining"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SalienceBatch(Settings):
    """What a batch is."""

    batch: int = ranged(8, 1, 4096, "excerpts a step")
    frames: int = ranged(128, 1, 10_000, "frames of an excerpt, besides those that fill the network's state")
    gain_db: float = ranged(20.0, 0, 60, "largest attenuation; the largest gain is a tenth of it", unit="dB")
    tilt_db: float = ranged(8.0, 0, 40, "largest gain of a smooth random curve over frequency", unit="dB")
    mixed: bool = plain(True, "train in bfloat16 where it is safe")


@dataclass(frozen=True, slots=True, kw_only=True)
class SalienceTraining(RunConfig):
    """Train a network that estimates which pitches sound."""

    data: Path = plain(MISSING, "set of recordings to train on, made by `data salience`")
    validation: Path = plain(MISSING, "set of recordings of other pieces and another soundfont")
    channels: tuple[int, int, int, int, int] = plain(CHANNELS, "channels of the five hidden layers")
    look_ahead: int = ranged(1, 0, REACH, "frames of look-ahead", unit="frames")
    published: bool = plain(False, "take the paper's widths, and as much future as past")
    excerpts: SalienceBatch = plain(SalienceBatch, "what a batch is")
    loop: LoopConfig = plain(
        partial(LoopConfig, minutes=40.0, learning_rate=2e-3, validate_every_s=480.0),
        "how long and how fast the network learns",
    )

    @property
    def shape(self) -> dict[str, Any]:
        """The settings of the network that do not follow from the data."""
        return PUBLISHED if self.published else {"channels": self.channels, "look_ahead": self.look_ahead}


@dataclass(frozen=True, slots=True, kw_only=True)
class SalienceExport(ExportConfig):
    """Export a trained network of pitch salience."""

    validation: Path = plain(MISSING, "set of recordings that the network is measured on")
