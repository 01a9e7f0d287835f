"""What MATCH compares: by how much the energy in each band of the spectrum grew, as a share of the frame's energy.

S. Dixon and G. Widmer: MATCH: a music alignment tool chest, ISMIR 2005, and their program: Hamming windows of 46 ms
every 20 ms; bins one by one as far as 370 Hz, then semitones, all above 12.5 kHz together.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engine.core.format import AudioFormat
from engine.dsp.frontends import FrontEndConfig, front_end
from offline.run import collect_frames
from offline.training.similarity.pairs import FeatureTrack

__all__ = ["energy_growth"]

Features = npt.NDArray[np.float32]

HOP_S, WINDOW_S = 0.02, 0.0464
SEMITONE = 2 ** (1 / 12)
N_BANDS = 84
SILENCE = 1e-8  # energy of a frame, that of a full-scale sine being 1/4


def energy_growth(audio: Features, sample_rate: int) -> FeatureTrack:
    """Compute features (frame, N_BANDS) of mono sound (sample); each sums to at most 1, silence is 0."""
    n_fft = round(WINDOW_S * sample_rate)
    config = FrontEndConfig(hop_s=HOP_S, window_s=WINDOW_S, n_bins=n_fft // 2 + 1, compression=0.0)
    node = front_end("stft", AudioFormat(sample_rate=sample_rate, n_channels=1), config)
    energy = collect_frames(node, audio[:, None]) ** 2 @ _bands(n_fft // 2 + 1, sample_rate / n_fft)
    total = energy.sum(axis=1, keepdims=True)
    growth = np.maximum(np.diff(energy, axis=0, prepend=0.0), 0.0)
    shares = np.where(total > SILENCE, growth / np.maximum(total, SILENCE), 0.0)
    return FeatureTrack(shares.astype(np.float32), node.centre(0) / sample_rate, node.hop / sample_rate)


def _bands(n_bins: int, spacing_hz: float) -> Features:
    """Return which band each bin belongs to, as a matrix (bin, N_BANDS)."""
    crossing = int(2 / (SEMITONE - 1))  # from here on a semitone is wider than two bins
    bins = np.arange(n_bins)
    semitone = np.round(12 * np.log2(np.maximum(bins, 1) * spacing_hz / 440))
    band = np.where(bins <= crossing, bins, crossing + semitone - semitone[min(crossing, n_bins - 1)])
    out = np.zeros((n_bins, N_BANDS), np.float32)
    out[bins, np.minimum(band.astype(int), N_BANDS - 1)] = 1.0
    return out
