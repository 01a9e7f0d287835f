"""Generators trained against a critic: note tuples by recurrent networks, bar images by convolutions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.core.config import Settings, ranged
from models.generation.graph import Graphs, played

__all__ = ["AdversarialConfig", "CRnnGan", "MidiNet"]

REACH = 12  # semitones of the moves that are matched


@dataclass(frozen=True, slots=True, kw_only=True)
class AdversarialConfig(Settings):
    """Set the sizes of a generator and its critic."""

    noise: int = ranged(100, 1, 4096, "size of the noise")
    hidden: int = ranged(100, 1, 4096, "units of a recurrent layer")
    condition: int = ranged(13, 1, 4096, "size of the condition")
    match: float = ranged(1.0, 0, 100, "weight of matching the mean of the data")


class _Reverse(torch.autograd.Function):
    """The identity with a reversed gradient: one optimiser trains the generator and the critic."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        return -grads[0]


def game(real: Tensor, false: Tensor) -> Tensor:
    """Return the critic's loss on its verdicts (logits), with the smoothed labels of both papers."""
    return F.binary_cross_entropy_with_logits(real, torch.full_like(real, 0.9)) + F.binary_cross_entropy_with_logits(
        false, torch.zeros_like(false)
    )


def verdicts(real: Tensor, false: Tensor) -> dict[str, float]:
    """Return the critic's mean probability, 0 to 1, that each is real."""
    return {name: float(torch.sigmoid(x.detach()).mean()) for name, x in (("real", real), ("false", false))}


