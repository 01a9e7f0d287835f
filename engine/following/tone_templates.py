"""What a note looks like through a feature's filterbank: a plain additive tone, no sound made."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.core.config import require
from engine.core.format import FrameFormat

__all__ = ["ToneConfig", "note_features"]

Features = npt.NDArray[np.float32]

N_PITCHES = 128
FINE = 16  # points a bin of the window's transform
LOBE_BINS = 4  # the side lobes of a Hann window beyond are 40 dB down


@dataclass(frozen=True, slots=True, kw_only=True)
class ToneConfig:
    """How the imagined instrument sounds.

    slope: partial h has amplitude h ** -slope, 0 to 4; inharmonicity: B in f = h f0 sqrt(1 + B h^2) (Fletcher
    1964), 0 to 0.01; n_partials; ring_s: seconds in which a held note falls by 1/e; pedal: share of a note that
    goes on after its end, and pedal_s how fast that falls; level: a lone partial's amplitude relative to the
    recording's peak.
    """

    slope: float = 1.7
    inharmonicity: float = 4e-4
    n_partials: int = 30
    ring_s: float = 1.5
    pedal: float = 0.15
    pedal_s: float = 1.0
    level: float = 0.5

    def __post_init__(self) -> None:
        require("slope", self.slope, 0.0, 4.0)
        require("inharmonicity", self.inharmonicity, 0.0, 0.01)
        require("n_partials", self.n_partials, 1, 100)
        require("ring_s", self.ring_s, 0.01, 100.0)
        require("pedal", self.pedal, 0.0, 1.0)
        require("pedal_s", self.pedal_s, 0.01, 100.0)
        require("level", self.level, 0.001, 10.0)


def note_features(frames: FrameFormat, weights: Features, config: ToneConfig) -> Features:
    """Linear features (pitch 0 to 127, feature) of one sounding note of each pitch, loudest partial 1.

    weights: (feature, bin). The partials' main lobes through a Hann window of n_fft, then the filterbank.
    """
    window = np.hanning(frames.n_fft + 1)[:-1]
    lobe = np.abs(np.fft.rfft(window, FINE * frames.n_fft))[: FINE * LOBE_BINS + 1] / window.sum()
    spectra = [_tone(pitch, frames, lobe, config) for pitch in range(N_PITCHES)]
    return (np.array(spectra) @ weights.T).astype(np.float32)


def _tone(pitch: int, frames: FrameFormat, lobe: npt.NDArray[np.float64], config: ToneConfig) -> Features:
    """Magnitudes (bin) of one note."""
    rate = frames.audio.sample_rate
    h = np.arange(1, config.n_partials + 1)
    hz = h * 440 * 2 ** ((pitch - 69) / 12) * np.sqrt(1 + config.inharmonicity * h * h)
    h, hz = h[hz < rate / 2], hz[hz < rate / 2]
    magnitude = np.zeros(frames.n_bins)
    for order, centre in zip(h, hz * frames.n_fft / rate, strict=True):
        bins = np.arange(max(0, int(centre) - LOBE_BINS), min(frames.n_bins, int(centre) + LOBE_BINS + 2))
        height = np.interp(np.abs(bins - centre) * FINE, np.arange(len(lobe)), lobe, right=0.0)
        magnitude[bins] = np.maximum(magnitude[bins], height * float(order) ** -config.slope)
    return magnitude.astype(np.float32)
