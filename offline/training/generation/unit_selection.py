"""Training of UnitSelection (Bretan et al. 2016): bars of real melodies, and which of them comes next."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from models.generation.unit_selection import UnitSelectionNetwork
from offline.music.codecs import MelodyTokens
from offline.music.piece import from_grid
from offline.training.generation.data import KEYS, in_keys, random_windows
from offline.training.generation.task import BatchTraining, Extras

__all__ = ["UnitSelectionTraining"]

BAR = 16  # sixteenths


class UnitSelectionTraining(BatchTraining):
    """UnitSelection: reconstruction of bars, and the choice of the true next bar among those of the batch."""

    model: UnitSelectionNetwork
    bars = 6  # of context

    def build(self) -> UnitSelectionNetwork:
        """Load sopranos cut into bars of sixteenths."""
        self.codec = MelodyTokens()
        self.split = {}
        for split, pieces in self.corpora.chorales().items():
            tokens = [self.codec.encode(from_grid(p[:, :1])) for p in (in_keys(pieces) if split == "train" else pieces)]
            units = [t[: len(t) // BAR * BAR].reshape(-1, BAR) for t in tokens]
            self.split[split] = [u for u in units if len(u) > self.bars]
        width = BAR * self.codec.n_tokens
        sizes = self.pick((width, 500, 100), (width, 200, 48), (width, 12, 6))
        return UnitSelectionNetwork(sizes, self.pick(256, 128, 8))

    def played_network(self) -> dict[str, Any]:
        """Return the settings of the network."""
        return {"n_tokens": [self.codec.n_tokens], "n_layers": 1, "units": type(self.model).__name__}

    def extras(self) -> Extras:
        """Return the library of bars in one key."""
        library = np.concatenate(self.split["train"][5 :: len(KEYS)])
        return {"library": library}, {}

    def batch(self, split: str, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Draw successive bars (batch, bar, 16) of tokens."""
        return (random_windows(self.split[split], self.n_batch, self.bars + 1, rng),)

    def one_hot(self, tokens: Tensor) -> Tensor:
        """Return bars of tokens (.., 16) as (.., 16 * token)."""
        return F.one_hot(tokens, self.codec.n_tokens).float().flatten(-2)

    def loss(self, index: int) -> tuple[Tensor, dict[str, float]]:
        """Return the loss of reconstruction and of the choice of the next bar."""
        tokens = self.draw_train(index)[0]
        rebuilt = self.model.auto(self.one_hot(tokens).flatten(0, 1)).mean() / BAR
        return rebuilt + self.nats(self.model, tokens), {"rebuilt": float(rebuilt.detach())}

    def nats(self, model: Any, *batch: Tensor) -> Tensor:
        """Return the nats of the true next bar among all next bars of the batch."""
        codes = model.auto.encode(self.one_hot(batch[0]))
        library = codes[:, 1:].flatten(0, 1)
        scores = model.scores(codes[:, :-1], library)
        wanted = torch.arange(len(library), device=self.device).view(scores.shape[:2])
        return F.cross_entropy(scores.flatten(0, 1), wanted.flatten())
