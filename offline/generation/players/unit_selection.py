"""The player of UnitSelection."""

from __future__ import annotations

import numpy as np

from offline.generation.players.blocks import BlockPlayer
from offline.generation.players.rl_tuner import melody_step
from offline.generation.stream import Change, Segment
from offline.music.codecs import MelodyTokens
from offline.music.piece import REST
from offline.music.sampling import draw, softmax

__all__ = ["UnitSelectionPlayer"]


class UnitSelectionPlayer(BlockPlayer):
    """Join bars of real melodies by what should come next and by how small a leap the join is."""

    names, steps = ("Melody",), 16

    def start(self) -> None:
        """Start from a random bar."""
        self.net.reset()
        self.tokens, self.library = MelodyTokens(), self.files.array("library").astype(np.int64)
        bars = np.eye(self.tokens.n_tokens, dtype=np.float32)[self.library].reshape(len(self.library), -1)
        self.codes = self.files.part("encoder").run({"bars": bars})["codes"] - np.float32(0.5)
        self._aims = self.codes / np.maximum(np.linalg.norm(self.codes, axis=1, keepdims=True), 1e-12)
        self._first, self._last = zip(*(_ends(row) for row in self.library), strict=True)
        self._free = np.ones(len(self.library), bool)
        self._now, self._pitch = int(self.rng.integers(len(self.library))), REST

    def scores(self) -> np.ndarray:
        """Return how well each bar of the library follows the last one."""
        guess = self.net.run({"code": self.codes[self._now][None, None]})["guess"]
        return np.asarray(10 * self._aims @ (guess / max(float(np.linalg.norm(guess)), 1e-12)))

    def next(self, given: np.ndarray) -> Segment:
        """Write a bar; none twice until all were played."""
        bar, self._free[self._now] = self.library[self._now], False
        if not self._free.any():
            self._free[:] = True
        scores = self.scores() - np.abs(np.array(self._first) - self._last[self._now]) / 3
        p = np.where(self._free, softmax(scores / max(self.config.temperature, 0.05)), 0)
        self._now = draw(p, self.rng)
        changes: list[Change] = []
        for step, token in enumerate(bar.tolist()):  # a bar may continue the last note of the one before
            segment, self._pitch = melody_step(token, self._pitch, self.tokens)
            changes += [(step, *change[1:]) for change in segment.changes]
        return Segment(n_steps=self.steps, changes=tuple(changes))


def _ends(tokens: np.ndarray) -> tuple[int, int]:
    """Return the first and the last pitch token of a bar."""
    pitched = tokens[tokens > 1]
    return (int(pitched[0]), int(pitched[-1])) if len(pitched) else (20, 20)
