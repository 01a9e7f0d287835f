"""Training and sampling of the systems that write token after token."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from models.generation.tokens import BluesConfig, BluesLstm, TokenLstm, TokenLstmConfig
from models.generation.wavenet import WaveNet, WaveNetConfig
from offline.music.codecs import ChoraleTokens, DrumTokens, MelodyTokens, MuLaw, TuneTuples
from offline.music.corpora import blues, grooves, sound_of, with_chords
from offline.music.piece import REST, Piece, from_grid
from offline.music.roll_sets import SPLITS
from offline.training.generation.task import SystemTask, windows

__all__ = ["KEYS", "BachBot", "BluesChords", "BluesMelody", "Celtic", "Concert", "Melody", "Rhythm", "Sound"]

KEYS = range(-5, 7)


class Tokens(SystemTask):
    """Windows of rows of tokens; the system says which rows, and which network."""

    length = 128
    split: dict[str, list[np.ndarray]]
    model: TokenLstm

    def batch(self, split: str, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Windows (batch, time, stream)."""
        return (windows(self.split[split], self.settings.batch, self.length + 1, rng),)

    def nats(self, model: nn.Module, *batch: Tensor) -> Tensor:
        """Nats per row, all its streams together."""
        nll, _ = model(batch[0], self.model.initial(len(batch[0])), *batch[1:])
        return nll.sum(2).mean()

    @torch.no_grad()
    def rows(self, first: list[int], n: int, seed: int, condition: Tensor | None = None) -> np.ndarray:
        """Draw n rows after `first`, (n, stream)."""
        generator = torch.Generator(self.device).manual_seed(seed)
        self.model.eval()
        row, state = torch.tensor([[first]], device=self.device), self.model.initial(1)
        out = []
        for t in range(n):
            given = None if condition is None else condition[None, t : t + 1]
            features, state = self.model.memory(row, state, given)
            row = row.clone()
            for s in range(len(first)):
                p = torch.softmax(self.model.logits(features, row, s)[0, 0], 0)
                row[0, 0, s] = torch.multinomial(p, 1, generator=generator)[0]
            out.append(row[0, 0].tolist())
        return np.array(out, np.int64)

    def network(self, n_tokens: tuple[int, ...], **more: Any) -> TokenLstm:
        """A token network of the size asked for: (hidden, layers)."""
        hidden, layers = self.settings.pick(*more.pop("sizes"))
        return TokenLstm(TokenLstmConfig(n_tokens=n_tokens, hidden=hidden, n_layers=layers, **more))


def in_keys(pieces: list[np.ndarray]) -> list[np.ndarray]:
    """Chorales in twelve keys."""
    return [np.where(p == REST, p, p + k).astype(np.int16) for p in pieces for k in KEYS]


class BachBot(Tokens):
    """Liang (2016): a chorale as one row of tokens, three layers of 256."""

    def build(self) -> TokenLstm:
        """Chorales in all keys to train, in their own to validate; with fermatas where the corpus has them."""
        self.codec = codec = ChoraleTokens()
        chorales = self.corpora.signed_chorales()
        self.split = {split: [codec.encode(p)[:, None] for p in chorales[split]] for split in SPLITS[:2]}
        self.split["train"] = [np.where(t >= codec.FIRST, t + 2 * key, t) for t in self.split["train"] for key in KEYS]
        sizes = ((256, 3), (256, 2), (16, 1))
        return self.network((self.codec.n_tokens,), embed=32, sizes=sizes)

    def sample(self, length: int, seed: int) -> Piece:
        """About `length` tokens."""
        tokens = self.rows([self.codec.START], length, seed)[:, 0]
        return self.codec.decode(np.append(tokens, self.codec.FRAME))


class Celtic(Tokens):
    """Sturm et al. (2016), folk-rnn: tunes as ABC tokens, three layers of 512."""

    def build(self) -> TokenLstm:
        """Tunes of the packed collection, one after another, so that no window has to be filled up."""
        self.codec, split = self.corpora.tunes()
        self.split = {name: [np.concatenate(tunes)[:, None]] for name, tunes in split.items()}
        sizes = ((512, 3), (256, 2), (16, 1))
        return self.network((self.codec.n_tokens,), embed=64, dropout=0.5, sizes=sizes)

    def sample(self, length: int, seed: int) -> Piece:
        """A tune, until it ends or is `length` tokens long."""
        numbers = self.rows([0], length, seed)[:, 0]
        numbers = numbers[np.argmax(numbers > 0) :]  # what stands between two tunes
        ends = np.flatnonzero(numbers == 0)
        return self.codec.decode(numbers[: ends[0]] if len(ends) else numbers)


class Concert(Tokens):
    """Mozer (1994): pitch, duration and chord of note after note; pitch comes in a psychoacoustic code."""

    length = 32

    def build(self) -> TokenLstm:
        """Sopranos of chorales with the chords of all voices."""
        self.codec = TuneTuples(low=54, n_pitches=36)
        self.split = {
            split: [self.codec.encode(with_chords(p)) for p in pieces]
            for split, pieces in self.corpora.chorales().items()
        }
        return self.network(self.codec.n_tokens, low=self.codec.low, dropout=0.2, sizes=((40, 1), (128, 1), (12, 1)))

    def sample(self, length: int, seed: int) -> Piece:
        """`length` notes."""
        return self.codec.decode(self.rows([0, 3, 1], length, seed))


