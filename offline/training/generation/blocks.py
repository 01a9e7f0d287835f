"""Training and sampling of the systems that write a block at once: from a code, or into a gap."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from models.generation.infill import DeepBach, DeepBachConfig, MiniBach, MiniBachConfig
from models.generation.latent import StackConfig, StackedAutoencoder, Vrae, VraeConfig
from offline.music.codecs import HoldGrid, MelodyTokens, Roll, Spectra, VoiceGrid
from offline.music.corpora import sound_of
from offline.music.piece import Piece, from_grid, phrase_ends
from offline.training.generation.task import SystemTask, windows
from offline.training.generation.tokens import KEYS, in_keys

__all__ = ["DeepAc", "DeepHear", "Infill", "Latent", "LatentMelody", "Window"]

STEPS = 64  # four bars of sixteenths
N_PHASES = 16
LOW, HIGH = 36, 81


class DeepHear(SystemTask):
    """Sun (2015): rolls of four bars through a stack of layers, each first trained as an RBM by CD-1."""

    model: StackedAutoencoder
    pretrain_steps = 150  # of each layer

    def build(self) -> StackedAutoencoder:
        """Rolls of chorales."""
        self.codec = Roll(low=LOW, high=HIGH, articulate=False)
        chorales = self.corpora.chorales()
        keys = {split: in_keys(c) if split == "train" else c for split, c in chorales.items()}
        self.split = {s: [self.codec.encode(from_grid(p)).astype(np.uint8) for p in c] for s, c in keys.items()}
        inside = self.settings.pick((1024, 256, 64, 16), (512, 128, 32), (32, 8))
        return StackedAutoencoder(StackConfig(sizes=(STEPS * self.codec.width, *inside)))

    def batch(self, split: str, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Rolls (batch, step * pitch)."""
        rolls = windows(self.split[split], self.settings.batch, STEPS, rng)
        return (rolls.reshape(len(rolls), -1).astype(np.float32),)

    def loss(self, index: int) -> tuple[Tensor, dict[str, float]]:
        """The layers one after another as RBMs, then all of them at once."""
        layer = index // self.pretrain_steps
        if layer < len(self.model.down):
            rng = np.random.default_rng((self.settings.seed, index))
            x = self.to_device(self.batch("train", rng))[0]
            with torch.no_grad():
                for below in self.model.down[:layer]:
                    x = torch.sigmoid(below(x))
            error = self.model.pretrain(x, layer)
            still = sum((p * 0).sum() for p in self.model.parameters())
            return torch.as_tensor(still), {"rbm_error": error}
        return super().loss(index)

    def nats(self, model: nn.Module, *batch: Tensor) -> Tensor:
        """Nats per step of reconstruction, all keys together."""
        return model(batch[0]).mean() / STEPS

    @torch.no_grad()
    def sample(self, length: int, seed: int) -> Piece:
        """Four bars for each 64 steps, decoded from random codes."""
        generator = torch.Generator(self.device).manual_seed(seed)
        n, width = -(-length // STEPS), self.model.config.sizes[-1]
        code = torch.bernoulli(torch.full((n, width), 0.5, device=self.device), generator=generator)
        roll = torch.sigmoid(self.model.eval().decode(code)).view(n * STEPS, -1)
        return self.codec.decode(roll.cpu().numpy()[:length])

    def accompany(self, melody: np.ndarray, seed: int) -> Piece:
        """DeepHear_C: the code whose decoding sounds the melody (64,) of pitches; the rest is counterpoint."""
        target = self.codec.encode(from_grid(melody[:STEPS, None].astype(np.int16)))
        x = torch.from_numpy(target.reshape(1, -1)).to(self.device)
        generator = torch.Generator(self.device).manual_seed(seed)
        start = torch.rand(1, self.model.config.sizes[-1], device=self.device, generator=generator)
        code = self.model.eval().match(x, x, start)
        with torch.no_grad():
            roll = torch.sigmoid(self.model.decode(code)).view(STEPS, -1).cpu().numpy()
        return self.codec.decode(np.maximum(roll, target))


class DeepAc(SystemTask):
    """Sarroff & Casey (2014): magnitude frames of sound through a stack of layers; the code is the controls."""

    model: StackedAutoencoder

    def build(self) -> StackedAutoencoder:
        """Spectra of a plain organ that plays chorales."""
        rate, n_fft, sizes, n_pieces = self.settings.pick(
            (22050, 1024, (256, 64, 8), 60), (11025, 512, (128, 32, 8), 16), (4000, 128, (16, 4), 2)
        )
        self.rate, self.codec = rate, Spectra(n_fft=n_fft, hop=n_fft // 4)
        self.split = {
            split: [self.codec.encode(sound_of(p[:64], rate)) for p in pieces[:n_pieces]]
            for split, pieces in self.corpora.chorales().items()
        }
        return StackedAutoencoder(StackConfig(sizes=(n_fft // 2 + 1, *sizes), binary=False, corrupt=0.0))

    def batch(self, split: str, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Frames (batch * 8, bin)."""
        return (windows(self.split[split], self.settings.batch * 8, 1, rng)[:, 0],)

    def nats(self, model: nn.Module, *batch: Tensor) -> Tensor:
        """Squared error per frame, summed over bins."""
        return model(batch[0]).mean()

    @torch.no_grad()
    def sample(self, length: int, seed: int) -> tuple[np.ndarray, int]:
        """`length` frames of sound along a straight path between codes of real frames."""
        rng = np.random.default_rng(seed)
        ends = self.to_device((windows(self.split["valid"], 5, 1, rng)[:, 0],))[0]
        codes = self.model.eval().encode(ends)
        place = torch.linspace(0, 4 - 1e-6, length, device=self.device)
        share = (place % 1)[:, None]
        path = codes[place.long()] * (1 - share) + codes[place.long() + 1] * share
        return self.codec.decode(self.model.decode(path).cpu().numpy()), self.rate


class Latent(SystemTask):
    """Fabius & van Amersfoort (2014), VRAE: stretches of rolls from a Gaussian code, without history."""

    model: Vrae
    length = 32

    def build(self) -> Vrae:
        """Rolls of chorales, a step an eighth."""
        self.codec = Roll(low=LOW, high=HIGH, articulate=False)
        self.split = {
            s: [self.codec.encode(from_grid(p)).astype(np.uint8)[::2] for p in c]
            for s, c in self.corpora.chorales().items()
        }
        hidden = self.settings.pick(500, 200, 16)
        return Vrae(VraeConfig(n_bits=self.codec.width, hidden=hidden, latent=20))

    def batch(self, split: str, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Rolls (batch, step, pitch)."""
        return (windows(self.split[split], self.settings.batch, self.length, rng).astype(np.float32),)

    def nats(self, model: nn.Module, *batch: Tensor) -> Tensor:
        """The negative evidence bound, nats per step."""
        nll, divergence = model(batch[0])
        return (nll + self.model.config.kl_weight * divergence).mean() / self.length

    def sample(self, length: int, seed: int) -> Piece:
        """Blocks of 32 eighths from random codes."""
        torch.manual_seed(seed)
        n = -(-length // self.length)
        roll = self.model.eval().sample(torch.randn(n, self.model.config.latent, device=self.device), self.length)
        piece = self.codec.decode(roll.flatten(0, 1)[:length].cpu().numpy())
        return Piece(notes=piece.notes, n_steps=piece.n_steps, steps_per_quarter=2)


class LatentMelody(Latent):
    """Tikhonov & Yamshchikov (2017), VRASH: a melody from a code and from what was written so far."""

    def build(self) -> Vrae:
        """Sopranos in twelve keys, 38 classes a sixteenth."""
        self.melody = MelodyTokens()
        self.split = {
            s: [self.melody.encode(from_grid(p[:, :1])) for p in (in_keys(c) if s == "train" else c)]
            for s, c in self.corpora.chorales().items()
        }
        hidden = self.settings.pick(500, 128, 16)
        return Vrae(VraeConfig(n_tokens=self.melody.n_tokens, hidden=hidden, latent=20, history=True, kl_weight=0.5))

    def batch(self, split: str, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Tokens (batch, step)."""
        return (windows(self.split[split], self.settings.batch, self.length, rng),)

    def sample(self, length: int, seed: int) -> Piece:
        """Blocks of 32 sixteenths from random codes."""
        torch.manual_seed(seed)
        n = -(-length // self.length)
        tokens = self.model.eval().sample(torch.randn(n, self.model.config.latent, device=self.device), self.length)
        return self.melody.decode(tokens.flatten()[:length].cpu().numpy())


class Window(SystemTask):
    """Briot et al. (2017), MiniBach: four bars of soprano to the three voices below, all at once."""

    model: MiniBach

    def build(self) -> MiniBach:
        """Chorales in all keys."""
        self.codec = VoiceGrid()
        chorales = self.corpora.chorales()
        self.split = {
            s: [self.codec.tokens(p) for p in (in_keys(c) if s == "train" else c)] for s, c in chorales.items()
        }
        return MiniBach(MiniBachConfig(hidden=self.settings.pick(200, 200, 16)))

    def batch(self, split: str, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Windows (batch, 64, 4)."""
        return (windows(self.split[split], self.settings.batch, STEPS, rng),)

    def nats(self, model: nn.Module, *batch: Tensor) -> Tensor:
        """Nats per note of alto, tenor and bass."""
        return model(batch[0]).mean()

    @torch.no_grad()
    def sample(self, length: int, seed: int) -> Piece:
        """Harmonise sopranos of the validation split, block after block."""
        rng = np.random.default_rng(seed)
        blocks = windows(self.split["valid"], -(-length // STEPS), STEPS, rng)
        lower = self.model.eval().logits(self.to_device((blocks[..., 0],))[0]).argmax(3).cpu().numpy()
        tokens = np.concatenate([blocks[..., :1], lower], axis=2).reshape(-1, 4)[:length]
        return self.codec.decode(tokens)


def _signs(piece: Piece) -> np.ndarray:
    """Phase, of sixteen at most, and fermata of every frame, (frame, 2) int64."""
    fermata = np.zeros(piece.n_steps, np.int64)
    fermata[piece.fermatas] = 1
    return np.column_stack([piece.phase() % N_PHASES, fermata])


class Infill(SystemTask):
    """Hadjeres et al. (2017), DeepBach: any note from all around it; pseudo-Gibbs sampling writes a chorale."""

    model: DeepBach

    def build(self) -> DeepBach:
        """Chorales with holds, in all keys to train, with phase and fermatas where the corpus has them."""
        self.codec = codec = HoldGrid()
        chorales = self.corpora.signed_chorales()
        self.split = {s: [np.column_stack([codec.encode(p), _signs(p)]) for p in chorales[s]] for s in chorales}
        self.split["train"] = [self._moved(rows, key) for rows in self.split["train"] for key in KEYS]
        hidden, merge, window = self.settings.pick((256, 256, 32), (64, 128, 16), (6, 6, 4))
        config = DeepBachConfig(n_tokens=self.codec.n_tokens, hidden=hidden, merge=merge, window=window)
        return DeepBach(config)

    def _moved(self, rows: np.ndarray, semitones: int) -> np.ndarray:
        """In another key: rests, holds and signs stay."""
        out, voices = rows.copy(), rows[:, :4]
        out[:, :4] = np.where((voices > 0) & (voices != self.codec.hold), voices + semitones, voices)
        return out

    def batch(self, split: str, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Windows (batch, 2 * window + 1, 6): four voices, phase and fermata."""
        return (windows(self.split[split], self.settings.batch, 2 * self.model.config.window + 1, rng),)

    def nats(self, model: nn.Module, *batch: Tensor) -> Tensor:
        """Nats per note given everything else, mean of the four voices."""
        frames, phase, fermata = batch[0][..., :4], batch[0][..., 4], batch[0][..., 5]
        return torch.stack([model(v, frames, phase, fermata).mean() for v in range(4)]).mean()

    @torch.no_grad()
    def sample(self, length: int, seed: int, rounds: int = 10, given: np.ndarray | None = None) -> Piece:
        """Pseudo-Gibbs: every note drawn anew `rounds` times, in random order; given: (length,) soprano tokens kept."""
        rng, w = np.random.default_rng(seed), self.model.config.window
        torch.manual_seed(seed)
        self.model.eval()
        start = windows(self.split["train"], 1, length, rng)[0, :, :4]
        tokens = np.pad(rng.permuted(start, axis=0), ((w, w), (0, 0)))
        voices = range(4) if given is None else range(1, 4)
        if given is not None:
            tokens[w : w + length, 0] = given
        phase = np.arange(-w, length + w) % 16
        fermata = phrase_ends(np.arange(-w, length + w))
        for v, times in self._order(rng, list(voices), length, rounds):
            around = np.stack([tokens[t : t + 2 * w + 1] for t in times])
            phases = np.stack([phase[t : t + 2 * w + 1] for t in times])
            signs = np.stack([fermata[t : t + 2 * w + 1] for t in times])
            logits = self.model.logits(v, *self.to_device((around, phases, signs)))
            tokens[w + times, v] = torch.multinomial(torch.softmax(logits, 1), 1)[:, 0].cpu().numpy()
        return self.codec.decode(tokens[w : w + length])

    def _order(
        self, rng: np.random.Generator, voices: list[int], length: int, rounds: int
    ) -> list[tuple[int, np.ndarray]]:
        """Voices, and times that are drawn in one go, as in the paper's parallel Gibbs sampling."""
        batches = []
        for _ in range(rounds * max(length // 8, 1)):
            times = np.sort(rng.choice(length, size=min(8, length), replace=False))
            batches.append((int(rng.choice(voices)), times))
        return batches
