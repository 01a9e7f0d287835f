"""Frames of a phase vocoder that reads its source anywhere.

Laroche and Dolson, "Improved phase vocoder time-scale modification of audio", IEEE Trans. Speech and Audio Processing
7(3), 1999, with identity phase locking. A frame is analysed twice, at its place and one synthesis hop before, so that
the phase advances by what the source itself advances in a hop, at any rate: no frequency is estimated and no phase is
unwrapped, and at rate 0 the sound goes on where it stands.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from rocket_fft import r2c

from engine.core.arrays import C64, F32
from engine.dsp.stft import ALONG_TIME

__all__ = ["analyse_at", "lock_phases"]

SILENT = np.float32(1e-30)
RISEN = np.float32(4)  # times the power: 6 dB


@njit(nogil=True, cache=True)
def analyse_at(ring: F32, place: int, weights: F32, scratch: F32, spectrum: C64) -> None:
    """Write the spectrum (channel, bin) of the frame around sample `place` of ring (channel, sample).

    scratch: (channel, n_fft)
    """
    size, n_fft = ring.shape[1], len(weights)
    start = (place - n_fft // 2) % size
    for c in range(len(ring)):
        first = min(n_fft, size - start)
        for i in range(first):
            scratch[c, i] = ring[c, start + i] * weights[i]
        for i in range(first, n_fft):
            scratch[c, i] = ring[c, i - first] * weights[i]
    r2c(scratch, spectrum, ALONG_TIME, True, 1.0, 1)


@njit(nogil=True, cache=True)
def lock_phases(now: C64, before: C64, previous: C64, power: F32, anew: bool, out: C64) -> None:
    """Turn the frame `now` so that it continues the output frame `previous`; all (channel, bin).

    Every peak of the spectrum, larger than its two neighbours on each side, continues the phase it had; the bins around
    it, as far as the smallest between two peaks, and all channels are turned by the same angle (identity phase
    locking), which keeps the shape of partials and the place in the stereo image.

    before: the source one hop before `now`
    power: (bin), scratch
    anew: whether there is an attack in the middle of the frame; then the peaks that have risen keep the source's own
        phases, which together make the attack (Duxbury, Davies and Sandler, "Improved time-scaling of musical audio
        using phase locking at transients", AES 112, 2002)
    """
    n_channels, n = now.shape
    for k in range(n):
        power[k] = np.float32(0)
        for c in range(n_channels):
            power[k] += now[c, k].real * now[c, k].real + now[c, k].imag * now[c, k].imag
    start, peak = 0, _next_peak(power, 0)
    while start < n:
        following = _next_peak(power, peak + 1)
        stop = n
        if following < n:
            stop = peak + 1
            for k in range(peak + 1, following):
                if power[k] < power[stop]:
                    stop = k
        real, imag = np.float32(1), np.float32(0)
        if peak < n and not (anew and _risen(power[peak], before, peak)):
            real, imag = _turn(before, previous, peak)
        for c in range(n_channels):
            for k in range(start, stop):
                x = now[c, k]
                out[c, k] = complex(x.real * real - x.imag * imag, x.real * imag + x.imag * real)
        start, peak = stop, following


@njit(nogil=True, cache=True)
def _next_peak(power: F32, first: int) -> int:
    """Return the first peak from `first` on, or the number of bins."""
    n = len(power)
    for k in range(max(first, 2), n - 2):
        here = power[k]
        if here > power[k - 1] and here > power[k + 1] and here > power[k - 2] and here > power[k + 2]:
            return k
    return n


@njit(nogil=True, cache=True)
def _turn(before: C64, previous: C64, k: int) -> tuple[np.float32, np.float32]:
    """Return cosine and sine of the angle from the source to the output at bin k, one hop ago."""
    real, imag = np.float32(0), np.float32(0)
    for c in range(len(before)):
        x, y = before[c, k], previous[c, k]
        real += y.real * x.real + y.imag * x.imag
        imag += y.imag * x.real - y.real * x.imag
    length = np.sqrt(real * real + imag * imag)
    if length > SILENT:
        return real / length, imag / length
    return np.float32(1), np.float32(0)


@njit(nogil=True, cache=True)
def _risen(power: np.float32, before: C64, k: int) -> bool:
    """Return whether bin k has RISEN times the power that it had one hop before."""
    earlier = np.float32(0)
    for c in range(len(before)):
        earlier += before[c, k].real * before[c, k].real + before[c, k].imag * before[c, k].imag
    return bool(power > RISEN * earlier)
