"""Training of the systems that write a block at once: from a code, or into a gap."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.generation.blocks import (
    DeepBach,
    DeepBachConfig,
    MiniBach,
    MiniBachConfig,
    StackConfig,
    StackedAutoencoder,
    Vrae,
    VraeConfig,
)
from offline.music.codecs import HoldGrid, MelodyTokens, Roll, VoiceGrid
from offline.music.corpora import Corpora
from offline.music.piece import REST, Piece, from_grid
from offline.training.generation.data import KEYS, in_keys, random_windows
from offline.training.generation.task import BatchTraining, Extras

__all__ = ["DeepBachTraining", "DeepHearTraining", "MiniBachTraining", "VraeTraining", "VrashTraining"]

STEPS = 64  # four bars of sixteenths
N_PHASES = 16
LOW, HIGH = 36, 81
N_SOPRANOS = 24


def validation_sopranos(corpora: Corpora) -> np.ndarray:
    """Return beginnings of sopranos of the validation split without rests, (soprano, step) of pitches."""
    pieces = [p[:STEPS, 0] for p in corpora.chorales()["valid"] if len(p) >= STEPS]
    lines = [line for line in pieces if (line != REST).all()][:N_SOPRANOS]
    return np.stack(lines).astype(np.int64)


class DeepHearTraining(BatchTraining):
    """DeepHear (Sun 2015): rolls of four bars through a stack of layers, each first trained as an RBM by CD-1."""

    model: StackedAutoencoder
    pretrain_steps = 150  # of each layer

    def build(self) -> StackedAutoencoder:
        """Load rolls of chorales."""
        self.codec = Roll(low=LOW, high=HIGH, articulate=False)
        chorales = self.corpora.chorales()
        keys = {split: in_keys(c) if split == "train" else c for split, c in chorales.items()}
        self.split = {s: [self.codec.encode(from_grid(p)).astype(np.uint8) for p in c] for s, c in keys.items()}
        inside = self.pick((1024, 256, 64, 16), (512, 128, 32), (32, 8))
        return StackedAutoencoder(StackConfig(sizes=(STEPS * self.codec.width, *inside)))

    def batch(self, split: str, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Draw rolls (batch, step * pitch)."""
        rolls = random_windows(self.split[split], self.n_batch, STEPS, rng)
        return (rolls.reshape(len(rolls), -1).astype(np.float32),)

    def loss(self, index: int) -> tuple[Tensor, dict[str, float]]:
        """Train the layers one after another as RBMs, then all of them at once."""
        layer = index // self.pretrain_steps
        if layer < len(self.model.down):
            x = self.draw_train(index)[0]
            with torch.no_grad():
                for below in self.model.down[:layer]:
                    x = torch.sigmoid(below(x))
            error = self.model.pretrain(x, layer)
            still = sum((p * 0).sum() for p in self.model.parameters())
            return torch.as_tensor(still), {"rbm_error": error}
        return super().loss(index)

    def nats(self, model: Any, *batch: Tensor) -> Tensor:
        """Return the nats per step of reconstruction, summed over pitches."""
        loss: Tensor = model(batch[0]).mean() / STEPS
        return loss

    def extras(self) -> Extras:
        """Return sopranos, the range, and how many notes sound at once in the corpus."""
        density = float(np.mean([roll.sum(axis=1).mean() for roll in self.split["train"]]))
        values = {"low": self.codec.low, "high": self.codec.high, "density": density}
        return {"sopranos": validation_sopranos(self.corpora)}, values


