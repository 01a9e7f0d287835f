"""Learned similarity: audio to embeddings whose Euclidean distance says whether two instants are the same music.

A small, causal twin network after Agrawal & Dixon, "Learning Frame Similarity using Siamese networks for
Audio-to-Score Alignment" (2020). Performance and reference (the synthesised score, or another recording) go through
the same network, and alignment compares their rows by Euclidean distance.
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.core.config import Settings, plain
from engine.core.errors import ModelError
from engine.core.format import AudioFormat, FrameFormat
from engine.dsp.features import FeatureConfig, SpectralFeatures
from engine.dsp.resample import ResampleConfig, Resampler
from engine.dsp.sanitise import as_block
from engine.dsp.stft import Stft, grown
from engine.inference.network import Network

__all__ = ["EMBED_HOP", "EMBED_RATE", "Embedder", "EmbedderConfig", "TwinFeatures", "twin_metadata"]

Audio = npt.NDArray[np.float32]
Features = npt.NDArray[np.float32]

EMBED_RATE, EMBED_HOP = 22050, 256  # 11.6 ms
WINDOWS = (1024, 4096)  # samples: a short one for time resolution, a long one for pitch resolution
BANDS = (
    FeatureConfig(low_hz=55.0, high_hz=8000.0, bands_per_octave=24),
    FeatureConfig(low_hz=27.5, high_hz=2000.0, bands_per_octave=24),
)


def twin_metadata(n_embedding: int) -> dict[str, object]:
    """Return the metadata that an ONNX file for `Embedder` must carry."""
    return {
        "kind": "siamese",
        "feature": "spectral bands",
        "sample_rate": EMBED_RATE,
        "hop": EMBED_HOP,
        "windows": list(WINDOWS),
        "n_embedding": n_embedding,
    }


class TwinFeatures:
    """Audio (sample, channel) at EMBED_RATE in, the network's input (frame, n_features) out.

    `SpectralFeatures` of two windows that end together: sustain and onset bands of 46 ms, sustain bands of 186 ms.
    Frame t ends with sample (t + 1) * EMBED_HOP - 1 and describes the middle of the short window.
    """

    latency = WINDOWS[0] // 2

    def __init__(self, n_channels: int = 1) -> None:
        audio = AudioFormat(sample_rate=EMBED_RATE, n_channels=n_channels)
        frames = [FrameFormat(audio=audio, n_fft=n_fft, hop=EMBED_HOP) for n_fft in WINDOWS]
        self._stfts = [Stft(format_) for format_ in frames]
        self._bands = [SpectralFeatures(format_, config) for format_, config in zip(frames, BANDS, strict=True)]
        self._widths = (2 * self._bands[0].n_bands, self._bands[1].n_bands)
        self.n_features = sum(self._widths)
        self._out = np.zeros((0, self.n_features), np.float32)

    def process(self, block: Audio) -> Features:
        """Return the frames that the block completes, borrowed until the next call."""
        start = n_frames = 0
        for stft, bands, width in zip(self._stfts, self._bands, self._widths, strict=True):
            features = bands.process(stft.process(block))
            n_frames = len(features)
            self._out = grown(self._out, n_frames)
            self._out[:n_frames, start : start + width] = features[:, :width]
            start += width
        return self._out[:n_frames]

    def retune(self, cents: float) -> None:
        """Take what follows for sound that is `cents` higher than the bands say."""
        for bands in self._bands:
            bands.retune(cents)

    def reset(self) -> None:
        """Return to the state after construction."""
        for stft, bands in zip(self._stfts, self._bands, strict=True):
            stft.reset()
            bands.reset()


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedderConfig(Settings):
    """Settings of the embedder."""

    model: Path = plain(MISSING, "ONNX file of the network")


class Embedder:
    """Audio (sample, channel) in, embeddings (frame, D) out, every 11.6 ms at any sample rate.

    The network is run frame by frame, so its output never depends on the block sizes of the input. Frame t describes
    input sample `centre(t)`. Raises ModelError if the file is not such a network.
    """

    def __init__(self, config: EmbedderConfig, audio: AudioFormat) -> None:
        self.config, self.audio = config, audio
        self.network = Network(config.model, "siamese")
        self._features = TwinFeatures(audio.n_channels)
        self.n_features = _checked(self.network, self._features.n_features)
        self._resampling = ResampleConfig(
            source_rate=audio.sample_rate, target_rate=EMBED_RATE, n_channels=audio.n_channels
        )
        same = audio.sample_rate == EMBED_RATE
        self._resampler = None if same else Resampler(self._resampling)
        self._delay = 0 if self._resampler is None else self._resampler.latency
        self._row = np.zeros((1, self._features.n_features), np.float32)
        self._out = np.zeros((0, self.n_features), np.float32)
        self._embed(self._row)  # check the network's output shape once
        self.reset()

    @property
    def latency(self) -> int:
        """Return the input samples from the instant that a frame describes to its emission, rounded up."""
        own = TwinFeatures.latency + self._delay
        return -(-own * self._resampling.down // self._resampling.up)

    @property
    def hop_s(self) -> float:
        """Return the seconds between frames."""
        return EMBED_HOP / EMBED_RATE

    def centre(self, frame: int) -> int:
        """Return the input sample that frame `frame` describes, negative for the first few."""
        own = (frame + 1) * EMBED_HOP - TwinFeatures.latency - self._delay
        return own * self._resampling.down // self._resampling.up

    def n_ready(self, n_samples: int) -> int:
        """Return how many frames have been emitted after `n_samples` input samples."""
        return n_samples * self._resampling.up // self._resampling.down // EMBED_HOP

    def process(self, block: Audio) -> Features:
        """Return the embeddings of the frames that the block completes, borrowed until the next call."""
        block = as_block("Embedder", block, np.float32, (self.audio.n_channels,))
        if self._resampler is not None:
            block = self._resampler.process(block)
        features = self._features.process(block)
        self._out = grown(self._out, len(features))
        for t in range(len(features)):
            self._row[0] = features[t]
            self._out[t] = self._embed(self._row)
        return self._out[: len(features)]

    def retune(self, cents: float) -> None:
        """Take what follows for sound that is `cents` higher."""
        self._features.retune(cents)

    def reset(self) -> None:
        """Return to the state after construction."""
        if self._resampler is not None:
            self._resampler.reset()
        self._features.reset()
        self.network.reset()

    def _embed(self, row: Features) -> Features:
        out: Features = self.network.run({"features": row})["embedding"]
        if out.shape != (1, self.n_features):
            raise ModelError(self.network.path, expected=f"{self.n_features} numbers a frame", got=str(out.shape))
        embedding: Features = out[0]
        return embedding


def _checked(network: Network, n_features: int) -> int:
    """Check the file's metadata and shapes, and return the length of an embedding."""
    n_embedding = int(network.value("n_embedding", int))
    for name, value in twin_metadata(n_embedding).items():
        network.expect(name, value)
    network.expect_shapes({"features": (None, n_features)})
    return n_embedding
