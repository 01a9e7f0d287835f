"""Dilated causal convolutions over mu-law sound (van den Oord et al. 2016)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.core.config import require

__all__ = ["WaveNet", "WaveNetConfig"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WaveNetConfig:
    """Filter 2, dilations 1 to 2 ** (n_doublings - 1), n_stacks times; residual and skip channels; n_condition.

    Published: 10 doublings, 5 stacks, 32 and 512 channels, 16 kHz.
    """

    n_tokens: int = 256
    n_doublings: int = 10
    n_stacks: int = 5
    residual: int = 32
    skip: int = 512
    n_condition: int = 0

    def __post_init__(self) -> None:
        require("n_doublings", self.n_doublings, 1, 14)
        require("n_stacks", self.n_stacks, 1, 16)

    @property
    def dilations(self) -> tuple[int, ...]:
        """Of every layer."""
        return tuple(1 << i for i in range(self.n_doublings)) * self.n_stacks

    @property
    def receptive(self) -> int:
        """Samples that one output depends on."""
        return sum(self.dilations) + 1


class WaveNet(nn.Module):
    """Tokens (batch, time) -> logits of the next, gated units, residual and skip paths (section 2)."""

    def __init__(self, config: WaveNetConfig) -> None:
        super().__init__()
        self.config = c = config
        self.embed = nn.Embedding(c.n_tokens, c.residual)
        self.layers = nn.ModuleList(nn.Conv1d(c.residual, 2 * c.residual, 2, dilation=d) for d in c.dilations)
        self.mix = nn.ModuleList(nn.Conv1d(c.residual, c.residual, 1) for _ in c.dilations)
        self.skips = nn.ModuleList(nn.Conv1d(c.residual, c.skip, 1) for _ in c.dilations)
        self.conditions = nn.ModuleList(
            nn.Conv1d(c.n_condition, 2 * c.residual, 1, bias=False) for _ in c.dilations if c.n_condition
        )
        self.out = nn.Sequential(nn.ReLU(), nn.Conv1d(c.skip, c.skip, 1), nn.ReLU(), nn.Conv1d(c.skip, c.n_tokens, 1))

    def _layer(self, i: int, x: Tensor, inner: Tensor, condition: Tensor | None) -> tuple[Tensor, Tensor]:
        if condition is not None:
            inner = inner + self.conditions[i](condition)
        gate, value = inner.chunk(2, dim=1)
        unit = torch.tanh(value) * torch.sigmoid(gate)
        return x + self.mix[i](unit), self.skips[i](unit)

    def logits(self, tokens: Tensor, condition: Tensor | None = None) -> Tensor:
        """(batch, token, time): of the sample after each; condition (batch, n_condition, time) of that sample."""
        x = self.embed(tokens).transpose(1, 2)
        total: Tensor | float = 0.0
        for i, dilation in enumerate(self.config.dilations):
            x, skip = self._layer(i, x, self.layers[i](F.pad(x, (dilation, 0))), condition)
            total = total + skip
        return self.out(total)

    def forward(self, tokens: Tensor, condition: Tensor | None = None) -> Tensor:
        """Nats (batch, time) of tokens[:, 1:]."""
        logits = self.logits(tokens[:, :-1], condition)
        return F.cross_entropy(logits, tokens[:, 1:], reduction="none")

    @torch.no_grad()
    def sample(self, n_samples: int, condition: Tensor | None = None, temperature: float = 1.0) -> Tensor:
        """Tokens (time,), a sample at a time from queues of past activations (Paine et al. 2016)."""
        device = self.embed.weight.device
        c = self.config
        queues = [torch.zeros(d, c.residual, device=device) for d in c.dilations]
        token = torch.full((1,), c.n_tokens // 2, device=device)
        out = []
        for t in range(n_samples):
            x = self.embed(token)[..., None]
            total: Tensor | float = 0.0
            given = None if condition is None else condition[None, :, t : t + 1]
            for i, dilation in enumerate(c.dilations):
                past = queues[i][t % dilation].clone()[None, :, None]
                queues[i][t % dilation] = x[0, :, 0]
                inner = F.conv1d(torch.cat([past, x], dim=2), self.layers[i].weight, self.layers[i].bias)
                x, skip = self._layer(i, x, inner, given)
                total = total + skip
            p = torch.softmax(self.out(total)[0, :, 0] / temperature, dim=0)
            token = torch.multinomial(p, 1)
            out.append(token)
        return torch.cat(out)
