"""What players of networks share."""

from __future__ import annotations

import numpy as np

from offline.generation.config import WriterConfig
from offline.generation.weights import StoredWeights

__all__ = ["Player"]


class Player:
    """A network's weights, chance, one voice, and no melody."""

    names: tuple[str, ...] = ("Melody",)
    steps, steps_per_quarter, accompanies, percussion = 1, 4, False, False

    def __init__(self, weights: StoredWeights, config: WriterConfig) -> None:
        self.weights, self.config = weights, config
        self.rng = np.random.default_rng(config.seed)
        self.start()

    def start(self) -> None:
        """Begin a piece."""
