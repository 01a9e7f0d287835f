"""Linear maps from the bins of a spectrum to bands or pitch classes, as sparse rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.core.format import FrameFormat

__all__ = ["SparseMap", "band_centres", "band_weights", "chroma_weights", "sparse"]

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
    step = 2 ** (1 / bands_per_octave)
    below = centres[0] - max(spacing, centres[0] * (1 - 1 / step))
    edges = np.concatenate([[below], centres, [centres[-1] * step]])[:, None]
    hz = np.arange(frames.n_bins) * spacing
    rising = (hz - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - hz) / (edges[2:] - edges[1:-1])
    return np.asarray(np.maximum(np.minimum(rising, falling), 0), np.float32)


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