class Melody(Tokens):
    """The melody network that RL-Tuner begins with: 38 classes a sixteenth, one layer of 100."""

    def build(self) -> TokenLstm:
        """Sopranos, in twelve keys to train."""
        self.codec = MelodyTokens()
        self.split = {
            split: [self.codec.encode(from_grid(p[:, :1]))[:, None] for p in (in_keys(c) if split == "train" else c)]
            for split, c in self.corpora.chorales().items()
        }
        return self.network((self.codec.n_tokens,), sizes=((100, 1), (100, 1), (12, 1)), dropout=0.1)

    def sample(self, length: int, seed: int) -> Piece:
        """`length` sixteenths."""
        return self.codec.decode(self.rows([0], length, seed)[:, 0])


class Rhythm(Tokens):
    """Makris et al. (2017): drums under the condition of bass, guitar, tempo and place in the metre."""

    def build(self) -> TokenLstm:
        """Nothing to load: grooves are made by rule."""
        self.codec = DrumTokens()
        return self.network((self.codec.n_tokens,), n_condition=22, sizes=((256, 2), (128, 2), (16, 1)))

    def batch(self, split: str, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Grooves of eight bars and their conditions."""
        made = [grooves(rng) for _ in range(self.settings.batch)]
        tokens = np.stack([t for t, _ in made])[..., None]
        return tokens, np.stack([c for _, c in made])[:, 1:]

    def sample(self, length: int, seed: int) -> Piece:
        """`length` sixteenths under the conditions of a groove."""
        _, condition = grooves(np.random.default_rng(seed), n_bars=-(-length // 16))
        rows = self.rows([0], length, seed, torch.from_numpy(condition).to(self.device))
        return self.codec.decode(rows[:, 0])


class BluesMelody(SystemTask):
    """Eck & Schmidhuber (2002), second experiment: chords and melody, bits above a threshold sound."""

    melody = True
    model: BluesLstm

    def build(self) -> BluesLstm:
        """Four blocks of two cells for each."""
        cells = self.settings.pick(8, 24, 8)
        return BluesLstm(BluesConfig(n_melody=13 if self.melody else 0, cells=cells))

    def batch(self, split: str, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Choruses made by rule."""
        return (np.stack([blues(rng, melody=self.melody) for _ in range(self.settings.batch)]),)

    def nats(self, model: nn.Module, *batch: Tensor) -> Tensor:
        """Nats per step, all bits together."""
        return model(batch[0]).mean()

    @torch.no_grad()
    def sample(self, length: int, seed: int) -> Piece:
        """`length` eighths after the first of a chorus; chords by threshold, the melody's likeliest bit or none."""
        rng = np.random.default_rng(seed)
        roll = torch.from_numpy(blues(rng, melody=self.melody))[None, :1].to(self.device)
        states, rows = self.model.initial(1), []
        for _ in range(length):
            logits, states = self.model.logits(roll, states)
            p = torch.sigmoid(logits[0, 0]).cpu().numpy()
            bits = (p > 0.5).astype(np.float32)
            if self.melody:
                line = p[12:] * (rng.random(13) < p[12:])
                bits[12:] = (line == line.max()) & (line > 0)
            rows.append(bits)
            roll = torch.from_numpy(bits)[None, None].to(self.device)
        return _blues_piece(np.stack(rows))


def _blues_piece(roll: np.ndarray) -> Piece:
    """Chord tones from C3 as voices 1 to 12, the melody from C5 as voice 0."""
    grid = np.full((len(roll), 13), REST, np.int16)
    if roll.shape[1] > 12:
        sounds = roll[:, 12:].max(axis=1) > 0
        grid[:, 0] = np.where(sounds, 72 + roll[:, 12:].argmax(axis=1), REST)
    grid[:, 1:] = np.where(roll[:, :12] > 0, 48 + np.arange(12), REST)
    return from_grid(grid, steps_per_quarter=2)


class BluesChords(BluesMelody):
    """The first experiment: chords alone."""

    melody = False


class Sound(SystemTask):
    """WaveNet on a plain organ that plays chorales: mu-law steps, 16 kHz as published, 4 kHz where small."""

    model: WaveNet

    def build(self) -> WaveNet:
        """A few minutes of sound for each split."""
        self.rate, n_doublings, n_stacks, residual, skip, n_pieces = self.settings.pick(
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
        """Windows of samples."""
        return (windows(self.split[split], max(self.settings.batch // 4, 1), self.length, rng),)

    def nats(self, model: nn.Module, *batch: Tensor) -> Tensor:
        """Nats per sample, of those that have a full past."""
        nll = model(batch[0])
        return nll[:, min(self.model.config.receptive, nll.shape[1] // 2) :].mean()

    def sample(self, length: int, seed: int) -> tuple[np.ndarray, int]:
        """`length` samples and their rate."""
        torch.manual_seed(seed)
        return self.codec.decode(self.model.eval().sample(length).cpu().numpy()), self.rate
