"""Training of the systems that write rolls."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.generation.rolls import (
    Biaxial,
    BiaxialConfig,
    RnnRbm,
    RnnRbmConfig,
)
from offline.music.codecs import Roll
from offline.music.home_key import home_pieces
from offline.training.generation.data import random_windows
from offline.training.generation.task import BatchTraining, Extras

__all__ = ["HexahedriaTraining", "RnnRbmTraining"]

N_BEGINNINGS = 64  # of pieces, from which Hexahedria plays
N_PIECES, LONGEST, CHAINS, TEMPERATURES = 25, 200, 16, 100  # of a validation: pieces, steps of each, annealing


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


class HexahedriaTraining(BatchTraining):
    """Hexahedria (Johnson 2015): (sounds, is struck) for every pitch at sixteenths."""

    model: Biaxial
    home = True

    def build(self) -> Biaxial:
        """Load the music in the home key; all pitches share the weights."""
        time, note, low, n_pitches, self.length, dropout = self.pick(
            ((300, 300), (100, 50), 24, 78, 128, 0.5),
            ((64, 64), (32, 16), 34, 50, 32, 0.1),
            ((6, 6), (4, 4), 36, 46, 8, 0),
        )
        low, high = self.corpora.pitches(low, low + n_pitches - 1)
        self.codec, n_pitches = Roll(low=low, high=high), high - low + 1
        pieces = {split: home_pieces(part) for split, part in self.corpora.pieces().items()}
        self.split = {s: [self.codec.encode(p).astype(np.uint8) for p in part] for s, part in pieces.items()}
        return Biaxial(BiaxialConfig(time=time, note=note, low=low, n_pitches=n_pitches, dropout=dropout))

    def batch(self, split: str, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Draw rolls (batch, time + 1, pitch, 2) from a bar on; phases count from the window's start."""
        rolls = random_windows(self.split[split], max(self.n_batch // 4, 1), self.length + 1, rng, 16)
        phase = np.tile(np.arange(self.length) % 16, (len(rolls), 1))
        return rolls.astype(np.float32), phase

    def nats(self, model: Any, *batch: Tensor) -> Tensor:
        """Return the nats per step, summed over pitches."""
        loss: Tensor = model(*batch).mean()
        return loss

    def extras(self) -> Extras:
        """Return the first steps of music (piece, pitch, 2), one of which begins a piece; how many notes sound."""
        pieces = [p for p in (*self.split["valid"], *self.split["train"]) if p[0, :, 0].any()]
        beginnings = np.stack([p[0] for p in pieces[:N_BEGINNINGS]]).astype(np.int64)
        train = self.split["train"]
        sounding = np.concatenate([p[:, :, 0].sum(axis=1) for p in train])
        again = sum(int((p[1:, :, 1] & p[:-1, :, 0]).sum()) for p in train)
        repeats = again / max(sum(int(p[:, :, 1].sum()) for p in train), 1)
        return {"beginnings": beginnings}, {"density": round(float(sounding.mean()), 3), "repeats": round(repeats, 4)}
