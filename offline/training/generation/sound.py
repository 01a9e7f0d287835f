"""Training of the systems that write sound."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.generation.sound import DeepAc, WaveNet, WaveNetConfig
from offline.music.codecs import MuLaw, Spectra
from offline.music.piece import REST
from offline.music.rules import SOUND_STEP_S, note_bits, sound_of
from offline.training.generation.data import HIGH, LOW, random_windows
from offline.training.generation.task import BatchTraining, Extras

__all__ = ["DeepAcTraining", "WaveNetTraining"]

N_CODES = 400
N_STEPS, N_SCORES = 64, 24  # sixteenths of a piece that are rendered; scores that the player has


class DeepAcTraining(BatchTraining):
    """deepAC (Sarroff & Casey 2014): magnitude spectra through a stack of layers; the code is the controls."""

    model: DeepAc

    def build(self) -> DeepAc:
        """Render a plain organ that plays chorales and take its spectra."""
        rate, n_fft, sizes, n_pieces = self.pick(
            (22050, 1024, (256, 64, 8), 60), (11025, 512, (160, 64, 24), 16), (4000, 128, (16, 4), 2)
        )
        self.rate, self.codec = rate, Spectra(n_fft=n_fft, hop=n_fft // 4)
        self.split = {
            split: [self.codec.encode(sound_of(p[:N_STEPS], rate)) for p in pieces[:n_pieces]]
            for split, pieces in self.corpora.grids().items()
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
    """WaveNet (van den Oord et al. 2016) on a plain organ that plays chorales, conditioned on the notes that sound.

    16 kHz as published, 4 kHz small.
    """

    model: WaveNet

    def build(self) -> WaveNet:
        """Render a few minutes of sound for each split; each sample knows the row of notes that sound."""
        self.rate, n_doublings, n_stacks, residual, skip, n_pieces = self.pick(
            (16000, 10, 5, 32, 512, 60), (4000, 8, 2, 24, 64, 24), (2000, 3, 1, 8, 8, 2)
        )
        self.codec, self.low, self.high = MuLaw(), *self.corpora.pitches(LOW, HIGH)
        grids = {split: [p[:N_STEPS] for p in pieces[:n_pieces]] for split, pieces in self.corpora.grids().items()}
        self.notes = {
            split: np.concatenate([self._notes(p) for p in pieces]) for split, pieces in grids.items() if pieces
        }
        self.split = {split: self._sounds(pieces) for split, pieces in grids.items()}
        n = self.high - self.low + 1
        config = WaveNetConfig(n_doublings=n_doublings, n_stacks=n_stacks, residual=residual, skip=skip, n_condition=n)
        self.length = min(config.receptive + 1000, 8000)
        return WaveNet(config)

    def _notes(self, frames: np.ndarray) -> np.ndarray:
        return note_bits(frames, self.low, self.high - self.low + 1)

    def _sounds(self, pieces: list[np.ndarray]) -> list[np.ndarray]:
        """Return for each piece its tokens, and the row of `notes` of each, (sample, 2)."""
        out, first = [], 0
        for frames in pieces:
            tokens = self.codec.encode(sound_of(frames, self.rate))
            rows = first + np.arange(len(tokens)) // round(SOUND_STEP_S * self.rate)
            out.append(np.stack([tokens, rows], axis=1))
            first += len(frames)
        return out

    def batch(self, split: str, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Draw windows (batch, sample) of mu-law steps, and the notes (batch, note, sample - 1) after the first."""
        windows = random_windows(self.split[split], max(self.n_batch // 4, 1), self.length, rng)
        notes = self.notes[split][windows[:, 1:, 1]]
        return np.ascontiguousarray(windows[..., 0]), np.ascontiguousarray(notes.swapaxes(1, 2))

    def nats(self, model: Any, *batch: Tensor) -> Tensor:
        """Return the nats per sample, of those that have a full past."""
        nll: Tensor = model(*batch)
        return nll[:, min(self.model.config.receptive, nll.shape[1] // 2) :].mean()

    def extras(self) -> Extras:
        """Return the sample rate, the range, and scores to play where none is given, (score, step, voice)."""
        grids = self.corpora.grids()
        pieces = [p[:N_STEPS] for p in (*grids["valid"], *grids["train"]) if len(p) >= N_STEPS][:N_SCORES]
        width = max(p.shape[1] for p in pieces)
        scores = [np.pad(p, ((0, 0), (0, width - p.shape[1])), constant_values=REST) for p in pieces]
        return {"scores": np.stack(scores).astype(np.int64)}, {"rate": self.rate, "low": self.low}
