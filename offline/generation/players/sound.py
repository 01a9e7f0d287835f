"""Players that write sound: deepAC by spectra, WaveNet by samples."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Self

import numpy as np

from offline.generation.config import GeneratorConfig
from offline.generation.weights import SystemFiles
from offline.music.codecs import MuLaw, Spectra
from offline.music.rules import SOUND_STEP_S, note_bits
from offline.music.sampling import draw, soften, softmax

__all__ = ["DeepAcPlayer", "WaveNetPlayer"]

PEAK = 0.9  # of full scale
FADE_S = 0.02  # of both ends: that of the organ's attack


class SoundPlayer(ABC):
    """A player of sound at `rate` Hz.

    score: (step, voice) of pitches that it plays, -1 a rest, where it follows one
    step_s: length of a step of the score
    """

    score: np.ndarray

    def __init__(self, files: SystemFiles, config: GeneratorConfig) -> None:
        self.step_s = SOUND_STEP_S if config.tempo_bpm is None else 15 / config.tempo_bpm
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

    FRAMES_BETWEEN, QUIET = 100, 0.6  # more than errs the decoder, 0.4, which would fill the gaps between partials

    def start(self) -> None:
        """Make the codec."""
        n_fft = self.files.value("n_fft", int)
        self.codec, self.codes = Spectra(n_fft=n_fft, hop=n_fft // 4, quiet=self.QUIET), self.files.array("codes")

    def decode(self, code: np.ndarray) -> np.ndarray:
        """Return spectra (frame, bin) of codes (frame, code)."""
        return self.net.run({"code": code.astype(np.float32)})["frames"]

    def samples(self, seconds: float) -> np.ndarray:
        """Write sound, (sample,) float32."""
        n = max(-(-round(seconds * self.rate) // self.codec.hop), 2)  # a window more than is kept
        codes, n_ends = self.codes, n // self.FRAMES_BETWEEN + 2
        ends = codes[self.rng.integers(len(codes), size=n_ends)]
        place = np.linspace(0, n_ends - 1 - 1e-6, n)
        share = (place % 1)[:, None]
        path = ends[place.astype(int)] * (1 - share) + ends[place.astype(int) + 1] * share
        sound = self.codec.decode(self.decode(path))
        sound = fade_ends(sound[: max(round(seconds * self.rate), 1)], self.rate)
        return sound * np.float32(PEAK / max(float(np.abs(sound).max()), 1e-9))


class WaveNetPlayer(SoundPlayer):
    """Write a sample at a time from queues of past activations (Paine et al. 2016), to the notes of a score."""

    def start(self) -> None:
        """Start from silence, with a score that the seed chooses."""
        self.net.reset()
        self.codec, self.low = MuLaw(), self.files.value("low", int)
        self._token, self.n_notes = self.codec.n_tokens // 2, int(self.net.inputs["condition"][1])
        scores = self.files.array("scores").astype(np.int64)
        self.score = scores[int(self.rng.integers(len(scores)))]

    def logits(self, token: int, notes: np.ndarray) -> np.ndarray:
        """Return the logits of the sample after `token`, during which notes (note,) sound."""
        return self.net.run({"token": np.array([token]), "condition": notes[None]})["logits"]

    def samples(self, seconds: float) -> np.ndarray:
        """Write sound, (sample,) float32; the score is repeated where it is shorter."""
        tokens, notes = np.zeros(round(seconds * self.rate), np.int64), note_bits(self.score, self.low, self.n_notes)
        for t in range(len(tokens)):
            row = notes[int(t / self.rate / self.step_s) % len(notes)]
            p = soften(softmax(self.logits(self._token, row)), self.config.temperature)
            self._token = tokens[t] = draw(p, self.rng)
        return fade_ends(self.codec.decode(tokens), self.rate)


def fade_ends(sound: np.ndarray, rate: int) -> np.ndarray:
    """Let a sound begin and end in silence, within FADE_S."""
    n = min(round(FADE_S * rate), len(sound) // 2)
    ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(n) + 0.5) / max(n, 1))
    out = sound.copy()
    out[:n] *= ramp
    out[len(out) - n :] *= ramp[::-1]
    return np.asarray(out.astype(np.float32))
