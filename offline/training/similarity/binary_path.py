"""The cheapest path through a matrix of decisions, 0 where two frames are the same, 1 where they are not, or of costs.

A matrix of decisions is kept whole, a byte a cell. Agrawal & Dixon (2020), equation (3).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from engine.core.config import require

__all__ = ["binary_costs", "cheapest_path"]

MAX_CELLS = 1 << 32
BOTH, DOWN, RIGHT = 0, 1, 2

Costs = npt.NDArray[np.uint8]


def binary_costs(reference: npt.NDArray[np.float32], live: npt.NDArray[np.float32], threshold: float) -> Costs:
    """Return (reference frame, live frame): 1 where two embeddings (frame, n) are farther apart than the threshold."""
    require("cells", len(reference) * len(live), 1, MAX_CELLS)
    norms = np.sum(live**2, axis=1)
    out = np.zeros((len(reference), len(live)), np.uint8)
    for start in range(0, len(reference), 256):
        rows = reference[start : start + 256]
        squared = np.sum(rows**2, axis=1)[:, None] + norms - 2 * rows @ live.T
        out[start : start + 256] = squared > threshold**2
    return out


def cheapest_path(costs: Costs | npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """Return pairs (pair, 2) of the cheapest path from corner to corner; of equal paths the most diagonal from the end.

    Decisions are overwritten.
    """
    steps = costs if costs.dtype == np.uint8 else np.empty(costs.shape, np.uint8)
    _accumulate(costs, steps)
    path: npt.NDArray[np.int64] = _backtrack(steps)
    return path


@njit(nogil=True, cache=True)
def _accumulate(costs: Any, steps: Any) -> None:
    """Write the step that the best path takes to each cell; D(i, j) = c + min of the three before."""
    n, m = costs.shape
    last, line = np.zeros(m), np.zeros(m)
    for i in range(n):
        for j in range(m):
            step, best = BOTH, 0.0
            if i > 0 and j > 0:
                best = last[j - 1]
            elif i > 0:
                step, best = DOWN, last[j]
            elif j > 0:
                step, best = RIGHT, line[j - 1]
            if i > 0 and j > 0 and last[j] < best:
                step, best = DOWN, last[j]
            if i > 0 and j > 0 and line[j - 1] < best:
                step, best = RIGHT, line[j - 1]
            line[j] = best + costs[i, j]
            steps[i, j] = step
        last, line = line, last


@njit(nogil=True, cache=True)
def _backtrack(steps: Any) -> Any:
    i, j = steps.shape[0] - 1, steps.shape[1] - 1
    path = np.zeros((i + j + 1, 2), np.int64)
    k = len(path)
    while True:
        k -= 1
        path[k] = i, j
        if i == 0 and j == 0:
            return path[k:]
        step = steps[i, j]
        i -= step != RIGHT
        j -= step != DOWN
