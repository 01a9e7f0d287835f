"""Cases of following by a Siamese convolutional network: its input, its embeddings, and what is followed."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import torch

from engine.core.format import AudioFormat, FrameFormat
from engine.dsp.features import FeatureConfig, SpectralFeatures
from engine.dsp.frontends import front_end
from engine.dsp.stft import Stft
from engine.following.similarity.frame_embedder import WEIGHT_S, FrameEmbedder, FrameEmbedderConfig
from engine.following.similarity.network_features import NetworkFeatures
from engine.following.similarity.planes import PLANE_ROWS, SOUNDING, RunningPlanes, plane_rows
from models.similarity.network import AROUND
from tests.cases.siamese import noise
from tests.contract import Case
from tests.networks.similarity import CNN_AHEAD, LEVEL, small_cnn, small_cnn_model
from tests.tolerances import EXPORT

RATE = 22050
MONO, STEREO = (AudioFormat(sample_rate=RATE, n_channels=n) for n in (1, 2))
SIZES = (0, 1, 2, 511, 512, 513, 5000)
N_FFT = 1024
FEW = 30.0  # frames that a typical level counts as


def slow_planes(features: np.ndarray, weight: float) -> np.ndarray:
    """Frame by frame in float64: rows, their changes, and mean and deviation of what has sounded so far."""
    rows = np.concatenate([np.zeros((2, PLANE_ROWS)), plane_rows(features.astype(np.float32)).astype(np.float64)])
    n, total, squares = weight, weight * LEVEL[0], weight * (LEVEL[0] ** 2 + LEVEL[1] ** 2)
    out = []
    for before, last, row in zip(rows[:-2], rows[1:-1], rows[2:], strict=True):
        if row.mean() > SOUNDING * total / n:
            n, total, squares = n + 1, total + row.mean(), squares + (row**2).mean()
        scale = max(math.sqrt(max(squares / n - (total / n) ** 2, 0)), 1e-3)
        out.append(np.stack([row - total / n, row - last, row - 2 * last + before]) / scale)
    return np.array(out)


def loud_and_soft() -> np.ndarray:
    """Feature rows of a hundred frames, silent in the middle."""
    rows = np.random.default_rng(3).random((100, 200)).astype(np.float32)
    rows[40:60] = 0
    rows[60:] *= 3
    return rows


def as_planes_of(output: np.ndarray, rows: np.ndarray, latency: int) -> float:
    if latency != 0:
        return math.inf
    expected = slow_planes(rows, FEW)
    return float(np.abs(output - expected).max() / expected.std())


@cache
def whole_network(data: bytes, n_channels: int) -> np.ndarray:
    """The published network in torch on a whole sound at once, silence before it."""
    audio = np.frombuffer(data, np.float32).reshape(-1, n_channels)
    front = front_end("chroma", AudioFormat(sample_rate=RATE, n_channels=n_channels))
    planes = slow_planes(front.process(audio).copy(), WEIGHT_S * RATE / front.hop)
    quiet = np.zeros((AROUND, *planes.shape[1:]))
    quiet[:, 0] = -LEVEL[0] / LEVEL[1]
    both = torch.from_numpy(np.concatenate([quiet, planes]).astype(np.float32)).permute(1, 0, 2)[None]
    with torch.no_grad():
        found = small_cnn_model().network.along(both)[0] - small_cnn_model().centre
    return np.asarray(found.numpy())


def as_network(output: np.ndarray, audio: np.ndarray, latency: int) -> float:
    """Its embeddings, `ahead` hops and half a window late."""
    front = front_end("chroma", MONO)
    if latency != front.latency + CNN_AHEAD * front.hop:
        return math.inf
    expected = whole_network(audio.tobytes(), audio.shape[1])
    return float(np.abs(output - expected).max() / expected.std())


def embedder(audio: AudioFormat) -> FrameEmbedder:
    return FrameEmbedder(FrameEmbedderConfig(model=small_cnn()), audio)


def as_embeddings_and_onsets(output: np.ndarray, audio: np.ndarray, latency: int) -> float:
    """The embeddings, and beside each the onset bands of the same instant."""
    found = as_network(output[:, : small_cnn_model().config.n_embedding], audio, latency)
    hop = front_end("chroma", MONO).hop
    frames = FrameFormat(audio=STEREO, n_fft=N_FFT, hop=hop)
    bands = SpectralFeatures(frames, FeatureConfig(lag=1)).process(Stft(frames).process(audio))
    wait, n = round((latency - N_FFT // 2) / hop), bands.shape[1] // 2
    expected = np.concatenate([np.zeros((wait, n)), bands[: len(output) - wait, n:]])
    return max(found, float(np.abs(output[:, small_cnn_model().config.n_embedding :] - expected).max()))


CASES = [
    Case("running planes", lambda: RunningPlanes(200, *LEVEL, FEW), loud_and_soft(), as_planes_of, tolerance=EXPORT),
    Case("frame embedder", lambda: embedder(MONO), noise(RATE, 1), as_network, tolerance=EXPORT, sizes=SIZES),
    Case(
        "network features",
        lambda: NetworkFeatures(embedder(STEREO), FeatureConfig(), N_FFT),
        noise(RATE, 2),
        as_embeddings_and_onsets,
        tolerance=EXPORT,
        sizes=SIZES,
    ),
]
