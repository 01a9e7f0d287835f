"""Open-Unmix and CrossNet-Open-Unmix: one network a target, magnitude spectra in, masks out.

Stoeter, Uhlich, Liutkus, Mitsufuji, "Open-Unmix: a reference implementation for music source separation" (2019);
Sawata, Uhlich, Takahashi, Mitsufuji, "All for one and one for all" (2021), section 2.2 and figure 3 for the
crossing. Axis 0 is time: magnitudes are (frame, batch, channel, bin), masks (frame, batch, target, channel, bin).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from models.separation.config import SeparationNetworkConfig

__all__ = ["OpenUnmix", "OpenUnmixTarget", "SeparatorState"]

SeparatorState = list[tuple[Tensor, Tensor]]  # of each target: h and c, (layer * direction, batch, width)


class OpenUnmixTarget(nn.Module):
    """The network of one target; its state dict has the names and shapes of the `openunmix` package."""

    def __init__(self, config: SeparationNetworkConfig) -> None:
        super().__init__()
        width_in, width_out = config.n_channels * config.n_input_bins, config.n_channels * config.n_bins
        hidden = config.hidden
        self.config = config
        self.input_mean = nn.Parameter(torch.zeros(config.n_input_bins))
        self.input_scale = nn.Parameter(torch.ones(config.n_input_bins))
        self.output_mean = nn.Parameter(torch.ones(config.n_bins))
        self.output_scale = nn.Parameter(torch.ones(config.n_bins))
        self.fc1 = nn.Linear(width_in, hidden, bias=False)
        self.bn1 = nn.BatchNorm1d(hidden)
        self.lstm = nn.LSTM(
            hidden,
            hidden // 2 if config.bidirectional else hidden,
            num_layers=config.n_layers,
            bidirectional=config.bidirectional,
            dropout=0.4 if config.n_layers > 1 else 0.0,
        )
        self.fc2 = nn.Linear(2 * hidden, hidden, bias=False)
        self.bn2 = nn.BatchNorm1d(hidden)
        self.fc3 = nn.Linear(hidden, width_out, bias=False)
        self.bn3 = nn.BatchNorm1d(width_out)

    def encode(self, magnitude: Tensor) -> Tensor:
        """Squash (frame, batch, channel, bin) to (frame, batch, hidden) in [-1, 1]."""
        n_frames, n_batch = magnitude.shape[:2]
        cropped = magnitude[..., : self.config.n_input_bins]
        scaled = (cropped + self.input_mean) * self.input_scale
        code = self.bn1(self.fc1(scaled.reshape(n_frames * n_batch, -1)))
        return torch.tanh(code).reshape(n_frames, n_batch, -1)

    def decode(self, code: Tensor) -> Tensor:
        """Return the mask (frame, batch, channel, bin), 0 and up, for code and LSTM output side by side."""
        n_frames, n_batch = code.shape[:2]
        inner = torch.relu(self.bn2(self.fc2(code.reshape(n_frames * n_batch, -1))))
        outer = self._normalise_output(self.fc3(inner))
        return torch.relu(outer).reshape(n_frames, n_batch, self.config.n_channels, -1)

    def _normalise_output(self, outer: Tensor) -> Tensor:
        """Apply `bn3`, `output_scale` and `output_mean` as one normalisation: a third of the passes over memory."""
        n, bn = self.config.n_channels, self.bn3
        scale, shift = self.output_scale.repeat(n), self.output_mean.repeat(n)
        if bn.training and bn.num_batches_tracked is not None:
            bn.num_batches_tracked.add_(1)
        return nn.functional.batch_norm(
            outer,
            bn.running_mean,
            bn.running_var,
            bn.weight * scale,
            bn.bias * scale + shift,
            bn.training,
            bn.momentum or 0.0,
            bn.eps,
        )

    def forward(self, magnitude: Tensor) -> Tensor:
        """Return the mask (frame, batch, channel, bin) of this target alone."""
        code = self.encode(magnitude)
        return self.decode(torch.cat([code, self.lstm(code)[0]], -1))


class OpenUnmix(nn.Module):
    """The networks of all targets: independent (UMX) or crossing (X-UMX)."""

    def __init__(self, config: SeparationNetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.nets = nn.ModuleDict({target: OpenUnmixTarget(config) for target in config.targets})

    def networks(self) -> list[OpenUnmixTarget]:
        """Return the network of each target, in order."""
        return [cast(OpenUnmixTarget, net) for net in self.nets.values()]

    def scale_input(self, magnitude: Tensor) -> None:
        """Scale the input by mean and deviation of magnitudes (..., bin) of mixtures, as the reference does."""
        n, magnitude = self.config.n_input_bins, magnitude.flatten(0, -2)
        mean, scale = magnitude.mean(0), magnitude.std(0)
        scale = torch.clamp(scale[:n], min=1e-4 * float(scale[:n].max()))
        with torch.no_grad():
            for net in self.networks():
                net.input_mean.copy_(-mean[:n])
                net.input_scale.copy_(1 / scale)

    def forward(self, magnitude: Tensor) -> Tensor:
        """Return masks (frame, batch, target, channel, bin), 0 and up, for magnitudes (frame, batch, channel, bin)."""
        return self.stream(magnitude, None)[0]

    def stream(self, magnitude: Tensor, state: SeparatorState | None) -> tuple[Tensor, SeparatorState]:
        """Return masks and the LSTM states after the last frame; `state` None is the start of the stream."""
        nets = self.networks()
        codes = self._cross([net.encode(magnitude) for net in nets])
        states: Sequence[tuple[Tensor, Tensor] | None] = state or [None] * len(nets)
        runs = [net.lstm(code, before) for net, code, before in zip(nets, codes, states, strict=True)]
        outputs = self._cross([run[0] for run in runs])
        masks = [net.decode(torch.cat(pair, -1)) for net, *pair in zip(nets, codes, outputs, strict=True)]
        return torch.stack(masks, dim=2), [run[1] for run in runs]

    def _cross(self, paths: list[Tensor]) -> list[Tensor]:
        """Average over the targets (figure 3b), or leave the paths alone (figure 3a)."""
        if not self.config.cross:
            return paths
        return [sum(paths[1:], paths[0]) / len(paths)] * len(paths)
