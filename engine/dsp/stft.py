"""Audio to spectra and back: short-time Fourier transform and weighted overlap-add, hop by hop."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit
from rocket_fft import c2r, r2c

from engine.core.arrays import C64, F32, Scalar32
from engine.core.format import FrameFormat
from engine.dsp.sanitise import LIMIT, as_block, clean
from engine.dsp.window import synthesis_window, window

__all__ = ["Istft", "Stft"]

ALONG_TIME = np.array([1])  # the axis of a (channel, sample) array that is transformed


@njit(nogil=True, cache=True)
def analyse(
    block: F32, history: F32, fill: int, hop: int, limit: Scalar32, weights: F32, scratch: F32, spectra: C64
) -> int:
    """Take `block` (sample, channel) in; write a row of `spectra` (frame, channel, bin) for every full hop.

    history: (channel, n_fft), the last samples, its last hop full up to `fill`; returns the new fill.
    scratch: (channel, n_fft). One transform takes one frame with all its channels, however the blocks are cut.
    """
    n_channels, n_fft = history.shape
    start = frame = 0
    while start < len(block):
        n = min(hop - fill, len(block) - start)
        at = n_fft - hop + fill
        for c in range(n_channels):
            for i in range(n):
                history[c, at + i] = clean(block[start + i, c], limit)
        start += n
        fill += n
        if fill == hop:
            for c in range(n_channels):
                for i in range(n_fft):
                    scratch[c, i] = history[c, i] * weights[i]
                for done in range(0, n_fft - hop, hop):  # hop by hop, for parts that do not overlap
                    n = min(hop, n_fft - hop - done)
                    history[c, done : done + n] = history[c, done + hop : done + hop + n]
            r2c(scratch, spectra[frame], ALONG_TIME, True, 1.0, 1)
            frame += 1
            fill = 0
    return fill


@njit(nogil=True, cache=True)
def synthesise(
    spectra: C64, limit: Scalar32, weights: F32, spectrum: C64, scratch: F32, overlap: F32, hop: int, audio: F32
) -> None:
    """Turn each row of `spectra` (frame, stream, bin) into the next `hop` samples of `audio` (sample, stream).

    weights: (n_fft), the synthesis window over n_fft; spectrum, scratch: one frame of (stream, bin) and
    (stream, n_fft); overlap: (stream, n_fft), what earlier frames give to the samples to come, its last hop 0.
    """
    n_streams, n_fft = overlap.shape
    for frame in range(len(spectra)):
        for s in range(n_streams):
            for k in range(spectra.shape[2]):
                value = spectra[frame, s, k]
                spectrum[s, k] = complex(clean(value.real, limit), clean(value.imag, limit))
        c2r(spectrum, scratch, ALONG_TIME, False, 1.0, 1)
        for s in range(n_streams):
            for i in range(hop):
                audio[frame * hop + i, s] = overlap[s, i] + scratch[s, i] * weights[i]
            for done in range(0, n_fft - hop, hop):  # hop by hop, for parts that do not overlap
                n = min(hop, n_fft - hop - done)
                old, later = overlap[s, done : done + n], overlap[s, done + hop : done + hop + n]
                new, shape = scratch[s, done + hop : done + hop + n], weights[done + hop : done + hop + n]
                for i in range(n):
                    old[i] = later[i] + new[i] * shape[i]


class Stft:
    """Audio (sample, channel) in, spectra (frame, channel, bin) complex64 out: `numpy.fft.rfft` of windowed frames.

    Frame t covers the n_fft samples from t * hop - (n_fft - hop) on (silence before sample 0) and comes out with
    sample t * hop + hop - 1. window: a name of `engine.dsp.window.WINDOWS`; ConfigError if its frames, at this
    hop, could not be added up again.
    """

    def __init__(self, frames: FrameFormat, *, window: str = "hann") -> None:
        synthesis_window(window, frames.n_fft, frames.hop)  # refuse here what `Istft` would refuse
        self.frames = frames
        self._weights = _window(window, frames.n_fft)
        shape = frames.audio.n_channels, frames.n_fft
        self._history, self._scratch = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        self._spectra = np.zeros((0, frames.audio.n_channels, frames.n_bins), np.complex64)
        self._fill = 0

    @property
    def latency(self) -> int:
        """Samples by which frame t lags sample t * hop: n_fft - hop."""
        return self.frames.latency

    def process(self, block: npt.NDArray[np.float32]) -> npt.NDArray[np.complex64]:
        """Take (sample, channel), return the frames that it completes; borrowed until the next call."""
        block = as_block("Stft", block, np.float32, (self.frames.audio.n_channels,))
        n_frames = (self._fill + len(block)) // self.frames.hop
        self._spectra = grown(self._spectra, n_frames)
        self._fill = analyse(
            block,
            self._history,
            self._fill,
            self.frames.hop,
            np.float32(LIMIT),
            self._weights,
            self._scratch,
            self._spectra,
        )
        return self._spectra[:n_frames]

    def reset(self) -> None:
        """Forget the history."""
        self._history[:] = 0
        self._fill = 0


class Istft:
    """Spectra (frame, channel, bin) in, audio (sample, channel) float32 out, `hop` samples a frame.

    With n_targets, (frame, target, channel, bin) in and stems (sample, target, channel) out. After an `Stft` of
    the same format and window the audio comes back n_fft - hop samples late, which `Stft.latency` counts.
    """

    def __init__(self, frames: FrameFormat, *, window: str = "hann", n_targets: int | None = None) -> None:
        self.frames = frames
        channels = (frames.audio.n_channels,)
        self._streams = channels if n_targets is None else (n_targets, *channels)
        n_streams = int(np.prod(self._streams))
        self._weights = synthesis_window(window, frames.n_fft, frames.hop) / np.float32(frames.n_fft)
        self._spectrum = np.zeros((n_streams, frames.n_bins), np.complex64)
        self._scratch = np.zeros((n_streams, frames.n_fft), np.float32)
        self._overlap = np.zeros((n_streams, frames.n_fft), np.float32)
        self._audio = np.zeros((0, n_streams), np.float32)

    @property
    def latency(self) -> int:
        """0: the frames' own lag is counted where they are made."""
        return 0

    def process(self, spectra: npt.NDArray[np.complex64]) -> npt.NDArray[np.float32]:
        """Take (frame, *streams, bin), return (sample, *streams), borrowed until the next call."""
        n_frames, hop = len(spectra), self.frames.hop
        spectra = as_block("Istft", spectra, np.complex64, (*self._streams, self.frames.n_bins))
        self._audio = grown(self._audio, n_frames * hop)
        synthesise(
            spectra.reshape(n_frames, *self._spectrum.shape),
            np.float32(LIMIT * self.frames.n_fft),
            self._weights,
            self._spectrum,
            self._scratch,
            self._overlap,
            hop,
            self._audio,
        )
        return self._audio[: n_frames * hop].reshape(n_frames * hop, *self._streams)

    def reset(self) -> None:
        """Forget the overlap of earlier frames."""
        self._overlap[:] = 0


def grown(store: npt.NDArray[Any], n: int) -> npt.NDArray[Any]:
    """`store`, or a larger one if it has fewer than n rows: outputs grow to the largest block seen, then never."""
    return store if len(store) >= n else np.zeros((n, *store.shape[1:]), store.dtype)


_window = window  # the constructors' parameter bears the same name
