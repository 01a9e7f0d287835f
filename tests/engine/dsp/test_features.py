"""Bands for sound that is higher or lower than they say."""

from __future__ import annotations

import numpy as np
import pytest

from engine.core.format import AudioFormat, FrameFormat
from engine.dsp.features import FeatureConfig, SpectralFeatures, feature_weights
from engine.dsp.filterbank import band_centres, shifted_bands, sparse
from engine.dsp.stft import Stft
from tests.tolerances import FLOAT32

FRAMES = FrameFormat(audio=AudioFormat(sample_rate=44100, n_channels=1), n_fft=2048, hop=512)
CONFIG = FeatureConfig()


def tones(cents: float) -> np.ndarray:
    """A second of five partials of A = 440 Hz, so much higher."""
    t = np.arange(44100) / 44100
    return sum(np.sin(2 * np.pi * 440 * h * 2 ** (cents / 1200) * t) / h for h in range(1, 6)).astype(np.float32)


def spectra(cents: float) -> np.ndarray:
    return Stft(FRAMES).process(0.1 * tones(cents)[:, None]).copy()


def test_bands_that_are_not_shifted_are_the_plain_ones() -> None:
    centres = band_centres(FRAMES, low_hz=CONFIG.low_hz, high_hz=CONFIG.high_hz, bands_per_octave=24)
    plain, shifted = sparse(feature_weights(FRAMES, CONFIG)), shifted_bands(FRAMES, centres, 24, 1.0)
    assert np.array_equal(plain.start, shifted.start)
    assert np.array_equal(plain.bins, shifted.bins)
    assert np.abs(plain.weights - shifted.weights).max() <= FLOAT32


@pytest.mark.parametrize("cents", [-500.0, -101.0, 30.0, 400.0])
def test_retuned_bands_take_a_higher_tone_for_the_written_one(cents: float) -> None:
    node = SpectralFeatures(FRAMES, CONFIG)
    n = node.n_bands
    written, plain = node.process(spectra(0))[-1, :n].copy(), node.process(spectra(cents))[-1, :n].copy()
    node.retune(cents)
    retuned = node.process(spectra(cents))[-1, :n]

    def likeness(a: np.ndarray) -> float:
        return float(a @ written / np.linalg.norm(a) / np.linalg.norm(written))

    assert likeness(retuned) > 0.95
    assert likeness(retuned) > likeness(plain)


def test_retuning_is_no_onset() -> None:
    node, sound = SpectralFeatures(FRAMES, CONFIG), spectra(50)
    node.process(sound[:40])
    node.retune(50)
    assert np.linalg.norm(node.process(sound[40:50])[:, node.n_bands :], axis=1).max() < 0.2
