"""Training of the systems that learn against a critic."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from models.generation.adversarial import AdversarialConfig, CRnnGan, MidiNet
from offline.music.chords import chord_code, chords_of
from offline.music.codecs import BarImage, NoteTuples
from offline.music.home_key import home_frames
from offline.music.piece import from_grid
from offline.training.generation.data import random_windows
from offline.training.generation.task import BatchTraining, Extras

__all__ = ["CRnnGanTraining", "MidiNetTraining"]

BAR = 16
N_CHORDS, N_SCORES = 8, 24  # bars of a score; scores that the player chooses from


class CRnnGanTraining(BatchTraining):
    """C-RNN-GAN (Mogren 2016): windows of notes as tuples of real numbers."""

    length = 40

    def build(self) -> nn.Module:
        """Load notes of chorales."""
        self.codec = NoteTuples()
        self.split = {s: [self.codec.encode(p) for p in c] for s, c in self.corpora.pieces().items()}
        hidden = self.pick(350, 100, 8)
        return CRnnGan(AdversarialConfig(hidden=hidden, noise=hidden))

    def batch(self, split: str, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Draw notes (batch, note, 4)."""
        return (random_windows(self.split[split], self.n_batch, self.length, rng),)

    def loss(self, index: int) -> tuple[Tensor, dict[str, float]]:
        """Return the loss of generator and critic in one, and the critic's verdicts."""
        loss, verdicts = self.model(*self.draw_train(index))
        return loss, verdicts

    def nats(self, model: Any, *batch: Tensor) -> Tensor:
        """Return how far means and deviations of generated notes are from the data's, in deviations of the data."""
        noise = torch.randn(*batch[0].shape[:2], model.config.noise, device=self.device)
        made, real = model.generate(noise).flatten(0, 1), batch[0].flatten(0, 1)
        spread = real.std(0).clamp_min(0.05)
        distance: Tensor = (((made.mean(0) - real.mean(0)) / spread).abs() + (made.std(0) / spread - 1).abs()).mean()
        return distance


class MidiNetTraining(CRnnGanTraining):
    """MidiNet (Yang et al. 2017): bars as images, from the bar before and a chord."""

    home = True

    def build(self) -> nn.Module:
        """Load melodies in the home key bar by bar: the bar before, the bar and its chord."""
        self.image = BarImage()
        self.split = {}
        for split, pieces in self.corpora.grids().items():
            rows = []
            for piece in home_frames(pieces):
                bars = self.image.encode(from_grid(piece[:, :1])).argmax(axis=1)
                chords = chords_of(piece, BAR)[:, None]
                rows.append(np.hstack([np.roll(bars, 1, axis=0), bars, chords])[1:])
            self.split[split] = [row for row in rows if len(row)]
        return MidiNet(AdversarialConfig(noise=self.pick(100, 64, 8), match=4.0))

    def batch(self, split: str, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Draw bars, chords, and the bars before."""
        rows = random_windows(self.split[split], self.n_batch, 1, rng)[:, 0]
        images = np.eye(128, dtype=np.float32)[rows[:, :32]].swapaxes(1, 2)
        return images[:, :, BAR:], chord_code(rows[:, 32]), images[:, :, :BAR]

    def nats(self, model: Any, *batch: Tensor) -> Tensor:
        """Return how far the mean of generated bars is from the data's: half the summed difference a step, 0 to 1."""
        bar, chord, before = batch
        made = model.generate(torch.randn(len(bar), model.config.noise, device=self.device), chord, before)
        distance: Tensor = (made.mean(0) - bar.mean(0)).abs().sum(0).mean() / 2
        return distance

    def extras(self) -> Extras:
        """Return the first bars of pieces, and for each its number and the chords of the bars after it."""
        rows = [row for row in (*self.split["valid"], *self.split["train"]) if len(row) >= N_CHORDS][:N_SCORES]
        rows = rows or [max((*self.split["valid"], *self.split["train"]), key=len)]
        length = min(map(len, rows))
        scores = [[number, *row[: min(length, N_CHORDS), 32]] for number, row in enumerate(rows)]
        return {"firsts": np.stack([row[0, :BAR] for row in rows]), "scores": np.array(scores, np.int64)}, {}
