"""Open-Unmix as it runs: normalisations folded into the linear layers, LSTM state in and out.

Folding is exact. The first layers of all targets become one matrix, and where the targets cross, so do the second
ones: fewer, larger products cost less. What weighs an input bin stays outside the first matrix, for magnitudes differ
by a thousand from bin to bin, and inputs and weights of few bits must not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from models.separation.frame_by_frame import FrameByFrame
from models.separation.network import OpenUnmix, OpenUnmixTarget

__all__ = ["StreamingOpenUnmix", "WholeFileOpenUnmix"]

FAINTEST_COLUMN = 1e-12  # root mean square of the weights of an input
GATES = (0, 1, 3, 2)  # of torch's (input, forget, cell, output), those with a sigmoid first


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


def _firsts(nets: Sequence[OpenUnmixTarget]) -> tuple[Tensor, Tensor]:
    """Stack the first layers of all targets."""
    return _joined([_first(net) for net in nets])


def _joined(layers: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    weights, biases = zip(*layers, strict=True)
    return torch.cat(weights), torch.cat(biases)


def _gates(lstm: nn.LSTM, layer: int) -> tuple[Tensor, Tensor]:
    """Return weight and bias of a layer's gates, of its input and its last output side by side."""
    inner, outer, *biases = (
        torch.cat([getattr(lstm, f"{name}_l{layer}").chunk(4)[k] for k in GATES])
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    return torch.cat([inner, outer], 1), biases[0] + biases[1]


class WholeFileOpenUnmix(nn.Module):
    """The bidirectional network: it needs the whole file, or a segment with its surroundings."""

    def __init__(self, model: OpenUnmix) -> None:
        super().__init__()
        self.config = model.config
        nets = model.eval().networks()
        with torch.no_grad():
            self.first = _linear(*_firsts(nets))
            self.second = nn.ModuleList(_linear(*_second(net)) for net in nets)
            self.third = nn.ModuleList(_linear(*_third(net)) for net in nets)
        for net in nets:
            net.lstm.dropout = 0.0
        self.lstms = nn.ModuleList(net.lstm for net in nets)

    def forward(self, magnitude: Tensor) -> Tensor:
        """Return masks (frame, target, channel, bin) for magnitudes (frame, channel, bin)."""
        cropped = magnitude[..., : self.config.n_input_bins].flatten(1)
        codes = self._cross(list(torch.tanh(self.first(cropped)).chunk(len(self.config.targets), 1)))
        outputs = self._cross([lstm(code[:, None])[0][:, 0] for lstm, code in zip(self.lstms, codes, strict=True)])
        masks = [
            torch.relu(third(torch.relu(second(torch.cat([code, output], 1)))))
            for second, third, code, output in zip(self.second, self.third, codes, outputs, strict=True)
        ]
        shape = (-1, len(masks), self.config.n_channels, self.config.n_bins)
        return torch.cat(masks, 1).reshape(shape)

    def _cross(self, paths: list[Tensor]) -> list[Tensor]:
        if not self.config.cross:
            return paths
        return [torch.stack(paths).mean(0)] * len(paths)


class StreamingOpenUnmix(FrameByFrame):
    """The causal network as it runs live, a frame at a time: its state goes in and comes out.

    At one frame a layer of an LSTM is one product of its input and its last output side by side. All targets share what
    is no product: for numbers this few, the runtime's time goes by the operators.
    """

    def __init__(self, model: OpenUnmix) -> None:
        super().__init__()
        self.config = model.config
        nets = model.eval().networks()
        with torch.no_grad():
            weight, bias = _firsts(nets)
            balance = weight.square().mean(0).sqrt().clamp_min(FAINTEST_COLUMN)
            self.balance = nn.Parameter(balance.reshape(self.config.n_channels, -1))
            self.first = _linear(weight / balance, bias)
            self.layers = nn.ModuleList(
                nn.ModuleList(_linear(*_gates(net.lstm, k)) for net in nets) for k in range(self.config.n_layers)
            )
            seconds = [_second(net) for net in nets]
            if self.config.cross:  # all see the same
                seconds = [_joined(seconds)]
            self.second = nn.ModuleList(_linear(*each) for each in seconds)
            self.third = nn.ModuleList(_linear(*_third(net)) for net in nets)

    @property
    def state_shape(self) -> tuple[int, int, int]:
        """Shape of h and of c: (layer, target, hidden)."""
        return self.config.n_layers, len(self.config.targets), self.config.hidden

    def _step(self, frame: Tensor, h_in: Tensor, c_in: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        config, n = self.config, len(self.config.targets)
        balanced = (frame[..., : config.n_input_bins] * self.balance).reshape(1, 1, -1)
        code = self._crossed(torch.tanh(self.first(balanced)).reshape(1, n, config.hidden))
        x, after_h, after_c = code, [], []
        for layer, h, c in zip(self.layers, h_in.split(1), c_in.split(1), strict=True):
            sides = torch.cat([x.expand(1, n, config.hidden), h], 2).split(1, 1)
            gates = torch.cat([linear(side) for linear, side in zip(cast(nn.ModuleList, layer), sides, strict=True)], 1)
            opened, cell = gates.split([3 * config.hidden, config.hidden], 2)
            admit, keep, show = torch.sigmoid(opened).split(config.hidden, 2)
            after_c.append(keep * c + admit * torch.tanh(cell))
            x = show * torch.tanh(after_c[-1])
            after_h.append(x)
        pairs = torch.cat([code, self._crossed(x)], 2).split(1, 1)
        inner = [torch.relu(second(pair)) for second, pair in zip(self.second, pairs, strict=True)]
        each = inner[0].split(config.hidden, 2) if config.cross else inner
        masks = torch.cat([third(part) for third, part in zip(self.third, each, strict=True)], 1)
        shape = (1, n, config.n_channels, config.n_bins)
        return torch.relu(masks).reshape(shape), torch.cat(after_h), torch.cat(after_c)

    def _crossed(self, paths: Tensor) -> Tensor:
        """Average (1, target, width) over the targets, or leave them alone."""
        return paths.mean(1, keepdim=True) if self.config.cross else paths
