"""The harmonic constant-Q transform: for each pitch, the bins of its harmonics.

Bittner, McFee, Salamon, Li & Bello, "Deep salience representations for F0 estimation in polyphonic music" (ISMIR
2017), section 3.1, with harmonics 0.5 and 1 to 5. The paper computes one transform of 60 bins an octave for each
harmonic; here a single wide transform of 24 bins an octave is shifted by the nearest whole number of bins for each:
harmonics 3 and 5 are off by 2 and 14 cents, where a bin is 50 wide and a piano's strings are no more exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from engine.core.arrays import F32, I64
from engine.core.config import Settings, check, ranged
from engine.core.format import AudioFormat
from engine.dsp.constant_q import HOP_S, Cqt, CqtConfig
from engine.dsp.stft import grown

__all__ = ["HARMONICS", "Hcqt", "HcqtConfig", "harmonic_bins", "wide_cqt"]

HARMONICS = (0.5, 1.0, 2.0, 3.0, 4.0, 5.0)
C1_HZ = 440.0 * 2 ** ((24 - 69) / 12)
MAX_COMPRESSION = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HcqtConfig(Settings):
    """Which pitches a harmonic constant-Q transform covers, and how."""

    low_hz: float = ranged(C1_HZ, 8, 8000, "frequency of the first pitch", unit="Hz")
    bins_per_octave: int = ranged(24, 6, 96, "pitches per octave")
    n_octaves: int = ranged(7, 1, 8, "number of octaves of pitches")
    above: int = ranged(1, 0, 3, "octaves of harmonics computed above the highest pitch; higher harmonics are 0")
    hop_s: float = ranged(HOP_S, 0.001, 1.0, "time between frames", unit="s")
    gamma: float = ranged(4.5, 0.0, 1000.0, "bandwidth added to every bin's", unit="Hz")
    look_ahead_s: float = ranged(2 * HOP_S, 0.001, 10.0, "how far kernels may extend past a frame's centre", unit="s")
    compression: float = ranged(MAX_COMPRESSION, 1.0, 1e6, "c of log(1 + c x)")

    def __post_init__(self) -> None:
        check(self)
        wide_cqt(self)  # raises ConfigError if n_octaves and above are too many together

    @property
    def n_bins(self) -> int:
        """Return the number of pitches."""
        return self.bins_per_octave * self.n_octaves


def wide_cqt(config: HcqtConfig) -> CqtConfig:
    """Return the settings of the one transform that all harmonics are taken from."""
    return CqtConfig(
        low_hz=config.low_hz,
        bins_per_octave=config.bins_per_octave,
        n_octaves=config.n_octaves + config.above,
        hop_s=config.hop_s,
        gamma=config.gamma,
        look_ahead_s=config.look_ahead_s,
        compression=config.compression,
    )


def harmonic_bins(config: HcqtConfig) -> npt.NDArray[np.int64]:
    """Return the wide transform's bin of each harmonic of each pitch (harmonic, pitch).

    A harmonic outside the transform gets its number of bins.
    """
    n_wide = config.bins_per_octave * (config.n_octaves + config.above)
    shift = np.round(config.bins_per_octave * np.log2(HARMONICS)).astype(np.int64)
    bins = shift[:, None] + np.arange(config.n_bins)
    return np.where((bins >= 0) & (bins < n_wide), bins, n_wide)


class Hcqt:
    """Audio (sample, channel) in, the harmonics' compressed magnitudes (frame, harmonic * pitch) out.

    Frame t describes input sample `centre(t)` = (t + 1) * hop - latency.
    """

    def __init__(self, config: HcqtConfig, audio: AudioFormat) -> None:
        self.config, self.audio = config, audio
        self._cqt = Cqt(wide_cqt(config), audio)
        self._bins = harmonic_bins(config).ravel()
        self.n_features, self.hop = len(self._bins), self._cqt.hop
        self._out = np.zeros((0, self.n_features), np.float32)

    @property
    def latency(self) -> int:
        """Return the samples from a frame's centre to the moment it is emitted."""
        return self._cqt.latency

    def centre(self, frame: int) -> int:
        """Return the input sample that frame `frame` describes, negative for the first few."""
        return self._cqt.centre(frame)

    def process(self, block: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return the frames that the block completes, borrowed until the next call."""
        wide = self._cqt.process(block)
        self._out = grown(self._out, len(wide))
        _gather(wide, self._bins, self._out)
        return self._out[: len(wide)]

    def reset(self) -> None:
        """Return to the state after construction."""
        self._cqt.reset()


@njit(nogil=True, cache=True)
def _gather(wide: F32, bins: I64, out: F32) -> None:
    for t in range(wide.shape[0]):
        for i in range(len(bins)):
            out[t, i] = wide[t, bins[i]] if bins[i] < wide.shape[1] else np.float32(0)
