"""Plays the frame network step by step, without torch: the memory runs once a frame, the head once a voice."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engine.errors import ModelError
from engine.inference.onnx import Network
from offline.generate.codecs import VoiceGrid
from offline.generate.sampling import draw, forbid_parallels, soften, softmax
from offline.generate.writer_config import WriterConfig

__all__ = ["FrameWriter"]


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
        self.reset()

    def reset(self) -> None:
        """Begin anew: same seed, same music."""
        self.body.reset()
        self.rng = np.random.default_rng(self.config.seed)
        self.step_number = 0
        self.last = np.zeros(self.n_voices, np.int64)
        self.age = np.zeros(self.n_voices, np.int64)

    def step(self, given: np.ndarray | None = None) -> np.ndarray:
        """The next frame; given: (voice,) pitches that are fixed, -1 a rest, -2 where the network chooses."""
        last, shares = self.last.reshape(1, 1, -1), self.shares()
        chosen = np.zeros((1, 1, self.n_voices), np.int64)
        for v in range(self.n_voices):
            if given is not None and given[v] != -2:
                chosen[0, 0, v] = self.codec.tokens(given[v : v + 1])[0]
                continue
            logits = self.head.run({"shares": shares, "last": last, "chosen": chosen})["logits"][v]
            chosen[0, 0, v] = self._choose(v, softmax(logits), chosen[0, 0])
        self.accept(chosen[0, 0])
        return self.codec.pitches(chosen[0, 0])

    def shares(self) -> np.ndarray:
        """Run the memory over the last frame: what the past says to each voice, (voice, width). Once a frame."""
        phase = np.array([[self.step_number % self.n_phases]])
        age = np.minimum(self.age, self.n_ages - 1).reshape(1, 1, -1)
        return self.body.run({"last": self.last.reshape(1, 1, -1), "age": age, "phase": phase})["shares"]

    def accept(self, frame: np.ndarray) -> None:
        """Take tokens (voice,) as the frame that was written."""
        self.age = np.where(frame == self.last, self.age + 1, 0)
        self.last, self.step_number = frame.copy(), self.step_number + 1

    def _choose(self, v: int, p: np.ndarray, chosen: np.ndarray) -> int:
        p = soften(p, self.config.temperature, keep=int(self.last[v]))
        if self.config.rules:
            p = forbid_parallels(p, v, self.last, chosen)
        return draw(p, self.rng)

    def write(self, n_frames: int, given: np.ndarray | None = None) -> np.ndarray:
        """(frame, voice) of pitches; given: (frame, voice), see `step`."""
        return np.stack([self.step(None if given is None else given[t]) for t in range(n_frames)])
