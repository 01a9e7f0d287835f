"""Compute the features of each pitch from an additive tone model and a filterbank, without synthesising audio."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engine.core.format import FrameFormat

__all__ = ["LEVEL", "PEDAL", "PEDAL_S", "RING_S", "note_features"]

Features = npt.NDArray[np.float32]

N_PITCHES = 128
FINE = 16  # samples a bin of the window's transform
# The modelled instrument, near a piano.
SLOPE = 1.7  # partial h has amplitude h ** -SLOPE
INHARMONICITY = 4e-4  # B in f = h f0 sqrt(1 + B h^2) (Fletcher 1964)
N_PARTIALS = 30
RING_S = 1.5  # decay time of a held note to 1/e, seconds
PEDAL, PEDAL_S = 0.15, 1.0  # share of a note left after its release, and the decay time of that, seconds
LEVEL = 0.5  # a lone partial's amplitude relative to the recording's peak
LOBE_BINS = 4  # half width of the lobe, bins; a Hann window's side lobes beyond are 40 dB down


def note_features(frames: FrameFormat, weights: Features) -> Features:
    """Return linear features (pitch 0 to 127, feature) of one sounding note of each pitch, loudest partial 1.

    Main lobes of the partials in a Hann window of n_fft, then the filterbank.

    weights: (feature, bin)
    """
    window = np.hanning(frames.n_fft + 1)[:-1]
    lobe = np.abs(np.fft.rfft(window, FINE * frames.n_fft))[: FINE * LOBE_BINS + 1] / window.sum()
    spectra = [_tone(pitch, frames, lobe) for pitch in range(N_PITCHES)]
    return (np.array(spectra) @ weights.T).astype(np.float32)


def _tone(pitch: int, frames: FrameFormat, lobe: npt.NDArray[np.float64]) -> Features:
    """Return the magnitudes (bin) of one note."""
    rate = frames.audio.sample_rate
    h = np.arange(1, N_PARTIALS + 1)
    hz = h * 440 * 2 ** ((pitch - 69) / 12) * np.sqrt(1 + INHARMONICITY * h * h)
    h, hz = h[hz < rate / 2], hz[hz < rate / 2]
    magnitude = np.zeros(frames.n_bins)
    for order, centre in zip(h, hz * frames.n_fft / rate, strict=True):
        bins = np.arange(max(0, int(centre) - LOBE_BINS), min(frames.n_bins, int(centre) + LOBE_BINS + 2))
        height = np.interp(np.abs(bins - centre) * FINE, np.arange(len(lobe)), lobe, right=0.0)
        magnitude[bins] = np.maximum(magnitude[bins], height * float(order) ** -SLOPE)
    return magnitude.astype(np.float32)
