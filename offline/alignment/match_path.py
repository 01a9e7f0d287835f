"""Whole-file alignment as MATCH does it: the online search says where to look, and the best path there is read back.

S. Dixon and G. Widmer: MATCH: a music alignment tool chest, ISMIR 2005. The search of
`engine.following.warping.online_warping` runs through both sequences to their ends; what it told live counts for
nothing. Of all paths through the cells that it visited the cheapest is taken, so that what came later decides, too.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
from numba import njit

from engine.core.arrays import F32, I64
from engine.following.warping.config import WarpConfig
from engine.following.warping.online_warping import WarpNumbers, frame_distance, warp_numbers, warp_online

__all__ = ["match_path"]

Features = npt.NDArray[np.float32]
Pairs = npt.NDArray[np.int64]

BOTH, ROW, COLUMN = 0, 1, 2  # the step to a cell: a row is a live frame, a column one of the reference


def match_path(reference: Features, live: Features, config: WarpConfig, frame_s: float) -> Pairs:
    """Return pairs (pair, 2) of reference and live frame from corner to corner.

    reference, live: features (frame, n), so many seconds apart
    config: of the search; it is not searched again on the way
    """
    numbers, band = warp_numbers(replace(config, again_s=0.0), frame_s)
    low, high = _visited(warp_online(live, reference, numbers, band).known, len(reference), band)
    steps = _steps(live, reference, low, high, numbers)
    path: Pairs = _read_back(steps, low, len(reference))
    return path


def _visited(known: I64, n_reference: int, band: int) -> tuple[I64, I64]:
    """Return the first reference frame that each live frame was compared with, and the one behind the last.

    known: reference frames that were known after each live frame

    When the live sequence ends, the rest of the reference is compared with its last frames.
    """
    before = np.concatenate([[1], known[:-1]])
    known = np.append(known[:-1], n_reference)
    last = np.minimum(np.arange(len(known)) + band - 1, len(known) - 1)  # a column reaches so many rows back
    return np.maximum(before - band, 0), known[last]


@njit(nogil=True, cache=True)
def _steps(live: F32, reference: F32, low: I64, high: I64, numbers: WarpNumbers) -> npt.NDArray[np.uint8]:
    """Return the step of the cheapest path to each visited cell (live frame, reference frame from the row's low on)."""
    steps = np.zeros((len(live), (high - low).max()), np.uint8)
    before, row = np.full(len(reference), np.inf), np.full(len(reference), np.inf)
    for t in range(len(live)):
        for j in range(low[t], high[t]):
            d = frame_distance(live[t], reference[j], numbers.share)
            step, least = BOTH, np.inf
            if t == 0 and j == 0:
                least = d
            if t > 0 and j > 0:
                least = before[j - 1] + numbers.diagonal * d
            if t > 0 and before[j] + d < least:
                step, least = ROW, before[j] + d
            if j > 0 and row[j - 1] + d < least:
                step, least = COLUMN, row[j - 1] + d
            row[j] = least
            steps[t, j - low[t]] = step
        before, row = row, before
        row[:] = np.inf
    return steps


@njit(nogil=True, cache=True)
def _read_back(steps: npt.NDArray[np.uint8], low: I64, n_reference: int) -> I64:
    t, j = len(steps) - 1, n_reference - 1
    path = np.zeros((t + j + 1, 2), np.int64)
    k = len(path)
    while True:
        k -= 1
        path[k, 0], path[k, 1] = j, t
        if t == 0 and j == 0:
            return path[k:]
        step = steps[t, j - low[t]]
        t -= step != COLUMN
        j -= step != ROW
