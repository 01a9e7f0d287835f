"""Conv-TasNet (Luo and Mesgarani 2019), a file of the package asteroid, if installed: each channel by itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from engine.core.errors import ConfigError
from offline.evaluation.separators.table import Separate, Signals

try:
    from asteroid.models import ConvTasNet
except ImportError:  # optional
    ConvTasNet = None

__all__ = ["open_conv_tasnet"]


def open_conv_tasnet(path: Path, sources: Sequence[str], sample_rate: int) -> Separate:
    """Return what separates by a file of `ConvTasNet.serialize`; sources: its stems in their order, not in the file.

    ConfigError without the package, and for a model of another sample rate or number of stems.
    """
    if ConvTasNet is None:
        raise ConfigError("--conv-tasnet", expected="the package asteroid", got="none", remedy="pip install asteroid")
    model = ConvTasNet.from_pretrained(str(path))
    if int(model.sample_rate) != sample_rate:
        raise ConfigError("--conv-tasnet", expected=f"a model of {sample_rate} Hz", got=f"{model.sample_rate} Hz")

    def separate(mixture: Signals) -> dict[str, Signals]:
        with torch.no_grad():
            parts = model(
                torch.from_numpy(np.ascontiguousarray(mixture.T))
            )  # channels as a batch: (channel, source, n)
        if parts.shape[1] != len(sources):
            raise ConfigError("--conv-tasnet", expected=f"{len(sources)} stems", got=f"{parts.shape[1]}")
        return {target: parts[:, k].numpy().T for k, target in enumerate(sources)}

    return separate