class VraeTraining(BatchTraining):
    """VRAE (Fabius & van Amersfoort 2014): windows of rolls from a Gaussian code, without history."""

    model: Vrae
    length = 32

    def build(self) -> Vrae:
        """Load rolls of chorales, a step an eighth."""
        self.codec = Roll(low=LOW, high=HIGH, articulate=False)
        self.split = {
            s: [self.codec.encode(from_grid(p)).astype(np.uint8)[::2] for p in c]
            for s, c in self.corpora.chorales().items()
        }
        hidden = self.pick(500, 200, 16)
        return Vrae(VraeConfig(n_bits=self.codec.width, hidden=hidden, latent=20))

    def batch(self, split: str, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Draw rolls (batch, step, pitch)."""
        return (random_windows(self.split[split], self.n_batch, self.length, rng).astype(np.float32),)

    def nats(self, model: Any, *batch: Tensor) -> Tensor:
        """Return the negative evidence lower bound, nats per step."""
        nll, divergence = model(batch[0])
        bound: Tensor = (nll + self.model.config.kl_weight * divergence).mean() / self.length
        return bound

    def extras(self) -> Extras:
        """Return the range."""
        return {}, {"low": self.codec.low, "high": self.codec.high}


class VrashTraining(VraeTraining):
    """VRASH (Tikhonov & Yamshchikov 2017): a melody from a code and from what was written so far."""

    def build(self) -> Vrae:
        """Load sopranos in twelve keys, 38 classes a sixteenth."""
        self.melody = MelodyTokens()
        self.split = {
            s: [self.melody.encode(from_grid(p[:, :1])) for p in (in_keys(c) if s == "train" else c)]
            for s, c in self.corpora.chorales().items()
        }
        hidden = self.pick(500, 128, 16)
        return Vrae(VraeConfig(n_tokens=self.melody.n_tokens, hidden=hidden, latent=20, history=True, kl_weight=0.5))

    def batch(self, split: str, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Draw tokens (batch, step)."""
        return (random_windows(self.split[split], self.n_batch, self.length, rng),)

    def extras(self) -> Extras:
        """Return nothing: tokens have one range."""
        return {}, {}


class MiniBachTraining(BatchTraining):
    """MiniBach (Briot et al. 2017): the three lower voices of four bars from the soprano, all at once."""

    model: MiniBach

    def build(self) -> MiniBach:
        """Load chorales in all keys."""
        self.codec = VoiceGrid()
        chorales = self.corpora.chorales()
        self.split = {
            s: [self.codec.tokens(p) for p in (in_keys(c) if s == "train" else c)] for s, c in chorales.items()
        }
        return MiniBach(MiniBachConfig(hidden=self.pick(200, 200, 16)))

    def batch(self, split: str, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Draw windows (batch, 64, 4)."""
        return (random_windows(self.split[split], self.n_batch, STEPS, rng),)

    def nats(self, model: Any, *batch: Tensor) -> Tensor:
        """Return the nats per note of alto, tenor and bass."""
        loss: Tensor = model(batch[0]).mean()
        return loss

    def extras(self) -> Extras:
        """Return sopranos, for when no melody is given."""
        return {"sopranos": validation_sopranos(self.corpora)}, {}


def _signs(piece: Piece) -> np.ndarray:
    """Return phase, below sixteen, and fermata of every frame, (frame, 2) int64."""
    fermata = np.zeros(piece.n_steps, np.int64)
    fermata[piece.fermatas] = 1
    return np.column_stack([piece.phase() % N_PHASES, fermata])


class DeepBachTraining(BatchTraining):
    """DeepBach (Hadjeres et al. 2017): any note from all around it."""

    model: DeepBach

    def build(self) -> DeepBach:
        """Load chorales with holds, in all keys to train, with phase and fermatas where the corpus has them."""
        self.codec = codec = HoldGrid()
        chorales = self.corpora.signed_chorales()
        self.split = {s: [np.column_stack([codec.encode(p), _signs(p)]) for p in chorales[s]] for s in chorales}
        self.split["train"] = [self._moved(rows, key) for rows in self.split["train"] for key in KEYS]
        hidden, merge, window = self.pick((256, 256, 32), (64, 128, 16), (6, 6, 4))
        config = DeepBachConfig(n_tokens=self.codec.n_tokens, hidden=hidden, merge=merge, window=window)
        return DeepBach(config)

    def _moved(self, rows: np.ndarray, semitones: int) -> np.ndarray:
        """Transpose rows; rests, holds and signs stay."""
        out, voices = rows.copy(), rows[:, :4]
        out[:, :4] = np.where((voices > 0) & (voices != self.codec.hold), voices + semitones, voices)
        return out

    def batch(self, split: str, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Draw windows (batch, 2 * window + 1, 6): four voices, phase and fermata."""
        return (random_windows(self.split[split], self.n_batch, 2 * self.model.config.window + 1, rng),)

    def nats(self, model: Any, *batch: Tensor) -> Tensor:
        """Return the nats per note given all others, the mean of the four voices."""
        frames, phase, fermata = batch[0][..., :4], batch[0][..., 4], batch[0][..., 5]
        return torch.stack([model(v, frames, phase, fermata).mean() for v in range(4)]).mean()

    def extras(self) -> Extras:
        """Return how often each voice has each token, (voice, token)."""
        tokens = np.concatenate([p[:, :4] for p in self.split["train"]])
        return {"rates": np.stack([np.bincount(v, minlength=self.codec.n_tokens) for v in tokens.T])}, {}
