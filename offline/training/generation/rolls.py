"""Training of the systems that write rolls."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from models.generation.rolls import (
    Biaxial,
    BiaxialConfig,
    BluesConfig,
    BluesLstm,
    ConvRbm,
    ConvRbmConfig,
    RnnRbm,
    RnnRbmConfig,
)
from offline.music.codecs import Roll
from offline.music.corpora import blues
from offline.music.piece import from_grid
from offline.training.generation.data import in_keys, random_windows
from offline.training.generation.task import VALIDATION_SEED, BatchTraining, Extras

__all__ = ["BluesChordsTraining", "BluesMelodyTraining", "ConvRbmTraining", "HexahedriaTraining", "RnnRbmTraining"]

N_PIECES, LONGEST, CHAINS, TEMPERATURES = 25, 200, 16, 100  # of a validation: pieces, steps of each, annealing
N_TEMPLATES = 6


class BluesMelodyTraining(BatchTraining):
    """Blues_MC (Eck & Schmidhuber 2002), the second experiment: chords and melody."""

    melody = True
    model: BluesLstm

    def build(self) -> BluesLstm:
        """Make the network: four blocks of two cells for each."""
        cells = self.pick(8, 24, 8)
        return BluesLstm(BluesConfig(n_melody=13 if self.melody else 0, cells=cells))

    def batch(self, split: str, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Make choruses by rule."""
        return (np.stack([blues(rng, melody=self.melody) for _ in range(self.n_batch)]),)

    def nats(self, model: Any, *batch: Tensor) -> Tensor:
        """Return the nats per step, summed over bits."""
        loss: Tensor = model(batch[0]).mean()
        return loss


class BluesChordsTraining(BluesMelodyTraining):
    """Blues_C, the first experiment: chords alone."""

    melody = False


class RnnRbmTraining(BatchTraining):
    """RNN-RBM (Boulanger-Lewandowski et al. 2012) on one of the paper's sets; nats per step of whole pieces."""

    model: RnnRbm
    length = 60

    def build(self) -> RnnRbm:
        """Load the published set, without transposition, as published."""
        self.split = self.corpora.rolls(self.config.rolls)
        hidden, recurrent, cd = self.pick((150, 100, 15), (150, 100, 10), (16, 8, 2))
        return RnnRbm(RnnRbmConfig(n_hidden=hidden, n_recurrent=recurrent, cd=cd))

    def batch(self, split: str, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Draw rolls (batch, step, key) from anywhere in pieces."""
        return (random_windows(self.split[split], self.n_batch, self.length, rng).astype(np.float32),)

    def nats(self, model: Any, *batch: Tensor) -> Tensor:
        """Return the contrastive loss; only its gradient has a meaning, that of contrastive divergence."""
        loss: Tensor = model(batch[0])[0].mean()
        return loss

    def validate(self, model: Any) -> dict[str, float]:
        """Return nats per step of pieces of the whole validation split, by annealed importance sampling."""
        pieces = self.split["valid"]
        rolls = [torch.from_numpy(roll[:LONGEST].astype(np.float32)) for roll in pieces[:: -(-len(pieces) // N_PIECES)]]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            nats = [model.nll(roll[None].to(self.device), CHAINS, TEMPERATURES) for roll in rolls]
        return {"metric": float(torch.cat(nats).mean())}

    def extras(self) -> Extras:
        """Return the weights of the RBM, by which pieces can be measured."""
        return {"weight": self.model.rbm.weight.detach().numpy()}, {}


class ConvRbmTraining(BatchTraining):
    """C-RBM (Lattner et al. 2016): rolls of sixteenths."""

    model: ConvRbm
    low, high = 36, 81

    def build(self) -> ConvRbm:
        """Load rolls of chorales in twelve keys."""
        self.codec = Roll(low=self.low, high=self.high, articulate=False)
        chorales = self.corpora.chorales()
        keys = {s: in_keys(c) if s == "train" else c for s, c in chorales.items()}
        self.split = {s: [self.codec.encode(from_grid(p)).astype(np.uint8) for p in c] for s, c in keys.items()}
        n_maps, self.length = self.pick((2048, 512), (128, 128), (8, 32))
        return ConvRbm(ConvRbmConfig(n_pitches=self.codec.width, width=17, n_maps=n_maps))

    def batch(self, split: str, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Draw rolls (batch, pitch, step)."""
        rolls = random_windows(self.split[split], max(self.n_batch // 4, 1), self.length, rng)
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
        """Return beginnings of validation pieces as templates (template, pitch, step)."""
        pieces = [p[: self.length].T for p in self.split["valid"] if len(p) >= self.length][:N_TEMPLATES]
        return {"templates": np.stack(pieces)}, {"low": self.low}


class HexahedriaTraining(BatchTraining):
    """Hexahedria (Johnson 2015): (sounds, is struck) for every pitch at sixteenths."""

    model: Biaxial

    def build(self) -> Biaxial:
        """Load chorales without transposition, as all pitches share the weights."""
        time, note, low, n_pitches, self.length, dropout = self.pick(
            ((300, 300), (100, 50), 24, 78, 128, 0.5),
            ((64, 64), (32, 16), 34, 50, 32, 0.1),
            ((6, 6), (4, 4), 36, 46, 8, 0),
        )
        self.codec = Roll(low=low, high=low + n_pitches - 1)
        self.split = {
            s: [self.codec.encode(from_grid(p)).astype(np.uint8) for p in c] for s, c in self.corpora.chorales().items()
        }
        return Biaxial(BiaxialConfig(time=time, note=note, low=low, n_pitches=n_pitches, dropout=dropout))

    def batch(self, split: str, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Draw rolls (batch, time + 1, pitch, 2) from anywhere; phases count from the window's start."""
        rolls = random_windows(self.split[split], max(self.n_batch // 4, 1), self.length + 1, rng)
        phase = np.tile(np.arange(self.length) % 16, (len(rolls), 1))
        return rolls.astype(np.float32), phase

    def nats(self, model: Any, *batch: Tensor) -> Tensor:
        """Return the nats per step, summed over pitches."""
        loss: Tensor = model(*batch).mean()
        return loss
