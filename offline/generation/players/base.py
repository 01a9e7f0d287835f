"""The base of the players of networks."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import numpy as np

from offline.generation.config import GeneratorConfig
from offline.generation.weights import SystemFiles

__all__ = ["Player"]


class Player:
    """A system's networks and a random generator; one voice and no melody unless a subclass says so.

    Networks run in ONNX Runtime on one thread. For one step that is as fast as the same layers in numpy were, from
    0.8 times (a recurrent decoder: 43 instead of 37 us) to 6 times (a convolutional bar: 0.27 instead of 1.6 ms).
    """

    names: tuple[str, ...] = ("Melody",)
    steps, steps_per_quarter, percussion = 1, 4, False

    def __init__(self, files: SystemFiles, config: GeneratorConfig) -> None:
        self.files, self.net, self.config = files, files.main, config
        self.rng = np.random.default_rng(config.seed)
        self.start()

    @classmethod
    def open(cls, source: Path, config: GeneratorConfig) -> Self:
        """Open the player of a network file NAME.onnx."""
        return cls(SystemFiles(source), config)

    def start(self) -> None:
        """Start a piece."""
