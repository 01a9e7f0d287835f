"""Streaming short-time Fourier transform and its inverse by weighted overlap-add."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit
from rocket_fft import c2r, r2c

from engine.core.arrays import C64, F32, Scalar32
from engine.core.fixed_kernel import FixedKernel
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

    One transform computes one frame of all channels, whatever the block sizes.

    history: (channel, n_fft), the last samples, its last hop filled up to `fill`
    scratch: (channel, n_fft)

    Returns the new fill.
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

    weights: (n_fft), the synthesis window divided by n_fft
    spectrum: (stream, bin), scratch memory for one frame
    scratch: (stream, n_fft), scratch memory for one frame
    overlap: (stream, n_fft), what earlier frames contribute to the next samples, its last hop 0
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

    Frame t covers the n_fft samples from t * hop - (n_fft - hop) on (silence before sample 0) and is emitted with
    sample t * hop + hop - 1.

    window: a name of `engine.dsp.window.WINDOWS`
    weights: (n_fft) another window, for spectra that are not inverted

    Raises ConfigError if frames with this window and hop cannot be inverted.
    """

    def __init__(self, frames: FrameFormat, *, window: str = "hann", weights: F32 | None = None) -> None:
        synthesis_window(window, frames.n_fft, frames.hop)  # reject here what `Istft` would reject
        self.frames = frames
        self._weights = _window(window, frames.n_fft) if weights is None else weights
        shape = frames.audio.n_channels, frames.n_fft
        self._history, self._scratch = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        self._spectra = np.zeros((0, frames.audio.n_channels, frames.n_bins), np.complex64)
        self._limit, self._analyse = np.float32(LIMIT), FixedKernel(analyse)
        self._fill = 0

    @property
    def latency(self) -> int:
        """Return the samples by which frame t lags sample t * hop: n_fft - hop."""
        return self.frames.latency

    def process(self, block: npt.NDArray[np.float32]) -> npt.NDArray[np.complex64]:
        """Take (sample, channel), return the frames that it completes, borrowed until the next call."""
        block = as_block("Stft", block, np.float32, (self.frames.audio.n_channels,))
        n_frames = (self._fill + len(block)) // self.frames.hop
        self._spectra = grown(self._spectra, n_frames)
        self._fill = self._analyse.call(
            block,
            self._history,
            self._fill,
            self.frames.hop,
            self._limit,
            self._weights,
            self._scratch,
            self._spectra,
        )
        return self._spectra[:n_frames]

    def reset(self) -> None:
        """Clear the history."""
        self._history[:] = 0
        self._fill = 0


class Istft:
    """Spectra (frame, channel, bin) in, audio (sample, channel) float32 out, `hop` samples a frame.

    After an `Stft` of the same format and window the audio is delayed by n_fft - hop samples, which `Stft.latency`
    counts.

    n_targets: if given, (frame, target, channel, bin) in and stems (sample, target, channel) out
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
        """Return 0: `Stft.latency` counts the frames' delay."""
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
        """Clear the overlap of earlier frames."""
        self._overlap[:] = 0


def grown(store: npt.NDArray[Any], n: int) -> npt.NDArray[Any]:
    """Return `store`, or a larger array if it has fewer than n rows.

    So outputs grow to the largest block so far, and are not allocated again.
    """
    return store if len(store) >= n else np.zeros((n, *store.shape[1:]), store.dtype)


_window = window  # the constructors' parameter has the same name
