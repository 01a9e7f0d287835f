"""Training and sampling of the two systems that learn against a critic."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from models.generation.adversarial import AdversarialConfig, CRnnGan, MidiNet
from offline.music.codecs import BarImage, NoteTuples
from offline.music.corpora import chord_code, chords_of
from offline.music.piece import Piece, from_grid
from offline.training.generation.task import SystemTask, windows
from offline.training.generation.tokens import in_keys

__all__ = ["Adversarial", "Bars"]


class Adversarial(SystemTask):
    """Mogren (2016), C-RNN-GAN: stretches of notes as real tuples."""

    model: CRnnGan | MidiNet
    length = 40

    def build(self) -> CRnnGan | MidiNet:
        """Notes of chorales."""
        self.codec = NoteTuples()
        self.split = {s: [self.codec.encode(from_grid(p)) for p in c] for s, c in self.corpora.chorales().items()}
        hidden = self.settings.pick(350, 100, 8)
        return CRnnGan(AdversarialConfig(hidden=hidden, noise=hidden))

    def batch(self, split: str, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Notes (batch, note, 4)."""
        return (windows(self.split[split], self.settings.batch, self.length, rng),)

    def loss(self, index: int) -> tuple[Tensor, dict[str, float]]:
        """Both sides of the game at once, and what each believes."""
        rng = np.random.default_rng((self.settings.seed, index))
        return self.model(*self.to_device(self.batch("train", rng)))

    def nats(self, model: nn.Module, *batch: Tensor) -> Tensor:
        """How far means and deviations of what is made lie from the data's, in deviations of the data."""
        noise = torch.randn(*batch[0].shape[:2], model.config.noise, device=self.device)
        made, real = model.generate(noise).flatten(0, 1), batch[0].flatten(0, 1)
        spread = real.std(0).clamp_min(0.05)
        return (((made.mean(0) - real.mean(0)) / spread).abs() + (made.std(0) / spread - 1).abs()).mean()

    @torch.no_grad()
    def sample(self, length: int, seed: int) -> Piece:
        """`length` notes."""
        torch.manual_seed(seed)
        noise = torch.randn(1, length, self.model.config.noise, device=self.device)
        return self.codec.decode(self.model.eval().generate(noise)[0].cpu().numpy())


class Bars(Adversarial):
    """Yang et al. (2017), MidiNet: bars as images, from the bar before and a chord."""

    def build(self) -> MidiNet:
        """Sopranos bar by bar with the chord of the bar; images of neighbours side by side."""
        self.image = BarImage()
        self.split = {}
        for split, pieces in self.corpora.chorales().items():
            rows = []
            for piece in in_keys(pieces) if split == "train" else pieces:
                bars = self.image.encode(from_grid(piece[:, :1])).argmax(axis=1)
                chords = chords_of(piece, 16)[:, None]
                rows.append(np.hstack([np.roll(bars, 1, axis=0), bars, chords])[1:])
            self.split[split] = [row for row in rows if len(row)]
        return MidiNet(AdversarialConfig(noise=self.settings.pick(100, 100, 8), match=20.0))

    def batch(self, split: str, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Bars, chords, and the bars before."""
        rows = windows(self.split[split], self.settings.batch, 1, rng)[:, 0]
        images = np.eye(128, dtype=np.float32)[rows[:, :32]].swapaxes(1, 2)
        return images[:, :, 16:], chord_code(rows[:, 32]), images[:, :, :16]

    def nats(self, model: nn.Module, *batch: Tensor) -> Tensor:
        """How far the mean image of what is made lies from the data's: half the summed difference a step, 0 to 1."""
        bar, chord, before = batch
        made = model.generate(torch.randn(len(bar), model.config.noise, device=self.device), chord, before)
        return (made.mean(0) - bar.mean(0)).abs().sum(0).mean() / 2

    @torch.no_grad()
    def sample(self, length: int, seed: int) -> Piece:
        """`length` bars over the chords of a chorale."""
        torch.manual_seed(seed)
        rows = max(self.split["valid"], key=len)
        bar, bars = torch.from_numpy(np.eye(128, dtype=np.float32)[rows[0, :16]].T)[None].to(self.device), []
        for i in range(length):
            chord = torch.from_numpy(chord_code(rows[i % len(rows), 32:])).to(self.device)
            noise = torch.randn(1, self.model.config.noise, device=self.device)
            made = self.model.eval().generate(noise, chord, bar)
            bar = nn.functional.one_hot(made.argmax(1), 128).transpose(1, 2).float()
            bars.append(bar[0].cpu().numpy())
        return self.image.decode(np.stack(bars))
