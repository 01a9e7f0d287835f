"""Refine stems by a streaming multichannel Wiener filter, from the spatial covariance of each target so far."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engine.core.format import FrameFormat
from engine.dsp.sanitise import LIMIT, as_block
from engine.dsp.stft import grown
from engine.separation.config import WienerConfig
from engine.separation.kam import identity
from engine.separation.wiener_kernel import (
    clean_stems,
    filter_many,
    filter_one,
    filter_two,
    relative_powers,
    share_rest,
    sum_up,
)

__all__ = ["Wiener"]


class Wiener:
    """Take stems (frame, target, channel, bin), return refined stems of the same mixture, complex64, frame for frame.

    The input stems give the power of each target, the past frames its spatial covariance; the output sums to the same
    mixture as the input. With one channel the filter is the ratio of the powers.
    """

    def __init__(self, frames: FrameFormat, config: WienerConfig, *, n_targets: int) -> None:
        self.frames, self.config = frames, config
        n_channels, n_bins = frames.audio.n_channels, frames.n_bins
        self._row = (n_targets, n_channels, n_bins)
        self._stems = np.zeros((0, *self._row), np.complex64)
        self._packed = np.stack([identity(n_channels, n_bins)] * n_targets)
        self._scratch = (
            np.zeros((n_channels, n_bins), np.complex64),
            np.zeros((n_targets, n_bins), np.float32),
            np.zeros((n_channels, n_channels, n_bins), np.float32),
            np.zeros(n_bins, np.float32),
        )
        self._matrices = np.zeros((5, n_channels, n_channels), np.complex64)

    @property
    def latency(self) -> int:
        """Return 0: each frame is filtered from itself and the past."""
        return 0

    def process(self, stems: npt.NDArray[np.complex64]) -> npt.NDArray[np.complex64]:
        """Take (frame, target, channel, bin), return the same shape, borrowed until the next call."""
        stems = as_block("Wiener", stems, np.complex64, self._row)
        self._stems = grown(self._stems, len(stems))
        out = self._stems[: len(stems)]
        clean_stems(stems, np.float32(LIMIT * self.frames.n_fft), out)
        for frame in out:
            self._refine(frame)
        return out

    def _refine(self, stems: npt.NDArray[np.complex64]) -> None:
        """Refine the stems (target, channel, bin) of one frame in place; their sum, the mixture, does not change."""
        mixture, shares, total, level = self._scratch
        sum_up(stems, mixture)
        relative_powers(stems, shares, level)
        learning = level, self._packed, np.float32(self.config.forgetting), self.config.posterior
        if len(mixture) == 1:
            filter_one(stems, mixture, shares)
        elif len(mixture) == 2:
            filter_two(stems, mixture, shares, *learning, total)
        else:
            filter_many(stems, mixture, shares, *learning, self._matrices)
        share_rest(stems, mixture)

    def reset(self) -> None:
        """Reset every covariance to the identity."""
        self._packed[:] = identity(self._row[1], self._row[2])
