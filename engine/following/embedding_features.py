"""Features for following that combine spectral bands and the learned similarity, the default; and their selection."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from numba import njit

from engine.core.arrays import F32, Scalar32
from engine.core.errors import ConfigError
from engine.core.fixed_kernel import FixedKernel
from engine.core.format import FrameFormat
from engine.dsp.features import FeatureConfig, SpectralFeatures
from engine.dsp.frontends import FrontEndConfig
from engine.dsp.stft import Stft, grown
from engine.following.embedder import Embedder, EmbedderConfig
from engine.following.features import FollowerFeatures, FollowerFeaturesConfig, OnsetDifference
from engine.following.salience import any_front_end
from engine.following.similarity.frame_embedder import SIAMESE_CNN, FrameEmbedder, FrameEmbedderConfig
from engine.following.similarity.network_features import NetworkFeatures

__all__ = ["EmbeddingFeatures", "follower_features"]

Audio = npt.NDArray[np.float32]
Features = npt.NDArray[np.float32]

SILENCE = np.float32(0.003)  # level relative to the running peak below which a frame counts as silence


def follower_features(
    config: FollowerFeaturesConfig, frames: FrameFormat, bands: FeatureConfig, tuned: FrameFormat | None = None
) -> FollowerFeatures:
    """Make the features that the config names.

    frames, bands: of the spectral features; the other features use the same hop
    tuned: frames used for the bands of "learned" where the music is out of tune
    """
    if config.name == "learned":
        return EmbeddingFeatures(_weights(config), SpectralFeatures(tuned or frames, bands), frames, config.share)
    audio = frames.audio
    if config.name == SIAMESE_CNN:
        network = FrameEmbedderConfig(model=_weights(config), salience=config.salience)
        return NetworkFeatures(FrameEmbedder(network, audio), bands, frames.n_fft)
    front = FrontEndConfig(hop_s=frames.hop / audio.sample_rate)
    weights = _weights(config) if config.name == "salience" else None
    return OnsetDifference(any_front_end(config.name, audio, front, weights=weights), audio.sample_rate)


class EmbeddingFeatures:
    """Audio (sample, channel) in, rows (frame, F + G) out, F from the bands and the twin network's embedding.

    Both parts of the sustain features have the root of their share as length, so that the cosine of two frames is the
    weighted mean of both cosines; silence is all zeros. The onset features are those of the bands. Each frame uses the
    embedding that was emitted last.

    spectra: (frame, channel, bin) of the last block, borrowed
    """

    def __init__(self, weights: Path, bands: SpectralFeatures, frames: FrameFormat, share: float) -> None:
        self.frames, self.hop = frames, frames.hop
        self._stft, self._bands = Stft(frames), bands
        self.spectra = self._stft.process(np.zeros((0, frames.audio.n_channels), np.float32))
        self._embedder = Embedder(EmbedderConfig(model=weights), frames.audio)
        self.n_bands, self.n_sounds = self._bands.n_bands, self._bands.n_bands + self._embedder.n_features
        self._level = np.float32(np.log1p(bands.config.compression * SILENCE))
        self._shares = np.sqrt(np.array([1 - share, share], np.float32))
        self._newest = np.zeros((1, self._embedder.n_features), np.float32)
        self._waiting = np.zeros((0, self._embedder.n_features), np.float32)
        self._counts = np.zeros(2, np.int64)  # frames emitted, embeddings consumed
        self._out = np.zeros((0, self.n_sounds + self.n_bands), np.float32)
        self._fuse = FixedKernel(_fuse)

    @property
    def latency(self) -> int:
        """Return half a frame of the bands, samples."""
        return self.frames.n_fft - self.frames.n_fft // 2

    def process(self, block: Audio) -> Features:
        """Return the frames that the block completes, borrowed until the next call."""
        self.spectra = self._stft.process(block)
        rows = self._bands.process(self.spectra)
        self._waiting = np.concatenate([self._waiting, self._embedder.process(block)])
        self._out = grown(self._out, len(rows))
        used = 0
        for t in range(len(rows)):
            used = self._due(used)
            self._fuse.call(rows[t], self._newest[0], self._shares, self._level, self._out[t])
            self._counts[0] += 1
        self._waiting = self._waiting[used:].copy()
        return self._out[: len(rows)]

    def retune(self, cents: float) -> None:
        """Take what follows for sound that is `cents` higher than the score."""
        self._bands.retune(cents)
        self._embedder.retune(cents)

    def reset(self) -> None:
        """Return to the state after construction."""
        for node in (self._stft, self._bands, self._embedder):
            node.reset()
        self._waiting = self._waiting[:0]
        self._newest[:] = 0
        self._counts[:] = 0

    def _due(self, used: int) -> int:
        """Take the embeddings that are due by the end of the frame, whatever the block sizes of the input.

        used: embeddings of `_waiting` taken so far; returns the new number
        """
        ready = self._embedder.n_ready(self.frames.end(int(self._counts[0])))
        while self._counts[1] < ready:
            self._newest[0] = self._waiting[used]
            used += 1
            self._counts[1] += 1
        return used


@njit(nogil=True, cache=True)
def _fuse(row: F32, embedding: F32, shares: F32, level: Scalar32, out: F32) -> None:
    """Write the weighted bands and embedding, and the onset bands, into `out`.

    row: (2 F) bands and their onsets
    shares: roots of the weights of bands and embedding
    level: compressed level below which the frame is silence
    """
    n, m = len(row) // 2, len(embedding)
    out[n + m :] = row[n:]
    if row[:n].max() < level:
        out[: n + m] = 0
        return
    out[:n] = row[:n] * (shares[0] / np.sqrt((row[:n] ** 2).sum()))
    out[n : n + m] = embedding * (shares[1] / max(np.sqrt((embedding**2).sum()), np.float32(1e-9)))


def _weights(config: FollowerFeaturesConfig) -> Path:
    if config.weights is None:
        raise ConfigError(f"features {config.name}", expected="weights", got="none", remedy="give the ONNX file")
    return config.weights
