"""The player of the frame network: the memory runs once a frame, the head once a voice."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import numpy as np

from engine.core.errors import ModelError
from offline.generation.config import GeneratorConfig
from offline.generation.key_normalisation import shift_to_home
from offline.generation.repetition import N_AGREED, Repetition
from offline.generation.stream import FREE, FrameGenerator
from offline.generation.weights import SystemFiles
from offline.music.codecs import VoiceGrid
from offline.music.piece import REST
from offline.music.sampling import draw, enliven, forbid_parallels, soften, softmax

__all__ = ["FramesPlayer"]

RANDOM_KEYS = range(-3, 4)  # semitones from home that keep voices within their ranges
ACTIVITY = (0.2, 0.2)  # mean and deviation of its logarithm, by which note counts are those of unseen chorales
KEY_FRAMES = 32  # frames of a melody that decide its key


class FramesPlayer(FrameGenerator):
    """Write frames (voice,) of pitches, -1 a rest.

    path: NAME.onnx, with NAME-head.onnx beside it
    """

    def __init__(self, path: Path, config: GeneratorConfig) -> None:
        self.config, files = config, SystemFiles(path)
        self.body, self.head = files.main, files.part("head")
        self.n_phases, self.n_ages = files.size("n_phases"), files.size("n_ages")
        self.codec = VoiceGrid(
            n_voices=files.size("n_voices"), low=files.value("low", int), high=files.value("high", int)
        )
        if (n_agreed := files.size("n_agreed")) != N_AGREED:
            expected = f"a network of {N_AGREED} classes of repetitions"
            raise ModelError(str(path), expected=expected, got=str(n_agreed), remedy="train it again")
        super().__init__(self.codec.n_voices)
        self.repetition = Repetition(self.n_voices)
        self.home = files.size("home") == 1
        self.reset()

    @classmethod
    def open(cls, source: Path, config: GeneratorConfig) -> Self:
        """Open the player of a network file."""
        return cls(source, config)

    def reset(self) -> None:
        """Start again: the same seed writes the same music."""
        self.body.reset()
        self.rng = np.random.default_rng(self.config.seed)
        self.step_number = 0
        self.last = np.zeros(self.n_voices, np.int64)
        self.age = np.zeros(self.n_voices, np.int64)
        self.repetition.reset()
        self.repetition.accept(self.last)
        self.shift, self._key_found = self._key() if self.home else 0, False
        self.activity = self._draw_activity()

    def _draw_activity(self) -> float:
        """Return the factor on the odds of moving: as set, or drawn, as chorales differ."""
        if self.config.activity is not None:
            return self.config.activity
        return float(np.exp(np.random.default_rng((self.config.seed, 13)).normal(*ACTIVITY)))

    def _key(self) -> int:
        """Return the semitones from the home key to that of the piece, -5 to 6: as set, or drawn."""
        key = self.config.key
        if key is None:
            return int(np.random.default_rng((self.config.seed, 12)).choice(RANDOM_KEYS))
        return key - 12 if key > 6 else key

    def find_key(self, given: np.ndarray) -> None:
        """Find the key of what is given, (frame, voice), before the first step: from the bass, or by likelihood."""
        if not self.home or self.config.key is not None:
            return
        if (given[:, -1] != FREE).all():
            shift = -shift_to_home(given)
        else:
            line = given[:KEY_FRAMES, 0]
            shift = min(range(-5, 7), key=lambda shift: self._nats(line, shift))
        self.reset()
        self.shift, self._key_found = shift, True

    def _nats(self, line: np.ndarray, shift: int) -> float:
        """Return the nats of a first voice (frame,) that is `shift` semitones from home, over drawn lower voices."""
        self.reset()
        self.shift, nats = shift, 0.0
        tokens = self.codec.tokens(np.where(line == REST, REST, line - shift))
        for t, token in enumerate(tokens):
            given = np.full(self.n_voices, FREE)
            given[0] = line[t]
            asked = self.ask()
            nats -= float(np.log(softmax(self.head.run(asked)["logits"][0])[token]))
            self.accept(self._frame(asked, given))
        return nats

    def step(self, given: np.ndarray | None = None) -> np.ndarray:
        """Write the next frame (voice,) of pitches; given: pitches that are fixed, -1 a rest, -2 free."""
        if self.home and not self.step_number and not self._key_found and given is not None and (given >= 0).any():
            self.find_key(given[None])
        frame = self._frame(self.ask(), given)
        self.accept(frame)
        pitches = self.codec.pitches(frame)
        return np.where(pitches == REST, pitches, pitches + self.shift)

    def ask(self) -> dict[str, np.ndarray]:
        """Run the memory, once a frame; return the head's inputs for the next frame, no voice chosen yet."""
        (echo, agreed), last = self.repetition.guess(), self.last.reshape(1, 1, -1)
        inputs = {"shares": self._shares(), "last": last, "chosen": np.zeros_like(last)}
        return {**inputs, "echo": echo[None, None], "agreed": agreed[None, None]}

    def _frame(self, asked: dict[str, np.ndarray], given: np.ndarray | None) -> np.ndarray:
        """Choose tokens (voice,) from the highest voice down, each given those above it."""
        chosen = asked["chosen"][0, 0]
        for v in range(self.n_voices):
            if given is not None and given[v] != FREE:
                pitch = given[v] - (self.shift if given[v] != REST else 0)
                chosen[v] = self.codec.tokens(np.array([pitch]))[0]
                continue
            chosen[v] = self._choose(v, softmax(self.head.run(asked)["logits"][v]), chosen)
        return np.asarray(chosen)

    def _shares(self) -> np.ndarray:
        """Run the memory over the last frame; return each voice's share of the past, (voice, width)."""
        phase = np.array([[self.step_number % self.n_phases]])
        age = np.minimum(self.age, self.n_ages - 1).reshape(1, 1, -1)
        return self.body.run({"last": self.last.reshape(1, 1, -1), "age": age, "phase": phase})["shares"]

    def accept(self, frame: np.ndarray) -> None:
        """Take tokens (voice,) as the frame that was written."""
        self.age = np.where(frame == self.last, self.age + 1, 0)
        self.repetition.accept(frame)
        self.last, self.step_number = frame.copy(), self.step_number + 1

    def _choose(self, v: int, p: np.ndarray, chosen: np.ndarray) -> int:
        held = int(self.last[v])
        p = enliven(soften(p, self.config.temperature, keep=held), self.activity, held)
        if self.config.rules:
            p = forbid_parallels(p, v, self.last, chosen)
        return draw(p, self.rng)

    def write(self, n_frames: int, given: np.ndarray | None = None) -> np.ndarray:
        """Write pitches (frame, voice); given: (frame, voice), see `step`."""
        return np.stack([self.step(None if given is None else given[t]) for t in range(n_frames)])
