"""Features for following: rows of sustain and onset features from any front end."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
from numba import njit

from engine.core.arrays import F32, I64
from engine.core.config import Settings, plain, ranged
from engine.dsp.frontends import FrontEnd
from engine.dsp.stft import grown

__all__ = ["FollowerFeatures", "FollowerFeaturesConfig", "OnsetDifference"]

Audio = npt.NDArray[np.float32]
Features = npt.NDArray[np.float32]

ONSET_LAG_S = 0.023  # time between the two frames whose difference gives an onset, seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowerFeaturesConfig(Settings):
    """Features to follow by, in addition to the spectral ones."""

    name: str = plain("learned", "learned, siamese-cnn, or a front end of `engine.following.salience.any_front_end`")
    weights: Path | None = plain(None, "ONNX file of the network, for learned, siamese-cnn and salience")
    salience: Path | None = plain(None, "ONNX file of the salience that a siamese-cnn compares, if it does")
    share: float = ranged(
        0.5, 0.0, 1.0, "weight of the learned similarity in the sustain features; the bands have the rest"
    )


class FollowerFeatures(Protocol):
    """Audio (sample, channel) in, rows (frame, F + G) out: F sustain features, then G onset features.

    Frame t is emitted with sample (t + 1) * hop - 1 and describes the input `latency` samples before.

    hop: samples between frames
    n_sounds: F
    """

    hop: int
    n_sounds: int

    @property
    def latency(self) -> int:
        """Return the samples from the instant that a frame describes to its emission."""
        ...

    def process(self, block: Audio) -> Features:
        """Return the frames that the block completes, borrowed until the next call."""
        ...

    def reset(self) -> None:
        """Return to the state after construction."""
        ...


class OnsetDifference:
    """A front end's features (F), and the increase of each over the blurred features of 23 ms ago (F).

    As `SpectralFeatures` does with bands: max(0, y[t] - max of y[t - lag] over three neighbours).
    """

    def __init__(self, front: FrontEnd, sample_rate: int) -> None:
        self._front = front
        self.hop, self.n_sounds = front.hop, front.n_features
        self._past = np.zeros((max(1, round(ONSET_LAG_S * sample_rate / front.hop)), front.n_features), np.float32)
        self._turn = np.zeros(1, np.int64)
        self._out = np.zeros((0, 2 * front.n_features), np.float32)

    @property
    def latency(self) -> int:
        """Return the front end's latency, samples."""
        return self._front.latency

    def process(self, block: Audio) -> Features:
        """Return the frames that the block completes, borrowed until the next call."""
        features = self._front.process(block)
        self._out = grown(self._out, len(features))
        _rise(features, self._past, self._turn, self._out)
        return self._out[: len(features)]

    def reset(self) -> None:
        """Return to the state after construction."""
        self._front.reset()
        self._past[:] = 0
        self._turn[:] = 0


@njit(nogil=True, cache=True)
def _rise(features: F32, past: F32, turn: I64, out: F32) -> None:
    """Write the features and their increase into `out`.

    past: ring of the blurred rows of the last frames
    """
    n = features.shape[1]
    for t in range(features.shape[0]):
        old = past[turn[0]]
        for i in range(n):
            out[t, i] = features[t, i]
            out[t, n + i] = max(features[t, i] - old[i], np.float32(0))
        for i in range(n):
            old[i] = max(features[t, max(i - 1, 0)], features[t, i], features[t, min(i + 1, n - 1)])
        turn[0] = (turn[0] + 1) % len(past)
