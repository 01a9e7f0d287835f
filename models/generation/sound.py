"""Networks over sound: dilated causal convolutions over samples, and an autoencoder of spectra."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.core.config import Settings, ranged
from models.generation.blocks import StackConfig, StackedAutoencoder
from models.generation.graph import Graphs, layers_of, played

__all__ = ["DeepAc", "WaveNet", "WaveNetConfig"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WaveNetConfig(Settings):
    """Set the sizes of a WaveNet of filter length 2; the defaults are the published ones, at 16 kHz."""

    n_tokens: int = ranged(256, 2, 65536, "mu-law steps")
    n_doublings: int = ranged(10, 1, 14, "layers of a stack, with dilations 1, 2, 4, ...")
    n_stacks: int = ranged(5, 1, 16, "stacks")
    residual: int = ranged(32, 1, 4096, "residual channels")
    skip: int = ranged(512, 1, 4096, "skip channels")
    n_condition: int = ranged(0, 0, 4096, "channels of the condition")

    @property
    def dilations(self) -> tuple[int, ...]:
        """Return the dilation of every layer."""
        return tuple(1 << i for i in range(self.n_doublings)) * self.n_stacks

    @property
    def receptive(self) -> int:
        """Return how many samples one output depends on."""
        return sum(self.dilations) + 1


class WaveNet(nn.Module):
    """Estimate the next token by gated units with residual and skip paths (van den Oord et al. 2016, section 2)."""

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
        """Return logits (batch, token, time) of the sample after each; condition: (batch, n_condition, time)."""
        x = self.embed(tokens).transpose(1, 2)
        total: Tensor | float = 0.0
        for i, dilation in enumerate(self.config.dilations):
            x, skip = self._layer(i, x, self.layers[i](F.pad(x, (dilation, 0))), condition)
            total = total + skip
        logits: Tensor = self.out(total)
        return logits

    def forward(self, tokens: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return the nats (batch, time) of tokens[:, 1:], whose condition is (batch, n_condition, time)."""
        logits = self.logits(tokens[:, :-1], condition)
        return F.cross_entropy(logits, tokens[:, 1:], reduction="none")

    def play(self, token: Tensor, *rest: Tensor) -> tuple[Tensor, Tensor]:
        """Take a token (1,); return logits (token,) of the next, and the past.

        rest: the condition (1, n_condition) of the next sample, where the network has one; and the past, (sum of
            dilations, residual), for each layer a queue of its last inputs (Paine et al. 2016)
        """
        past = rest[-1]
        given = [F.linear(rest[0], each.weight[..., 0]) for each in layers_of(self.conditions, nn.Conv1d)]
        x, total, queues, first = self.embed(token), torch.zeros(()), [], 0
        stacks = (layers_of(stack, nn.Conv1d) for stack in (self.layers, self.mix, self.skips))
        for i, (layer, mix, skip, dilation) in enumerate(zip(*stacks, self.config.dilations, strict=True)):
            both = torch.cat([past[first : first + 1], x], dim=1)
            kernel = torch.cat([layer.weight[..., 0], layer.weight[..., 1]], dim=1)
            inner = F.linear(both, kernel, layer.bias)
            gate, value = (inner + given[i] if given else inner).chunk(2, dim=1)
            unit = torch.tanh(value) * torch.sigmoid(gate)
            queues += [past[first + 1 : first + dilation], x]
            first += dilation
            total = total + F.linear(unit, skip.weight[..., 0], skip.bias)
            x = x + F.linear(unit, mix.weight[..., 0], mix.bias)
        before, after = layers_of(self.out, nn.Conv1d)
        hidden = F.linear(torch.relu(total), before.weight[..., 0], before.bias)
        logits = F.linear(torch.relu(hidden), after.weight[..., 0], after.bias)
        return logits[0], torch.cat(queues)

    def graphs(self) -> Graphs:
        """Return the step of a sample."""
        past = torch.zeros(sum(self.config.dilations), self.config.residual)
        n = self.config.n_condition
        condition = {"condition": torch.zeros(1, n)} if n else {}
        inputs = {"token": torch.zeros(1, dtype=torch.long), **condition, "past_in": past}
        return {"": played(self, self.play, inputs, ("logits", "past_out"))}


class DeepAc(StackedAutoencoder):
    """Encode magnitude spectra (frame, bin) to a few controls and decode them (Sarroff & Casey 2014)."""

    def __init__(self, sizes: tuple[int, ...]) -> None:
        super().__init__(StackConfig(sizes=sizes, binary=False, corrupt=0.0))

    def graphs(self) -> Graphs:
        """Return the decoder of any number of codes."""
        graph = played(self, self.decode, {"code": torch.zeros(2, self.config.sizes[-1])}, ("frames",))
        return {"": replace(graph, dynamic={"code": {0: "frame"}, "frames": {0: "frame"}})}
