"""The player of UnitSelection."""

from __future__ import annotations

import numpy as np

from offline.generation.config import GeneratorConfig
from offline.generation.players.base import Player
from offline.generation.players.melody import melody_segment
from offline.generation.stream import Segment
from offline.generation.weights import SystemFiles
from offline.music.codecs import MelodyTokens
from offline.music.piece import REST
from offline.music.sampling import draw, softmax

__all__ = ["UnitSelectionPlayer"]

SHARPNESS = 10.0  # of the softmax over cosines
RANKED = 0.05  # share of the library that the meaning of bars lets through to the cost of joining
FIRST = 2  # token of the lowest pitch


class UnitSelectionPlayer(Player):
    """Join bars of real melodies: those that should come next by their meaning, and of these by their first note."""

    names, steps = ("Melody",), 16

    def __init__(self, files: SystemFiles, config: GeneratorConfig) -> None:
        self.towers = {name: files.part(name) for name in ("before", "after")}
        super().__init__(files, config)

    def start(self) -> None:
        """Start from a random bar that begins with a note."""
        self.net.reset()
        self.tokens, self.library = MelodyTokens(), self.files.array("library").astype(np.int64)
        bars = np.eye(self.tokens.n_tokens, dtype=np.float32)[self.library].reshape(len(self.library), -1)
        self._before, self._after = (self.towers[name].run({"bars": bars})["meaning"] for name in ("before", "after"))
        self._free = np.ones(len(self.library), bool)
        self._pitch, self._log_p = REST, np.zeros(self.tokens.n_tokens)
        self._now = int(self.rng.choice(np.flatnonzero(self.library[:, 0] >= FIRST)))

    def scores(self) -> np.ndarray:
        """Return how well each bar of the library follows the last one, by its meaning."""
        return np.asarray(SHARPNESS * self._after @ self._before[self._now])

    def joins(self) -> np.ndarray:
        """Return log p of the first token of each bar of the library after the notes that were played."""
        return np.asarray(self._log_p[self.library[:, 0]])

    def write(self, given: np.ndarray) -> Segment:
        """Write a bar; none twice until all were played."""
        bar, self._free[self._now] = self.library[self._now], False
        if not self._free.any():
            self._free[:] = True
        for token in bar.tolist():
            logits = self.net.run({"row": np.array([[[token]]])})["logits_0"]
        self._log_p = np.log(np.maximum(softmax(logits), 1e-12))
        scores = np.where(self._free, self.scores(), -np.inf)
        chosen = np.argsort(-scores)[: max(round(RANKED * len(scores)), 1)]
        odds = (scores + self.joins())[chosen]
        self._now = int(chosen[draw(softmax(odds / self.config.temperature), self.rng)])
        segment, self._pitch = melody_segment(bar.tolist(), self._pitch, self.tokens)  # a bar may begin with a hold
        return segment
