"""Separate harmonic and percussive sound by kernel additive modelling, streaming, with a configurable look-ahead."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engine.core.format import AudioFormat, FrameFormat
from engine.core.processor import Chain
from engine.dsp.median import aligned, network, row_stride
from engine.dsp.sanitise import LIMIT, as_block
from engine.dsp.stft import Istft, Stft, grown
from engine.separation.balance import balance_of
from engine.separation.config import HpssConfig
from engine.separation.hpss_kernel import HpssNumbers, HpssScratch, HpssState, MedianNetworks, separate
from engine.separation.kam import identity

__all__ = ["Hpss", "HpssSpectra"]


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
        self._balance = balance_of(frames, config)
        n_bands = len(self._balance.typical)
        self._state = HpssState(
            powers=aligned(n_models, config.frames_harmonic, stride),
            spectra=np.zeros((config.look_ahead + 1, n_channels, n_bins), np.complex64),
            covariances=self._identities(),
            levels=np.zeros((2, n_bands)),
            earlier=np.zeros((config.lag + 1, n_bands)),
        )
        self._scratch = HpssScratch(
            work=aligned(3, n_models, stride),
            padded=aligned(n_bins + config.span_percussive - 1),
            bands=np.zeros(n_bands, np.float32),
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
            iterations=config.passes,
        )

    def _identities(self) -> npt.NDArray[np.float32]:
        """Return one covariance for the mixture and two for each further iteration; none without the spatial model."""
        n = 2 * self.config.passes - 1 if self._spatial else 0
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
        separate(
            spectra, self._seen, self._settings, self._networks, self._balance, self._state, self._scratch, self._out
        )
        self._seen += len(spectra)
        return self._out[: len(spectra)]

    def reset(self) -> None:
        """Reset all frames, levels and covariances."""
        for kept in self._state:
            kept[:] = 0
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
