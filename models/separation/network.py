"""Open-Unmix and CrossNet-Open-Unmix: one network a target, magnitude spectra in, masks out.

Stoeter, Uhlich, Liutkus, Mitsufuji, "Open-Unmix: a reference implementation for music source separation" (2019);
Sawata, Uhlich, Takahashi, Mitsufuji, "All for one and one for all" (2021), section 2.2 and figure 3 for the
crossing. Axis 0 is time: magnitudes are (frame, batch, channel, bin), masks (frame, batch, target, channel, bin).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from engine.core.config import require, require_one_of
from engine.core.errors import ConfigError
from engine.dsp.window import WINDOWS
from engine.separation.mask_network import STEREO

__all__ = ["SIZES", "OpenUnmix", "State", "Unmix", "UnmixConfig"]

TARGETS = ("vocals", "drums", "bass", "other")

NETWORKS = ("open-unmix", "bands")

State = list[tuple[Tensor, Tensor]]  # of each target: h and c, (layer * direction, batch, width)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnmixConfig:
    """What a bank of networks looks like.

    network: `open-unmix`, one network a target, or `bands` (`models.separation.band_network`), of one direction, whose
    `hidden` is the width of a band and `n_layers` its blocks; targets: 1 to 16 names; sample_rate: Hz; n_fft, hop:
    samples; window: of `engine.dsp.window`; stereo: what the masks are of, left and right or their sum and difference,
    where a network of bands hears all four; hidden: 8 to 4096, even; n_layers: 1 to 8; bandwidth_hz: what the input is
    cropped to; bidirectional: sees the whole file, cannot run live; cross: average over the targets after the encoders
    and after the LSTMs (X-UMX); level: 0 to 1, root mean square (full scale 1) that a live input is brought to, the
    mean one of the mixtures it was trained on; 0 takes the input as it is; temperature: 0.1 to 10, what the logits of a
    network of bands are divided by, above 1 for masks that are less sure (Guo et al., "On calibration of modern neural
    networks", 2017, section 4.2): on songs unlike those of its training it errs less so.
    """

    network: str = "open-unmix"
    targets: tuple[str, ...] = TARGETS
    sample_rate: int = 44100
    n_fft: int = 4096
    hop: int = 1024
    window: str = "hann"
    n_channels: int = 2
    stereo: str = "left-right"
    hidden: int = 512
    n_layers: int = 3
    bandwidth_hz: float = 16000.0
    bidirectional: bool = False
    cross: bool = True
    level: float = 0.0
    temperature: float = 1.0

    def __post_init__(self) -> None:
        require("targets", len(self.targets), 1, 16)
        require("sample_rate", self.sample_rate, 1000, 384_000)
        require("n_fft", self.n_fft, 16, 1 << 17)
        require("hop", self.hop, 1, self.n_fft)
        require("n_channels", self.n_channels, 1, 64)
        require("hidden", self.hidden, 8, 4096)
        require("n_layers", self.n_layers, 1, 8)
        require("level", self.level, 0, 1)
        require("temperature", self.temperature, 0.1, 10)
        require_one_of("window", self.window, WINDOWS)
        require_one_of("network", self.network, NETWORKS)
        require_one_of("stereo", self.stereo, STEREO)
        require("bandwidth_hz", self.bandwidth_hz, 100, self.sample_rate)
        if self.network == "bands" and self.bidirectional:
            raise ConfigError("bidirectional", expected="false for a network of bands", got="true")
        if self.mid_side and (self.network != "bands" or self.n_channels != 2):
            got = f"{self.network} of {self.n_channels}"
            raise ConfigError("stereo", expected="bands of two channels for mid-side", got=got)
        if self.temperature != 1 and self.network != "bands":
            raise ConfigError("temperature", expected="1 except for a network of bands", got=str(self.temperature))
        if self.hidden % 2:
            raise ConfigError("hidden", expected="an even number", got=str(self.hidden))

    @property
    def mid_side(self) -> bool:
        """Whether the masks are those of the channels' sum and difference."""
        return self.stereo == "mid-side"

    @property
    def n_heard(self) -> int:
        """Rows of magnitudes that the network hears: the channels, or mid, side, left and right."""
        return 4 if self.mid_side else self.n_channels

    @property
    def n_bins(self) -> int:
        """Bins that the masks cover."""
        return self.n_fft // 2 + 1

    @property
    def n_input_bins(self) -> int:
        """Bins that the network looks at: those up to `bandwidth_hz`."""
        return min(self.n_bins, int(self.bandwidth_hz * self.n_fft / self.sample_rate) + 1)

    def as_dict(self) -> dict[str, object]:
        """Plain values, as written on cards and into checkpoints."""
        return {**asdict(self), "targets": list(self.targets)}


SIZES: dict[str, dict[str, Any]] = {
    "standard": {"n_fft": 4096, "hop": 1024, "window": "hann"},  # 93 ms of window: as published
    "low-latency": {"n_fft": 1024, "hop": 512, "window": "sine"},  # 23 ms of window
}


class OpenUnmix(nn.Module):
    """The network of one target; its state dict has the names and shapes of the `openunmix` package."""

    def __init__(self, config: UnmixConfig) -> None:
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
        """The mask (frame, batch, channel, bin), 0 and up, from code and LSTM output side by side."""
        n_frames, n_batch = code.shape[:2]
        inner = torch.relu(self.bn2(self.fc2(code.reshape(n_frames * n_batch, -1))))
        outer = self._normalise_output(self.fc3(inner))
        return torch.relu(outer).reshape(n_frames, n_batch, self.config.n_channels, -1)

    def _normalise_output(self, outer: Tensor) -> Tensor:
        """`bn3`, then `output_scale` and `output_mean`, as one normalisation: a third of the passes over memory."""
        n, bn = self.config.n_channels, self.bn3
        scale, shift = self.output_scale.repeat(n), self.output_mean.repeat(n)
        if bn.training:
            bn.num_batches_tracked.add_(1)
        return nn.functional.batch_norm(
            outer,
            bn.running_mean,
            bn.running_var,
            bn.weight * scale,
            bn.bias * scale + shift,
            bn.training,
            bn.momentum,
            bn.eps,
        )

    def forward(self, magnitude: Tensor) -> Tensor:
        """The mask (frame, batch, channel, bin) of this target alone."""
        code = self.encode(magnitude)
        return self.decode(torch.cat([code, self.lstm(code)[0]], -1))


class Unmix(nn.Module):
    """All targets together: independent (UMX) or crossing (X-UMX)."""

    def __init__(self, config: UnmixConfig) -> None:
        super().__init__()
        self.config = config
        self.nets = nn.ModuleDict({target: OpenUnmix(config) for target in config.targets})

    def start_from(self, magnitude: Tensor) -> None:
        """Scale the input by mean and deviation of magnitudes (..., bin) of mixtures, as the reference does."""
        n, magnitude = self.config.n_input_bins, magnitude.flatten(0, -2)
        mean, scale = magnitude.mean(0), magnitude.std(0)
        scale = torch.clamp(scale[:n], min=1e-4 * float(scale[:n].max()))
        with torch.no_grad():
            for net in self.nets.values():
                net.input_mean.copy_(-mean[:n])
                net.input_scale.copy_(1 / scale)

    def forward(self, magnitude: Tensor) -> Tensor:
        """Masks (frame, batch, target, channel, bin), 0 and up, of magnitudes (frame, batch, channel, bin)."""
        return self.stream(magnitude, None)[0]

    def stream(self, magnitude: Tensor, state: State | None) -> tuple[Tensor, State]:
        """Masks, and the LSTM states after the last frame; `state` None is the start of the stream."""
        nets = list(self.nets.values())
        codes = self._cross([net.encode(magnitude) for net in nets])
        states = state or [None] * len(nets)
        runs = [net.lstm(code, before) for net, code, before in zip(nets, codes, states, strict=True)]
        outputs = self._cross([run[0] for run in runs])
        masks = [net.decode(torch.cat(pair, -1)) for net, *pair in zip(nets, codes, outputs, strict=True)]
        return torch.stack(masks, dim=2), [run[1] for run in runs]

    def _cross(self, paths: list[Tensor]) -> list[Tensor]:
        """Average over the targets (figure 3b), or leave the paths alone (figure 3a)."""
        if not self.config.cross:
            return paths
        return [sum(paths[1:], paths[0]) / len(paths)] * len(paths)
