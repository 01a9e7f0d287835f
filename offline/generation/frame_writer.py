"""Plays the frame network step by step, without torch: the memory runs once a frame, the head once a voice."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engine.core.errors import ModelError
from engine.inference.network import Network
from offline.generation.config import WriterConfig
from offline.generation.key_normalisation import home_shift
from offline.generation.repetition import N_AGREED, Echo
from offline.generation.stream import CHOOSE
from offline.music.codecs import VoiceGrid
from offline.music.piece import REST
from offline.music.sampling import draw, enliven, forbid_parallels, soften, softmax

__all__ = ["FrameWriter"]

BY_CHANCE = range(-3, 4)  # semitones from home that keep voices within their ranges
ACTIVITY = (0.2, 0.2)  # mean and deviation of its logarithm: note counts as of chorales that were not learnt from
LISTENED = 32  # frames of a melody that tell its key


class FrameWriter:
    """Writes frames (voice,) of pitches, -1 a rest, for ever; the past may come from outside.

    path: NAME.onnx, with NAME-head.onnx beside it.
    """

    def __init__(self, path: Path, config: WriterConfig) -> None:
        self.config = config
        self.body, self.head = Network(path, "frames"), Network(path.with_name(path.stem + "-head.onnx"), "frames-head")
        self.n_voices, self.n_phases, self.n_ages = (
            self.body.value(n, int) for n in ("n_voices", "n_phases", "n_ages")
        )
        low, n_tokens = self.body.value("low", int), self.body.value("n_tokens", int)
        self.codec = VoiceGrid(n_voices=self.n_voices, low=low, high=low + n_tokens - 2)
        if self.codec.n_tokens != n_tokens or self.head.value("n_tokens", int) != n_tokens:
            raise ModelError(str(path), expected="a body and a head of one network", got="two that differ")
        if (n_agreed := self.body.value("n_agreed", int)) != N_AGREED:
            expected = f"a network of {N_AGREED} classes of echoes"
            raise ModelError(str(path), expected=expected, got=str(n_agreed), remedy="train it again")
        self.echo = Echo(self.n_voices)
        self.home = bool(self.body.metadata.get("home", False))
        self.reset()

    def reset(self) -> None:
        """Begin anew: same seed, same music."""
        self.body.reset()
        self.rng = np.random.default_rng(self.config.seed)
        self.step_number = 0
        self.last = np.zeros(self.n_voices, np.int64)
        self.age = np.zeros(self.n_voices, np.int64)
        self.echo.reset()
        self.echo.accept(self.last)
        self.shift, self._settled = self._key() if self.home else 0, False
        self.activity = self._lively()

    def _lively(self) -> float:
        """The factor on the odds of moving: as asked for, or by the seed, for chorales differ among themselves."""
        if self.config.activity is not None:
            return self.config.activity
        return float(np.exp(np.random.default_rng((self.config.seed, 13)).normal(*ACTIVITY)))

    def _key(self) -> int:
        """Semitones from the home key to that of the piece, -5 to 6: as asked for, or by chance."""
        key = self.config.key
        if key is None:
            return int(np.random.default_rng((self.config.seed, 12)).choice(BY_CHANCE))
        return key - 12 if key > 6 else key

    def settle(self, given: np.ndarray) -> None:
        """Find the key of what is given, (frame, voice), before the first step: from the bass, or by likelihood."""
        if not self.home or self.config.key is not None:
            return
        if (given[:, -1] != CHOOSE).all():
            shift = -home_shift(given)
        else:
            line = given[:LISTENED, 0]
            shift = min(range(-5, 7), key=lambda shift: self._nats(line, shift))
        self.reset()
        self.shift, self._settled = shift, True

    def _nats(self, line: np.ndarray, shift: int) -> float:
        """Nats of a first voice (frame,) that is `shift` semitones from home, under voices that are made up to it."""
        self.reset()
        self.shift, nats = shift, 0.0
        tokens = self.codec.tokens(np.where(line == REST, REST, line - shift))
        for t, token in enumerate(tokens):
            given = np.full(self.n_voices, CHOOSE)
            given[0] = line[t]
            asked = self.ask()
            nats -= float(np.log(softmax(self.head.run(asked)["logits"][0])[token]))
            self.accept(self._frame(asked, given))
        return nats

    def step(self, given: np.ndarray | None = None) -> np.ndarray:
        """The next frame; given: (voice,) pitches that are fixed, -1 a rest, -2 where the network chooses."""
        if self.home and not self.step_number and not self._settled and given is not None and (given >= 0).any():
            self.settle(given[None])
        frame = self._frame(self.ask(), given)
        self.accept(frame)
        pitches = self.codec.pitches(frame)
        return np.where(pitches == REST, pitches, pitches + self.shift)

    def ask(self) -> dict[str, np.ndarray]:
        """What the head is asked with for the next frame, no voice chosen yet. Once a frame: it runs the memory."""
        (echo, agreed), last = self.echo.guess(), self.last.reshape(1, 1, -1)
        heard = {"shares": self._shares(), "last": last, "chosen": np.zeros_like(last)}
        return {**heard, "echo": echo[None, None], "agreed": agreed[None, None]}

    def _frame(self, asked: dict[str, np.ndarray], given: np.ndarray | None) -> np.ndarray:
        """Tokens (voice,) from the top, each knowing those above it."""
        chosen = asked["chosen"][0, 0]
        for v in range(self.n_voices):
            if given is not None and given[v] != CHOOSE:
                pitch = given[v] - (self.shift if given[v] != REST else 0)
                chosen[v] = self.codec.tokens(np.array([pitch]))[0]
                continue
            chosen[v] = self._choose(v, softmax(self.head.run(asked)["logits"][v]), chosen)
        return np.asarray(chosen)

    def _shares(self) -> np.ndarray:
        """Run the memory over the last frame: what the past says to each voice, (voice, width)."""
        phase = np.array([[self.step_number % self.n_phases]])
        age = np.minimum(self.age, self.n_ages - 1).reshape(1, 1, -1)
        return self.body.run({"last": self.last.reshape(1, 1, -1), "age": age, "phase": phase})["shares"]

    def accept(self, frame: np.ndarray) -> None:
        """Take tokens (voice,) as the frame that was written."""
        self.age = np.where(frame == self.last, self.age + 1, 0)
        self.echo.accept(frame)
        self.last, self.step_number = frame.copy(), self.step_number + 1

    def _choose(self, v: int, p: np.ndarray, chosen: np.ndarray) -> int:
        held = int(self.last[v])
        p = enliven(soften(p, self.config.temperature, keep=held), self.activity, held)
        if self.config.rules:
            p = forbid_parallels(p, v, self.last, chosen)
        return draw(p, self.rng)

    def write(self, n_frames: int, given: np.ndarray | None = None) -> np.ndarray:
        """(frame, voice) of pitches; given: (frame, voice), see `step`."""
        return np.stack([self.step(None if given is None else given[t]) for t in range(n_frames)])
