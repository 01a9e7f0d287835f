"""Small sound event networks as files, written once a process."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from engine.detection.frame_clock import SOUND_RATE
from models.detection.graph import export_crnn
from models.detection.network import POOL, Crnn
from offline.datasets.scenes import log_mel
from tests.models.detection.test_network import build

KEPT = TemporaryDirectory(prefix="sounds-")  # removed when the tests end
FOLDER = Path(KEPT.name)


@cache
def small_crnn(**settings: object) -> Crnn:
    """A tiny network whose random probabilities cross the threshold again and again."""
    model = build(**settings)
    noise = 0.3 * np.random.default_rng(1).standard_normal(3 * SOUND_RATE).astype(np.float32)
    swell = np.abs(np.sin(7 * np.arange(len(noise)) / SOUND_RATE)).astype(np.float32) ** 3
    mel = torch.from_numpy(log_mel(noise * swell))
    model.set_statistics(mel.mean(0), mel.std(0))
    with torch.no_grad():
        steps = len(mel) // POOL
        heard = tuple(torch.randn(1, steps, e.n_in) for e in model.config.embeddings)
        logits = model(mel[None, : POOL * steps], heard)[0]
        scale = 4 / logits.std(0)
        model.head.bias.copy_((model.head.bias - logits.mean(0)) * scale)
        model.head.weight.mul_(scale[:, None])
    return model


@cache
def small_crnn_file(**settings: object) -> Path:
    path = FOLDER / f"{abs(hash(tuple(settings.items())))}.onnx"
    export_crnn(small_crnn(**settings), path, licence="CC0-1.0", training="random weights")
    return path
