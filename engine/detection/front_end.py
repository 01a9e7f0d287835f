"""Log-mel frames as other people's networks take them: their own rate, frames, scale of pitch and logarithm."""

from __future__ import annotations

from dataclasses import MISSING, dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from engine.core.arrays import C64, F32, Scalar32
from engine.core.config import Settings, check, choice, ranged, require
from engine.core.format import AudioFormat
from engine.dsp.filterbank import SparseMap, sparse
from engine.dsp.logmel import hz_to_mel, mel_to_hz
from engine.dsp.resample import ResampleConfig, Resampler
from engine.dsp.sanitise import LIMIT, as_block
from engine.dsp.stft import analyse, grown

__all__ = ["MelFrames", "WindowFrontEnd", "front_end_weights"]

Floats = npt.NDArray[np.float64]
Audio = npt.NDArray[np.float32]
DECIBEL = 10 / np.log(10)


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowFrontEnd(Settings):
    """What a network of windows of sound takes; n_mels 0 is the samples themselves."""

    sample_rate: int = ranged(MISSING, 4000, 192_000, "sample rate of its input", unit="Hz")
    frame: int = ranged(MISSING, 2, 1 << 16, "length of a frame, a periodic Hann window", unit="samples")
    hop: int = ranged(MISSING, 1, 1 << 16, "hop between frames", unit="samples")
    n_fft: int = ranged(MISSING, 16, 1 << 16, "length of the transform, zeros after the frame", unit="samples")
    n_mels: int = ranged(64, 0, 512, "bands; 0 for a network that takes the samples of the window")
    low_hz: float = ranged(0.0, 0, 20_000, "lower edge of the first band", unit="Hz")
    high_hz: float = ranged(0.0, 0, 96_000, "upper edge of the last band; 0 for half the sample rate", unit="Hz")
    scale: str = choice("htk", ("htk", "slaney"), "scale of pitch")
    norm: str = choice("peak", ("peak", "area"), "triangles of peak 1, over mels, or of unit area, over hertz")
    power: int = ranged(1, 1, 2, "1 for bands of magnitudes, 2 of powers")
    offset: float = ranged(0.0, 0, 1, "added before the logarithm")
    least: float = ranged(1e-10, 1e-30, 1, "smaller values are taken for this before the logarithm")
    log: str = choice("natural", ("natural", "decibel"), "logarithm: natural, or ten times the decimal one")
    frames: int = ranged(MISSING, 1, 100_000, "frames of a window")
    step: int = ranged(MISSING, 1, 100_000, "frames between two windows")

    def __post_init__(self) -> None:
        check(self)
        require("frame", self.frame, 2, self.n_fft)
        require("hop", self.hop, 1, self.frame)
        require("step", self.step, 1, self.frames)

    @property
    def window(self) -> int:
        """Return the samples of a window."""
        return self.frame + (self.frames - 1) * self.hop

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape of a window as the network takes it, without axes of length 1."""
        return (self.frames, self.n_mels) if self.n_mels else (self.window,)


def hz_to_htk(hz: float) -> float:
    """Return the mel of a frequency by O'Shaughnessy's formula, as HTK and TensorFlow have it."""
    return float(1127 * np.log1p(hz / 700))


def front_end_weights(front: WindowFrontEnd) -> npt.NDArray[np.float32]:
    """Return the triangles (mel, bin); the constant bin has no weight, as a band of it would be below all others."""
    hz = np.arange(front.n_fft // 2 + 1) * front.sample_rate / front.n_fft
    to_mel = hz_to_htk if front.scale == "htk" else hz_to_mel
    mel = np.array([to_mel(each) for each in hz])
    highest = front.high_hz or front.sample_rate / 2
    edges_mel = np.linspace(to_mel(front.low_hz), to_mel(highest), front.n_mels + 2)
    edges_hz = 700 * np.expm1(edges_mel / 1127) if front.scale == "htk" else mel_to_hz(edges_mel)
    at, edges = (mel, edges_mel) if front.norm == "peak" else (hz, edges_hz)
    low, top, high = (edges[k : k + front.n_mels, None] for k in range(3))
    weights = np.maximum(np.minimum((at - low) / (top - low), (high - at) / (high - top)), 0)
    if front.norm == "area":
        weights *= 2 / (high - low)
    weights[:, 0] = 0
    return np.asarray(weights, np.float32)


class MelFrames:
    """Take audio (sample, channel), return frames (frame, mel) of the mean of the channels at the network's rate.

    Frame t ends with sample (t + 1) * hop at that rate, with silence before the first. Where the network takes samples,
    a frame is the `hop` newest of them.
    """

    def __init__(self, front: WindowFrontEnd, audio: AudioFormat) -> None:
        self.front, self.audio = front, audio
        self.resampling = ResampleConfig(
            source_rate=audio.sample_rate, target_rate=front.sample_rate, n_channels=audio.n_channels
        )
        same = audio.sample_rate == front.sample_rate
        self._resampler = None if same else Resampler(self.resampling)
        self._weights = np.zeros(front.n_fft, np.float32)
        self._weights[front.n_fft - front.frame :] = 0.5 - 0.5 * np.cos(
            2 * np.pi * np.arange(front.frame) / front.frame
        )
        self._map = sparse(front_end_weights(front)) if front.n_mels else None
        self._history, self._scratch = (np.zeros((1, front.n_fft), np.float32) for _ in range(2))
        self._spectra = np.zeros((0, 1, front.n_fft // 2 + 1), np.complex64)
        self._samples = np.zeros(0, np.float32)
        self._fill = 0

    @property
    def delay(self) -> int:
        """Return the samples at the network's rate by which its input is late."""
        return 0 if self._resampler is None else self._resampler.latency

    def process(self, block: Audio) -> npt.NDArray[np.float32]:
        """Return the frames that the block completes."""
        block = as_block("MelFrames", block, np.float32, (self.audio.n_channels,))
        resampled = block if self._resampler is None else self._resampler.process(block)
        mono = np.clip(np.nan_to_num(resampled, nan=0.0, posinf=0.0, neginf=0.0), -LIMIT, LIMIT).mean(1, keepdims=True)
        return self._cut(mono[:, 0]) if self._map is None else self._transformed(mono, self._map)

    def silence(self) -> npt.NDArray[np.float32]:
        """Return the frame of silence (mel)."""
        if self._map is None:
            return np.zeros(self.front.hop, np.float32)
        out = np.zeros((1, self.front.n_mels), np.float32)
        self._log(np.zeros((1, 1, self.front.n_fft // 2 + 1), np.complex64), self._map, out)
        return out[0]

    def reset(self) -> None:
        """Reset to the initial state."""
        if self._resampler is not None:
            self._resampler.reset()
        self._history[:] = 0
        self._samples = self._samples[:0]
        self._fill = 0

    def _cut(self, mono: Audio) -> npt.NDArray[np.float32]:
        whole = np.concatenate([self._samples, mono])
        n = len(whole) // self.front.hop
        self._samples = whole[n * self.front.hop :]
        return whole[: n * self.front.hop].reshape(n, self.front.hop)

    def _transformed(self, mono: Audio, rows: SparseMap) -> npt.NDArray[np.float32]:
        n = (self._fill + len(mono)) // self.front.hop
        self._spectra = grown(self._spectra, n)
        self._fill = analyse(
            np.ascontiguousarray(mono, np.float32),
            self._history,
            self._fill,
            self.front.hop,
            np.float32(LIMIT),
            self._weights,
            self._scratch,
            self._spectra,
        )
        out = np.zeros((n, self.front.n_mels), np.float32)
        self._log(self._spectra[:n], rows, out)
        return out

    def _log(self, spectra: npt.NDArray[np.complex64], rows: SparseMap, out: npt.NDArray[np.float32]) -> None:
        scale = DECIBEL if self.front.log == "decibel" else 1.0
        front = self.front
        _bands(spectra, rows, front.power, np.float32(front.offset), np.float32(front.least), np.float32(scale), out)


@njit(nogil=True, cache=True)
def _bands(
    spectra: C64, rows: SparseMap, power: int, offset: Scalar32, least: Scalar32, scale: Scalar32, out: F32
) -> None:
    """Write out[t, m] = scale * ln(max(offset + sum_k w[m, k] |X[t, k]|^power, least))."""
    for t in range(spectra.shape[0]):
        for m in range(out.shape[1]):
            total = np.float32(0)
            for i in range(rows.start[m], rows.start[m + 1]):
                value = spectra[t, 0, rows.bins[i]]
                energy = value.real * value.real + value.imag * value.imag
                total += rows.weights[i] * (energy if power == 2 else np.sqrt(energy))
            out[t, m] = scale * np.log(max(total + offset, least))
