"""Training of the blues systems."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from models.generation.blues import BluesConfig, BluesLstm
from offline.training.generation.task import BatchTraining, Extras

__all__ = ["BluesChordsTraining", "BluesMelodyTraining"]

BEGINNING, N_BEGINNINGS = 16, 96  # eighths of a beginning; how many the player chooses from


class BluesMelodyTraining(BatchTraining):
    """Blues_MC (Eck & Schmidhuber 2002), the second experiment: chords and melody."""

    melody = True
    model: BluesLstm
    home = True  # blues by rule are in C

    def build(self) -> BluesLstm:
        """Make the network: four blocks of two cells for each as published."""
        blocks = self.pick(4, 32, 4)
        return BluesLstm(BluesConfig(n_melody=13 if self.melody else 0, blocks=blocks))

    def batch(self, split: str, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Draw choruses."""
        return (np.stack([self.corpora.chorus(split, rng, melody=self.melody) for _ in range(self.n_batch)]),)

    def nats(self, model: Any, *batch: Tensor) -> Tensor:
        """Return the nats per step, summed over bits."""
        loss: Tensor = model(batch[0]).mean()
        return loss

    def extras(self) -> Extras:
        """Return beginnings of choruses, (chorus, eighth, bit)."""
        rng = np.random.default_rng(0)
        made = [self.corpora.chorus("train", rng, melody=self.melody)[:BEGINNING] for _ in range(N_BEGINNINGS)]
        return {"beginnings": np.stack(made).astype(np.int64)}, {}


class BluesChordsTraining(BluesMelodyTraining):
    """Blues_C, the first experiment: chords alone."""

    melody = False
