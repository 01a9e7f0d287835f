"""Training of the systems that write a block at once: from a code, or into a gap."""

from __future__ import annotations

from dataclasses import asdict
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
from offline.music.codecs import HoldGrid, MelodyTokens, VoiceGrid
from offline.music.corpora import Corpora
from offline.music.home_key import home_frames
from offline.music.piece import REST, Piece, from_grid
from offline.music.sampling import note_rates
from offline.training.generation.data import (
    HIGH,
    KEYS,
    LOW,
    home_roll_codec,
    home_rolls,
    random_windows,
)
from offline.training.generation.task import BatchTraining, Extras

__all__ = ["DeepBachTraining", "DeepHearTraining", "MiniBachTraining", "VraeTraining", "VrashTraining"]

STEPS = 64  # four bars of sixteenths
N_PHASES = 16
BEAT, BAR = 4, 16  # sixteenths
N_SOPRANOS = 24
N_CODES = 256  # of windows of the corpus, by which codes are drawn
KL_WEIGHT = 0.3  # of VRASH


def validation_sopranos(corpora: Corpora) -> np.ndarray:
    """Return beginnings of melodies without rests, those of the validation split first, (melody, step) of pitches."""
    found = corpora.melodies()
    pieces = [p[:STEPS, 0] for p in home_frames([*found["valid"], *found["train"]]) if len(p) >= STEPS]
    lines = [line for line in pieces if (line != REST).all()][:N_SOPRANOS]
    return np.stack(lines).astype(np.int64)


class DeepHearTraining(BatchTraining):
    """DeepHear (Sun 2015): rolls of four bars through a stack of layers, each first trained as an RBM by CD-1."""

    model: StackedAutoencoder
    pretrain_steps = 60  # of each layer
    home, beat = True, BEAT

    def build(self) -> StackedAutoencoder:
        """Load rolls of the music in the home key."""
        self.codec = home_roll_codec(self.corpora, LOW, HIGH)
        self.split = home_rolls(self.corpora, self.codec)
        inside = self.pick((1024, 256, 64, 16), (256, 64, 32), (32, 8))
        return StackedAutoencoder(StackConfig(sizes=(STEPS * self.codec.width, *inside)))

    def batch(self, split: str, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Draw rolls (batch, step * pitch) from a beat on."""
        rolls = random_windows(self.split[split], self.n_batch, STEPS, rng, BEAT)
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
        """Return sopranos, codes of the music, the range, and how many notes sound at once."""
        values = {"low": self.codec.low, "high": self.codec.high, **asdict(note_rates(self.split["train"], self.beat))}
        rolls = random_windows(self.split["train"], N_CODES, STEPS, np.random.default_rng(0), BAR)
        with torch.no_grad():
            codes = self.model.eval().encode(torch.from_numpy(rolls.reshape(N_CODES, -1).astype(np.float32)))
        return {"sopranos": validation_sopranos(self.corpora), "codes": codes.numpy()}, values


class VraeTraining(BatchTraining):
    """VRAE (Fabius & van Amersfoort 2014): windows of rolls from a Gaussian code, without history."""

    model: Vrae
    length, beat = 32, BEAT // 2

    home = True

    def build(self) -> Vrae:
        """Load rolls of the music in the home key, a step an eighth."""
        self.codec = home_roll_codec(self.corpora, LOW, HIGH)
        self.split = {
            split: [roll[::2] for roll in part] for split, part in home_rolls(self.corpora, self.codec).items()
        }
        hidden = self.pick(500, 200, 16)
        return Vrae(VraeConfig(n_bits=self.codec.width, hidden=hidden, latent=20))

    def batch(self, split: str, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Draw rolls (batch, step, pitch) from a beat on."""
        return (random_windows(self.split[split], self.n_batch, self.length, rng, 2).astype(np.float32),)

    def nats(self, model: Any, *batch: Tensor) -> Tensor:
        """Return the negative evidence lower bound, nats per step."""
        nll, divergence = model(batch[0])
        bound: Tensor = (nll + self.model.config.kl_weight * divergence).mean() / self.length
        return bound

    def extras(self) -> Extras:
        """Return the range."""
        return {}, {
            "low": self.codec.low,
            "high": self.codec.high,
            **asdict(note_rates(self.split["train"], self.beat)),
        }


class VrashTraining(VraeTraining):
    """VRASH (Tikhonov & Yamshchikov 2017): a melody from a code and from what was written so far."""

    def build(self) -> Vrae:
        """Load melodies in the home key, 38 classes a sixteenth; the first of a window is what sounds before it."""
        self.melody = MelodyTokens()
        self.split = {
            split: [self._rows(frames) for frames in home_frames(pieces)]
            for split, pieces in self.corpora.melodies().items()
        }
        hidden = self.pick(500, 128, 16)
        config = VraeConfig(n_tokens=self.melody.n_tokens, hidden=hidden, latent=20, history=True, kl_weight=KL_WEIGHT)
        return Vrae(config)

    def _rows(self, frames: np.ndarray) -> np.ndarray:
        """Return tokens, and what would strike the note that sounds there, (step, 2)."""
        tokens, sounding = self.melody.encode(from_grid(frames)), np.ones(len(frames), np.int64)
        for t, token in enumerate(tokens.tolist()):
            sounding[t] = token or (sounding[t - 1] if t else 1)
        return np.stack([tokens, sounding], axis=1)

    def batch(self, split: str, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Draw tokens (batch, 1 + step); the first is the note before, or a rest."""
        rows = random_windows(self.split[split], self.n_batch, self.length + BEAT, rng, BEAT)[:, BEAT - 1 :]
        tokens = rows[..., 0].copy()
        tokens[:, 0] = rows[:, 0, 1]
        return (tokens,)

    def extras(self) -> Extras:
        """Return nothing: tokens have one range."""
        return {}, {}


class MiniBachTraining(BatchTraining):
    """MiniBach (Briot et al. 2017): the three lower voices of four bars from the soprano, all at once."""

    model: MiniBach
    home = True

    def build(self) -> MiniBach:
        """Load music in four voices in the home key."""
        self.codec = VoiceGrid()
        chorales = self.corpora.chorales()
        self.split = {split: [self.codec.tokens(p) for p in home_frames(part)] for split, part in chorales.items()}
        return MiniBach(MiniBachConfig(hidden=self.pick(200, 200, 16)))

    def batch(self, split: str, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Draw windows (batch, 64, 4)."""
        return (random_windows(self.split[split], self.n_batch, STEPS, rng, BEAT),)

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
