"""Linear maps from the bins of a spectrum to bands or pitch classes, as sparse rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from engine.core.arrays import F32, F64, I64
from engine.core.format import FrameFormat

__all__ = ["SparseMap", "band_centres", "band_weights", "chroma_weights", "shifted_bands", "sparse"]

Weights = npt.NDArray[np.float32]

A4_HZ = 440.0
NYQUIST_SHARE = 0.45  # highest band as a share of the sample rate: converters and codecs roll off above


class SparseMap(NamedTuple):
    """A matrix (feature, bin) as compressed rows: row i has weights[start[i]:start[i+1]] at bins[start[i]:start[i+1]].

    start: (row + 1) offsets
    bins: bin of each weight
    weights: values of all rows
    """

    start: npt.NDArray[np.int64]
    bins: npt.NDArray[np.int64]
    weights: Weights


def sparse(matrix: Weights) -> SparseMap:
    """Compress the rows of a matrix (feature, bin)."""
    rows, bins = np.nonzero(matrix)
    start = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(matrix)))])
    return SparseMap(start.astype(np.int64), bins.astype(np.int64), matrix[rows, bins].astype(np.float32))


def band_centres(
    frames: FrameFormat, *, low_hz: float, high_hz: float, bands_per_octave: int
) -> npt.NDArray[np.float64]:
    """Return the centre frequencies, Hz.

    `bands_per_octave` where the bins are fine enough, one a bin below.
    """
    rate = frames.audio.sample_rate
    spacing, top = rate / frames.n_fft, min(high_hz, NYQUIST_SHARE * rate)
    centres = [max(low_hz, spacing)]
    while (following := max(centres[-1] * 2 ** (1 / bands_per_octave), centres[-1] + spacing)) <= top:
        centres.append(following)
    return np.array(centres)


def band_weights(frames: FrameFormat, centres: npt.NDArray[np.float64], bands_per_octave: int) -> Weights:
    """Return overlapping triangles (band, bin) from each centre to its neighbours, peak 1."""
    spacing = frames.audio.sample_rate / frames.n_fft
    edges = _edges(centres, spacing, bands_per_octave)[:, None]
    hz = np.arange(frames.n_bins) * spacing
    rising = (hz - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - hz) / (edges[2:] - edges[1:-1])
    return np.asarray(np.maximum(np.minimum(rising, falling), 0), np.float32)


def _edges(centres: npt.NDArray[np.float64], spacing: float, bands_per_octave: int) -> npt.NDArray[np.float64]:
    """Return the centres with one more on either side."""
    step = 2 ** (1 / bands_per_octave)
    below = centres[0] - max(spacing, centres[0] * (1 - 1 / step))
    return np.concatenate([[below], centres, [centres[-1] * step]])


def shifted_bands(
    frames: FrameFormat, centres: npt.NDArray[np.float64], bands_per_octave: int, ratio: float
) -> SparseMap:
    """Return the map of `band_weights` for sound that is `ratio` times as high as the centres say.

    Quick enough to be called between two frames. A band whose triangle lies between two bins takes the nearer one.
    """
    spacing = frames.audio.sample_rate / frames.n_fft
    n_bands = len(centres)
    start, bins = np.zeros(n_bands + 1, np.int64), np.zeros(3 * frames.n_bins + n_bands, np.int64)
    weights = np.zeros(len(bins), np.float32)
    n = _triangles(_edges(centres, spacing, bands_per_octave), spacing / ratio, frames.n_bins, start, bins, weights)
    return SparseMap(start, bins[:n].copy(), weights[:n].copy())


@njit(nogil=True, cache=True)
def _triangles(edges: F64, spacing: float, n_bins: int, start: I64, bins: I64, weights: F32) -> int:
    """Write the rows of a map and return how many weights it has."""
    n = 0
    for i in range(len(edges) - 2):
        low, middle, high = edges[i], edges[i + 1], edges[i + 2]
        first = n
        for k in range(max(int(low / spacing), 0), min(int(high / spacing) + 2, n_bins)):
            weight = min((k * spacing - low) / (middle - low), (high - k * spacing) / (high - middle))
            if weight > 0 and n < len(bins):
                bins[n], weights[n] = k, weight
                n += 1
        if n == first and n < len(bins):
            bins[n], weights[n] = min(int(middle / spacing + 0.5), n_bins - 1), 1.0
            n += 1
        start[i + 1] = n
    return n


def chroma_weights(frames: FrameFormat) -> Weights:
    """Return Gaussians on the circle of 12 pitch classes (pitch class from C, bin), for power spectra.

    As in Ellis, "Chroma feature analysis and synthesis" (2007), and librosa.filters.chroma with its defaults: each
    bin's weights have unit length, and bins far from five octaves above A0 (27.5 Hz) are attenuated.
    """
    spacing = frames.audio.sample_rate / frames.n_fft
    hz = np.arange(1, frames.n_fft) * spacing
    octaves = np.log2(hz / (A4_HZ / 16))
    position = np.concatenate([[12 * octaves[0] - 18], 12 * octaves])  # the bin at 0 Hz: one and a half octaves below
    width = np.concatenate([np.maximum(np.diff(position), 1.0), [1.0]])
    away = np.remainder(position - np.arange(12)[:, None] + 126, 12) - 6
    bumps = np.exp(-0.5 * (2 * away / width) ** 2)
    bumps /= np.linalg.norm(bumps, axis=0)
    bumps *= np.exp(-0.5 * ((position / 12 - 5) / 2) ** 2)
    return np.asarray(np.roll(bumps, -3, axis=0)[:, : frames.n_bins], np.float32)