class CRnnGan(nn.Module):
    """Generate notes by two LSTM layers over noise and the last note; the critic is bidirectional (Mogren 2016)."""

    def __init__(self, config: AdversarialConfig) -> None:
        super().__init__()
        self.config = c = config
        self.cells = nn.ModuleList([nn.LSTMCell(c.noise + 4, c.hidden), nn.LSTMCell(c.hidden, c.hidden)])
        self.out = nn.Linear(c.hidden, 4)
        self.critic = nn.LSTM(4, c.hidden, 2, batch_first=True, bidirectional=True)
        self.verdict = nn.Linear(2 * c.hidden, 1)

    def generate(self, noise: Tensor) -> Tensor:
        """Return notes (batch, note, 4) for noise (batch, note, noise)."""
        note = noise.new_zeros(len(noise), 4)
        state: list[tuple[Tensor, Tensor] | None] = [None, None]
        notes = []
        for z in noise.unbind(1):
            x = torch.cat([z, note], dim=1)
            for i, cell in enumerate(self.cells):
                state[i] = cell(x, state[i])
                x = state[i][0]  # type: ignore[index]
            note = self.out(x)
            notes.append(note)
        return torch.stack(notes, dim=1)

    def judge(self, notes: Tensor) -> Tensor:
        """Return the critic's verdicts (batch, note) as logits."""
        verdict: Tensor = self.verdict(self.critic(notes)[0])[..., 0]
        return verdict

    def forward(self, real: Tensor) -> tuple[Tensor, dict[str, float]]:
        """Return the loss of generator and critic in one, and the critic's verdicts."""
        false = self.generate(torch.randn(*real.shape[:2], self.config.noise, device=real.device))
        turned: Tensor = _Reverse.apply(false)  # type: ignore[no-untyped-call]
        judged, fooled = self.judge(real), self.judge(turned)
        match = F.mse_loss(turned.mean((0, 1)), real.mean((0, 1)))
        # Of the match too the gradient is reversed, so the generator comes nearer.
        loss = game(judged, fooled) - self.config.match * match
        return loss, verdicts(judged, fooled)

    def play(self, noise: Tensor, note: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        """Return the next note (1, 4) from noise (1, noise) and the last note, and the states."""
        first = self.cells[0](torch.cat([noise, note], dim=1), (state[0], state[1]))
        second = self.cells[1](first[0], (state[2], state[3]))
        return (self.out(second[0]), *first, *second)

    def graphs(self) -> Graphs:
        """Return the generator's step, whose last note is a state."""
        c = self.config
        names = [f"{part}{layer}" for layer in (0, 1) for part in "hc"]
        state = {f"{name}_in": torch.zeros(1, c.hidden) for name in names}
        inputs = {"noise": torch.zeros(1, c.noise), "note_in": torch.zeros(1, 4), **state}
        return {"": played(self, self.play, inputs, ("note_out", *(f"{name}_out" for name in names)))}


class MidiNet(nn.Module):
    """Generate a bar as an image (pitch 128, step 16) from noise, a chord and the bar before (Yang et al. 2017)."""

    def __init__(self, config: AdversarialConfig) -> None:
        super().__init__()
        self.config = c = config
        self.full = nn.Sequential(nn.Linear(c.noise + c.condition, 1024), nn.BatchNorm1d(1024), nn.ReLU())
        self.full2 = nn.Sequential(nn.Linear(1024, 128 * 2), nn.BatchNorm1d(256), nn.ReLU())
        self.look = nn.ModuleList(
            nn.Sequential(nn.Conv2d(1 if i == 0 else 16, 16, size, stride), nn.BatchNorm2d(16), nn.LeakyReLU(0.2))
            for i, (size, stride) in enumerate([((128, 1), (1, 1)), *[((1, 2), (1, 2))] * 3])
        )
        wide = 16 + c.condition
        self.grow = nn.ModuleList(
            nn.ConvTranspose2d((128 if i == 0 else 64) + wide, 64, (1, 2), (1, 2)) for i in range(3)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(64) for _ in range(3))
        self.paint = nn.ConvTranspose2d(64 + wide, 1, (128, 1))
        self.see = nn.Conv2d(1 + c.condition, 14, (128, 2), (1, 2))
        self.see2 = nn.Conv2d(14 + c.condition, 77, (1, 4), (1, 2))
        self.think = nn.Linear(77 * 3 + c.condition, 1024)
        self.verdict = nn.Linear(1024 + c.condition, 1)

    def generate(self, noise: Tensor, chord: Tensor, before: Tensor) -> Tensor:
        """Return bars (batch, 128, 16), a softmax over the pitches of each step; before: the bars before them."""
        seen, x = [], before[:, None]
        for layer in self.look:
            x = layer(x)
            seen.append(x)  # widths 16, 8, 4, 2
        x = self.full2(self.full(torch.cat([noise, chord], dim=1))).view(-1, 128, 1, 2)
        for grow, norm, bar in zip(self.grow, self.norms, seen[:0:-1], strict=True):
            x = torch.relu(norm(grow(torch.cat([x, bar, _spread(chord, x)], dim=1))))
        x = self.paint(torch.cat([x, seen[0], _spread(chord, x)], dim=1))
        return torch.softmax(x[:, 0], dim=1)

    def judge(self, bar: Tensor, chord: Tensor) -> Tensor:
        """Return the critic's verdicts (batch,) as logits."""
        x = bar[:, None]
        features = F.leaky_relu(self.see(torch.cat([x, _spread(chord, x)], dim=1)), 0.2)
        x = F.leaky_relu(self.see2(torch.cat([features, _spread(chord, features)], dim=1)), 0.2)
        x = F.leaky_relu(self.think(torch.cat([x.flatten(1), chord], dim=1)), 0.2)
        verdict: Tensor = self.verdict(torch.cat([x, chord], dim=1))[:, 0]
        return verdict

    def forward(self, bar: Tensor, chord: Tensor, before: Tensor) -> tuple[Tensor, dict[str, float]]:
        """Return the loss of generator and critic in one, and the critic's verdicts."""
        p = self.generate(torch.randn(len(bar), self.config.noise, device=bar.device), chord, before)
        false = drawn(p)
        turned: Tensor = _Reverse.apply(false)  # type: ignore[no-untyped-call]
        judged, fooled = self.judge(bar, chord), self.judge(turned, chord)
        pairs = zip(features(bar, before, chord), features(turned, before, chord), strict=True)
        match = sum((((a - b).mean(0) ** 2).sum() for a, b in pairs), torch.zeros((), device=bar.device))
        loss = game(judged, fooled) - self.config.match * match
        return loss, verdicts(judged, fooled)

    def graphs(self) -> Graphs:
        """Return the generator: a bar (1, 128, 16) from noise, a chord and the bar before."""
        inputs = {
            "noise": torch.zeros(1, self.config.noise),
            "chord": torch.zeros(1, self.config.condition),
            "before": torch.zeros(1, 128, 16),
        }
        return {"": played(self, self.generate, inputs, ("bar",))}


def drawn(p: Tensor) -> Tensor:
    """Draw a pitch of each step of p (batch, 128, 16) as it is played: the likeliest under noise that a bar shares.

    Each step has the odds of p, but of steps that are alike so are the draws, and so notes last. The gradient is that
    of the softmax (Jang, Gu & Poole, "Categorical reparameterization with Gumbel-softmax", 2017).
    """
    noise = -torch.empty_like(p[:, :, :1]).exponential_().log()
    soft = torch.softmax(p.clamp_min(1e-9).log() + noise, dim=1)
    hard = torch.zeros_like(soft).scatter_(1, soft.argmax(dim=1, keepdim=True), 1.0)
    return hard + soft - soft.detach()


def features(bar: Tensor, before: Tensor, chord: Tensor) -> tuple[Tensor, ...]:
    """Return what is matched in the mean, of bars (batch, 128, 16): pitches, moves, and notes over each chord's root.

    The paper matches the mean bar and the critic's features (section 3.2, its losses of feature matching).
    """
    whole = torch.cat([before[:, :, -1:], bar], dim=2)
    last = F.pad(whole[:, :, :-1], (0, 0, REACH, REACH)).unfold(1, 128, 1)  # (batch, interval, step, 128)
    moves = torch.einsum("bkth,bht->bkt", last, whole[:, :, 1:])
    classes = bar.new_zeros(len(bar), 12).index_add(1, torch.arange(128, device=bar.device) % 12, bar.mean(2))
    over_root = torch.einsum("br,bp->brp", chord[:, :12], classes).flatten(1)
    return bar.mean(2), moves.mean(2), over_root * 12**0.5, moves[:, REACH]


def _spread(chord: Tensor, like: Tensor) -> Tensor:
    """Return a condition (batch, n) as planes of an image."""
    return chord[:, :, None, None].expand(-1, -1, *like.shape[2:])
