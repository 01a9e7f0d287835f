"""The streaming constant-Q transform: audio to magnitudes of logarithmically spaced bins, one frame a hop.

Each bin is the inner product of the signal with a windowed complex exponential, as in librosa.cqt and librosa.vqt
(`window="hann"`, `norm=1`, `scale=False`). The products are computed in the frequency domain, where kernels are short
(Brown & Puckette, "An efficient algorithm for the calculation of a constant Q transform", 1992), on a signal
decimated as far as the highest bin allows.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from engine.core.arrays import C64, F32, Scalar32
from engine.core.format import AudioFormat, FrameFormat
from engine.dsp.constant_q_plan import CqtConfig, Kernels, Plan, frequencies, kernels, make_plan
from engine.dsp.resample import Resampler
from engine.dsp.sanitise import as_block
from engine.dsp.stft import Stft, grown

__all__ = ["Cqt"]

Audio = npt.NDArray[np.float32]
Features = npt.NDArray[np.float32]


class Cqt:
    """Audio (sample, channel) in, magnitudes (frame, bin) out, the root of the mean power over channels.

    A full-scale sine at a bin's frequency gives 0.5 there. Frame t is centred at input sample `centre(t)` =
    (t + 1) * hop - latency and is emitted with sample (t + 1) * hop - 1. Bins above what the sample rate can represent
    are 0.
    """

    def __init__(self, config: CqtConfig, audio: AudioFormat) -> None:
        self.config, self.audio = config, audio
        self.plan: Plan = make_plan(config, audio)
        self.n_features, self.hop = config.n_bins, self.plan.hop
        low = AudioFormat(sample_rate=self.plan.sample_rate, n_channels=audio.n_channels)
        frames = FrameFormat(audio=low, n_fft=self.plan.n_fft, hop=self.plan.hop // self.plan.decimation)
        self._resampler = Resampler(self.plan.resampling) if self.plan.resampling else None
        self._stft = Stft(frames, window="rectangular")
        self._kernels: Kernels = kernels(config, self.plan)
        used = self._kernels.n_used
        self._split = np.zeros((2, used), np.float32)
        self._out = np.zeros((0, config.n_bins), np.float32)

    @property
    def latency(self) -> int:
        """Return the samples from a frame's centre to the moment it is emitted."""
        return self.plan.latency

    @property
    def frequencies_hz(self) -> npt.NDArray[np.float64]:
        """Return the frequency of each bin, Hz."""
        return frequencies(self.config)

    def centre(self, frame: int) -> int:
        """Return the input sample that frame `frame` describes, negative for the first few."""
        return (frame + 1) * self.hop - self.latency

    def process(self, block: Audio) -> Features:
        """Return the frames that the block completes, borrowed until the next call."""
        block = as_block("Cqt", block, np.float32, (self.audio.n_channels,))
        spectra = self._stft.process(block if self._resampler is None else self._resampler.process(block))
        self._out = grown(self._out, len(spectra))
        _project(spectra, self._kernels, np.float32(self.config.compression), self._split, self._out)
        return self._out[: len(spectra)]

    def reset(self) -> None:
        """Return to the state after construction."""
        self._stft.reset()
        if self._resampler is not None:
            self._resampler.reset()


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract"})
def _product(real: F32, imag: F32, rows: Kernels, i: int) -> Scalar32:
    """Return |sum_k X[k] K_i[k]|^2 over the bins k of kernel i, in four sums of real products, which vectorise."""
    start, n, at = rows.start[i], rows.start[i + 1] - rows.start[i], rows.first[i]
    xr, xi = real[at : at + n], imag[at : at + n]
    kr, ki = rows.real[start : start + n], rows.imag[start : start + n]
    rr = np.float32(0)
    ri = np.float32(0)
    for j in range(n):
        rr += xr[j] * kr[j] - xi[j] * ki[j]
        ri += xr[j] * ki[j] + xi[j] * kr[j]
    return rr * rr + ri * ri


@njit(nogil=True, cache=True)
def _project(spectra: C64, rows: Kernels, compression: Scalar32, split: F32, out: F32) -> None:
    """Write out[t, i] = y, or log(1 + c y) if c > 0, with y = sqrt(mean_c |<X[t, c], K_i>|^2).

    split: (2, bin), scratch memory for the real and imaginary part
    """
    n_used, n_channels = split.shape[1], spectra.shape[1]
    for t in range(spectra.shape[0]):
        out[t, :] = 0
        for c in range(n_channels):
            for k in range(n_used):
                split[0, k] = spectra[t, c, k].real
                split[1, k] = spectra[t, c, k].imag
            for i in range(out.shape[1]):
                out[t, i] += _product(split[0], split[1], rows, i)
        for i in range(out.shape[1]):
            y = np.sqrt(out[t, i] / np.float32(n_channels))
            out[t, i] = np.log1p(compression * y) if compression > 0 else y
