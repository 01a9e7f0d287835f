"""Players that write sound: deepAC by spectra, WaveNet by samples."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Self

import numpy as np

from offline.generation.config import GeneratorConfig
from offline.generation.layers import linear, sigmoid
from offline.generation.weights import StoredWeights
from offline.music.codecs import MuLaw, Spectra
from offline.music.sampling import draw, soften, softmax

__all__ = ["DeepAcPlayer", "WaveNetPlayer"]

PEAK = 0.9  # of full scale, at most


class SoundPlayer(ABC):
    """A player of sound at `rate` Hz."""

    rate: int

    def __init__(self, weights: StoredWeights, config: GeneratorConfig) -> None:
        self.weights, self.config = weights, config
        self.rng = np.random.default_rng(config.seed)
        self.start()

    @classmethod
    def open(cls, source: Path, config: GeneratorConfig) -> Self:
        """Open the player of a weights file."""
        return cls(StoredWeights(source), config)

    @abstractmethod
    def start(self) -> None:
        """Start a sound."""

    @abstractmethod
    def samples(self, seconds: float) -> np.ndarray:
        """Write sound, (sample,) float32."""


class DeepAcPlayer(SoundPlayer):
    """Decode a straight path between codes of real frames."""

    FRAMES_BETWEEN = 100

    def start(self) -> None:
        """Read the sizes."""
        weights = self.weights
        self.rate, n_fft = int(weights.meta["rate"]), int(weights.meta["n_fft"])
        self.codec = Spectra(n_fft=n_fft, hop=n_fft // 4)
        self.n_layers = len(weights.meta["network"]["sizes"]) - 1

    def decode(self, code: np.ndarray) -> np.ndarray:
        """Return spectra (frame, bin) of codes (frame, code)."""
        for i in range(self.n_layers):
            code = linear(self.weights, f"up.{i}", code)
            code = sigmoid(code) if i < self.n_layers - 1 else code
        return code

    def samples(self, seconds: float) -> np.ndarray:
        """Write sound, (sample,) float32."""
        n = max(round(seconds * self.rate / self.codec.hop), 2)
        codes, n_ends = self.weights["codes"], n // self.FRAMES_BETWEEN + 2
        ends = codes[self.rng.integers(len(codes), size=n_ends)]
        place = np.linspace(0, n_ends - 1 - 1e-6, n)
        share = (place % 1)[:, None]
        path = ends[place.astype(int)] * (1 - share) + ends[place.astype(int) + 1] * share
        sound = self.codec.decode(self.decode(path))
        return sound * np.float32(PEAK / max(float(np.abs(sound).max()), PEAK))


class WaveNetPlayer(SoundPlayer):
    """Write a sample at a time from queues of past activations (Paine et al. 2016)."""

    def start(self) -> None:
        """Start from silence."""
        weights = self.weights
        self.rate, network = int(weights.meta["rate"]), weights.meta["network"]
        self.dilations = [1 << i for i in range(int(network["n_doublings"]))] * int(network["n_stacks"])
        self.codec = MuLaw()
        self._layers = [self._layer(i) for i in range(len(self.dilations))]
        self._queues = [np.zeros((d, int(network["residual"])), np.float32) for d in self.dilations]
        self._t, self._token = 0, self.codec.n_tokens // 2

    def _layer(self, i: int) -> tuple[np.ndarray, ...]:
        """Return the filter (2 * residual, 2 * residual) and its bias, mix and skip as one matrix and its bias."""
        w = self.weights
        kernel = w[f"layers.{i}.weight"]
        both = np.concatenate([w[f"mix.{i}.weight"][..., 0], w[f"skips.{i}.weight"][..., 0]])
        bias = np.concatenate([w[f"mix.{i}.bias"], w[f"skips.{i}.bias"]])
        return np.hstack([kernel[..., 0], kernel[..., 1]]), w[f"layers.{i}.bias"], both, bias

    def logits(self, token: int) -> np.ndarray:
        """Return the logits of the sample after `token`."""
        x, w = self.weights["embed.weight"][token], self.weights
        n, total = len(x), 0.0
        for (inner, bias, both, both_bias), queue, d in zip(self._layers, self._queues, self.dilations, strict=True):
            y = inner @ np.concatenate([queue[self._t % d], x]) + bias
            queue[self._t % d] = x
            out = both @ (np.tanh(y[n:]) * sigmoid(y[:n])) + both_bias
            x, total = x + out[:n], total + out[n:]
        self._t += 1
        hidden = np.maximum(w["out.1.weight"][..., 0] @ np.maximum(total, 0) + w["out.1.bias"], 0)
        return np.asarray(w["out.3.weight"][..., 0] @ hidden + w["out.3.bias"])

    def samples(self, seconds: float) -> np.ndarray:
        """Write sound, (sample,) float32."""
        tokens = np.zeros(round(seconds * self.rate), np.int64)
        for t in range(len(tokens)):
            self._token = tokens[t] = draw(soften(softmax(self.logits(self._token)), self.config.temperature), self.rng)
        return self.codec.decode(tokens)
