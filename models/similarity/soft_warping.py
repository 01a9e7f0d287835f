"""How likely the true path is among all warping paths: an end-to-end loss of the cost that a warping runs on.

Cuturi & Blondel, "Soft-DTW: a Differentiable Loss Function for Time-Series" (2017), algorithms 1 and 2: the minimum
over paths is softened, so that it has a gradient, the share of all paths that pass each cell. Alone it is least where
all frames are alike; so the cost of the true path less the soft minimum is taken, which is the negative logarithm of
the true path's likelihood where a path of cost c has weight exp(-c / softness).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from numba import njit
from torch import Tensor

from engine.core.arrays import F64

__all__ = ["path_loss", "soft_minimum", "true_path"]

Ints = npt.NDArray[np.int64]


class _SoftMinimum(torch.autograd.Function):
    """The soft minimum of the costs of all paths from corner to corner of a matrix."""

    @staticmethod
    def forward(ctx: Any, costs: Tensor, softness: float) -> Tensor:
        total = _totals(costs.detach().double().cpu().numpy(), softness)
        ctx.save_for_backward(costs.detach())
        ctx.total, ctx.softness = total, softness
        return costs.new_tensor(total[-1, -1])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (costs,) = ctx.saved_tensors
        shares = _shares(costs.double().cpu().numpy(), ctx.total, ctx.softness)
        return gradients[0] * torch.from_numpy(shares).to(costs), None


def soft_minimum(costs: Tensor, softness: float) -> Tensor:
    """Return the soft minimum over warping paths through costs (frame, other), steps (1, 1), (1, 0) and (0, 1)."""
    found: Tensor = _SoftMinimum.apply(costs, softness)  # type: ignore[no-untyped-call]
    return found


def path_loss(costs: Tensor, path: Ints, softness: float) -> Tensor:
    """Return the negative log likelihood of a path (pair, 2) from corner to corner of costs, for each of its cells."""
    there = costs[torch.from_numpy(path[:, 0]), torch.from_numpy(path[:, 1])].sum()
    return (there - soft_minimum(costs, softness)) / (softness * len(path))


def true_path(place: Ints) -> Ints:
    """Return the pairs (pair, 2) of a path from (0, place[0]) that meets place[t] at frame t; place does not fall."""
    pairs = [(0, int(place[0]))]
    for t in range(1, len(place)):
        before, here = int(place[t - 1]), int(place[t])
        pairs += [(t - 1, j) for j in range(before + 1, here)]
        pairs.append((t, here))
    return np.array(pairs, np.int64)


@njit(nogil=True, cache=True)
def _totals(costs: F64, softness: float) -> F64:
    """Return the soft minimum of all paths to each cell."""
    n, m = costs.shape
    total = np.full((n, m), np.inf)
    for i in range(n):
        for j in range(m):
            if i == 0 and j == 0:
                total[i, j] = costs[i, j]
                continue
            a = total[i - 1, j - 1] if i > 0 and j > 0 else np.inf
            b = total[i - 1, j] if i > 0 else np.inf
            c = total[i, j - 1] if j > 0 else np.inf
            least = min(a, b, c)
            weight = np.exp((least - a) / softness) + np.exp((least - b) / softness) + np.exp((least - c) / softness)
            total[i, j] = costs[i, j] + least - softness * np.log(weight)
    return total


@njit(nogil=True, cache=True)
def _shares(costs: F64, total: F64, softness: float) -> F64:
    """Return the share of all paths, by weight, that pass each cell."""
    n, m = costs.shape
    share = np.zeros((n, m))
    share[n - 1, m - 1] = 1.0
    for i in range(n - 1, -1, -1):
        for j in range(m - 1, -1, -1):
            for down, right in ((0, 1), (1, 0), (1, 1)):  # the cells that a path may go on to
                if i + down < n and j + right < m:
                    after = total[i + down, j + right] - costs[i + down, j + right]
                    share[i, j] += share[i + down, j + right] * np.exp((after - total[i, j]) / softness)
    return share
