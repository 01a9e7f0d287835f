"""Decoders of a latent code: stacked autoencoders and recurrent variational ones, with or without their own history."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.core.config import require

__all__ = ["StackConfig", "StackedAutoencoder", "Vrae", "VraeConfig"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StackConfig:
    """sizes: of the layers from the input to the code; binary: whether inputs are 0 and 1 (else reals, squared error);
    corrupt: share of inputs set to 0 while training.
    """

    sizes: tuple[int, ...] = (64 * 88, 1024, 256, 64, 16)
    binary: bool = True
    corrupt: float = 0.2

    def __post_init__(self) -> None:
        require("layers", len(self.sizes), 2, 16)
        require("corrupt", self.corrupt, 0, 0.95)


class StackedAutoencoder(nn.Module):
    """Layers that grow narrower and wider again (DeepHear, deepAC); each may be trained first as an RBM."""

    def __init__(self, config: StackConfig) -> None:
        super().__init__()
        self.config = config
        down = zip(config.sizes[:-1], config.sizes[1:], strict=True)
        self.down = nn.ModuleList(nn.Linear(a, b) for a, b in down)
        self.up = nn.ModuleList(nn.Linear(layer.out_features, layer.in_features) for layer in reversed(self.down))

    def encode(self, x: Tensor) -> Tensor:
        """(batch, input) -> (batch, code), 0 to 1."""
        for layer in self.down:
            x = torch.sigmoid(layer(x))
        return x

    def decode(self, code: Tensor) -> Tensor:
        """(batch, code) -> logits, or values where inputs are real, (batch, input)."""
        for layer in self.up[:-1]:
            code = torch.sigmoid(layer(code))
        return self.up[-1](code)

    def forward(self, x: Tensor) -> Tensor:
        """Loss (batch,): nats over all bits, or the squared error."""
        kept = x * (torch.rand_like(x) >= self.config.corrupt) if self.training else x
        out = self.decode(self.encode(kept))
        if self.config.binary:
            return F.binary_cross_entropy_with_logits(out, x, reduction="none").sum(1)
        return ((out - x) ** 2).sum(1)

    @torch.no_grad()
    def pretrain(self, x: Tensor, layer: int, rate: float = 0.05) -> float:
        """One CD-1 update of a layer as an RBM on x, the layer's own inputs; tied weights; the mean squared error."""
        down, up = self.down[layer], self.up[len(self.down) - 1 - layer]
        h = torch.sigmoid(down(x))
        seen = torch.sigmoid(F.linear(torch.bernoulli(h), down.weight.T, up.bias))
        again = torch.sigmoid(down(seen))
        down.weight += rate * (h.T @ x - again.T @ seen) / len(x)
        down.bias += rate * (h - again).mean(0)
        up.bias += rate * (x - seen).mean(0)
        up.weight.copy_(down.weight.T)
        return float(((x - seen) ** 2).mean())

    def match(self, target: Tensor, mask: Tensor, code: Tensor, steps: int = 200, rate: float = 0.1) -> Tensor:
        """Descent on the code until the decoder's output fits target where mask is 1: DeepHear's counterpoint."""
        inner = torch.logit(code.clamp(1e-3, 1 - 1e-3)).detach().requires_grad_()
        optimiser = torch.optim.Adam([inner], lr=rate)
        for _ in range(steps):
            out = self.decode(torch.sigmoid(inner))
            loss = (F.binary_cross_entropy_with_logits(out, target, reduction="none") * mask).sum()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        return torch.sigmoid(inner).detach()


@dataclass(frozen=True, slots=True, kw_only=True)
class VraeConfig:
    """n_bits: of a roll's step, or n_tokens of a melody's; latent; hidden; history: whether the decoder hears what it
    wrote (VRASH) or only the code (VRAE).
    """

    n_bits: int = 0
    n_tokens: int = 0
    hidden: int = 500
    latent: int = 20
    history: bool = False
    kl_weight: float = 1.0

    def __post_init__(self) -> None:
        require("n_bits or n_tokens", self.n_bits + self.n_tokens, 1, 8192)
        require("latent", self.latent, 1, 4096)
        require("kl_weight", self.kl_weight, 0, 10)


class Vrae(nn.Module):
    """Fabius & van Amersfoort (2014): a recurrent encoder to one Gaussian code, a recurrent decoder from it."""

    def __init__(self, config: VraeConfig) -> None:
        super().__init__()
        self.config = c = config
        width = c.n_bits or c.n_tokens
        self.encoder = nn.LSTM(width, c.hidden, batch_first=True)
        self.to_code = nn.Linear(c.hidden, 2 * c.latent)
        self.from_code = nn.Linear(c.latent, 2 * c.hidden)
        self.decoder = nn.LSTM(c.latent + (width if c.history else 0), c.hidden, batch_first=True)
        self.out = nn.Linear(c.hidden, width)

    def _inputs(self, x: Tensor) -> Tensor:
        return x if self.config.n_bits else F.one_hot(x, self.config.n_tokens).float()

    def start(self, code: Tensor) -> tuple[Tensor, Tensor]:
        """The decoder's state that a code (batch, latent) sets."""
        h, c = torch.tanh(self.from_code(code)).chunk(2, dim=1)
        return h[None].contiguous(), c[None].contiguous()

    def step(self, code: Tensor, before: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Logits (batch, time, width) after inputs `before`, which only a decoder with history reads."""
        repeated = code[:, None].expand(-1, before.shape[1], -1)
        inputs = torch.cat([repeated, before], dim=2) if self.config.history else repeated
        hidden, state = self.decoder(inputs, state)
        return self.out(hidden), state

    def forward(self, x: Tensor, mean_only: bool = False) -> tuple[Tensor, Tensor]:
        """Nats of the sequence given its code (batch,), and the code's divergence from the unit Gaussian (batch,)."""
        inputs = self._inputs(x)
        mean, log_var = self.to_code(self.encoder(inputs)[0][:, -1]).chunk(2, dim=1)
        code = mean if mean_only else mean + torch.randn_like(mean) * (0.5 * log_var).exp()
        logits, _ = self.step(code, F.pad(inputs, (0, 0, 1, 0))[:, :-1], self.start(code))
        divergence = 0.5 * (mean**2 + log_var.exp() - 1 - log_var).sum(1)
        if self.config.n_bits:
            return F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum((1, 2)), divergence
        nll = F.cross_entropy(logits.flatten(0, 1), x.flatten(), reduction="none").view(x.shape)
        return nll.sum(1), divergence

    @torch.no_grad()
    def sample(self, code: Tensor, n_steps: int, temperature: float = 1.0) -> Tensor:
        """Sequences (batch, time) of tokens or (batch, time, bit) from codes (batch, latent)."""
        state, out = self.start(code), []
        before = code.new_zeros(len(code), 1, self.config.n_bits or self.config.n_tokens)
        for _ in range(n_steps):
            logits, state = self.step(code, before, state)
            if self.config.n_bits:
                before = torch.bernoulli(torch.sigmoid(logits / temperature))
                out.append(before[:, 0])
            else:
                token = torch.multinomial(torch.softmax(logits[:, 0] / temperature, 1), 1)[:, 0]
                before = F.one_hot(token, self.config.n_tokens).float()[:, None]
                out.append(token)
        return torch.stack(out, dim=1)
