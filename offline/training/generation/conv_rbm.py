"""Training of C-RBM."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from models.generation.conv_rbm import ConvRbm, ConvRbmConfig
from offline.training.generation.data import HIGH, LOW, home_roll_codec, home_rolls, random_windows
from offline.training.generation.task import VALIDATION_SEED, BatchTraining, Extras

__all__ = ["ConvRbmTraining"]

N_TEMPLATES = 24


class ConvRbmTraining(BatchTraining):
    """C-RBM (Lattner et al. 2016): rolls of sixteenths."""

    model: ConvRbm
    home = True

    def build(self) -> ConvRbm:
        """Load rolls of the music in the home key."""
        self.codec = home_roll_codec(self.corpora, LOW, HIGH)
        self.split = home_rolls(self.corpora, self.codec)
        n_maps, self.length = self.pick((2048, 512), (128, 128), (8, 32))
        return ConvRbm(ConvRbmConfig(n_pitches=self.codec.width, width=17, n_maps=n_maps))

    def batch(self, split: str, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Draw rolls (batch, pitch, step)."""
        rolls = random_windows(self.split[split], max(self.n_batch // 4, 1), self.length, rng, 4)
        return (np.ascontiguousarray(rolls.swapaxes(1, 2)).astype(np.float32),)

    def nats(self, model: Any, *batch: Tensor) -> Tensor:
        """Return the contrastive loss."""
        loss: Tensor = model(batch[0]).mean()
        return loss

    def validate(self, model: Any) -> dict[str, float]:
        """Return nats per step of a reconstruction from hidden samples: a proxy, as Z cannot be computed."""
        rng = np.random.default_rng(VALIDATION_SEED)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            v = self.draw("valid", rng)[0]
            logits = model.visible(torch.bernoulli(torch.sigmoid(model.hidden(v))), v.shape[2])
        cross = nn.functional.binary_cross_entropy_with_logits(logits, v, reduction="none")
        return {"metric": float(cross.sum(1).mean())}

    def extras(self) -> Extras:
        """Return beginnings of pieces as templates (template, pitch, step), of the validation split first."""
        rolls = [*self.split["valid"], *self.split["train"]]
        pieces = [roll[: self.length].T for roll in rolls if len(roll) >= self.length][:N_TEMPLATES]
        return {"templates": np.stack(pieces)}, {"low": self.codec.low}
