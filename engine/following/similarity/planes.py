"""The input of a Siamese convolutional network: a feature spread over rows, its change, and the change of that.

Agrawal & Dixon (2020), table I, give the size of the input, 128 x 128 x 3.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from numba import njit

from engine.core.arrays import F32, F64
from engine.dsp.sanitise import LIMIT, as_block, clean
from engine.dsp.stft import grown

__all__ = ["LEAST_SCALE", "PLANES", "PLANE_ROWS", "RunningPlanes", "plane_rows"]

Features = npt.NDArray[np.float32]

PLANE_ROWS = 128
PLANES = 3
LEAST_SCALE = 1e-3  # standard deviation below which a sound counts as silence
SOUNDING = 0.1  # of the mean so far: a frame below does not count for it, so that waiting in silence changes nothing


def plane_rows(features: Features) -> Features:
    """Spread features (frame, n) evenly over (frame, PLANE_ROWS).

    Of more than PLANE_ROWS each row is the mean of what falls on it, the features at its edges by their share; fewer
    are repeated side by side.
    """
    n = features.shape[1]
    if n < PLANE_ROWS:
        return features[:, np.arange(PLANE_ROWS) * n // PLANE_ROWS]
    return np.asarray(features @ _shares(n))


@lru_cache
def _shares(n: int) -> Features:
    """Return how much each of n features counts in each row (n, PLANE_ROWS): how far they overlap; a row sums to 1."""
    each = n / PLANE_ROWS
    row, feature = np.arange(PLANE_ROWS) * each, np.arange(n)[:, None]
    overlap = np.minimum(feature + 1, row + each) - np.maximum(feature, row)
    return (np.maximum(overlap, 0) / each).astype(np.float32)


class RunningPlanes:
    """Features (frame, n) in, planes (frame, PLANES, PLANE_ROWS) out, normalised by what was heard so far.

    Before the stream there was silence.

    n_features: n
    mean, scale: of the rows of typical sound, which the measured ones begin with
    weight: frames that these count as
    """

    latency = 0

    def __init__(self, n_features: int, mean: float, scale: float, weight: float) -> None:
        self._typical = np.array([weight, weight * mean, weight * (scale**2 + mean**2)])
        self._sums = self._typical.copy()
        self._last = np.zeros((2, PLANE_ROWS), np.float32)  # rows of the last frame, and their change
        self._spread = _spread(n_features)
        self._out = np.zeros((0, PLANES, PLANE_ROWS), np.float32)

    def quiet(self, n_frames: int) -> Features:
        """Return the planes of silence as it is before the stream."""
        mean, scale = _level(self._typical)
        planes = np.zeros((n_frames, PLANES, PLANE_ROWS), np.float32)
        planes[:, 0] = -mean / scale
        return planes

    def process(self, features: Features) -> Features:
        """Return the planes of each frame, borrowed until the next call."""
        features = as_block("RunningPlanes", features, np.float32, self._spread.shape[:1])
        self._out = grown(self._out, len(features))
        _planes(features, self._spread, self._sums, self._last, self._out)
        return self._out[: len(features)]

    def reset(self) -> None:
        """Return to the state after construction."""
        self._sums[:] = self._typical
        self._last[:] = 0


def _spread(n: int) -> Features:
    """Return the matrix (n, PLANE_ROWS) of `plane_rows`."""
    return plane_rows(np.eye(n, dtype=np.float32))


@njit(nogil=True, cache=True)
def _level(sums: F64) -> tuple[float, float]:
    mean = sums[1] / sums[0]
    return mean, max(np.sqrt(max(sums[2] / sums[0] - mean * mean, 0.0)), LEAST_SCALE)


@njit(nogil=True, cache=True)
def _planes(features: F32, spread: F32, sums: F64, last: F32, out: F32) -> None:
    """Write the planes.

    sums: frames that count, and the sums over them of the mean of their rows and of the mean of their squares
    last: rows of the last frame, and their change since the frame before
    """
    n, size = spread.shape
    row = np.empty(size, np.float32)
    for t in range(features.shape[0]):
        row[:] = 0
        for i in range(n):
            value = clean(features[t, i], np.float32(LIMIT))
            if value != 0:
                for k in range(size):
                    row[k] += value * spread[i, k]
        total = squares = 0.0
        for k in range(size):
            total += row[k]
            squares += row[k] * row[k]
        if total / size > SOUNDING * sums[1] / sums[0]:
            sums[0] += 1
            sums[1] += total / size
            sums[2] += squares / size
        mean, scale = _level(sums)
        for k in range(size):
            change = row[k] - last[0, k]
            out[t, 0, k] = (row[k] - mean) / scale
            out[t, 1, k] = change / scale
            out[t, 2, k] = (change - last[1, k]) / scale
            last[0, k], last[1, k] = row[k], change
