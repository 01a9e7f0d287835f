"""Memory along time for every pitch, then memory along pitch within a step (Johnson, "Hexahedria", 2015)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.core.config import require

__all__ = ["Biaxial", "BiaxialConfig"]

VICINITY, CHROMA, PHASES = 25, 12, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class BiaxialConfig:
    """time, note: sizes of the two layers of each axis; low, n_pitches: the keys; published 300, 300, 100, 50."""

    time: tuple[int, int] = (300, 300)
    note: tuple[int, int] = (100, 50)
    low: int = 24
    n_pitches: int = 78
    dropout: float = 0.5

    def __post_init__(self) -> None:
        require("n_pitches", self.n_pitches, 1, 128)
        require("dropout", self.dropout, 0, 0.95)


class Biaxial(nn.Module):
    """Rolls (batch, time, pitch, 2) of (sounds, is struck) -> nats; the same weights serve every pitch."""

    def __init__(self, config: BiaxialConfig) -> None:
        super().__init__()
        self.config = c = config
        width = 1 + CHROMA + 2 * VICINITY + CHROMA + PHASES  # 79, and what was written below it on the note axis
        self.along_time = nn.ModuleList([nn.LSTM(width, c.time[0]), nn.LSTM(c.time[0], c.time[1])])
        self.along_pitch = nn.ModuleList([nn.LSTM(c.time[1] + 2, c.note[0]), nn.LSTM(c.note[0], c.note[1])])
        self.drop = nn.Dropout(c.dropout)
        self.out = nn.Linear(c.note[1], 2)
        pitch = torch.arange(c.n_pitches) + c.low
        self.register_buffer("height", pitch.float()[:, None] / 127)
        self.register_buffer("chroma", F.one_hot(pitch % 12, 12).float())

    def features(self, roll: Tensor, phase: Tensor) -> Tensor:
        """What each pitch sees of a step: place, chroma, neighbours two octaves wide, chord, beat; (.., pitch, 79)."""
        half = VICINITY // 2
        padded = F.pad(roll, (0, 0, half, half))
        near = padded.unfold(2, VICINITY, 1).flatten(3)  # (batch, time, pitch, 2 * 25)
        chord = roll[..., 0] @ self.chroma
        shape = (*roll.shape[:3], -1)
        beat = torch.stack([(phase >> bit & 1).float() * 2 - 1 for bit in range(PHASES)], dim=-1)
        parts = [self.height.expand(shape), self.chroma.expand(shape), near]
        parts += [chord[:, :, None].expand(shape), beat[:, :, None].expand(shape)]
        return torch.cat(parts, dim=3)

    def forward(self, roll: Tensor, phase: Tensor) -> Tensor:
        """Nats (batch, time) of roll[:, 1:]; phase: (batch, time) of the steps that are past."""
        x = self.features(roll[:, :-1], phase)
        batch, time, pitches, _ = x.shape
        x = x.permute(1, 0, 2, 3).flatten(1, 2)
        for layer in self.along_time:
            x = self.drop(layer(x)[0])
        wanted = roll[:, 1:].permute(2, 1, 0, 3).flatten(1, 2)  # (pitch, time * batch, 2)
        x = x.view(time, batch, pitches, -1).permute(2, 0, 1, 3).flatten(1, 2)
        x = torch.cat([x, F.pad(wanted, (0, 0, 0, 0, 1, 0))[:-1]], dim=2)
        for layer in self.along_pitch:
            x = self.drop(layer(x)[0])
        nll = F.binary_cross_entropy_with_logits(self.out(x), wanted, reduction="none")
        struck = nll[..., 1] * wanted[..., 0]  # whether a silent note is struck has no meaning
        return (nll[..., 0] + struck).sum(0).view(time, batch).T

    @torch.no_grad()
    def sample(self, n_steps: int, phase: Tensor) -> Tensor:
        """A roll (time, pitch, 2), pitch after pitch and step after step; phase: (n_steps,)."""
        roll = torch.zeros(1, 1, self.config.n_pitches, 2, device=self.height.device)
        memory: list[tuple[Tensor, Tensor] | None] = [None, None]
        out = []
        for t in range(n_steps):
            x = self.features(roll, phase[None, t : t + 1]).flatten(0, 2)[None]
            for i, layer in enumerate(self.along_time):
                x, memory[i] = layer(x, memory[i])
            roll = self._write(x[0])[None, None]
            out.append(roll[0, 0])
        return torch.stack(out)

    def _write(self, features: Tensor) -> Tensor:
        """One step, (pitch, 2), from the lowest pitch up; features: (pitch, unit)."""
        state: list[tuple[Tensor, Tensor] | None] = [None, None]
        below = features.new_zeros(2)
        bits = []
        for x in features:
            y = torch.cat([x, below])[None]
            for i, layer in enumerate(self.along_pitch):
                y, state[i] = layer(y, state[i])
            p = torch.sigmoid(self.out(y[0]))
            below = torch.bernoulli(p)
            below[1] *= below[0]
            bits.append(below)
        return torch.stack(bits)
