"""The settings of networks that separate; light to import, since `--help` reads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.core.config import Settings, check, choice, plain, ranged, require, resolved
from engine.core.errors import ConfigError
from engine.core.format import STEREO, WINDOWS

__all__ = ["ALPHA", "FLOOR_DB", "NETWORKS", "SEPARATOR_SIZES", "TARGETS", "SeparationNetworkConfig"]

TARGETS = ("vocals", "drums", "bass", "other")
NETWORKS = ("open-unmix", "bands")
MAX_TARGETS = 16
ALPHA = 10.0  # of the losses' equation (4): the paper leaves it open, its authors' code uses 10
FLOOR_DB = -30.0  # of an error, against the mixture

SEPARATOR_SIZES: dict[str, dict[str, Any]] = {
    "standard": {"n_fft": 4096, "hop": 1024, "window": "hann"},  # 93 ms of window: as published
    "low-latency": {"n_fft": 1024, "hop": 512, "window": "sine"},  # 23 ms of window
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SeparationNetworkConfig(Settings):
    """What a network that separates looks like.

    The temperature is that of Guo et al., "On calibration of modern neural networks" (2017), section 4.2: a network
    errs less on songs unlike those of its training if its masks are less sure.
    """

    network: str = choice("open-unmix", NETWORKS, "one network for each target, or one network of bands for all")
    targets: tuple[str, ...] = plain(TARGETS, "names of the stems, 1 to 16")
    sample_rate: int = ranged(44100, 1000, 384_000, "sample rate", unit="Hz")
    n_fft: int = ranged(4096, 16, 1 << 17, "samples of a window")
    hop: int = ranged(1024, 1, 1 << 17, "samples from one window to the next, at most n_fft")
    window: str = choice("hann", WINDOWS, "shape of the window")
    n_channels: int = ranged(2, 1, 64, "audio channels")
    stereo: str = choice("left-right", STEREO, "channels that the masks are for; mid-side for bands only")
    hidden: int = ranged(512, 8, 4096, "units of an LSTM, even; of bands: the width of a band")
    n_layers: int = ranged(3, 1, 8, "layers of the LSTM; of bands: blocks")
    bandwidth_hz: float = ranged(16000.0, 100, 384_000, "highest frequency that open-unmix looks at", unit="Hz")
    bidirectional: bool = plain(False, "look at the whole file; cannot run live, and not for bands")
    cross: bool = plain(True, "average over the targets after the encoders and after the LSTMs (X-UMX)")
    level: float = ranged(
        0.0, 0, 1, "root mean square of full scale that live input is brought to; 0 takes it as it is"
    )
    nested: int = ranged(
        0, 0, MAX_TARGETS - 2, "of bands: so many targets before the last one divide what the last one was alone"
    )
    temperature: float = ranged(1.0, 0.1, 10, "divisor of the logits of bands; above 1 the masks are less sure")

    def __post_init__(self) -> None:
        check(self)
        require("targets", len(self.targets), 1, MAX_TARGETS)
        require("hop", self.hop, 1, self.n_fft)
        require("bandwidth_hz", self.bandwidth_hz, 100, self.sample_rate)
        if self.hidden % 2:
            raise ConfigError("hidden", expected="an even number", got=str(self.hidden))
        if self.network == "bands" and self.bidirectional:
            raise ConfigError("bidirectional", expected="false for a network of bands", got="true")
        if self.mid_side and (self.network != "bands" or self.n_channels != 2):
            got = f"{self.network} of {self.n_channels}"
            raise ConfigError("stereo", expected="bands of two channels for mid-side", got=got)
        if self.nested and (self.network != "bands" or self.nested > len(self.targets) - 2):
            got = f"{self.nested} of {len(self.targets)} targets of {self.network}"
            raise ConfigError("nested", expected="0, or fewer than all targets but one, of bands", got=got)
        if self.temperature != 1 and self.network != "bands":
            raise ConfigError("temperature", expected="1 except for a network of bands", got=str(self.temperature))

    @property
    def mid_side(self) -> bool:
        """Whether the masks are for the channels' sum and difference."""
        return self.stereo == "mid-side"

    @property
    def n_rows(self) -> int:
        """Rows of magnitudes that go into the network: the channels, or mid, side, left and right."""
        return 4 if self.mid_side else self.n_channels

    @property
    def n_bins(self) -> int:
        """Bins that the masks cover."""
        return self.n_fft // 2 + 1

    @property
    def n_input_bins(self) -> int:
        """Bins that the network looks at: those up to `bandwidth_hz`."""
        return min(self.n_bins, int(self.bandwidth_hz * self.n_fft / self.sample_rate) + 1)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as written on cards and into checkpoints; `from_dict` reads them back."""
        return resolved(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> SeparationNetworkConfig:
        """The inverse of `as_dict`, from JSON too."""
        return cls(**{**values, "targets": tuple(values["targets"])})
