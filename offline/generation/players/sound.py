"""Players that write sound: deepAC by spectra, WaveNet by samples."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Self

import numpy as np

from offline.generation.config import GeneratorConfig
from offline.generation.weights import SystemFiles
from offline.music.codecs import MuLaw, Spectra
from offline.music.sampling import draw, soften, softmax

__all__ = ["DeepAcPlayer", "WaveNetPlayer"]

PEAK = 0.9  # of full scale, at most


class SoundPlayer(ABC):
    """A player of sound at `rate` Hz."""

    def __init__(self, files: SystemFiles, config: GeneratorConfig) -> None:
        self.files, self.net, self.config = files, files.main, config
        self.rng, self.rate = np.random.default_rng(config.seed), files.value("rate", int)
        self.start()

    @classmethod
    def open(cls, source: Path, config: GeneratorConfig) -> Self:
        """Open the player of a network file NAME.onnx."""
        return cls(SystemFiles(source), config)

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
        """Make the codec."""
        n_fft = self.files.value("n_fft", int)
        self.codec, self.codes = Spectra(n_fft=n_fft, hop=n_fft // 4), self.files.array("codes")

    def decode(self, code: np.ndarray) -> np.ndarray:
        """Return spectra (frame, bin) of codes (frame, code)."""
        return self.net.run({"code": code.astype(np.float32)})["frames"]

    def samples(self, seconds: float) -> np.ndarray:
        """Write sound, (sample,) float32."""
        n = max(round(seconds * self.rate / self.codec.hop), 2)
        codes, n_ends = self.codes, n // self.FRAMES_BETWEEN + 2
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
        self.net.reset()
        self.codec = MuLaw()
        self._token = self.codec.n_tokens // 2

    def logits(self, token: int) -> np.ndarray:
        """Return the logits of the sample after `token`."""
        return self.net.run({"token": np.array([token])})["logits"]

    def samples(self, seconds: float) -> np.ndarray:
        """Write sound, (sample,) float32."""
        tokens = np.zeros(round(seconds * self.rate), np.int64)
        for t in range(len(tokens)):
            self._token = tokens[t] = draw(soften(softmax(self.logits(self._token)), self.config.temperature), self.rng)
        return self.codec.decode(tokens)
