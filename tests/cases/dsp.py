"""Cases of the signal processing: transforms and the harmonic/percussive separation."""

from __future__ import annotations

import math

import numpy as np

from engine.core.format import AudioFormat, FrameFormat
from engine.dsp.sanitise import LIMIT
from engine.dsp.stft import Istft, Stft
from engine.dsp.window import window
from engine.separation.config import HpssConfig
from engine.separation.hpss import Hpss, HpssSpectra
from tests.contract import Case, delayed

RATE = 8000
FRAMES = FrameFormat(audio=AudioFormat(sample_rate=RATE, n_channels=2), n_fft=512, hop=128)
UNEVEN = FrameFormat(audio=AudioFormat(sample_rate=RATE, n_channels=3), n_fft=400, hop=150)
NOISE = np.random.default_rng(1).standard_normal((16_000, 3)).astype(np.float32)
SIZES = (0, 1, 2, 63, 127, 128, 129, 150, 441, 512, 1024, 100_000)
FRAME_SIZES = (0, 1, 2, 7, 16, 17, 100)


def cleaned(signal: np.ndarray) -> np.ndarray:
    return np.where(np.abs(signal) <= LIMIT, signal, 0)


def numpy_stft(signal: np.ndarray, frames: FrameFormat, n: int, late: int, name: str = "hann") -> np.ndarray:
    """The slow twin: frame t begins `late` samples before t * hop."""
    padded = np.concatenate([np.zeros((frames.n_fft, signal.shape[1])), cleaned(signal).astype(np.float64)])
    starts = frames.n_fft + np.arange(n) * frames.hop - late
    parts = np.stack([padded[max(s, 0) : s + frames.n_fft] for s in starts])
    return np.fft.rfft(parts * window(name, frames.n_fft)[None, :, None], axis=1).transpose(0, 2, 1)


def as_stft(frames: FrameFormat, name: str = "hann"):
    def misfit(output: np.ndarray, signal: np.ndarray, latency: int) -> float:
        n = len(signal) // frames.hop
        if len(output) != n:
            return math.inf
        # One sample less than the latency: the last frame would end one sample behind what it was given.
        expected = numpy_stft(np.vstack([signal, signal[-1:]]), frames, n, latency, name)
        return delayed(output, expected, 0)

    return misfit


def as_istft(frames: FrameFormat):
    """Spectra made from NOISE at the frames' own lag: the audio comes back with that lag."""

    def misfit(output: np.ndarray, signal: np.ndarray, latency: int) -> float:
        audio = NOISE[: len(signal) * frames.hop, : frames.audio.n_channels]
        return delayed(output.reshape(len(output), -1), audio, frames.latency + latency)

    return misfit


def as_input(output: np.ndarray, signal: np.ndarray, latency: int) -> float:
    """The stems add up to the delayed input."""
    return delayed(output.sum(axis=1), cleaned(signal), latency)


def as_spectra(hop: int):
    def misfit(output: np.ndarray, signal: np.ndarray, latency: int) -> float:
        if latency % hop:
            return math.inf
        return delayed(output.sum(axis=1), signal, latency // hop)

    return misfit


def spectra(frames: FrameFormat) -> np.ndarray:
    audio = NOISE[:, : frames.audio.n_channels]
    return numpy_stft(audio, frames, len(audio) // frames.hop, frames.latency).astype(np.complex64)


def hpss(name: str, n_channels: int, **settings: object) -> Case:
    config = HpssConfig(n_fft=512, **settings)
    audio = AudioFormat(sample_rate=RATE, n_channels=n_channels)
    return Case(f"hpss {name}", lambda: Hpss(audio, config), NOISE[:, :n_channels], as_input, sizes=SIZES)


CASES = [
    Case("stft", lambda: Stft(FRAMES), NOISE[:, :2], as_stft(FRAMES), sizes=SIZES),
    Case("stft, uneven", lambda: Stft(UNEVEN, window="sine"), NOISE, as_stft(UNEVEN, "sine"), sizes=SIZES),
    Case("istft", lambda: Istft(FRAMES), spectra(FRAMES), as_istft(FRAMES), sizes=FRAME_SIZES),
    Case(
        "istft of a target",
        lambda: Istft(UNEVEN, n_targets=1),
        spectra(UNEVEN)[:, None],
        as_istft(UNEVEN),
        sizes=FRAME_SIZES,
    ),
    Case(
        "hpss of spectra",
        lambda: HpssSpectra(FRAMES, HpssConfig(look_ahead=3)),
        spectra(FRAMES),
        as_spectra(FRAMES.hop),
        sizes=FRAME_SIZES,
    ),
    hpss("mono, causal", 1, look_ahead=0),
    hpss("stereo, spatial", 2),
    hpss("stereo, as published", 2, look_ahead=8, span_percussive=17, exponent=1),
    hpss("stereo, each channel", 2, spatial=False, look_ahead=4, span_percussive=37),
    hpss("three channels", 3, look_ahead=2, span_harmonic=9),
    hpss("two iterations", 2, iterations=2, look_ahead=4),
    hpss("residual", 2, iterations=3, residual=True, look_ahead=1),
    hpss("residual, three channels, uneven hop", 3, iterations=2, residual=True, look_ahead=1, hop=150, window="sine"),
]
