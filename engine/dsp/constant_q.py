"""The streaming constant-Q transform: audio to magnitudes of logarithmically spaced bins, one frame a hop.

Each bin is the inner product of the signal with a windowed complex exponential, as in librosa.cqt and librosa.vqt
(`window="hann"`, `norm=1`, `scale=False`). The products are computed in the frequency domain, where kernels are short
(Brown & Puckette, "An efficient algorithm for the calculation of a constant Q transform", 1992), on a signal
decimated as far as the highest bin allows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from engine.core.arrays import C64, F32, Scalar32
from engine.core.config import Settings, ranged
from engine.core.errors import ConfigError
from engine.core.format import MAX_HOP, AudioFormat, FrameFormat
from engine.dsp.resample import PASS_BAND, ResampleConfig, Resampler
from engine.dsp.sanitise import as_block
from engine.dsp.stft import Stft, grown

__all__ = ["C2_HZ", "HOP_S", "Cqt", "CqtConfig", "Kernels", "Plan", "frequencies", "kernels", "lengths_s", "make_plan"]

Audio = npt.NDArray[np.float32]
Features = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]

C2_HZ = 440.0 * 2 ** ((36 - 69) / 12)  # 65.4
HOP_S = 1024 / 44100  # 23 ms
LOBE = 2.0  # half the width of a Hann kernel's main lobe, in reciprocals of its length
TAIL = 1e-6  # share of each kernel's energy that may be left out: -60 dB of white noise
MAX_DECIMATION = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class CqtConfig(Settings):
    """What a constant-Q transform computes."""

    low_hz: float = ranged(C2_HZ, 8, 8000, "frequency of the first bin", unit="Hz")
    bins_per_octave: int = ranged(24, 6, 96, "bins per octave")
    n_octaves: int = ranged(6, 1, 10, "number of octaves")
    hop_s: float = ranged(HOP_S, 0.001, 1.0, "time between frames, rounded to samples", unit="s")
    gamma: float = ranged(
        0.0,
        0.0,
        1000.0,
        "bandwidth added to every bin's (as in librosa.vqt); shortens low kernels",
        unit="Hz",
    )
    look_ahead_s: float | None = ranged(
        None,
        0.001,
        10.0,
        "how far kernels may extend past a frame's centre; longer ones are shifted back; None centres all",
        unit="s",
    )
    compression: float = ranged(0.0, 0.0, 1e6, "c in log(1 + c x); 0 leaves magnitudes as they are")

    @property
    def n_bins(self) -> int:
        """Return the number of bins of all octaves."""
        return self.bins_per_octave * self.n_octaves


class Plan(NamedTuple):
    """How the transform runs at one sample rate.

    decimation: input samples for one decimated sample
    sample_rate: after decimation, Hz
    hop: input samples between frames
    n_fft: decimated samples of a frame
    ahead: decimated samples of a frame after its centre
    latency: input samples from a frame's centre to its emission
    resampling: of the decimation, None without
    """

    decimation: int
    sample_rate: int
    hop: int
    n_fft: int
    ahead: int
    latency: int
    resampling: ResampleConfig | None


class Kernels(NamedTuple):
    """Rows of a sparse matrix: row i has real and imag [start[i]:start[i+1]] at the bins from first[i] on.

    start: (row + 1) offsets into real and imag
    first: (row) first bin
    real, imag: values of all rows
    n_used: number of leading bins that cover all rows
    """

    start: npt.NDArray[np.int64]
    first: npt.NDArray[np.int64]
    real: npt.NDArray[np.float32]
    imag: npt.NDArray[np.float32]
    n_used: int


def frequencies(config: CqtConfig) -> Floats:
    """Return the frequency of each bin, Hz."""
    return np.asarray(config.low_hz * 2.0 ** (np.arange(config.n_bins) / config.bins_per_octave))


def lengths_s(config: CqtConfig) -> Floats:
    """Return the length of each bin's window, seconds: Q / (f + gamma / alpha), as librosa.filters.wavelet_lengths.

    Q = 1 / alpha, and alpha is half the relative distance between a bin's neighbours.
    """
    ratio = 2.0 ** (2 / config.bins_per_octave)
    alpha = (ratio - 1) / (ratio + 1)
    return np.asarray(1 / (alpha * frequencies(config) + config.gamma))


def top_hz(config: CqtConfig) -> Floats:
    """Return the upper end of each kernel's main lobe, Hz."""
    return frequencies(config) + LOBE / lengths_s(config)


