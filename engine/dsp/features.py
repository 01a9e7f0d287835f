"""Features of spectra: chroma, and sustain and onset features over bands or pitch classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from engine.core.arrays import C64, F32, F64, Scalar32
from engine.core.config import Settings, choice, ranged
from engine.core.errors import ShapeError
from engine.core.fixed_kernel import FixedKernel
from engine.core.format import FrameFormat
from engine.dsp.filterbank import SparseMap, band_centres, band_weights, chroma_weights, shifted_bands, sparse

__all__ = ["KINDS", "Chroma", "FeatureConfig", "SpectralFeatures", "apply_row", "feature_weights", "mean_power"]

Spectra = npt.NDArray[np.complex64]
Features = npt.NDArray[np.float32]

KINDS = ("bands", "chroma")
LIMIT = np.float32(2.0**40)  # no window of samples below 2**20 sums to more: larger values are invalid
TINY = np.float32(1e-12)
HALF_LIFE_S = 30.0  # half-life of the running peak that levels are relative to, seconds
BEFORE = 3e-3  # level that may have sounded before the input began, as a room's noise does; 1 is a full-scale sine


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureConfig(Settings):
    """Settings of `SpectralFeatures`."""

    kind: str = choice("bands", KINDS, "bands on a logarithmic frequency scale, or chroma: 12 pitch classes")
    low_hz: float = ranged(55.0, 20, 1000, "lowest band", unit="Hz")
    high_hz: float = ranged(6000.0, 1500, 20_000, "upper limit of the bands", unit="Hz")
    bands_per_octave: int = ranged(24, 1, 48, "bands per octave")
    compression: float = ranged(30.0, 0.1, 10_000, "c in log(1 + c x)")
    lag: int = ranged(2, 1, 8, "distance of the two frames whose difference is the onset feature", unit="frames")
    floor: float = ranged(3e-4, 1e-9, 1.0, "smallest running peak that levels are relative to; 1 is a full-scale sine")
    decay: float = ranged(0.0, 0.0, 0.99, "fraction of an onset feature that remains in the next frame")


def feature_weights(frames: FrameFormat, config: FeatureConfig) -> Features:
    """Return the matrix (feature, bin) that maps magnitudes to bands or pitch classes."""
    if config.kind == "chroma":
        return np.sqrt(chroma_weights(frames))
    return band_weights(frames, _centres(frames, config), config.bands_per_octave)


def _centres(frames: FrameFormat, config: FeatureConfig) -> F64:
    return band_centres(frames, low_hz=config.low_hz, high_hz=config.high_hz, bands_per_octave=config.bands_per_octave)


class Chroma:
    """Spectra (frame, channel, bin) to chroma (frame, 12) from C, the loudest pitch class 1; silence is 0.

    The power spectrum, averaged over channels, mapped by `chroma_weights`, as librosa.feature.chroma_stft(tuning=0).
    """

    latency = 0

    def __init__(self, frames: FrameFormat) -> None:
        self.frames = frames
        self._map = sparse(chroma_weights(frames))
        self._power = np.zeros(frames.n_bins, np.float32)
        self._out = np.zeros((0, 12), np.float32)

    def process(self, spectra: Spectra) -> Features:
        """Return the chroma of each frame, borrowed until the next call."""
        _check(spectra, self.frames)
        self._out = _room(self._out, len(spectra))
        _chroma(spectra, self._map, self._power, self._out)
        return self._out[: len(spectra)]

    def reset(self) -> None:
        """Do nothing: there is no state."""


class _Numbers(NamedTuple):
    """Numbers for the kernel.

    scale: factor on magnitudes, so that a full-scale sine is 1
    peak_decay: factor on the running peak from frame to frame
    floor, compression, decay: see `FeatureConfig`
    wrap: whether the features are circular, as pitch classes are
    partial: frames that are compared with what was before the input, or hold some of it
    """

    scale: float
    peak_decay: float
    floor: float
    compression: float
    decay: float
    wrap: bool
    partial: int


class _Buffers(NamedTuple):
    """State and scratch of the kernel.

    recent: (lag, bin) ring of the magnitudes of the last frames
    past: (lag, band) ring of the last compressed frames, blurred
    last: (band) onset features of the last frame
    peak_turn: running peak, the position in both rings, and the partial frames so far
    """

    recent: F32
    past: F32
    last: F32
    peak_turn: F64


class SpectralFeatures:
    """Spectra (frame, channel, bin) to features (frame, 2 F): sustain (F columns), then onset (F).

    Magnitudes x, averaged over channels and mapped to F bands or pitch classes, relative to a running peak, compressed:
    y = log(1 + c x / peak). The onset half is max(0, y[t] - m[t - lag]), where m is y's maximum over three neighbouring
    bands, which suppresses vibrato (Boeck & Widmer, SuperFlux, 2013). With kind "chroma" this is onset-weighted chroma.
    The first frames rise from silence; there, only what is above BEFORE is an onset.
    """

    latency = 0

    def __init__(self, frames: FrameFormat, config: FeatureConfig) -> None:
        self.frames, self.config = frames, config
        self._map = self._plain = sparse(feature_weights(frames, config))
        self.n_bands = len(self._map.start) - 1
        hops = HALF_LIFE_S * frames.audio.sample_rate / frames.hop
        self._numbers = _Numbers(
            scale=4 / frames.n_fft,
            peak_decay=0.5 ** (1 / hops),
            floor=float(config.floor),
            compression=float(config.compression),
            decay=float(config.decay),
            wrap=config.kind == "chroma",
            partial=config.lag + -(-frames.n_fft // frames.hop),
        )
        self._buffers = _Buffers(
            recent=np.zeros((config.lag, frames.n_bins), np.float32),
            past=np.zeros((config.lag, self.n_bands), np.float32),
            last=np.zeros(self.n_bands, np.float32),
            peak_turn=np.zeros(3),
        )
        self._out = np.zeros((0, 2 * self.n_bands), np.float32)
        self._write = FixedKernel(_features)
        self.reset()

    def process(self, spectra: Spectra) -> Features:
        """Return the features of each frame, borrowed until the next call."""
        _check(spectra, self.frames)
        self._out = _room(self._out, len(spectra))
        spectra = np.ascontiguousarray(spectra, np.complex64)
        self._write.call(spectra, self._map, self._numbers, self._buffers, self._out)
        return self._out[: len(spectra)]

    def retune(self, cents: float) -> None:
        """Take what follows for sound that is `cents` higher than the bands say, without a false onset in between.

        Raises AssertionError for chroma.
        """
        config = self.config
        assert not self._numbers.wrap, "only bands can be retuned"
        if cents == 0:
            self._map = self._plain
        else:
            centres = _centres(self.frames, config)
            self._map = shifted_bands(self.frames, centres, config.bands_per_octave, 2 ** (cents / 1200))
        _refill(self._map, self._numbers, self._buffers)

    def reset(self) -> None:
        """Return to the state after construction."""
        self._map = self._plain
        self._buffers.recent[:] = 0
        self._buffers.past[:] = 0
        self._buffers.last[:] = 0
        self._buffers.peak_turn[:] = self.config.floor, 0, 0


def _check(spectra: Spectra, frames: FrameFormat) -> None:
    if spectra.ndim != 3 or spectra.shape[2] != frames.n_bins:
        raise ShapeError("spectra", expected=f"(frame, channel, {frames.n_bins} bins)", got=str(spectra.shape))


def _room(out: Features, n: int) -> Features:
    return out if len(out) >= n else np.zeros((n, out.shape[1]), np.float32)


@njit(nogil=True, cache=True)
def mean_power(spectrum: C64, power: F32) -> None:
    """Write the mean power over channels of spectrum (channel, bin); invalid values count as 0."""
    n_channels = spectrum.shape[0]
    for k in range(len(power)):
        total = np.float32(0)
        for c in range(n_channels):
            re, im = spectrum[c, k].real, spectrum[c, k].imag
            if abs(re) < LIMIT and abs(im) < LIMIT:  # false for NaN
                total += re * re + im * im
        power[k] = total / np.float32(max(n_channels, 1))


@njit(nogil=True, cache=True)
def apply_row(rows: SparseMap, i: int, x: F32) -> Scalar32:
    """Return the product of row i of a sparse map with x."""
    total = np.float32(0)
    for k in range(rows.start[i], rows.start[i + 1]):
        total += rows.weights[k] * x[rows.bins[k]]
    return total


@njit(nogil=True, cache=True)
def _chroma(spectra: C64, rows: SparseMap, power: F32, out: F32) -> None:
    for t in range(spectra.shape[0]):
        mean_power(spectra[t], power)
        peak = TINY
        for i in range(12):
            out[t, i] = apply_row(rows, i, power)
            peak = max(peak, out[t, i])
        for i in range(12):
            out[t, i] /= peak


@njit(nogil=True, cache=True)
def _features(spectra: C64, rows: SparseMap, settings: _Numbers, buffers: _Buffers, out: F32) -> None:
    """Write the features of each frame into `out`."""
    recent, past, last, peak_turn = buffers
    n = len(last)
    for t in range(spectra.shape[0]):
        magnitude = recent[int(peak_turn[1])]
        mean_power(spectra[t], magnitude)
        for k in range(len(magnitude)):
            magnitude[k] = np.sqrt(magnitude[k]) * np.float32(settings.scale)
        peak = max(peak_turn[0] * settings.peak_decay, settings.floor)
        for i in range(n):
            out[t, i] = apply_row(rows, i, magnitude)
            peak = max(peak, out[t, i])
        gain = np.float32(settings.compression / peak)
        old, before = past[int(peak_turn[1])], np.float32(0)
        if peak_turn[2] < settings.partial:
            peak_turn[2] += 1
            before = np.log1p(gain * np.float32(BEFORE))
        for i in range(n):
            out[t, i] = np.log1p(gain * out[t, i])
            fresh = max(out[t, i] - max(old[i], before), np.float32(0))
            last[i] = max(fresh, last[i] * np.float32(settings.decay))
            out[t, n + i] = last[i]
        _blur(out[t], n, settings.wrap, old)
        peak_turn[0], peak_turn[1] = peak, (peak_turn[1] + 1) % len(past)


@njit(nogil=True, cache=True)
def _refill(rows: SparseMap, settings: _Numbers, buffers: _Buffers) -> None:
    """Compute the past again from the recent magnitudes, by other rows."""
    recent, past, last, peak_turn = buffers
    n = len(last)
    y = np.zeros(n, np.float32)
    gain = np.float32(settings.compression / peak_turn[0])
    for i in range(len(past)):
        for j in range(n):
            y[j] = np.log1p(gain * apply_row(rows, j, recent[i]))
        _blur(y, n, False, past[i])
    last[:] = 0


@njit(nogil=True, cache=True)
def _blur(y: F32, n: int, wrap: bool, blurred: F32) -> None:
    """Write the maximum of each of the first n entries and its neighbours, circular if `wrap`."""
    for i in range(n):
        below = i - 1 if i > 0 else (n - 1 if wrap else i)
        above = i + 1 if i < n - 1 else (0 if wrap else i)
        blurred[i] = max(y[i], y[below], y[above])
