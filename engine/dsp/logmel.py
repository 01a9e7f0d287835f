"""Spectra to log-mel magnitudes, the input of the sound event networks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from engine.core.arrays import C64, F32, Scalar32
from engine.core.config import Settings, ranged
from engine.core.errors import ConfigError, ShapeError
from engine.core.format import FrameFormat
from engine.dsp.filterbank import SparseMap, sparse

__all__ = ["LogMel", "LogMelConfig", "mel_to_hz", "mel_weights"]

Spectra = npt.NDArray[np.complex64]
Features = npt.NDArray[np.float32]

LINEAR_HZ = 200.0 / 3  # hertz a mel below the corner
CORNER_HZ, CORNER_MEL = 1000.0, 15.0
LOG_STEP = np.log(6.4) / 27  # step of the natural logarithm of the frequency for a mel above the corner
MAX_POWER = np.float32(2.0**80)  # no window of samples below 2**20 has bins above 2**40: larger values are invalid


@dataclass(frozen=True, slots=True, kw_only=True)
class LogMelConfig(Settings):
    """Settings of the log-mel bands."""

    n_mels: int = ranged(128, 8, 512, "number of bands")
    low_hz: float = ranged(0.0, 0, 20_000, "lower edge of the first triangular filter", unit="Hz")
    high_hz: float = ranged(
        0.0, 0, 192_000, "upper edge of the last triangular filter; 0 for half the sample rate", unit="Hz"
    )
    floor: float = ranged(
        1e-5, 1e-10, 1.0, "constant added before the logarithm; the default is near the noise of 16 bits"
    )


def mel_to_hz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the frequencies of mels on Slaney's scale, Hz: linear to 1 kHz, then logarithmic.

    Auditory Toolbox, 1998.
    """
    above = CORNER_HZ * np.exp(LOG_STEP * np.maximum(mel - CORNER_MEL, 0))
    return np.where(mel < CORNER_MEL, mel * LINEAR_HZ, above)


def hz_to_mel(hz: float) -> float:
    """Return the mel of one frequency, the inverse of `mel_to_hz`."""
    if hz < CORNER_HZ:
        return hz / LINEAR_HZ
    return float(CORNER_MEL + np.log(hz / CORNER_HZ) / LOG_STEP)


def mel_weights(frames: FrameFormat, config: LogMelConfig) -> Features:
    """Return triangles (mel, bin), evenly spaced in mel, each of unit area over frequency in Hz.

    Raises ConfigError if the range is empty or exceeds half the sample rate.
    """
    half = frames.audio.sample_rate / 2
    high = config.high_hz or half
    if not config.low_hz < high <= half:
        raise ConfigError(
            "high_hz", expected=f"above low_hz {config.low_hz:g} and up to {half:g}", got=f"{config.high_hz:g}"
        )
    edges = mel_to_hz(np.linspace(hz_to_mel(config.low_hz), hz_to_mel(high), config.n_mels + 2))[:, None]
    hz = np.arange(frames.n_bins) * frames.audio.sample_rate / frames.n_fft
    rising = (hz - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - hz) / (edges[2:] - edges[1:-1])
    triangles = np.maximum(np.minimum(rising, falling), 0) * 2 / (edges[2:] - edges[:-2])
    return np.asarray(triangles, np.float32)


class LogMel:
    """Spectra (frame, channel, bin) to features (frame, mel): ln(floor + mel magnitudes), natural logarithm.

    The magnitude is the square root of the mean power over channels, so channels in antiphase do not cancel.
    """

    latency = 0

    def __init__(self, frames: FrameFormat, config: LogMelConfig) -> None:
        self.frames, self.config = frames, config
        self._map = sparse(mel_weights(frames, config))
        self._magnitude = np.zeros(frames.n_bins, np.float32)
        self._out = np.zeros((0, config.n_mels), np.float32)

    def process(self, spectra: Spectra) -> Features:
        """Return the log-mel magnitudes of each frame, borrowed until the next call."""
        if spectra.ndim != 3 or spectra.shape[2] != self.frames.n_bins:
            raise ShapeError("LogMel", expected=f"(frame, channel, {self.frames.n_bins} bins)", got=str(spectra.shape))
        if len(self._out) < len(spectra):
            self._out = np.zeros((len(spectra), self.config.n_mels), np.float32)
        _log_mel(spectra, self._map, np.float32(self.config.floor), self._magnitude, self._out)
        return self._out[: len(spectra)]

    def reset(self) -> None:
        """Do nothing: there is no state."""


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract"})
def _log_mel(spectra: C64, rows: SparseMap, floor: Scalar32, magnitude: F32, out: F32) -> None:
    """Write out[t, m] = ln(floor + sum_k w[m, k] sqrt(mean_c |X[t, c, k]|^2)); invalid values count as 0."""
    share = np.float32(1) / np.float32(max(spectra.shape[1], 1))
    for t in range(spectra.shape[0]):
        magnitude[:] = np.float32(0)
        for c in range(spectra.shape[1]):
            row = spectra[t, c]
            for k in range(len(magnitude)):
                power = row[k].real * row[k].real + row[k].imag * row[k].imag
                magnitude[k] += power if power < MAX_POWER else np.float32(0)  # 0 for NaN
        for k in range(len(magnitude)):
            magnitude[k] = np.sqrt(magnitude[k] * share)
        for m in range(out.shape[1]):
            first, last = rows.start[m], rows.start[m + 1]
            weights = rows.weights[first:last]
            inside = magnitude[rows.bins[first] : rows.bins[first] + last - first] if last > first else magnitude[:0]
            total = np.float32(0)
            for i in range(len(weights)):  # a triangle's bins are contiguous
                total += weights[i] * inside[i]
            out[t, m] = total
        for m in range(out.shape[1]):
            out[t, m] = np.log(floor + out[t, m])
