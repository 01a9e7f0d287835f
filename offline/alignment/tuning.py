"""Measure the tuning of a whole recording against A = 440 Hz, and its peak."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.core.format import AudioFormat, FrameFormat, frame_size
from engine.dsp.stft import Stft
from offline.recording import Recording

__all__ = ["SoundProfile", "in_tune", "measure_profile"]

LOW_HZ, HIGH_HZ = 200.0, 1600.0  # below, bins are coarser than a semitone; above, strings are stiff and sharp
PEAK = 0.05  # of the frame's loudest bin: what lies below is noise or a side lobe
EVERY_S = 0.4  # one frame in this time is enough


@dataclass(frozen=True, slots=True)
class SoundProfile:
    """Tuning and peak of a recording.

    cents: how sharp it is, -50 to 50
    peak: magnitude of the loudest band, 1 being a full-scale sine
    """

    cents: float
    peak: float


def measure_profile(recording: Recording) -> SoundProfile:
    """Measure tuning and peak over the whole recording; silence has 0 cents and peak 0.

    The tuning is the circular mean of the distances of spectral peaks from semitones, weighted by magnitude (as Ellis's
    `estimate_tuning`, but with a mean instead of a histogram, so without steps).
    """
    total, peak = 0j, 0.0
    for hz, magnitude in _peaks(recording):
        total += np.sum(magnitude * np.exp(2j * np.pi * 12 * np.log2(hz / 440)))
        peak = max(peak, float(magnitude.max(initial=0.0)))
    return SoundProfile(float(100 * np.angle(total) / (2 * np.pi)) if abs(total) > 0 else 0.0, peak)


def in_tune(audio: AudioFormat, cents: float) -> AudioFormat:
    """Return the sample rate at which a recording that is sharp by `cents` would be in tune."""
    return AudioFormat(sample_rate=round(audio.sample_rate * 2 ** (-cents / 1200)), n_channels=audio.n_channels)


def _peaks(recording: Recording) -> Iterator[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]:
    """Yield frequencies, Hz, and magnitudes of the spectral peaks of some frames."""
    rate = recording.format.sample_rate
    n_fft = frame_size(rate, at_44k1=8192)
    stft = Stft(FrameFormat(audio=recording.format, n_fft=n_fft, hop=n_fft // 2))
    low, high = int(LOW_HZ * n_fft / rate), min(int(HIGH_HZ * n_fft / rate), n_fft // 2 - 1)
    every, t = max(1, round(EVERY_S * rate / (n_fft // 2))), 0
    for block in recording.blocks():
        for spectrum in stft.process(block):
            t += 1
            if t % every == 0:
                scaled = np.abs(spectrum).mean(axis=0).astype(float) * (4 / n_fft)
                yield _frame_peaks(scaled, low, high, rate / n_fft)


def _frame_peaks(
    magnitude: npt.NDArray[np.float64], low: int, high: int, bin_hz: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return local maxima, each refined by a parabola through the logarithms of three bins."""
    here = magnitude[low:high]
    above = (here > magnitude[low - 1 : high - 1]) & (here >= magnitude[low + 1 : high + 1])
    k = low + np.flatnonzero(above & (here > PEAK * max(float(here.max(initial=0)), 1e-6)))
    a, b, c = np.log(magnitude[k - 1] + 1e-12), np.log(magnitude[k] + 1e-12), np.log(magnitude[k + 1] + 1e-12)
    shift = 0.5 * (a - c) / np.minimum(a - 2 * b + c, -1e-9)
    return (k + np.clip(shift, -0.5, 0.5)) * bin_hz, magnitude[k]
