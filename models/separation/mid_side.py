"""Left and right as their sum and difference, and what a separating network hears of a mixture.

What is sung or struck in the middle is in the sum alone, and a wide chorus or reverberation stands out in the
difference; from the magnitudes of left and right neither can be told. The turn keeps energies, so that losses and
ratios are the same on both sides of it. The engine's counterpart is `engine.separation.mask_network`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from models.separation.network import UnmixConfig

__all__ = ["heard", "turned"]


def turned(values: Tensor, axis: int) -> Tensor:
    """Left and right along `axis` to mid and side, or mid and side to left and right: it is its own inverse."""
    first, second = values.unbind(axis)
    return torch.stack([first + second, first - second], axis) * 0.5**0.5


def heard(config: UnmixConfig, mixture: Tensor) -> Tensor:
    """Magnitudes (frame, batch, row, bin) of spectra (frame, batch, channel, bin) that are turned if the masks are.

    The rows are the channels, or mid, side, left and right.
    """
    rows = torch.cat([mixture, turned(mixture, 2)], 2) if config.mid_side else mixture
    return rows.abs()
