"""Demucs (Defossez et al., "Music source separation in the waveform domain", 2019, and its successors)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from engine.core.errors import ConfigError
from offline.evaluation.separators.table import Separate, Signals

try:
    from demucs.apply import apply_model
    from demucs.pretrained import get_model
except ImportError:  # optional
    apply_model = get_model = None

__all__ = ["open_demucs"]


def open_demucs(name: str, sample_rate: int) -> Separate:
    """Return what separates by a model of that name, which the package fetches, or of a folder: FOLDER/NAME.

    ConfigError without the package, and for a model of another sample rate.
    """
    if get_model is None:
        raise ConfigError("--demucs", expected="the package demucs", got="none", remedy="pip install demucs")
    place = Path(name)
    model = get_model(place.name, repo=place.parent) if len(place.parts) > 1 else get_model(name)
    if model.samplerate != sample_rate:
        raise ConfigError("--demucs", expected=f"a model of {sample_rate} Hz", got=f"{model.samplerate} Hz")

    def separate(mixture: Signals) -> dict[str, Signals]:
        heard = torch.from_numpy(np.ascontiguousarray(mixture.T))
        middle = heard.mean(0)  # the package's own program centres and scales so
        mean, scale = middle.mean(), middle.std().clamp_min(1e-8)
        with torch.no_grad():
            parts = apply_model(model, ((heard - mean) / scale)[None])[0] * scale + mean
        return {target: part.numpy().T for target, part in zip(model.sources, parts, strict=True)}

    return separate
