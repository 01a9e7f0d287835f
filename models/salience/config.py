"""The settings of the network of pitch salience; light to import, since `--help` reads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.core.config import Settings, check, plain, ranged, require, resolved
from engine.core.errors import ConfigError

__all__ = ["CHANNELS", "MAPS", "PUBLISHED", "REACH", "SalienceNetworkConfig"]

MAPS = ("salience", "onset")
TIMES = (5, 5, 3, 3, 3)  # frames of each kernel
BINS = (5, 5, 3, 3)  # bins of each but the last, which spans 70 bins of 60 an octave: 14 semitones
TALL_SEMITONES = 14
REACH = sum(k - 1 for k in TIMES)  # frames that one output depends on besides its own
CHANNELS = (16, 16, 16, 16, 8)
PUBLISHED: dict[str, Any] = {"channels": (128, 64, 64, 64, 8), "look_ahead": REACH // 2, "onsets": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class SalienceNetworkConfig(Settings):
    """What the network of pitch salience looks like."""

    channels: tuple[int, ...] = plain(CHANNELS, "channels of the five hidden layers")
    look_ahead: int = ranged(1, 0, REACH, "frames of look-ahead; the paper has 7 on either side", unit="frames")
    n_harmonics: int = ranged(6, 1, 32, "harmonics of the input")
    bins_per_octave: int = ranged(24, 12, 96, "bins of an octave")
    n_bins: int = ranged(168, 12, 1024, "bins of the input")
    onsets: bool = plain(True, "estimate onsets too")

    def __post_init__(self) -> None:
        check(self)
        if len(self.channels) != len(TIMES):
            raise ConfigError("channels", expected=f"{len(TIMES)} numbers", got=str(self.channels))
        for n in self.channels:
            require("channels", n, 1, 1024)

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
        return resolved(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> SalienceNetworkConfig:
        """The inverse of `as_dict`, from JSON too."""
        return cls(**{**values, "channels": tuple(values["channels"])})
