"""The loss of pitch salience."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

__all__ = ["salience_loss"]


def salience_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Return the mean cross-entropy of soft targets, -y log(p) - (1 - y) log(1 - p), Bittner et al. (2017), eq. 4."""
    return F.binary_cross_entropy_with_logits(logits, target)
