"""Training and sampling of the systems that write rolls: RBMs with and without recurrence, and the bi-axial LSTM."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from models.generation.biaxial import Biaxial, BiaxialConfig
from models.generation.rbm import ConvRbm, ConvRbmConfig, RnnRbm, RnnRbmConfig, self_similarity
from offline.music.codecs import Roll
from offline.music.piece import Piece, from_grid
from offline.training.generation.task import SystemTask, windows
from offline.training.generation.tokens import in_keys

__all__ = ["Hexahedria", "RollRbm", "TemplateRbm"]

N_PIECES, LONGEST, CHAINS, TEMPERATURES = 25, 200, 16, 100  # of a validation: pieces, steps of each, annealing


class RollRbm(SystemTask):
    """Boulanger-Lewandowski et al. (2012): the grid of one of their own sets, nats per step of whole pieces."""

    model: RnnRbm
    length = 60

    def build(self) -> RnnRbm:
        """The published set; twelve keys are not published practice, so none are added."""
        self.split = self.corpora.rolls(self.settings.rolls)
        hidden, recurrent, cd = self.settings.pick((150, 100, 15), (150, 100, 10), (16, 8, 2))
        return RnnRbm(RnnRbmConfig(n_hidden=hidden, n_recurrent=recurrent, cd=cd))

    def batch(self, split: str, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Rolls (batch, step, key) from the beginnings or middles of pieces."""
        return (windows(self.split[split], self.settings.batch, self.length, rng).astype(np.float32),)

    def nats(self, model: nn.Module, *batch: Tensor) -> Tensor:
        """The contrastive loss, whose value means nothing but whose gradient is contrastive divergence's."""
        return model(batch[0])[0].mean()

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Nats per step of pieces from all over the validation split, by annealed importance sampling."""
        pieces = self.split["valid"]
        rolls = [torch.from_numpy(roll[:LONGEST].astype(np.float32)) for roll in pieces[:: -(-len(pieces) // N_PIECES)]]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            nats = [model.nll(roll[None].to(self.device), CHAINS, TEMPERATURES) for roll in rolls]
        return {"metric": float(torch.cat(nats).mean())}

    @torch.no_grad()
    def sample(self, length: int, seed: int) -> Piece:
        """`length` quarters."""
        torch.manual_seed(seed)
        roll = self.model.eval().sample(length).cpu().numpy()
        piece = Roll(articulate=False).decode(roll)
        return Piece(notes=piece.notes, n_steps=piece.n_steps, steps_per_quarter=1)


class TemplateRbm(SystemTask):
    """Lattner et al. (2016): rolls of sixteenths, and the self-similarity of a piece as template."""

    model: ConvRbm
    low, high = 36, 81

    def build(self) -> ConvRbm:
        """Rolls of chorales in twelve keys, (pitch, step)."""
        self.codec = Roll(low=self.low, high=self.high, articulate=False)
        chorales = self.corpora.chorales()
        keys = {s: in_keys(c) if s == "train" else c for s, c in chorales.items()}
        self.split = {s: [self.codec.encode(from_grid(p)).astype(np.uint8) for p in c] for s, c in keys.items()}
        n_maps, self.length = self.settings.pick((2048, 512), (128, 128), (8, 32))
        return ConvRbm(ConvRbmConfig(n_pitches=self.codec.width, width=17, n_maps=n_maps))

    def batch(self, split: str, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Rolls (batch, pitch, step)."""
        rolls = windows(self.split[split], max(self.settings.batch // 4, 1), self.length, rng)
        return (np.ascontiguousarray(rolls.swapaxes(1, 2)).astype(np.float32),)

    def nats(self, model: nn.Module, *batch: Tensor) -> Tensor:
        """Contrastive divergence."""
        return model(batch[0]).mean()

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Nats per step of one mean-field reconstruction from hidden samples: a proxy, for Z is out of reach."""
        rng = np.random.default_rng(1_000_003)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            v = self.to_device(self.batch("valid", rng))[0]
            logits = model.visible(torch.bernoulli(torch.sigmoid(model.hidden(v))), v.shape[2])
        cross = nn.functional.binary_cross_entropy_with_logits(logits, v, reduction="none")
        return {"metric": float(cross.sum(1).mean())}

    def sample(self, length: int, seed: int) -> Piece:
        """`length` sixteenths with the self-similarity of a validation piece."""
        torch.manual_seed(seed)
        rng = np.random.default_rng(seed)
        v = windows(self.split["valid"], 1, length, rng).swapaxes(1, 2).astype(np.float32)
        template = self_similarity(torch.from_numpy(v).to(self.device))
        start = torch.bernoulli(torch.full_like(torch.from_numpy(v), 0.05)).to(self.device)
        roll = self.model.eval().constrained(start, template)[0].T
        return self.codec.decode(roll.cpu().numpy())


class Hexahedria(SystemTask):
    """Johnson (2015): (sounds, is struck) for every key at sixteenths."""

    model: Biaxial

    def build(self) -> Biaxial:
        """Chorales; the network serves every key alike, so none are added."""
        time, note, low, n_pitches, self.length, dropout = self.settings.pick(
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
        """Rolls (batch, time + 1, pitch, 2), from anywhere: phases count from the window's start."""
        rolls = windows(self.split[split], max(self.settings.batch // 4, 1), self.length + 1, rng)
        phase = np.tile(np.arange(self.length) % 16, (len(rolls), 1))
        return rolls.astype(np.float32), phase

    def nats(self, model: nn.Module, *batch: Tensor) -> Tensor:
        """Nats per step, all keys together."""
        return model(*batch).mean()

    def sample(self, length: int, seed: int) -> Piece:
        """`length` sixteenths."""
        torch.manual_seed(seed)
        phase = torch.arange(length, device=self.device) % 16
        return self.codec.decode(self.model.eval().sample(length, phase).cpu().numpy())
