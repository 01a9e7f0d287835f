"""Augment scenes: random filters, speeds and pitches, blanked stripes, one scene over another.

This works on log-mel magnitudes, where it costs next to nothing, and keeps the network from learning its few sources
by heart. Random filters: Nam et al., "FilterAugment" (2022); stripes: Park et al., "SpecAugment" (2019); one scene over
another, with the labels of both: after Zhang et al., "mixup" (2018), where sounds add up.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from engine.detection.frame_clock import STEP_FRAMES
from offline.training.detection.config import SceneAugmentation

__all__ = ["augment"]

NEPERS = np.log(10) / 20  # per decibel
QUIETER_DB = 10.0  # largest attenuation of the scene that is laid over another


def augment(
    mel: Tensor, labels: Tensor, known: Tensor, config: SceneAugmentation, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Augment a batch: mel (batch, frame, mel) and labels (batch, step, class).

    known: (batch), what is known of each scene; only scenes of the same kind of labels are laid over each other
    """
    if config.stretch or config.shift:
        mel, labels = _move(mel, labels, config, rng)
    if config.overlay:
        mel, labels = _overlay(mel, labels, known, config.overlay, rng)
    if config.gain_db:
        mel = mel + _draw_filters(mel, config.gain_db, rng)
    return (_blank_stripes(mel, config.mask, rng) if config.mask else mel), labels


def _move(mel: Tensor, labels: Tensor, config: SceneAugmentation, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Read scenes from a random step on, cyclically, at another speed and with their bands moved."""
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


def _overlay(
    mel: Tensor, labels: Tensor, known: Tensor, share: float, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Add the powers, and join the labels, of two scenes of the batch."""
    n_batch = len(mel)
    other = torch.from_numpy(rng.permutation(n_batch)).to(mel.device)
    chosen = torch.from_numpy(rng.random(n_batch) < share).to(mel.device) & (known == known[other])
    softer = torch.from_numpy(rng.uniform(-QUIETER_DB * NEPERS, 0, (n_batch, 1, 1))).to(mel)
    both = torch.logaddexp(2 * mel, 2 * (mel[other] + softer)) / 2
    chosen = chosen[:, None, None]
    return torch.where(chosen, both, mel), torch.where(chosen, torch.maximum(labels, labels[other]), labels)


def _draw_filters(mel: Tensor, gain_db: float, rng: np.random.Generator) -> Tensor:
    """Draw smooth random gains over frequency, (batch, 1, mel), as of another microphone."""
    knots = torch.from_numpy(rng.uniform(-gain_db * NEPERS, gain_db * NEPERS, (len(mel), 1, 5))).to(mel)
    return nn.functional.interpolate(knots, mel.shape[2], mode="linear", align_corners=True)


def _blank_stripes(mel: Tensor, widest: int, rng: np.random.Generator) -> Tensor:
    """Blank a stripe of bands with their own mean, a level that real sound can have."""
    n_batch, _, n_mels = mel.shape
    width = rng.integers(0, widest + 1, n_batch)
    first = rng.integers(0, n_mels - width + 1)
    band = np.arange(n_mels)
    blank = (band >= first[:, None]) & (band < (first + width)[:, None])
    return torch.where(torch.from_numpy(blank).to(mel.device)[:, None], mel.mean(1, keepdim=True), mel)
