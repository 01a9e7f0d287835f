"""Dynamic time warping cell by cell, where there are few: first row and column, backtracking, the cost of a path.

Everything here is float64. Weights are (m1, m2, m3, a1, a2, a3) as in `offline.alignment.dtw.strip`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from offline.alignment.dtw.strip import COSINE, EUCLIDEAN, n_steps_of, place

__all__ = ["edge", "path_cost", "walk"]

Features = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@njit(nogil=True, cache=True)
def _distance(metric: int, x: Floats, y: Floats) -> float:
    """Return the distance of two frames that are scaled already."""
    total = 0.0
    for f in range(len(x)):
        a, b = np.float64(x[f]), np.float64(y[f])
        total += a * b if metric == COSINE else (a - b) ** 2 if metric == EUCLIDEAN else abs(a - b)
    if metric == COSINE:
        return max(0.0, 1.0 - total)
    return np.sqrt(total) if metric == EUCLIDEAN else total


@njit(nogil=True, cache=True)
def edge(
    metric: int, one: Floats, many: Features, scale: Floats, allowed: Flags, weights: Floats, free: bool
) -> tuple[Floats, Ints]:
    """Return D along the first row or column, `one` scaled frame against `many` (frame, feature), and the origins.

    allowed: where the band is
    weights: multiplied and added for a step along it
    free: whether the path may begin anywhere
    """
    out, begun = np.full(len(many), np.inf), np.zeros(len(many), np.int64)
    before = np.inf
    for k in range(len(many)):
        if allowed[k]:
            c = _distance(metric, one, many[k] * scale[k])
            begin = c if k == 0 or free else np.inf
            out[k] = min(begin, before + weights[0] * c + weights[1])
            begun[k] = k if out[k] == begin else begun[k - 1]
        before = out[k]
    return out, begun


@njit(nogil=True, cache=True)
def walk(metric: int, weights: Floats, x: Features, y: Features, scale_x: Floats, scale_y: Floats, top: Floats, left: Floats, kept: Features, base: float, i: int, j: int) -> tuple[Ints, int, int]:  # fmt: skip  # noqa: E501
    """Return cells of the best path from (i, j) of a tile back to its upper or left edge, last first.

    Returns the cells (n, 2) and the cell beyond the edge, i == -1 or j == -1, where the path came in.
    """
    n_steps = n_steps_of(len(y))
    path = np.empty((i + j + 2, 2), np.int64)
    n = 0
    while i >= 0 and j >= 0:
        path[n, 0], path[n, 1] = i, j
        n += 1
        c = _distance(metric, x[i] * scale_x[i], y[j] * scale_y[j])
        up = top[j + 1] if i == 0 else base + kept[place(n_steps, i - 1, j)]
        before = left[i] if j == 0 else base + kept[place(n_steps, i, j - 1)]
        if i == 0:
            diagonal = top[j]
        elif j == 0:
            diagonal = left[i - 1]
        else:
            diagonal = base + kept[place(n_steps, i - 1, j - 1)]
        diagonal += weights[0] * c + weights[3]
        up += weights[1] * c + weights[4]
        before += weights[2] * c + weights[5]
        if diagonal <= up and diagonal <= before:
            i, j = i - 1, j - 1
        elif up <= before:
            i -= 1
        else:
            j -= 1
    return path[:n], i, j


@njit(nogil=True, cache=True)
def path_cost(
    metric: int, weights: Floats, x: Features, y: Features, scale_x: Floats, scale_y: Floats, path: Ints
) -> float:
    """Return the cost of a path (cell, 2): the distance of its first cell, then each step."""
    total = 0.0
    for n in range(len(path)):
        i, j = path[n, 0], path[n, 1]
        c = _distance(metric, x[i] * scale_x[i], y[j] * scale_y[j])
        if n == 0:
            total = c
        else:
            step = 2 if i == path[n - 1, 0] else 1 if j == path[n - 1, 1] else 0
            total += weights[step] * c + weights[step + 3]
    return total
