"""The channel strip of a mixing desk, at random: equaliser, compressor, pan, room. Audio is (sample, channel)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.signal import fftconvolve, lfilter

__all__ = ["add_room", "compress", "equalise", "pan", "produce"]

Audio = npt.NDArray[np.floating]


def produce(rng: np.random.Generator, audio: Audio, sample_rate: int, *, wide: float = 1.0) -> Audio:
    """Apply a random equaliser, compressor, pan and room; wide: largest distance from the middle, 0 to 1."""
    out = audio if audio.ndim == 2 else np.repeat(audio[:, None], 2, axis=1)
    for _ in range(int(rng.integers(0, 4))):
        centre_hz = float(np.exp(rng.uniform(np.log(80), np.log(10_000))))
        out = equalise(out, sample_rate, centre_hz=centre_hz, gain_db=rng.uniform(-8, 8), q=rng.uniform(0.4, 2))
    if rng.random() < 0.6:
        out = compress(out, sample_rate, threshold_db=rng.uniform(-30, -12), ratio=rng.uniform(1.5, 6))
    out = pan(out, wide * float(np.clip(rng.normal(0, 0.35), -0.9, 0.9)))
    if rng.random() < 0.6:
        out = add_room(rng, out, sample_rate, decay_s=rng.uniform(0.15, 1.6), wet=rng.uniform(0.03, 0.3))
    return out.astype(np.float32)


def equalise(audio: Audio, sample_rate: int, *, centre_hz: float, gain_db: float, q: float) -> Audio:
    """Apply a peaking filter (Bristow-Johnson, "Cookbook formulae for audio equalizer biquad filter coefficients")."""
    amplitude, w = 10 ** (gain_db / 40), 2 * np.pi * centre_hz / sample_rate
    alpha = np.sin(w) / (2 * q)
    b = np.array([1 + alpha * amplitude, -2 * np.cos(w), 1 - alpha * amplitude])
    a = np.array([1 + alpha / amplitude, -2 * np.cos(w), 1 - alpha / amplitude])
    out: Audio = lfilter(b / a[0], a / a[0], audio, axis=0)
    return out


def compress(audio: Audio, sample_rate: int, *, threshold_db: float, ratio: float, release_s: float = 0.1) -> Audio:
    """Apply a feed-forward compressor driven by the louder channel's smoothed level, equal for both channels."""
    keep = np.exp(-1 / (release_s * sample_rate))
    power = lfilter([1 - keep], [1, -keep], np.max(np.square(audio), axis=1))
    level_db = 10 * np.log10(power + 1e-10)
    gain_db = np.minimum(0, (threshold_db - level_db) * (1 - 1 / ratio))
    out: Audio = audio * (10 ** (gain_db / 20))[:, None]
    return out


def pan(audio: Audio, where: float) -> Audio:
    """Pan by a balance of constant power: -1 is left, 1 right."""
    angle = (where + 1) * np.pi / 4
    out: Audio = audio * (np.array([np.cos(angle), np.sin(angle)]) * np.sqrt(2))
    return out


def add_room(rng: np.random.Generator, audio: Audio, sample_rate: int, *, decay_s: float, wet: float) -> Audio:
    """Convolve with decaying noise that is different in each channel; decay_s: until -60 dB."""
    n = int(decay_s * sample_rate)
    tail = rng.standard_normal((n, audio.shape[1])) * (10 ** (-3 * np.arange(n) / n))[:, None]
    tail = lfilter([0.35], [1, -0.65], tail, axis=0)  # rooms absorb the treble
    tail /= np.sqrt(np.sum(np.square(tail), axis=0))
    out: Audio = audio + wet * fftconvolve(audio, tail, axes=0)[: len(audio)]
    return out
