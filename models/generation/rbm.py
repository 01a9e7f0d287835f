"""Restricted Boltzmann machines: alone, convolved over time, and with a recurrent network that sets their biases."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.core.config import require

__all__ = ["ConvRbm", "ConvRbmConfig", "Rbm", "RnnRbm", "RnnRbmConfig"]


class Rbm(nn.Module):
    """Binary units; energy E(v, h) = -v W h - b v - c h. The biases may come from outside, by step."""

    def __init__(self, n_visible: int, n_hidden: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_visible, n_hidden) * 0.01)
        self.b = nn.Parameter(torch.zeros(n_visible))
        self.c = nn.Parameter(torch.zeros(n_hidden))

    def free_energy(self, v: Tensor, b: Tensor, c: Tensor) -> Tensor:
        """-log of the sum over h of exp(-E), (...)."""
        return -(v * b).sum(-1) - F.softplus(v @ self.weight + c).sum(-1)

    def gibbs(self, v: Tensor, b: Tensor, c: Tensor, steps: int, clamp: Tensor | None = None) -> Tensor:
        """Block Gibbs sampling from v; clamp: units that stay (the mask of in-filling)."""
        first = v
        with torch.no_grad():
            for _ in range(steps):
                h = torch.bernoulli(torch.sigmoid(v @ self.weight + c))
                v = torch.bernoulli(torch.sigmoid(h @ self.weight.T + b))
                v = v if clamp is None else torch.where(clamp, first, v)
        return v

    def log_partition(self, b: Tensor, c: Tensor, n_chains: int = 64, n_temperatures: int = 200) -> Tensor:
        """Log of Z by annealed importance sampling (Neal 2001; Salakhutdinov & Murray 2008), biases (n, unit) -> (n,).

        The chain goes from weights 0 at the same visible biases to the machine itself.
        """
        n, n_hidden = len(b), c.shape[1]
        b, c = b.repeat_interleave(n_chains, 0), c.repeat_interleave(n_chains, 0)
        v = torch.bernoulli(torch.sigmoid(b))
        log_weight = torch.zeros(len(v), device=b.device)
        betas = torch.linspace(0, 1, n_temperatures + 1, device=b.device)
        for before, beta in pairwise(betas):
            inner = v @ self.weight + c
            log_weight += (F.softplus(beta * inner) - F.softplus(before * inner)).sum(1)
            h = torch.bernoulli(torch.sigmoid(beta * inner))
            v = torch.bernoulli(torch.sigmoid(beta * (h @ self.weight.T) + b))
        base = F.softplus(b).sum(1) + n_hidden * torch.log(torch.tensor(2.0))
        chains = (log_weight + base).view(n, n_chains)
        return torch.logsumexp(chains, 1) - torch.log(torch.tensor(float(n_chains)))


@dataclass(frozen=True, slots=True, kw_only=True)
class RnnRbmConfig:
    """Boulanger-Lewandowski et al. (2012): 150 hidden units, 100 recurrent, contrastive divergence of 15 steps.

    dropout: of the recurrent units; blank: share of past notes that these do not see in training. They put off
    the learning by heart of 229 chorales, and do not prevent it.
    """

    n_visible: int = 88
    n_hidden: int = 150
    n_recurrent: int = 100
    cd: int = 15
    dropout: float = 0.5
    blank: float = 0.3

    def __post_init__(self) -> None:
        require("dropout", self.dropout, 0, 0.9)
        require("blank", self.blank, 0, 0.9)
        require("n_visible", self.n_visible, 1, 4096)
        require("n_hidden", self.n_hidden, 1, 8192)
        require("n_recurrent", self.n_recurrent, 1, 8192)
        require("cd", self.cd, 1, 1000)


class RnnRbm(nn.Module):
    """A machine at every step, whose biases a recurrent network sets from the past (equations 7 to 9)."""

    def __init__(self, config: RnnRbmConfig) -> None:
        super().__init__()
        self.config = config
        self.rbm = Rbm(config.n_visible, config.n_hidden)
        self.rnn = nn.LSTM(config.n_visible, config.n_recurrent, batch_first=True)
        self.to_b = nn.Linear(config.n_recurrent, config.n_visible, bias=False)
        self.to_c = nn.Linear(config.n_recurrent, config.n_hidden, bias=False)
        self.drop = nn.Dropout(config.dropout)

    def biases(self, past: Tensor) -> tuple[Tensor, Tensor]:
        """Both biases (batch, time, unit) for each step of past (batch, time, visible), itself unseen."""
        shifted = F.pad(past, (0, 0, 1, 0))[:, :-1]
        if self.training and self.config.blank:
            shifted = shifted * (torch.rand_like(shifted) >= self.config.blank)
        hidden = self.drop(self.rnn(shifted)[0])
        return self.rbm.b + self.to_b(hidden), self.rbm.c + self.to_c(hidden)

    def forward(self, roll: Tensor) -> tuple[Tensor, Tensor]:
        """Contrastive loss (batch, time), whose gradient is CD-k's, and mean-field cross-entropy for the curves."""
        b, c = self.biases(roll)
        negative = self.rbm.gibbs(roll, b.detach(), c.detach(), self.config.cd)
        loss = self.rbm.free_energy(roll, b, c) - self.rbm.free_energy(negative, b, c)
        with torch.no_grad():
            mean = torch.sigmoid(torch.sigmoid(roll @ self.rbm.weight + c) @ self.rbm.weight.T + b)
            cross = F.binary_cross_entropy(mean.clamp(1e-6, 1 - 1e-6), roll, reduction="none").sum(2)
        return loss, cross

    @torch.no_grad()
    def nll(self, roll: Tensor, n_chains: int = 64, n_temperatures: int = 200) -> Tensor:
        """Nats of every step of a piece (1, time, visible), log Z by annealed importance sampling."""
        b, c = self.biases(roll)
        energy = self.rbm.free_energy(roll, b, c)[0]
        return energy + self.rbm.log_partition(b[0], c[0], n_chains, n_temperatures)

    @torch.no_grad()
    def sample(self, n_steps: int, gibbs: int = 25) -> Tensor:
        """A roll (time, visible), each step by Gibbs sampling from the step before it."""
        device = self.rbm.b.device
        v = torch.zeros(1, self.config.n_visible, device=device)
        state, roll = None, []
        for _ in range(n_steps):
            hidden, state = self.rnn(v[:, None], state)
            b, c = self.rbm.b + self.to_b(hidden[:, 0]), self.rbm.c + self.to_c(hidden[:, 0])
            v = self.rbm.gibbs(v, b, c, gibbs)
            roll.append(v[0])
        return torch.stack(roll)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvRbmConfig:
    """Lattner et al. (2016): filters over `width` steps and all pitches; n_maps hidden maps."""

    n_pitches: int = 64
    width: int = 16
    n_maps: int = 64
    cd: int = 5

    def __post_init__(self) -> None:
        require("width", self.width, 1, 512)
        require("n_maps", self.n_maps, 1, 8192)
        require("cd", self.cd, 1, 1000)


