"""Bring the masks of the past up to date by what the newest samples hold that the past did not.

A mask tells how a frame that has ended is divided. What has risen since, in a band, is something new: it is divided as
what rose before in that band was, which the masks of those frames told afterwards. Drums have most of what rises in the
treble, a voice little; how it is in a song is learnt from the song.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from rocket_fft import r2c

from engine.core.arrays import C64, F32, F64
from engine.core.format import FrameFormat
from engine.dsp.window import window

__all__ = ["OnsetMasks"]

EDGES_HZ = (0, 170, 340, 510, 680, 1030, 1370, 2060, 2750, 4130, 5510, 8260, 11000)  # lower ends of the bands
SHORT_S = 0.0058  # length of the newest samples that are compared with the past
RISE = 1.5  # power over that of the past which is nothing new
LEARN_S = 8.0  # time constant of what is known of rises
SILENT = 1e-9  # mean square, of full scale
ALONG_TIME = np.array([1])


@njit(nogil=True, cache=True)
def _hear(line: F32, weights: F32, edges: F64, scale: float, spectrum: C64, scratch: F32, powers: F64) -> None:
    """Write the power in each band (band) of the newest samples of `line` (channel, sample)."""
    n = len(weights)
    at = line.shape[1] - n
    for c in range(len(line)):
        for i in range(n):
            scratch[c, i] = line[c, at + i] * weights[i]
    r2c(scratch, spectrum, ALONG_TIME, True, 1.0, 1)
    for b in range(len(powers)):
        total = 0.0
        for c in range(len(line)):
            for k in range(int(edges[b]), int(edges[b + 1])):
                value = spectrum[c, k]
                total += value.real * value.real + value.imag * value.imag
        powers[b] = total * scale


@njit(nogil=True, cache=True)
def _learn(frame: C64, gains: F32, edges: F64, step: float, last: F64, rises: F64, shares: F32) -> None:
    """Update what each target (target, band) has had of rises in power, by a frame (channel, bin) and its gains."""
    n_targets = len(last)
    for b in range(last.shape[1]):
        total = 0.0
        for t in range(n_targets):
            power = 0.0
            for c in range(len(frame)):
                for k in range(int(edges[b]), int(edges[b + 1])):
                    value = frame[c, k]
                    power += max(gains[t, c, k], 0.0) * (value.real * value.real + value.imag * value.imag)
            rises[t, b] += step * (max(power - last[t, b], 0.0) - rises[t, b])
            last[t, b] = power
            total += rises[t, b]
        for t in range(n_targets):
            shares[t, b] = rises[t, b] / total if total > 0 else 1 / n_targets


@njit(nogil=True, cache=True)
def _renew(gains: F32, shares: F32, old: F64, place: F32, out: C64) -> None:
    """Write masks (target, channel, bin): gains where nothing is new, shares where all is.

    old: (band) the part of the present power that was there before; place: (bin) among the middles of the bands
    """
    last = len(old) - 1
    for t in range(len(out)):
        for k in range(len(place)):
            i = min(int(place[k]), last)
            j = min(i + 1, last)
            q = place[k] - np.float32(i)
            kept = np.float32(old[i] + q * (old[j] - old[i]))
            fresh = (np.float32(1) - kept) * (shares[t, i] + q * (shares[t, j] - shares[t, i]))
            for c in range(out.shape[1]):
                out[t, c, k] = kept * gains[t, c, k] + fresh


class OnsetMasks:
    """Keep what the newest samples and the masks tell, and renew masks by it.

    sample_rate: of the samples, Hz
    frames: of the masks; they may be of another rate
    step: samples from one call of `hear` to the next
    late: samples by which frames are later than the samples, beyond their own end
    """

    def __init__(self, sample_rate: int, frames: FrameFormat, *, step: int, late: int, n_targets: int) -> None:
        n_channels, own = frames.audio.n_channels, frames.audio.sample_rate
        n = 1 << round(np.log2(SHORT_S * sample_rate))
        self.n_short = n
        self._weights = window("hann", n)
        self._scale = 1 / (float(np.sum(self._weights.astype(np.float64) ** 2)) * n)
        middles = _edges(sample_rate, n)
        n_bands = len(middles) - 1
        self._edges = middles
        self._own_edges = np.append(np.round(middles[:-1] * sample_rate / n * frames.n_fft / own), frames.n_bins)
        self._own_edges = np.minimum(self._own_edges, frames.n_bins)
        centres = (middles[1:] + middles[:-1] - 1) / 2 * sample_rate / n
        bins = np.arange(frames.n_bins) * sample_rate / frames.n_fft
        self.place = np.interp(bins, centres, np.arange(n_bands)).astype(np.float32)
        self._spectrum = np.zeros((n_channels, n // 2 + 1), np.complex64)
        self._scratch = np.zeros((n_channels, n), np.float32)
        length = max(1, round(frames.n_fft / own * sample_rate / step))
        self._late = round(late / step)
        self._heard = np.zeros((length + self._late, n_bands))  # newest last
        shape = np.sin(np.pi * (np.arange(length) + 0.5) / length) ** 2
        self._mean = (shape / shape.sum())[:, None]
        self._step = 1 - np.exp(-frames.hop / own / LEARN_S)
        self._last, self._rises = np.zeros((n_targets, n_bands)), np.zeros((n_targets, n_bands))
        self._shares = np.zeros((n_targets, n_bands), np.float32)
        self._before = np.zeros(n_bands)
        self.reset()

    def hear(self, line: F32) -> None:
        """Take the newest samples: the last `n_short` of line (channel, sample)."""
        self._heard[:-1] = self._heard[1:]
        parts = self._spectrum, self._scratch, self._heard[-1]
        _hear(line, self._weights, self._edges, self._scale, *parts)

    def compare(self) -> None:
        """Compare what comes with a frame that has just ended, from which the masks are now."""
        self._before = (self._heard[: len(self._mean)] * self._mean).sum(axis=0)

    def learn(self, frame: C64, gains: F32) -> None:
        """Take a frame (channel, bin), each a hop after the one before, and its gains (target, channel, bin)."""
        self._seen += 1
        step = max(self._step, 1 / self._seen)
        _learn(frame, gains, self._own_edges, step, self._last, self._rises, self._shares)

    def renew(self, gains: F32, out: C64) -> None:
        """Write up-to-date masks of `gains` (target, channel, bin) to out, of the first of the targets."""
        old = np.minimum(1.0, RISE * (self._before + SILENT) / (self._heard[-1] + SILENT))
        _renew(gains, self._shares, old, self.place, out)

    def reset(self) -> None:
        """Reset to the initial state."""
        self._seen = 0
        for each in (self._heard, self._last, self._rises, self._before):
            each[:] = 0
        self._shares[:] = 1 / len(self._shares)


def _edges(sample_rate: int, n: int) -> F64:
    """Return the first bin of each band of a transform of n samples, and the number of bins; narrow bands left out."""
    starts = np.round(np.array(EDGES_HZ) * n / sample_rate)
    n_bins = n // 2 + 1
    kept = (np.append(starts[1:], n_bins) > starts) & (starts < n_bins)
    return np.append(starts[kept], n_bins)
