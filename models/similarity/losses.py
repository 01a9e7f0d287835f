"""The losses of networks that compare frames of music.

Agrawal & Dixon, "Learning Frame Similarity using Siamese networks for Audio-to-Score Alignment" (2020), equations (1)
and (2), and a contrast over time.
"""

from __future__ import annotations

import torch
from torch import Tensor

from models.similarity.config import MARGIN

__all__ = ["TINY", "contrast", "contrastive_loss", "distance", "time_contrast"]

TINY = 1e-12  # of a squared distance, so that the root has a gradient


def distance(first: Tensor, second: Tensor) -> Tensor:
    """Return D_W, equation (2): Euclidean distance of embeddings (..., n), with a gradient where they are equal too."""
    return torch.sqrt(torch.sum((first - second) ** 2, dim=-1) + TINY)


def contrast(d: Tensor, different: Tensor | float, margin: float = MARGIN) -> Tensor:
    """Return equation (1) of each pair, (1 - Y) D^2 / 2 + Y max(0, m - D)^2 / 2.

    d: D_W of the pairs
    different: Y, 0 for a match, else 1
    """
    return (1 - different) * d**2 / 2 + different * torch.clamp(margin - d, min=0) ** 2 / 2


def contrastive_loss(first: Tensor, second: Tensor, different: Tensor, margin: float = MARGIN) -> Tensor:
    """Return the mean of equation (1) over pairs of embeddings (..., n)."""
    return torch.mean(contrast(distance(first, second), different, margin))


def time_contrast(first: Tensor, second: Tensor, place: Tensor, sharpness: Tensor, width: float = 1.0) -> Tensor:
    """Return the cross-entropy (batch, frame) of finding each frame of `first` among all frames of `second`.

    All other instants are negatives, the nearest ones too (van den Oord et al., "Contrastive predictive coding", 2018,
    equation 4).

    first, second: embeddings (batch, frame, n) and (batch, other, n)
    place: (batch, frame), where in `second` each frame belongs, in frames
    sharpness: factor on the inner products
    width: standard deviation of the Gaussian label around `place`, frames
    """
    logits = sharpness * torch.einsum("bin,bjn->bij", first, second)
    steps = torch.arange(second.shape[1], device=second.device)
    label = torch.softmax(-0.5 * ((steps - place[..., None]) / width) ** 2, dim=-1)
    return -(label * torch.log_softmax(logits, dim=-1)).sum(-1)
