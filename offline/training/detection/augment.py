"""Scenes made new each time they are drawn: other microphones, other speeds and pitches, one over another.

On log-mel magnitudes, where each costs next to nothing: a network that never hears the same scene twice learns less
of its few sources by heart. Random filtering: Nam et al., "FilterAugment" (2022); stripes: Park et al., "SpecAugment"
(2019); one scene over another, with the labels of both: after Zhang et al., "mixup" (2018), sounds adding up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from engine.core.config import require
from engine.detection.frame_clock import STEP_FRAMES

__all__ = ["BatchConfig", "perturbed"]

NEPERS = np.log(10) / 20  # a decibel
QUIETER_DB = 10.0  # that the scene laid over another is softer by, at most


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchConfig:
    """How a batch is made new.

    gain_db: of a smooth random curve over frequency (0 to 40); mask: widest stripe of bands that is blanked, 0 to 64;
    shift: bands that a scene is moved up or down by, at most, 0 to 32; stretch: largest change of its speed, 0 to 0.5,
    which begins anywhere in it and goes round; overlay: share of the scenes that another one is laid over, 0 to 1;
    mixed: precision bfloat16; seed: of everything random.
    """

    gain_db: float = 6.0
    mask: int = 12
    shift: int = 0
    stretch: float = 0.0
    overlay: float = 0.0
    mixed: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        require("gain_db", self.gain_db, 0, 40)
        require("mask", self.mask, 0, 64)
        require("shift", self.shift, 0, 32)
        require("stretch", self.stretch, 0, 0.5)
        require("overlay", self.overlay, 0, 1)


def perturbed(
    mel: Tensor, labels: Tensor, known: Tensor, config: BatchConfig, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """The batch made new: mel (batch, frame, mel) and labels (batch, step, class).

    known (batch): only scenes of which the same is known are laid over each other.
    """
    if config.stretch or config.shift:
        mel, labels = _moved(mel, labels, config, rng)
    if config.overlay:
        mel, labels = _overlaid(mel, labels, known, config.overlay, rng)
    if config.gain_db:
        mel = mel + _curves(mel, config.gain_db, rng)
    return (_striped(mel, config.mask, rng) if config.mask else mel), labels


def _moved(mel: Tensor, labels: Tensor, config: BatchConfig, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Read at another speed from anywhere on, round the end, and with its bands moved."""
    n_batch, n_frames, n_mels = mel.shape
    n_steps = labels.shape[1]
    speed = 1 + rng.uniform(-config.stretch, config.stretch, (n_batch, 1))
    begin = rng.integers(0, n_steps, (n_batch, 1)) * (config.stretch > 0)
    at = begin * STEP_FRAMES + speed * np.arange(n_frames)
    first = np.floor(at).astype(np.int64)
    part = torch.from_numpy(at - first).to(mel)[..., None]
    shift = rng.integers(-config.shift, config.shift + 1, (n_batch, 1))
    bands = torch.from_numpy(np.clip(np.arange(n_mels) + shift, 0, n_mels - 1)).to(mel.device)
    rows = torch.arange(n_batch, device=mel.device)[:, None]

    def frames(index: np.ndarray) -> Tensor:
        return mel[rows, torch.from_numpy(index % n_frames).to(mel.device)]

    moved = torch.lerp(frames(first), frames(first + 1), part)
    moved = torch.gather(moved, 2, bands[:, None].expand(-1, n_frames, -1))
    middle = begin + speed * (np.arange(n_steps) + 0.5)
    steps = torch.from_numpy(np.floor(middle).astype(np.int64) % n_steps).to(mel.device)
    return moved, labels[rows, steps]


def _overlaid(
    mel: Tensor, labels: Tensor, known: Tensor, share: float, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Powers and labels of two scenes of the batch together."""
    n_batch = len(mel)
    other = torch.from_numpy(rng.permutation(n_batch)).to(mel.device)
    chosen = torch.from_numpy(rng.random(n_batch) < share).to(mel.device) & (known == known[other])
    softer = torch.from_numpy(rng.uniform(-QUIETER_DB * NEPERS, 0, (n_batch, 1, 1))).to(mel)
    both = torch.logaddexp(2 * mel, 2 * (mel[other] + softer)) / 2
    chosen = chosen[:, None, None]
    return torch.where(chosen, both, mel), torch.where(chosen, torch.maximum(labels, labels[other]), labels)


def _curves(mel: Tensor, gain_db: float, rng: np.random.Generator) -> Tensor:
    """Of another microphone: a smooth random curve over frequency."""
    knots = torch.from_numpy(rng.uniform(-gain_db * NEPERS, gain_db * NEPERS, (len(mel), 1, 5))).to(mel)
    return nn.functional.interpolate(knots, mel.shape[2], mode="linear", align_corners=True)


def _striped(mel: Tensor, widest: int, rng: np.random.Generator) -> Tensor:
    """A stripe of bands held at their mean: no level that real sound could not have."""
    n_batch, _, n_mels = mel.shape
    width = rng.integers(0, widest + 1, n_batch)
    first = rng.integers(0, n_mels - width + 1)
    band = np.arange(n_mels)
    blank = (band >= first[:, None]) & (band < (first + width)[:, None])
    return torch.where(torch.from_numpy(blank).to(mel.device)[:, None], mel.mean(1, keepdim=True), mel)
