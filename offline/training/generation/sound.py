"""Training of the systems that write sound."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.generation.sound import DeepAc, WaveNet, WaveNetConfig
from offline.music.codecs import MuLaw, Spectra
from offline.music.corpora import sound_of
from offline.training.generation.data import random_windows
from offline.training.generation.task import BatchTraining, Extras

__all__ = ["DeepAcTraining", "WaveNetTraining"]

N_CODES = 400


class DeepAcTraining(BatchTraining):
    """deepAC (Sarroff & Casey 2014): magnitude spectra through a stack of layers; the code is the controls."""

    model: DeepAc

    def build(self) -> DeepAc:
        """Render a plain organ that plays chorales and take its spectra."""
        rate, n_fft, sizes, n_pieces = self.pick(
            (22050, 1024, (256, 64, 8), 60), (11025, 512, (128, 32, 8), 16), (4000, 128, (16, 4), 2)
        )
        self.rate, self.codec = rate, Spectra(n_fft=n_fft, hop=n_fft // 4)
        self.split = {
            split: [self.codec.encode(sound_of(p[:64], rate)) for p in pieces[:n_pieces]]
            for split, pieces in self.corpora.chorales().items()
        }
        return DeepAc((n_fft // 2 + 1, *sizes))

    def batch(self, split: str, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Draw frames (batch * 8, bin)."""
        return (random_windows(self.split[split], self.n_batch * 8, 1, rng)[:, 0],)

    def nats(self, model: Any, *batch: Tensor) -> Tensor:
        """Return the squared error per frame, summed over bins."""
        loss: Tensor = model(batch[0]).mean()
        return loss

    def extras(self) -> Extras:
        """Return codes of validation frames."""
        rng = np.random.default_rng(0)
        frames = np.concatenate(self.split["valid"])
        frames = frames[rng.choice(len(frames), min(N_CODES, len(frames)), replace=False)]
        with torch.no_grad():
            codes = self.model.eval().encode(torch.from_numpy(frames)).numpy()
        return {"codes": codes}, {"rate": self.rate, "n_fft": self.codec.n_fft}


class WaveNetTraining(BatchTraining):
    """WaveNet (van den Oord et al. 2016) on a plain organ that plays chorales: 16 kHz as published, 4 kHz small."""

    model: WaveNet

    def build(self) -> WaveNet:
        """Render a few minutes of sound for each split."""
        self.rate, n_doublings, n_stacks, residual, skip, n_pieces = self.pick(
            (16000, 10, 5, 32, 512, 60), (4000, 8, 2, 24, 64, 12), (2000, 3, 1, 8, 8, 2)
        )
        self.codec = MuLaw()
        self.split = {
            split: [self.codec.encode(sound_of(p[:64], self.rate)) for p in pieces[:n_pieces]]
            for split, pieces in self.corpora.chorales().items()
        }
        config = WaveNetConfig(n_doublings=n_doublings, n_stacks=n_stacks, residual=residual, skip=skip)
        self.length = min(config.receptive + 1000, 8000)
        return WaveNet(config)

    def batch(self, split: str, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Draw windows (batch, sample) of mu-law steps."""
        return (random_windows(self.split[split], max(self.n_batch // 4, 1), self.length, rng),)

    def nats(self, model: Any, *batch: Tensor) -> Tensor:
        """Return the nats per sample, of those that have a full past."""
        nll: Tensor = model(batch[0])
        return nll[:, min(self.model.config.receptive, nll.shape[1] // 2) :].mean()

    def extras(self) -> Extras:
        """Return the sample rate."""
        return {}, {"rate": self.rate}
