"""Multi-domain and combination losses of X-UMX.

Sawata, Uhlich, Takahashi, Mitsufuji, "All for one and one for all" (2021), equations (1) to (7). Where sources
add up, so do their errors; so every combination follows from the inner products of the single sources and of their
errors, and all 14 combinations of four targets cost hardly more than four. The reference magnitude of a combination
is the sum of its sources' magnitudes, as in the authors' own code.
"""

from __future__ import annotations

from itertools import combinations

import torch
from torch import Tensor

from models.separation.config import ALPHA, FLOOR_DB

__all__ = [
    "allowed",
    "combination_masks",
    "mean_loss",
    "multi_domain_loss",
    "spectral_mse",
    "spectral_snr",
    "weighted_sdr",
]

SMALLEST = 1e-8  # energy of full-scale samples below which a source is silence


def combination_masks(n_targets: int, *, combine: bool = True) -> Tensor:
    """Return the targets of each combination, (combination, target) of 0 and 1, after equation (7).

    All combinations of 1 to n_targets - 1 members, the single targets first; only those if not `combine`.

    >>> combination_masks(4).shape
    torch.Size([14, 4])
    """
    sizes = range(1, max(n_targets, 2)) if combine else (1,)
    chosen = [members for size in sizes for members in combinations(range(n_targets), size)]
    masks = torch.zeros(len(chosen), n_targets)
    for row, members in enumerate(chosen):
        masks[row, list(members)] = 1
    return masks


def allowed(masks: Tensor, merged: Tensor) -> Tensor:
    """Tell which combinations (batch, combination) an example can be judged by: those with all merged targets or none.

    merged: (batch, target) of 0 and 1, the targets that the example's references do not separate
    """
    held = merged.to(masks) @ masks.T
    return (held == 0) | (held == merged.sum(1, keepdim=True))


def spectral_mse(reference: Tensor, estimate: Tensor, masks: Tensor) -> Tensor:
    """Return equation (5), as a mean over time and frequency: (batch, combination).

    reference, estimate: magnitudes (frame, batch, target, channel, bin)
    masks: (combination, target)
    """
    error = (estimate - reference).flatten(3)
    gram = _gram(error) / (error.shape[0] * error.shape[3])
    return _quadratic(masks.to(gram), gram)


def weighted_sdr(reference: Tensor, estimate: Tensor, masks: Tensor) -> Tensor:
    """Return equation (6), between -1 (perfect) and 1: (batch, combination).

    The mixture is the sum of the references, equation (1). With x a combination, x' the rest of the mixture and e the
    error of the estimate, the estimate is x + e and the rest that it leaves is x' - e.

    reference, estimate: samples (time, batch, target, ...), the last axes as one with time
    """
    gram = _gram(torch.cat([reference, estimate - reference], 2).flatten(3))
    zeros = torch.zeros_like(masks)
    wanted, rest = torch.cat([masks, zeros], 1).to(gram), torch.cat([1 - masks, zeros], 1).to(gram)
    error = torch.cat([zeros, masks], 1).to(gram)
    energy, rest_energy = _quadratic(wanted, gram), _quadratic(rest, gram)
    share = energy / (energy + rest_energy + SMALLEST)
    return -share * _cosine(wanted, wanted + error, gram) - (1 - share) * _cosine(rest, rest - error, gram)


def multi_domain_loss(mse: Tensor, wsdr: Tensor, alpha: float = ALPHA) -> Tensor:
    """Return equation (4), of any shape."""
    return mse + alpha * wsdr


def spectral_snr(reference: Tensor, estimate: Tensor, masks: Tensor, floor_db: float = FLOOR_DB) -> Tensor:
    """Return the error of the estimated spectra against the mixture, in decibels: (batch, combination).

    Wisdom et al., "What's all the fuss about free universal sound separation data?" (2021), equation (4), of spectra
    instead of samples: a silent source counts too. The higher the floor, the more do the errors of sounds that are hard
    to separate count against those of easy ones.

    reference, estimate: (frame, batch, target, part, value), real and imaginary parts beside each other
    floor_db: error below which nothing is gained
    """
    mixture = reference.sum(2).square().sum((0, 2, 3)) + SMALLEST
    gram = _gram((estimate - reference).flatten(3))
    error = _quadratic(masks.to(gram), gram).clamp_min(0) / mixture[:, None]
    return 10 * torch.log10(error + 10 ** (floor_db / 10))


def mean_loss(losses: Tensor, valid: Tensor | None = None) -> Tensor:
    """Return equation (7): the mean over the valid combinations (batch, combination), then over the batch."""
    if valid is None:
        return losses.mean()
    weights = valid.to(losses)
    return ((losses * weights).sum(1) / weights.sum(1)).mean()


def _gram(signals: Tensor) -> Tensor:
    """Return inner products (batch, signal, signal) of (time, batch, signal, value)."""
    return (signals @ signals.transpose(2, 3)).sum(0)


def _quadratic(rows: Tensor, gram: Tensor) -> Tensor:
    return torch.einsum("ni,bij,nj->bn", rows, gram, rows)


def _cosine(left: Tensor, right: Tensor, gram: Tensor) -> Tensor:
    product = torch.einsum("ni,bij,nj->bn", left, gram, right)
    norms = (_quadratic(left, gram) + SMALLEST) * (_quadratic(right, gram) + SMALLEST)
    return product / torch.sqrt(torch.clamp(norms, min=SMALLEST**2))
