"""The fully convolutional network of deep salience, in any width, and as a stream.

Bittner, McFee, Salamon, Li & Bello, "Deep salience representations for F0 estimation in polyphonic music" (ISMIR
2017), section 3.2 and figure 2. Axes: harmonic constant-Q (batch, frame, harmonic, bin); logits (batch, frame, map,
bin), the maps being salience and, beyond the paper, onsets.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.salience.config import SalienceNetworkConfig

__all__ = ["SalienceNetwork", "SalienceState"]

SalienceState = list[Tensor]  # for each convolution, the last frames of its input (batch, channel, kernel - 1, bin)


class SalienceLayer(nn.Module):
    """Convolution, batch norm, ReLU; causal in time, centred over bins: (batch, channel, frame, bin)."""

    def __init__(self, n_in: int, n_out: int, kernel: tuple[int, int]) -> None:
        super().__init__()
        self.before = kernel[0] - 1
        self.sides = ((kernel[1] - 1) // 2, kernel[1] // 2)
        self.convolution = nn.Conv2d(n_in, n_out, kernel, bias=False)
        self.norm = nn.BatchNorm2d(n_out)

    def forward(self, x: Tensor, cache: Tensor) -> tuple[Tensor, Tensor]:
        """Return the output and the last frames of the input, which the next call gets as `cache`."""
        x = torch.cat([cache.to(x.dtype), x], 2)
        cache = x[:, :, -self.before :]
        return F.relu(self.norm(self.convolution(F.pad(x, self.sides)))), cache


class SalienceNetwork(nn.Module):
    """Harmonic constant-Q to logits; `torch.sigmoid` of them is salience."""

    def __init__(self, config: SalienceNetworkConfig) -> None:
        super().__init__()
        self.config = config
        channels = (config.n_harmonics, *config.channels)
        self.norm = nn.BatchNorm2d(config.n_harmonics)
        self.layers = nn.ModuleList(
            SalienceLayer(n_in, n_out, kernel)
            for n_in, n_out, kernel in zip(channels, channels[1:], config.kernels, strict=False)
        )
        self.head = nn.Conv2d(channels[-1], len(config.maps), 1)
        assert self.head.bias is not None
        nn.init.constant_(self.head.bias, -4.0)  # few bins sound

    def forward(self, hcqt: Tensor) -> Tensor:
        """Return logits of whole recordings, with `look_ahead` frames of silence after the last frame."""
        ahead = self.config.look_ahead
        padded = F.pad(hcqt, (0, 0, 0, 0, 0, ahead))
        return self.stream(padded, self.initial_state(len(hcqt)))[0][:, ahead:]

    def stream(self, hcqt: Tensor, state: SalienceState) -> tuple[Tensor, SalienceState]:
        """Return logits of the next frames and the new state; row t describes frame t - look_ahead."""
        x, caches = self.norm(hcqt.transpose(1, 2)), []
        for layer, cache in zip(self.layers, state, strict=True):
            x, kept = layer(x, cache)
            caches.append(kept)
        return self.head(x).transpose(1, 2), caches

    def initial_state(self, batch: int = 1) -> SalienceState:
        """Return the state before the first frame."""
        channels = (self.config.n_harmonics, *self.config.channels)
        shapes = [
            (batch, c, k - 1, self.config.n_bins) for c, (k, _) in zip(channels, self.config.kernels, strict=False)
        ]
        return [self.head.weight.new_zeros(shape) for shape in shapes]
