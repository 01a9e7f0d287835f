"""Filter a stream by short filters that are faded from one to the next, and design them from masks.

A mask over frequency is a filter of zero phase. Cut to `delay` samples before its middle and the rest of `n_taps` after
it, it delays by `delay` samples only, however long the window that the mask comes from (a filter-bank equaliser in the
time domain: Loellmann and Vary, "Uniform and warped low delay filter-banks for speech enhancement", Speech
Communication 49, 2007; here the middle need not be that of the taps).
"""

from __future__ import annotations

import numpy as np
from numba import njit
from rocket_fft import c2r

from engine.core.arrays import C64, F32

__all__ = ["design_filters", "filter_window", "fir"]

LAST = np.array([2])  # the axis of (target, channel, bin) that is transformed


def filter_window(n_taps: int, delay: int) -> F32:
    """Return the window (n_taps) that cuts a filter: the root of a sine before `delay`, of a longer one after it.

    It is nearly rectangular: on songs 0.1 to 0.4 dB better than the halves of a Hann window.
    """
    before = np.sin(0.5 * np.pi * (np.arange(delay) + 0.5) / max(1, delay)) ** 0.5
    after = np.cos(0.5 * np.pi * np.arange(n_taps - delay) / (n_taps - delay)) ** 0.5
    cut: F32 = np.concatenate([before, after]).astype(np.float32)
    return cut


@njit(nogil=True, cache=True)
def design_filters(masks: C64, delay: int, cut: F32, response: F32, filters: F32) -> None:
    """Write the filters (target, channel, tap) of masks (target, channel, bin), which are real values in complex64.

    cut: of `filter_window`, divided by the length of the transform
    response: (target, channel, sample) scratch memory, as long as the transform
    """
    c2r(masks, response, LAST, False, 1.0, 1)
    n, n_taps = response.shape[2], len(cut)
    for t in range(filters.shape[0]):
        for c in range(filters.shape[1]):
            for i in range(delay):
                filters[t, c, i] = response[t, c, n - delay + i] * cut[i]
            for i in range(delay, n_taps):
                filters[t, c, i] = response[t, c, i - delay] * cut[i]


@njit(nogil=True, cache=True)
def fir(past: F32, n: int, taps: F32, out: F32) -> None:
    """Write the last n samples of `past` (sample), filtered by `taps`, to `out`; four taps are added at a time.

    Each sample is the same sum in the same order, however many are filtered together.
    """
    n_taps, end = len(taps), len(past)
    out[:n] = 0
    k = 0
    while k + 4 <= n_taps:
        a, b, c, d = taps[k], taps[k + 1], taps[k + 2], taps[k + 3]
        at = end - n - k
        p, q, r, s = past[at : at + n], past[at - 1 : at - 1 + n], past[at - 2 : at - 2 + n], past[at - 3 : at - 3 + n]
        for i in range(n):
            out[i] += (a * p[i] + b * q[i]) + (c * r[i] + d * s[i])
        k += 4
    while k < n_taps:
        at = end - n - k
        for i in range(n):
            out[i] += taps[k] * past[at + i]
        k += 1