class ConvRbm(nn.Module):
    """A machine convolved over time: what it knows of `width` steps holds everywhere in the piece."""

    def __init__(self, config: ConvRbmConfig) -> None:
        super().__init__()
        self.config = config
        self.weight = nn.Parameter(torch.randn(config.n_maps, config.n_pitches, config.width) * 0.01)
        self.b = nn.Parameter(torch.full((config.n_pitches, 1), -3.0))
        self.c = nn.Parameter(torch.zeros(config.n_maps))

    def hidden(self, v: Tensor) -> Tensor:
        """Inputs of the hidden maps for v (batch, pitch, step)."""
        return F.conv1d(v, self.weight, self.c, padding=self.config.width // 2)

    def visible(self, h: Tensor, n_steps: int) -> Tensor:
        """Inputs of the visible units."""
        half = self.config.width // 2
        return (F.conv_transpose1d(h, self.weight, padding=half) + self.b)[..., :n_steps]

    def free_energy(self, v: Tensor) -> Tensor:
        """Per piece, (batch,)."""
        return -(v * self.b).sum((1, 2)) - F.softplus(self.hidden(v)).sum((1, 2))

    @torch.no_grad()
    def gibbs(self, v: Tensor, steps: int, clamp: Tensor | None = None) -> Tensor:
        """Block Gibbs sampling; clamp: units that stay."""
        first = v
        for _ in range(steps):
            h = torch.bernoulli(torch.sigmoid(self.hidden(v)))
            v = torch.bernoulli(torch.sigmoid(self.visible(h, v.shape[2])))
            v = v if clamp is None else torch.where(clamp, first, v)
        return v

    def forward(self, v: Tensor) -> Tensor:
        """Contrastive loss per piece and unit of time; its gradient is CD-k's."""
        negative = self.gibbs(v, self.config.cd)
        return (self.free_energy(v) - self.free_energy(negative)) / v.shape[2]

    def constrained(self, v: Tensor, template: Tensor, rounds: int = 50, rate: float = 2.0) -> Tensor:
        """Lattner et al., section 3: Gibbs sampling, and between its steps descent that draws the piece towards the
        template's self-similarity, (batch, step, step) of cosine products of steps.
        """
        for _ in range(rounds):
            v = self.gibbs(v, 1)
            soft = v.clone().requires_grad_()
            error = F.mse_loss(self_similarity(soft), template) * template.shape[1] ** 2
            gradient = torch.autograd.grad(error, soft)[0]
            logits = self.visible(torch.sigmoid(self.hidden(v)), v.shape[2]).detach()
            v = torch.bernoulli(torch.sigmoid(logits - rate * gradient))
        return v


def self_similarity(v: Tensor) -> Tensor:
    """Cosine products of all pairs of steps, v (batch, pitch, step) -> (batch, step, step)."""
    unit = v / v.norm(dim=1, keepdim=True).clamp_min(1e-6)
    return unit.transpose(1, 2) @ unit
