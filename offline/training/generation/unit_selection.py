"""Training of UnitSelection (Bretan et al. 2016): which bar comes next, and which note."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from models.generation.unit_selection import UnitSelectionNetwork
from offline.music.home_key import home_frames
from offline.music.piece import from_grid
from offline.training.generation.data import random_windows
from offline.training.generation.task import Extras
from offline.training.generation.tokens import MelodyTraining

__all__ = ["UnitSelectionTraining"]

BAR = 16  # sixteenths


class UnitSelectionTraining(MelodyTraining):
    """UnitSelection: the true next bar among those of the batch, and the likelihood of notes."""

    model: UnitSelectionNetwork

    def build(self) -> UnitSelectionNetwork:
        """Load melodies, and the same cut into bars of sixteenths."""
        hidden, embedding = self.pick((128, 20), (96, 24), (12, 6))
        melody = self.build_melody()
        self.units = {split: [self._bars(tokens[:, 0]) for tokens in pieces] for split, pieces in self.split.items()}
        self.units = {split: [bars for bars in pieces if len(bars) > 1] for split, pieces in self.units.items()}
        return UnitSelectionNetwork(BAR * self.codec.n_tokens, hidden, embedding, lambda: melody)

    def _bars(self, tokens: np.ndarray) -> np.ndarray:
        return tokens[: len(tokens) // BAR * BAR].reshape(-1, BAR)

    def played_network(self) -> dict[str, Any]:
        """Return the settings of the network."""
        return {"n_tokens": [self.codec.n_tokens], "n_layers": 1, "units": type(self.model).__name__}

    def extras(self) -> Extras:
        """Return the library of bars."""
        pieces = home_frames(self.corpora.melodies()["train"])
        bars = [self._bars(self.codec.encode(from_grid(frames))) for frames in pieces]
        return {"library": np.unique(np.concatenate(bars), axis=0)}, {}

    def pairs(self, split: str, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Draw bars and those after them, (4 * batch, 16) of tokens each."""
        pairs = random_windows(self.units[split], 4 * self.n_batch, 2, rng)
        return pairs[:, 0], pairs[:, 1]

    def one_hot(self, tokens: Tensor) -> Tensor:
        """Return bars of tokens (.., 16) as (.., 16 * token)."""
        return F.one_hot(tokens, self.codec.n_tokens).float().flatten(-2)

    def loss(self, index: int) -> tuple[Tensor, dict[str, float]]:
        """Return the loss of both networks."""
        rng = np.random.default_rng((self.config.seed, index))
        rows = self.draw("train", rng)[0]
        notes = self.model.notes(rows, self.model.notes.initial(len(rows)))[0].mean()
        ranked = self.ranked(self.model, *self.to_device(self.pairs("train", rng)))
        return notes + 0.2 * ranked, {"notes": float(notes.detach()), "ranked": float(ranked.detach())}

    def ranked(self, model: UnitSelectionNetwork, before: Tensor, after: Tensor) -> Tensor:
        """Return the nats of the true next bar among all of the batch."""
        scores = model.scores(self.one_hot(before), self.one_hot(after))
        return F.cross_entropy(scores, torch.arange(len(scores), device=self.device))

    def validate(self, model: Any) -> dict[str, float]:
        """Return the nats of the next bar among 4 * batch, and those of a note."""
        rng = np.random.default_rng(0)
        ranked = [float(self.ranked(model, *self.to_device(self.pairs("valid", rng)))) for _ in range(8)]
        rows = [self.draw("valid", rng)[0] for _ in range(8)]
        notes = [float(model.notes(row, model.notes.initial(len(row)))[0].mean()) for row in rows]
        return {"metric": float(np.mean(ranked)), "notes": float(np.mean(notes))}
