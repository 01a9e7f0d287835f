"""Cases of the embedding node: bands of two windows that end together, and a tiny random twin behind them."""

from __future__ import annotations

import math

import numpy as np
import torch

from engine.core.format import AudioFormat, FrameFormat
from engine.dsp.features import SpectralFeatures
from engine.following.embedder import BANDS, EMBED_HOP, EMBED_RATE, WINDOWS, Embedder, EmbedderConfig, TwinFeatures
from offline.resample import resample
from tests.contract import Case
from tests.networks.similarity import small_twin, small_twin_model
from tests.tolerances import EXPORT

SIZES = (0, 1, 2, 255, 256, 257, 1024, 5000)
FAST = 2 * EMBED_RATE


def noise(sample_rate: int, n_channels: int) -> np.ndarray:
    """Three quarters of a second, swelling and falling."""
    n = 3 * sample_rate // 4
    swell = np.sin(np.linspace(0, 9, n))[:, None] ** 2
    return (0.2 * swell * np.random.default_rng(5).standard_normal((n, n_channels))).astype(np.float32)


def as_bands(output: np.ndarray, audio: np.ndarray, latency: int) -> float:
    """The slow twin: windows cut about the middle that a frame speaks of, transformed by numpy in float64."""
    columns = []
    for n_fft, config in zip(WINDOWS, BANDS, strict=True):
        frames = FrameFormat(
            audio=AudioFormat(sample_rate=EMBED_RATE, n_channels=audio.shape[1]), n_fft=n_fft, hop=EMBED_HOP
        )
        window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
        padded = np.concatenate([np.zeros((n_fft, audio.shape[1])), audio, np.zeros((n_fft, audio.shape[1]))])
        ends = [(t + 1) * EMBED_HOP - latency + WINDOWS[0] // 2 + n_fft for t in range(len(output))]
        cut = np.stack([padded[end - n_fft : end] * window[:, None] for end in ends])
        spectra = np.fft.rfft(cut, axis=1).transpose(0, 2, 1).astype(np.complex64)
        bands = SpectralFeatures(frames, config).process(spectra).copy()
        columns.append(bands if n_fft == WINDOWS[0] else bands[:, : bands.shape[1] // 2])
    expected = np.concatenate(columns, axis=1)
    return float(np.abs(output - expected).max() / expected.std())


def as_embeddings(output: np.ndarray, audio: np.ndarray, latency: int) -> float:
    """The network in torch, on features of the sound resampled as a whole and late by what is declared."""
    factor = 2 if latency > 2 * TwinFeatures.latency - 2 else 1
    late, rest = divmod(latency - factor * TwinFeatures.latency, factor)
    if rest or late < 0:
        return math.inf
    heard = resample(audio, factor * EMBED_RATE, EMBED_RATE)
    heard = np.concatenate([np.zeros((late, audio.shape[1]), np.float32), heard])
    features = torch.from_numpy(TwinFeatures(audio.shape[1]).process(heard).copy())
    with torch.no_grad():
        expected = small_twin_model().whole(features[None])[0].numpy()
    n = min(len(output), len(expected))
    return float(np.abs(output[:n] - expected[:n]).max() / expected.std())


def embedder(sample_rate: int, n_channels: int) -> Case:
    return Case(
        f"embedder {sample_rate} Hz",
        lambda: Embedder(
            EmbedderConfig(model=small_twin()), AudioFormat(sample_rate=sample_rate, n_channels=n_channels)
        ),
        noise(sample_rate, n_channels),
        as_embeddings,
        tolerance=EXPORT,
        sizes=SIZES,
    )


CASES = [
    Case("twin features", lambda: TwinFeatures(2), noise(EMBED_RATE, 2), as_bands, tolerance=EXPORT, sizes=SIZES),
    embedder(EMBED_RATE, 1),
    embedder(FAST, 2),
]
