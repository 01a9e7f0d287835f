"""Final stages of front ends: magnitudes of spectra, and bins folded to pitch classes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from engine.core.arrays import C64, F32, Scalar32
from engine.core.config import require
from engine.core.errors import ConfigError
from engine.core.format import FrameFormat
from engine.dsp.features import apply_row, mean_power
from engine.dsp.filterbank import SparseMap, sparse
from engine.dsp.sanitise import as_block
from engine.dsp.stft import grown
from engine.dsp.window import window

__all__ = ["Fold", "Magnitude", "fold_weights"]

Features = npt.NDArray[np.float32]


class Magnitude:
    """Spectra (frame, channel, bin) to magnitudes (frame, bin), the root of the mean power over channels.

    A full-scale sine at a bin's frequency gives 0.5 there, as in `Cqt`.

    name: window that the spectra were computed with
    n_bins: number of bins kept from 0 Hz on, 0 where the spectra have fewer
    compression: c of log(1 + c x), 0 for none
    """

    latency = 0

    def __init__(self, frames: FrameFormat, *, name: str, n_bins: int, compression: float = 0.0) -> None:
        require("n_bins", n_bins, 1, 1 << 16)
        require("compression", compression, 0.0, 1e6)
        self.frames = frames
        self._gain = np.float32(1 / window(name, frames.n_fft).sum(dtype=np.float64))
        self._compression = np.float32(compression)
        self._power = np.zeros(frames.n_bins, np.float32)
        self._out = np.zeros((0, n_bins), np.float32)

    def process(self, spectra: npt.NDArray[np.complex64]) -> Features:
        """Return the magnitudes of each frame, borrowed until the next call."""
        row = (self.frames.audio.n_channels, self.frames.n_bins)
        spectra = as_block("Magnitude", spectra, np.complex64, row)
        self._out = grown(self._out, len(spectra))
        _magnitude(spectra, self._gain, self._compression, self._power, self._out)
        return self._out[: len(spectra)]

    def reset(self) -> None:
        """Do nothing: there is no state."""


@njit(nogil=True, cache=True)
def _magnitude(spectra: C64, gain: Scalar32, compression: Scalar32, power: F32, out: F32) -> None:
    for t in range(spectra.shape[0]):
        mean_power(spectra[t], power)
        for k in range(min(len(power), out.shape[1])):
            y = gain * np.sqrt(power[k])
            out[t, k] = np.log1p(compression * y) if compression > 0 else y


def fold_weights(low_hz: float, bins_per_octave: int, n_bins: int) -> Features:
    """Return the matrix (pitch class from C, bin) that folds constant-Q bins, as librosa.filters.cq_to_chroma.

    Each class takes the bins_per_octave / 12 bins around its own. Raises ConfigError unless that is a whole number.
    """
    if bins_per_octave % 12:
        raise ConfigError("bins_per_octave", expected="a multiple of 12", got=str(bins_per_octave))
    each = bins_per_octave // 12
    first = round(12 * np.log2(low_hz / 440) + 69)
    near = (np.arange(n_bins) + each // 2) // each + first
    return np.asarray(near % 12 == np.arange(12)[:, None], np.float32)


class Fold:
    """Features (frame, feature) mapped by a matrix (row, feature), the maximum of each frame scaled to 1.

    Frames whose maximum is below `floor` are divided by `floor` instead, so that near silence stays near 0.
    """

    latency = 0

    def __init__(self, weights: Features, *, floor: float = 1e-4) -> None:
        require("floor", floor, 1e-12, 1.0)
        self._floor = np.float32(floor)
        self.n_features = weights.shape[1]
        self._map = sparse(weights)
        self._out = np.zeros((0, len(weights)), np.float32)

    def process(self, features: Features) -> Features:
        """Return the folded frames, borrowed until the next call."""
        features = as_block("Fold", features, np.float32, (self.n_features,))
        self._out = grown(self._out, len(features))
        _fold(features, self._map, self._floor, self._out)
        return self._out[: len(features)]

    def reset(self) -> None:
        """Do nothing: there is no state."""


@njit(nogil=True, cache=True)
def _fold(features: F32, rows: SparseMap, floor: Scalar32, out: F32) -> None:
    for t in range(features.shape[0]):
        peak = floor
        for i in range(out.shape[1]):
            out[t, i] = apply_row(rows, i, features[t])
            peak = max(peak, out[t, i])
        for i in range(out.shape[1]):
            share = out[t, i] / peak
            out[t, i] = share if 0 <= share <= 1 else np.float32(0)  # false for NaN, which invalid input gives
