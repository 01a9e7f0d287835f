"""Cases of the log-mel front end: behind an STFT, on audio, and alone, on spectra."""

from __future__ import annotations

import numpy as np

from engine.core.format import AudioFormat, FrameFormat
from engine.core.processor import Chain
from engine.dsp.logmel import LogMel, LogMelConfig
from engine.dsp.stft import Stft
from tests.contract import Case

FRAMES = FrameFormat(audio=AudioFormat(sample_rate=22050, n_channels=2), n_fft=2048, hop=366)
NOISE = np.random.default_rng(3).standard_normal((20_000, 2)).astype(np.float32)


def front() -> Chain:
    return Chain(Stft(FRAMES), LogMel(FRAMES, LogMelConfig()))


def slow(signal: np.ndarray, latency: int) -> np.ndarray:
    """Frame t from sample t * hop - latency on, by numpy in float64."""
    padded = np.concatenate([np.zeros((max(latency, 0), 2)), signal])
    starts = range(0, len(padded) - FRAMES.n_fft + 1, FRAMES.hop)
    window = np.sin(np.pi * np.arange(FRAMES.n_fft) / FRAMES.n_fft)[:, None] ** 2
    spectra = np.stack([np.fft.rfft(padded[s : s + FRAMES.n_fft] * window, axis=0) for s in starts])
    return log_mel((np.abs(spectra) ** 2).mean(axis=2))


def log_mel(power: np.ndarray) -> np.ndarray:
    """ln(floor + mel magnitudes) of mean power (frame, bin), with librosa's table written out anew."""
    mels = np.linspace(0, 15 + np.log(11.025) * 27 / np.log(6.4), 130)
    hz = np.where(mels < 15, mels * 200 / 3, 1000 * 6.4 ** ((mels - 15) / 27))
    bins = np.arange(1025) * 22050 / 2048
    table = np.stack([np.interp(bins, hz[i : i + 3], [0, 2 / (hz[i + 2] - hz[i]), 0]) for i in range(128)])
    return np.log(1e-5 + np.sqrt(power) @ table.T)


def misfit(output: np.ndarray, signal: np.ndarray, latency: int) -> float:
    expected = slow(signal, latency)
    n = min(len(output), len(expected))
    return float(np.abs(output[:n] - expected[:n]).max() / expected.std())


SPECTRA = np.random.default_rng(4).standard_normal((60, 2, 1025, 2)).astype(np.float32).view(np.complex64)[..., 0]


def frame_misfit(output: np.ndarray, signal: np.ndarray, latency: int) -> float:
    if latency < 0:
        return float("inf")
    expected = log_mel((np.abs(signal) ** 2).mean(axis=1))
    return float(np.abs(output - expected).max() / expected.std())


CASES = [
    Case("audio to log-mel", front, NOISE, misfit),
    Case("log-mel", lambda: LogMel(FRAMES, LogMelConfig()), SPECTRA, frame_misfit, sizes=(0, 1, 2, 7, 30, 60)),
]
