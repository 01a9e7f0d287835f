"""Networks that fill in: all voices below a soprano at once, or one note at a time from all that surrounds it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.core.config import require

__all__ = ["DeepBach", "DeepBachConfig", "MiniBach", "MiniBachConfig"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MiniBachConfig:
    """n_steps: of the window, 64 sixteenths are four bars; hidden: of the one hidden layer; n_tokens: of a voice."""

    n_steps: int = 64
    n_tokens: int = 59
    hidden: int = 200
    dropout: float = 0.3

    def __post_init__(self) -> None:
        require("n_steps", self.n_steps, 1, 1024)
        require("hidden", self.hidden, 1, 8192)


class MiniBach(nn.Module):
    """Briot et al. (2017), section 6.1.1: one-hot soprano -> one hidden layer -> alto, tenor and bass, all at once."""

    def __init__(self, config: MiniBachConfig) -> None:
        super().__init__()
        self.config = c = config
        self.hidden = nn.Linear(c.n_steps * c.n_tokens, c.hidden)
        self.drop = nn.Dropout(c.dropout)
        self.out = nn.Linear(c.hidden, c.n_steps * 3 * c.n_tokens)

    def logits(self, soprano: Tensor) -> Tensor:
        """(batch, step) of tokens -> (batch, step, 3, token)."""
        x = F.one_hot(soprano, self.config.n_tokens).flatten(1).float()
        out = self.out(self.drop(torch.relu(self.hidden(x))))
        return out.view(-1, self.config.n_steps, 3, self.config.n_tokens)

    def forward(self, frames: Tensor) -> Tensor:
        """Nats (batch, step, 3) of the lower voices of frames (batch, step, 4)."""
        logits = self.logits(frames[..., 0])
        nll = F.cross_entropy(logits.flatten(0, 2), frames[..., 1:].flatten(), reduction="none")
        return nll.view(frames[..., 1:].shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeepBachConfig:
    """Hadjeres et al. (2017): two LSTMs of 2 x 256 for past and future, a layer for the present, `merge` units."""

    n_tokens: int = 60
    n_phases: int = 16
    embed: int = 20
    hidden: int = 256
    merge: int = 256
    window: int = 32
    dropout: float = 0.2

    def __post_init__(self) -> None:
        require("hidden", self.hidden, 1, 8192)
        require("window", self.window, 1, 256)


class DeepBach(nn.Module):
    """p(one voice at one step | everything else within `window` steps on both sides), a network for each voice."""

    def __init__(self, config: DeepBachConfig) -> None:
        super().__init__()
        self.config = c = config
        self.embed = nn.ModuleList(nn.Embedding(c.n_tokens, c.embed) for _ in range(4))
        self.phase = nn.Embedding(c.n_phases, c.embed)
        self.fermata = nn.Embedding(2, c.embed)
        width = 6 * c.embed
        self.past = nn.ModuleList(nn.LSTM(width, c.hidden, 2, batch_first=True) for _ in range(4))
        self.future = nn.ModuleList(nn.LSTM(width, c.hidden, 2, batch_first=True) for _ in range(4))
        self.present = nn.ModuleList(nn.Sequential(nn.Linear(5 * c.embed, c.hidden), nn.ReLU()) for _ in range(4))
        self.merge = nn.ModuleList(
            nn.Sequential(nn.Linear(3 * c.hidden, c.merge), nn.ReLU(), nn.Dropout(c.dropout)) for _ in range(4)
        )
        self.out = nn.ModuleList(nn.Linear(c.merge, c.n_tokens) for _ in range(4))

    def logits(self, v: int, frames: Tensor, phase: Tensor, fermata: Tensor) -> Tensor:
        """Logits (batch, token) of voice v in the middle of windows (batch, 2 * window + 1, 4), unseen.

        phase, fermata: (batch, 2 * window + 1).
        """
        w = self.config.window
        voices = [self.embed[u](frames[..., u]) for u in range(4)]
        meta = [self.phase(phase), self.fermata(fermata)]
        around = torch.cat([*voices, *meta], dim=2)
        past = self.past[v](around[:, :w])[0][:, -1]
        future = self.future[v](around[:, w + 1 :].flip(1))[0][:, -1]
        here = torch.cat([x[:, w] for x in (*(voices[u] for u in range(4) if u != v), *meta)], dim=1)
        return self.out[v](self.merge[v](torch.cat([past, self.present[v](here), future], dim=1)))

    def forward(self, v: int, frames: Tensor, phase: Tensor, fermata: Tensor) -> Tensor:
        """Nats (batch,) of the middle token of voice v."""
        wanted = frames[:, self.config.window, v]
        return F.cross_entropy(self.logits(v, frames, phase, fermata), wanted, reduction="none")
