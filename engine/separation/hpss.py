"""Separate harmonic and percussive sound by kernel additive modelling, streaming, with a configurable look-ahead."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.core.config import Settings, check, choice, plain, ranged, require
from engine.core.format import MAX_HOP, AudioFormat, FrameFormat, frame_size
from engine.core.processor import Chain
from engine.dsp.median import aligned, network, row_stride
from engine.dsp.sanitise import LIMIT, as_block
from engine.dsp.stft import Istft, Stft, grown
from engine.dsp.window import WINDOWS
from engine.separation.hpss_kernel import HpssNumbers, HpssScratch, HpssState, MedianNetworks, separate
from engine.separation.kam import identity

__all__ = ["TUNED", "Hpss", "HpssConfig", "HpssSpectra"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HpssConfig(Settings):
    """How to separate; the defaults are the paper's, `TUNED` scores higher."""

    n_fft: int | None = ranged(
        None, 16, MAX_HOP, "frame size, None lasts nearest as long as 4096 at 44.1 kHz", unit="samples"
    )
    hop: int | None = ranged(None, 1, MAX_HOP, "distance of frames, None for a quarter of a frame", unit="samples")
    window: str = choice("hann", WINDOWS, "window of a frame")
    look_ahead: int = ranged(8, 0, 49, "frames after the one that is separated, a hop of latency each", unit="frames")
    span_harmonic: int | None = ranged(
        17,
        1,
        99,
        "running median over time, None is what the look-ahead centres, at least 3",
        unit="frames",
        odd=True,
        optional=True,
    )
    span_percussive: int = ranged(17, 1, 99, "running median over frequency", unit="bins", odd=True)
    exponent: float = choice(1, (0.5, 0.75, 1), "exponent of the powers in the filter, 1 is Wiener's")
    iterations: int = ranged(1, 1, 20, "iterations of Algorithm 1")
    spatial: bool = plain(True, "model the covariance of the channels, else each channel alone")
    forgetting: float = ranged(0.05, 1e-4, 1, "weight of the newest frame in the covariances")
    residual: bool = plain(False, "emit what is neither, too (Driedger, Mueller, Disch, ISMIR 2014)")
    margin: float = ranged(2.0, 1, 100, "by what a target must exceed the other, in amplitude; used with residual")

    def __post_init__(self) -> None:
        check(self)
        require("look_ahead", self.look_ahead, 0, ((self.span_harmonic or 99) - 1) // 2)
        if self.hop is not None and self.n_fft is not None:
            require("hop", self.hop, 1, self.n_fft)

    @property
    def frames_harmonic(self) -> int:
        """Return the span of the medians over time: `span_harmonic` or its default."""
        return self.span_harmonic or max(3, 2 * self.look_ahead + 1)

    @property
    def weight(self) -> float:
        """Return the factor on the powers of the other target in the filter: 1 unless there is a residual."""
        return float(self.margin ** (2 * self.exponent)) if self.residual else 1.0

    @property
    def quarters(self) -> int:
        """Return the exponent in quarters, as the kernels take it."""
        return round(4 * self.exponent)

    @property
    def targets(self) -> tuple[str, ...]:
        """Return the stems in output order."""
        return ("harmonic", "percussive", "residual") if self.residual else ("harmonic", "percussive")

    def frames(self, audio: AudioFormat) -> FrameFormat:
        """Return the frame format of this separation, with defaults filled in for the sample rate."""
        n_fft = self.n_fft or frame_size(audio.sample_rate)
        return FrameFormat(audio=audio, n_fft=n_fft, hop=self.hop or n_fft // 4)


# The best scores on five songs, drums against the rest; `replace(TUNED, look_ahead=n)` for other latencies.
TUNED = HpssConfig(look_ahead=5, span_harmonic=None, span_percussive=31, exponent=0.75)


class HpssSpectra:
    """Take spectra (frame, channel, bin), return spectra of the targets (frame, target, channel, bin), one for one.

    Output frame t is input frame t - look_ahead, separated; the targets of a frame add up to it. The medians over
    time cover the last frames_harmonic frames, silence before the first; those over frequency mirror their ends.
    """

    def __init__(self, frames: FrameFormat, config: HpssConfig) -> None:
        self.frames, self.config, self.targets = frames, config, config.targets
        n_channels, n_bins = frames.audio.n_channels, frames.n_bins
        self._spatial = config.spatial and n_channels > 1
        n_models = 1 if self._spatial else n_channels
        stride = row_stride(n_bins)
        self._networks = MedianNetworks(network(config.frames_harmonic), network(config.span_percussive))
        self._state = HpssState(
            powers=aligned(n_models, config.frames_harmonic, stride),
            spectra=np.zeros((config.look_ahead + 1, n_channels, n_bins), np.complex64),
            covariances=self._identities(),
        )
        self._scratch = HpssScratch(
            work=aligned(3, n_models, stride),
            padded=aligned(n_bins + config.span_percussive - 1),
            matrix=np.zeros((2, n_channels, n_channels), np.complex64),
            vector=np.zeros(n_channels, np.complex64),
        )
        self._out = np.zeros((0, len(self.targets), n_channels, n_bins), np.complex64)
        self._seen = 0
        self._settings = HpssNumbers(
            forgetting=np.float32(config.forgetting),
            weight=np.float32(config.weight),
            limit=np.float32(LIMIT * frames.n_fft),
            quarters=config.quarters,
            iterations=config.iterations,
        )

    def _identities(self) -> npt.NDArray[np.float32]:
        """Return one covariance for the mixture and two for each further iteration; none without the spatial model."""
        n = 2 * self.config.iterations - 1 if self._spatial else 0
        one = identity(self.frames.audio.n_channels, self.frames.n_bins)
        return np.stack([one] * n) if n else np.zeros((0, *one.shape), np.float32)

    @property
    def latency(self) -> int:
        """Return the look-ahead, in samples."""
        return self.config.look_ahead * self.frames.hop

    def process(self, spectra: npt.NDArray[np.complex64]) -> npt.NDArray[np.complex64]:
        """Take (frame, channel, bin), return (frame, target, channel, bin), borrowed until the next call."""
        row = self._state.spectra.shape[1:]
        spectra = as_block("Hpss", spectra, np.complex64, row)
        self._out = grown(self._out, len(spectra))
        separate(spectra, self._seen, self._settings, self._networks, self._state, self._scratch, self._out)
        self._seen += len(spectra)
        return self._out[: len(spectra)]

    def reset(self) -> None:
        """Reset all frames and covariances."""
        self._state.powers[:] = 0
        self._state.spectra[:] = 0
        self._state.covariances[:] = self._identities()
        self._seen = 0


class Hpss(Chain):
    """Take audio (sample, channel), return stems (sample, target, channel), which add up to the delayed input.

    Latency: n_fft - hop + look_ahead * hop samples.

    targets: names of the stems, in order
    """

    def __init__(self, audio: AudioFormat, config: HpssConfig | None = None) -> None:
        self.audio, self.config = audio, config or HpssConfig()
        self.frames, self.targets = self.config.frames(audio), self.config.targets
        super().__init__(
            Stft(self.frames, window=self.config.window),
            HpssSpectra(self.frames, self.config),
            Istft(self.frames, window=self.config.window, n_targets=len(self.targets)),
        )
