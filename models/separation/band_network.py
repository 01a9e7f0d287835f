"""A network of bands: one small recurrent network that all bands share, and a mixer between the bands.

After Luo and Yu, "Music source separation with band-split RNN" (2023), sections 2.1 to 2.3, made causal and for one
processor core: between the bands a mixer after Tolstikhin et al., "MLP-Mixer" (2021), equation (1), instead of a second
recurrent network, magnitudes in and shares of the mixture out. What one band learns about time serves all the others,
so few songs go further than in Open-Unmix, whose layers know every bin by itself. Axis 0 is time.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from engine.core.errors import ConfigError
from models.separation.config import SeparationNetworkConfig
from models.separation.network import OpenUnmix

__all__ = [
    "FAINTEST",
    "LARGEST",
    "BandBlock",
    "BandNetwork",
    "PerBand",
    "SeparationNetwork",
    "band_widths",
    "build_network",
]

BANDS = ((12, 8), (12, 24), (8, 48), (8, 88))  # number of bands, bins of each at 4096; the rest above is one band
FINEST = 4096
FAINTEST = 1e-3  # magnitude that counts as silence: some 70 dB below loud music
WIDER = 2  # width of the mixers' inner layers, against the outer ones
LARGEST = 30.0  # logit whose exponential, and the sum of them, stays finite
DROPOUT = 0.1  # share of what a block adds; the same values in all frames, or the recurrent layers average it away
MASK_WIDTH = 128  # of the layer before the masks

BandState = tuple[Tensor, Tensor]  # h and c, (block, band * batch, width)


def band_widths(config: SeparationNetworkConfig) -> list[tuple[int, int]]:
    """Return (number of bands, bins of each) from 0 Hz up, all bins together; ConfigError if the bins are too few.

    >>> sum(n * width for n, width in band_widths(SeparationNetworkConfig()))
    2049
    """
    groups = [(n, max(1, width * config.n_fft // FINEST)) for n, width in BANDS]
    rest = config.n_bins - sum(n * width for n, width in groups)
    if rest < 1:
        raise ConfigError("n_fft", expected="bins for 41 bands", got=f"{config.n_bins}", remedy="use 256 or more")
    return [*groups, (1, rest)]


def _sizes(x: Tensor) -> list[int]:
    """Return all sizes but the number of frames as numbers, so that an exported graph computes no shapes."""
    return [int(n) for n in x.shape[1:]]


class PerBand(nn.Module):
    """A linear layer of its own for each of `n` bands: (..., band, n_in) to (..., band, n_out)."""

    def __init__(self, n: int, n_in: int, n_out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter((torch.rand(n, n_in, n_out) * 2 - 1) / n_in**0.5)
        self.bias = nn.Parameter(torch.zeros(n, 1, n_out))

    def forward(self, values: Tensor) -> Tensor:
        """Map values (row, band, n_in) to (row, band, n_out)."""
        return (torch.matmul(values.transpose(0, 1), self.weight) + self.bias).transpose(0, 1)


class BandBlock(nn.Module):
    """Layers over time, then over bands, then over features, each added to its input."""

    def __init__(self, n_bands: int, width: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.lstm = nn.LSTM(width, width)
        self.after = nn.Linear(width, width)
        self.bands = nn.Sequential(nn.Linear(n_bands, WIDER * n_bands), nn.ReLU(), nn.Linear(WIDER * n_bands, n_bands))
        self.features = nn.Sequential(nn.Linear(width, WIDER * width), nn.ReLU(), nn.Linear(WIDER * width, width))

    def forward(self, x: Tensor, state: BandState | None) -> tuple[Tensor, BandState]:
        """Map (frame, batch, band, width) to the same; return the state (1, batch * band, width) after it too."""
        n_batch, n_bands, width = _sizes(x)
        rows = self.norms[0](x).reshape(-1, n_batch * n_bands, width)
        answer, after = self.lstm(rows, state)
        x = x + self._dropped(self.after(answer).reshape(-1, n_batch, n_bands, width))
        x = x + self._dropped(self.bands(self.norms[1](x).transpose(2, 3)).transpose(2, 3))
        return x + self._dropped(self.features(self.norms[2](x))), after

    def _dropped(self, x: Tensor) -> Tensor:
        """Zero some of `x` in training, in all frames alike: Gal and Ghahramani (2016), section 4."""
        return x * nn.functional.dropout(torch.ones_like(x[:1]), DROPOUT) if self.training else x


class BandNetwork(nn.Module):
    """A causal network for all targets: masks that sum to one in every bin."""

    def __init__(self, config: SeparationNetworkConfig) -> None:
        super().__init__()
        self.config, self.groups = config, band_widths(config)
        self.n_bands = sum(n for n, _ in self.groups)
        n_channels, n_targets, width = config.n_channels, len(config.targets), config.hidden
        shape = (config.n_rows, config.n_bins) if config.mid_side else (config.n_bins,)
        self.mean: Tensor
        self.scale: Tensor
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("scale", torch.ones(shape))
        self.encoders = nn.ModuleList(PerBand(n, config.n_rows * bins, width) for n, bins in self.groups)
        self.blocks = nn.ModuleList(BandBlock(self.n_bands, width) for _ in range(config.n_layers))
        self.norm = nn.LayerNorm(width)
        self.inner = nn.ModuleList(PerBand(n, width, MASK_WIDTH) for n, _ in self.groups)
        self.outer = nn.ModuleList(PerBand(n, MASK_WIDTH, n_targets * n_channels * bins) for n, bins in self.groups)

    def scale_input(self, magnitude: Tensor) -> None:
        """Scale the input by mean and deviation of magnitudes (..., row, bin) of mixtures, in nepers.

        Left and right are scaled alike; mid and side, of which one is mostly far fainter, each by itself.
        """
        nepers = torch.log(magnitude + FAINTEST).flatten(0, -1 - self.mean.ndim)
        self.mean.copy_(nepers.mean(0))
        self.scale.copy_(1 / nepers.std(0).clamp_min(0.1))

    def forward(self, magnitude: Tensor) -> Tensor:
        """Return masks (frame, batch, target, channel, bin), 0 to 1, for magnitudes (frame, batch, row, bin)."""
        return self.stream(magnitude, None)[0]

    def stream(self, magnitude: Tensor, state: BandState | None) -> tuple[Tensor, BandState]:
        """Return masks and the states after the last frame; `state` None is the start of the stream."""
        logits, after = self.logits(magnitude, state)
        return torch.softmax(logits.float(), 2), after

    def logits(self, magnitude: Tensor, state: BandState | None) -> tuple[Tensor, BandState]:
        """Return the logits of the masks, (frame, batch, target, channel, bin), and the states after the last frame."""
        x, after = self._encode(magnitude), []
        for k, block in enumerate(self.blocks):
            before = None if state is None else (state[0][k : k + 1], state[1][k : k + 1])
            x, now = block(x, before)
            after.append(now)
        h, c = (torch.cat(part) for part in zip(*after, strict=True))
        return self.divide(self._decode(self.norm(x)) / self.config.temperature), (h, c)

    def divide(self, logits: Tensor) -> Tensor:
        """Return logits in which the nested targets and the last one share what the last one has.

        The masks of all other targets, and the sum of these, stay as they are.
        """
        if not self.config.nested:
            return logits
        first = len(self.config.targets) - 1 - self.config.nested
        known, inside, whole = logits[:, :, :first], logits[:, :, first:-1], logits[:, :, -1:]
        total = torch.log1p(torch.exp(inside.clamp(-LARGEST, LARGEST)).sum(2, keepdim=True))
        return torch.cat([known, whole + inside.clamp(-LARGEST, LARGEST) - total, whole - total], 2)

    def _encode(self, magnitude: Tensor) -> Tensor:
        """(frame, batch, row, bin) to (frame, batch, band, width)."""
        n_batch, n_rows, n_bins = _sizes(magnitude)
        x = (torch.log(magnitude + FAINTEST) - self.mean) * self.scale
        rows, parts, first = x.reshape(-1, n_rows, n_bins), [], 0
        for encoder, (n, bins) in zip(self.encoders, self.groups, strict=True):
            part = rows[..., first : first + n * bins].reshape(-1, n_rows, n, bins)
            parts.append(encoder(part.transpose(1, 2).reshape(-1, n, n_rows * bins)))
            first += n * bins
        return torch.cat(parts, 1).reshape(-1, n_batch, self.n_bands, self.config.hidden)

    def features(self, magnitude: Tensor, n_groups: int) -> list[Tensor]:
        """Return what the last layers of the first groups of bands see: (frame * batch, band, MASK_WIDTH) each."""
        x = self._encode(magnitude)
        for block in self.blocks:
            x, _ = block(x, None)
        return self._inner(self.norm(x), n_groups)

    def decode(self, features: Sequence[Tensor], n_batch: int) -> Tensor:
        """Return logits (frame, batch, target, channel, bin), not divided yet, of bands whose `features` are given."""
        n_targets, n_channels = len(self.config.targets), self.config.n_channels
        parts, n_bins = [], 0
        for outer, given, (n, bins) in zip(self.outer, features, self.groups, strict=False):
            part = outer(given).reshape(-1, n, n_targets * n_channels, bins).transpose(1, 2)
            parts.append(part.reshape(-1, n_targets, n_channels, n * bins))
            n_bins += n * bins
        return torch.cat(parts, 3).reshape(-1, n_batch, n_targets, n_channels, n_bins)

    def _inner(self, x: Tensor, n_groups: int) -> list[Tensor]:
        """(frame, batch, band, width) to (frame * batch, band, MASK_WIDTH) of each of the first groups."""
        _, n_bands, width = _sizes(x)
        rows, parts, first = x.reshape(-1, n_bands, width), [], 0
        for inner, (n, _) in zip(self.inner[:n_groups], self.groups, strict=False):
            parts.append(torch.tanh(inner(rows[:, first : first + n])))
            first += n
        return parts

    def _decode(self, x: Tensor) -> Tensor:
        """(frame, batch, band, width) to logits (frame, batch, target, channel, bin)."""
        return self.decode(self._inner(x, len(self.groups)), _sizes(x)[0])


SeparationNetwork = OpenUnmix | BandNetwork


def build_network(config: SeparationNetworkConfig) -> SeparationNetwork:
    """Build the network that the settings name."""
    return BandNetwork(config) if config.network == "bands" else OpenUnmix(config)
