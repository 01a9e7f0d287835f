"""The fully convolutional network of deep salience, in any width, and as a stream.

Bittner, McFee, Salamon, Li & Bello, "Deep salience representations for F0 estimation in polyphonic music" (ISMIR
2017), section 3.2 and figure 2. Axes: harmonic constant-Q (batch, frame, harmonic, bin); logits (batch, frame, map,
bin), the maps being salience and, beyond the paper, onsets.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.core.config import require
from engine.core.errors import ConfigError

__all__ = ["MAPS", "PUBLISHED", "Salience", "SalienceConfig", "SalienceState", "salience_loss"]

MAPS = ("salience", "onset")
TIMES = (5, 5, 3, 3, 3)  # frames of each kernel
BINS = (5, 5, 3, 3)  # bins of each but the last, which spans 70 bins of 60 an octave: 14 semitones
TALL_SEMITONES = 14
REACH = sum(k - 1 for k in TIMES)  # frames that one output hears besides its own
SalienceState = list[Tensor]  # per convolution the last frames of its input (batch, channel, kernel - 1, bin)


@dataclass(frozen=True, slots=True, kw_only=True)
class SalienceConfig:
    """What to build.

    channels: of the five hidden layers; look_ahead: frames that are heard behind the one spoken of, 0 to 14, the paper
    has 7 on either side; n_harmonics, bins_per_octave, n_bins: of the input; onsets: give the second map too.
    """

    channels: tuple[int, ...] = (16, 16, 16, 16, 8)
    look_ahead: int = 1
    n_harmonics: int = 6
    bins_per_octave: int = 24
    n_bins: int = 168
    onsets: bool = True

    def __post_init__(self) -> None:
        if len(self.channels) != len(TIMES):
            raise ConfigError("channels", expected=f"{len(TIMES)} numbers", got=str(self.channels))
        for n in self.channels:
            require("channels", n, 1, 1024)
        require("look_ahead", self.look_ahead, 0, REACH)
        require("n_harmonics", self.n_harmonics, 1, 32)
        require("bins_per_octave", self.bins_per_octave, 12, 96)
        require("n_bins", self.n_bins, 12, 1024)

    @property
    def maps(self) -> tuple[str, ...]:
        """Names of the outputs."""
        return MAPS if self.onsets else MAPS[:1]

    @property
    def kernels(self) -> tuple[tuple[int, int], ...]:
        """(frame, bin) of each hidden layer."""
        tall = round(TALL_SEMITONES * self.bins_per_octave / 12)
        return tuple(zip(TIMES, (*BINS, tall), strict=True))

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for checkpoints and cards; `from_dict` reads them back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> SalienceConfig:
        """The inverse of `as_dict`, from JSON too."""
        return cls(**{**values, "channels": tuple(values["channels"])})


PUBLISHED: dict[str, Any] = {"channels": (128, 64, 64, 64, 8), "look_ahead": REACH // 2, "onsets": False}


class Layer(nn.Module):
    """Convolution, batch norm, ReLU; heard backwards in time, centred over bins: (batch, channel, frame, bin)."""

    def __init__(self, n_in: int, n_out: int, kernel: tuple[int, int]) -> None:
        super().__init__()
        self.before = kernel[0] - 1
        self.sides = ((kernel[1] - 1) // 2, kernel[1] // 2)
        self.convolution = nn.Conv2d(n_in, n_out, kernel, bias=False)
        self.norm = nn.BatchNorm2d(n_out)

    def forward(self, x: Tensor, cache: Tensor) -> tuple[Tensor, Tensor]:
        """The layer's output and the last frames of its input, which the next call gets as `cache`."""
        x = torch.cat([cache.to(x.dtype), x], 2)
        cache = x[:, :, -self.before :]
        return F.relu(self.norm(self.convolution(F.pad(x, self.sides)))), cache


class Salience(nn.Module):
    """Harmonic constant-Q to logits; `torch.sigmoid` of them is salience."""

    def __init__(self, config: SalienceConfig) -> None:
        super().__init__()
        self.config = config
        channels = (config.n_harmonics, *config.channels)
        self.norm = nn.BatchNorm2d(config.n_harmonics)
        self.layers = nn.ModuleList(
            Layer(n_in, n_out, kernel)
            for n_in, n_out, kernel in zip(channels, channels[1:], config.kernels, strict=False)
        )
        self.head = nn.Conv2d(channels[-1], len(config.maps), 1)
        nn.init.constant_(self.head.bias, -4.0)  # few bins sound

    def forward(self, hcqt: Tensor) -> Tensor:
        """Logits of whole recordings; behind the last frame `look_ahead` frames of silence are heard."""
        ahead = self.config.look_ahead
        padded = F.pad(hcqt, (0, 0, 0, 0, 0, ahead))
        return self.stream(padded, self.initial_state(len(hcqt)))[0][:, ahead:]

    def stream(self, hcqt: Tensor, state: SalienceState) -> tuple[Tensor, SalienceState]:
        """Logits of the next frames and the new state; row t speaks of frame t - look_ahead."""
        x, caches = self.norm(hcqt.transpose(1, 2)), []
        for layer, cache in zip(self.layers, state, strict=True):
            x, kept = layer(x, cache)
            caches.append(kept)
        return self.head(x).transpose(1, 2), caches

    def initial_state(self, batch: int = 1) -> SalienceState:
        """The state before the first frame."""
        channels = (self.config.n_harmonics, *self.config.channels)
        shapes = [
            (batch, c, k - 1, self.config.n_bins) for c, (k, _) in zip(channels, self.config.kernels, strict=False)
        ]
        return [self.head.bias.new_zeros(shape) for shape in shapes]


def salience_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy of soft targets, meaned: -y log(p) - (1 - y) log(1 - p), Bittner et al. (2017), equation (4)."""
    return F.binary_cross_entropy_with_logits(logits, target)