def make_plan(config: CqtConfig, audio: AudioFormat) -> Plan:
    """Choose the largest decimation whose pass band contains every kernel, and derive the plan from it.

    The hop is `hop_s` rounded to a multiple of the decimation. Raises ConfigError if the lowest kernel is longer than
    the longest frame.
    """
    rate = audio.sample_rate
    decimation, wanted = 1, 2 * float(top_hz(config).max()) / PASS_BAND
    while decimation < MAX_DECIMATION and rate % (2 * decimation) == 0 and rate / (2 * decimation) >= wanted:
        decimation *= 2
    low = rate // decimation
    hop = max(1, round(config.hop_s * low))
    longest = float(lengths_s(config).max()) * low
    ahead = math.ceil(longest / 2) if config.look_ahead_s is None else round(config.look_ahead_s * low)
    ahead = min(max(ahead, 1), math.ceil(longest / 2))
    n_fft = max(16, 1 << math.ceil(math.log2(max(longest + 2, hop))))
    if n_fft > MAX_HOP:
        expected, got = f"kernels of at most {MAX_HOP / low:.1f} s", f"{longest / low:.1f} s"
        raise ConfigError("low_hz", expected=expected, got=got, remedy="raise low_hz or gamma")
    resampling, late = None, 0
    if decimation > 1:
        resampling = ResampleConfig(source_rate=rate, target_rate=low, n_channels=audio.n_channels)
        late = resampling.latency
    return Plan(decimation, low, hop * decimation, n_fft, ahead, (late + ahead) * decimation, resampling)


def kernels(config: CqtConfig, plan: Plan) -> Kernels:
    """Compute every bin's kernel in frequency, cut to the narrowest range with all but TAIL of its energy.

    By Parseval sum_n x[n] conj(w[n]) = (1/N) sum_k X[k] conj(W[k]), and for a real signal and a kernel of positive
    frequencies the half spectrum is enough.
    """
    columns = zip(frequencies(config), lengths_s(config), top_hz(config), strict=True)
    rows = [_kernel(hz, length_s, plan) if top <= plan.sample_rate / 2 else _NONE for hz, length_s, top in columns]
    start = np.concatenate([[0], np.cumsum([len(row) for _, row in rows])]).astype(np.int64)
    values = np.concatenate([row for _, row in rows]).astype(np.complex64)
    first = np.array([at for at, _ in rows], np.int64)
    n_used = int((first + np.diff(start)).max(initial=0))
    return Kernels(start, first, values.real.copy(), values.imag.copy(), n_used)


_NONE = (0, np.zeros(0, np.complex128))


def _kernel(hz: float, length_s: float, plan: Plan) -> tuple[int, npt.NDArray[np.complex128]]:
    """Return the first bin and the values of one kernel.

    Its window has unit sum and exactly the length required, also where that is no whole number of samples.
    """
    length = length_s * plan.sample_rate
    back = max(0, math.ceil(length / 2) - plan.ahead)  # samples by which it is moved back
    n = np.arange(plan.n_fft) - (plan.n_fft - plan.ahead - back)
    window = np.where(np.abs(n) < length / 2, 0.5 + 0.5 * np.cos(2 * np.pi * n / length), 0.0)
    kernel = window / window.sum() * np.exp(2j * np.pi * hz / plan.sample_rate * n)
    spectrum = np.asarray(np.conj(np.fft.fft(kernel)[: plan.n_fft // 2 + 1]) / plan.n_fft, np.complex128)
    energy = np.cumsum(np.abs(spectrum) ** 2)
    first, last = np.searchsorted(energy, [energy[-1] * TAIL / 2, energy[-1] * (1 - TAIL / 2)])
    return int(first), spectrum[first : last + 1]


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
