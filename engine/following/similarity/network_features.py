"""Features for following by a Siamese convolutional network: its embeddings, and the onsets of the bands."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from engine.core.format import FrameFormat
from engine.core.processor import Chain
from engine.dsp.features import FeatureConfig, SpectralFeatures
from engine.dsp.stft import Stft, grown
from engine.following.similarity.frame_embedder import FrameEmbedder

__all__ = ["NetworkFeatures"]

Audio = npt.NDArray[np.float32]
Features = npt.NDArray[np.float32]


class NetworkFeatures:
    """Audio (sample, channel) in, rows (frame, F + G) out: F of the embedding, as it is, and G onset bands.

    Both describe the same instant, to half a hop: the bands, which are known sooner, wait for the embedding.
    """

    def __init__(self, embedder: FrameEmbedder, bands: FeatureConfig, n_fft: int) -> None:
        self._embedder = embedder
        self.hop, self.n_sounds = embedder.hop, embedder.n_features
        frames = FrameFormat(audio=embedder.audio, n_fft=max(n_fft, self.hop), hop=self.hop)
        spectral = SpectralFeatures(frames, replace(bands, lag=1))  # a hop here is two of the bands by themselves
        self._bands = Chain(Stft(frames), spectral)
        self.n_begins = spectral.n_bands
        wait = max(0, round((embedder.latency - (frames.n_fft - frames.n_fft // 2)) / self.hop))
        self._late = np.zeros((wait, self.n_begins), np.float32)  # onset bands that wait, oldest first
        self._out = np.zeros((0, self.n_sounds + self.n_begins), np.float32)

    @property
    def latency(self) -> int:
        """Return the samples from the instant that a frame describes to its emission."""
        return self._embedder.latency

    def process(self, block: Audio) -> Features:
        """Return the frames that the block completes, borrowed until the next call."""
        sounds, begins = self._embedder.process(block), self._bands.process(block)[:, self.n_begins :]
        n = len(sounds)
        whole = np.concatenate([self._late, begins])
        self._out = grown(self._out, n)
        self._out[:n, : self.n_sounds] = sounds
        self._out[:n, self.n_sounds :] = whole[:n]
        self._late = whole[n:]
        return self._out[:n]

    def reset(self) -> None:
        """Return to the state after construction."""
        self._embedder.reset()
        self._bands.reset()
        self._late[:] = 0
