"""The base of the players of networks."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import numpy as np

from offline.generation.config import GeneratorConfig
from offline.generation.weights import StoredWeights

__all__ = ["Player"]


class Player:
    """A network's weights and a random generator; one voice and no melody unless a subclass says so."""

    names: tuple[str, ...] = ("Melody",)
    steps, steps_per_quarter, percussion = 1, 4, False

    def __init__(self, weights: StoredWeights, config: GeneratorConfig) -> None:
        self.weights, self.config = weights, config
        self.rng = np.random.default_rng(config.seed)
        self.start()

    @classmethod
    def open(cls, source: Path, config: GeneratorConfig) -> Self:
        """Open the player of a weights file."""
        return cls(StoredWeights(source), config)

    def start(self) -> None:
        """Start a piece."""
