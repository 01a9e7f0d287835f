"""Open-Unmix as it runs: normalisations folded into the linear layers, LSTM state in and out.

Folding is exact. The first layers of all targets become one matrix, and where the targets cross, so do the second
ones: fewer, larger products cost less.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from models.separation.network import OpenUnmix, OpenUnmixTarget

__all__ = ["FoldedNetwork", "StreamingOpenUnmix", "WholeFileOpenUnmix"]

States = list[tuple[Tensor, Tensor]]


def _normaliser(bn: nn.BatchNorm1d) -> tuple[Tensor, Tensor]:
    """Return scale and shift of a batch normalisation at inference."""
    assert bn.running_var is not None and bn.running_mean is not None
    scale = bn.weight / torch.sqrt(bn.running_var + bn.eps)
    return scale, bn.bias - bn.running_mean * scale


def _linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0])
    layer.weight.copy_(weight)
    layer.bias.copy_(bias)
    return layer


def _first(net: OpenUnmixTarget) -> tuple[Tensor, Tensor]:
    """Fold input mean and scale, fc1 and bn1 into weight and bias."""
    n = net.config.n_channels
    scale, shift = _normaliser(net.bn1)
    weight = scale[:, None] * net.fc1.weight * net.input_scale.repeat(n)
    return weight, weight @ net.input_mean.repeat(n) + shift


def _second(net: OpenUnmixTarget) -> tuple[Tensor, Tensor]:
    """Fold fc2 and bn2."""
    scale, shift = _normaliser(net.bn2)
    return scale[:, None] * net.fc2.weight, shift


def _third(net: OpenUnmixTarget) -> tuple[Tensor, Tensor]:
    """Fold fc3, bn3, output scale and mean."""
    n = net.config.n_channels
    scale, shift = _normaliser(net.bn3)
    out = net.output_scale.repeat(n)
    return (scale * out)[:, None] * net.fc3.weight, shift * out + net.output_mean.repeat(n)


class FoldedNetwork(nn.Module):
    """The networks of all targets in one graph."""

    def __init__(self, model: OpenUnmix) -> None:
        super().__init__()
        self.config = model.config
        nets = model.eval().networks()
        with torch.no_grad():
            self.first = _linear(*(torch.cat(part) for part in zip(*map(_first, nets), strict=True)))
            self.second = nn.ModuleList(_linear(*_second(net)) for net in nets)
            self.third = nn.ModuleList(_linear(*_third(net)) for net in nets)
        for net in nets:
            net.lstm.dropout = 0.0
        self.lstms = nn.ModuleList(net.lstm for net in nets)

    def answer(self, magnitude: Tensor, states: States | None) -> tuple[Tensor, States]:
        """Return masks (frame, target, channel, bin) for magnitudes (frame, channel, bin), and the states after."""
        codes = self._encode(magnitude)
        before: Sequence[tuple[Tensor, Tensor] | None] = states or [None] * len(codes)
        runs = [lstm(code[:, None], state) for lstm, code, state in zip(self.lstms, codes, before, strict=True)]
        outputs = self._cross([run[0][:, 0] for run in runs])
        masks = [
            torch.relu(third(torch.relu(second(torch.cat([code, output], 1)))))
            for second, third, code, output in zip(self.second, self.third, codes, outputs, strict=True)
        ]
        shape = (-1, len(masks), self.config.n_channels, self.config.n_bins)
        return torch.cat(masks, 1).reshape(shape), [run[1] for run in runs]

    def _encode(self, magnitude: Tensor) -> list[Tensor]:
        cropped = magnitude[..., : self.config.n_input_bins].flatten(1)
        return self._cross(list(torch.tanh(self.first(cropped)).chunk(len(self.config.targets), 1)))

    def _cross(self, paths: list[Tensor]) -> list[Tensor]:
        if not self.config.cross:
            return paths
        return [torch.stack(paths).mean(0)] * len(paths)


class StreamingOpenUnmix(FoldedNetwork):
    """The causal network as it runs live: its state goes in and comes out."""

    @property
    def state_shape(self) -> tuple[int, int, int, int]:
        """Shape of h and of c: (target, layer, 1, hidden)."""
        return len(self.config.targets), self.config.n_layers, 1, self.config.hidden

    def forward(self, magnitude: Tensor, h_in: Tensor, c_in: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return masks for magnitudes (frame, channel, bin), and the states after the last frame."""
        masks, after = self.answer(magnitude, [(h_in[i], c_in[i]) for i in range(len(self.lstms))])
        h, c = (torch.stack([state[part] for state in after]) for part in (0, 1))
        return masks, h, c


class WholeFileOpenUnmix(FoldedNetwork):
    """The bidirectional network: it needs the whole file, or a segment with its surroundings."""

    def forward(self, magnitude: Tensor) -> Tensor:
        """Return masks for magnitudes (frame, channel, bin)."""
        return self.answer(magnitude, None)[0]
