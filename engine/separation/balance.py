"""Weigh the percussive estimate against the harmonic one: by the usual spectrum of drums, and by what came before.

Medians estimate the power of both sources in every bin, but not how sure each is: a voice in its own range passes for
neither, and a band where no drum has sounded for seconds is unlikely to hold one now. In the Wiener filter (equation 7
of FitzGerald et al. 2014) both are priors on the sources' powers. The percussive estimate is multiplied, per band, by

    10^(DRUMS_DB / 10)^(spectrum * exponent) * (running level of percussive / running level of harmonic)^balance

in which the running levels are recursive means of the two medians. The ratio has no unit, so that the level of the
input does not matter, and it depends on the past only.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from engine.core.arrays import F32, F64
from engine.core.format import FrameFormat
from engine.separation.config import HpssConfig

__all__ = ["Balance", "balance_of", "follow_levels", "mix_present", "weigh"]

EDGES_HZ = (0, 86, 172, 323, 592, 1077, 2046, 4306)  # lower ends of the bands
DRUMS_DB = (2.5, 1.5, 0.0, -6.0, -4.0, -4.0, -2.0, 2.0)  # of each band: drums over the rest, beyond the medians
PRESENT_DB = 5.0  # by what the present power typically exceeds the harmonic median: the percussive one is raised so
FURTHEST = 1e3  # the weight lies between its inverse and this
SILENCE = 1e-30  # added to both levels


class Balance(NamedTuple):
    """What the kernels need to weigh the estimates of a frame format.

    edges: first bin of each band, and the number of bins
    place: (bin) of each bin among the middles of the bands, 0 to n_bands - 1
    typical: (band) weight by the usual spectrum of drums
    power: exponent of the ratio of the running levels
    step: weight of the newest frame in the running levels
    present: share of the present power in the harmonic estimate, in quarters
    weighs: whether the percussive estimate is weighed at all
    """

    edges: npt.NDArray[np.int64]
    place: npt.NDArray[np.float32]
    typical: npt.NDArray[np.float64]
    power: float
    step: float
    present: int
    weighs: bool


def balance_of(frames: FrameFormat, config: HpssConfig) -> Balance:
    """Return the balance for frames of this format; low bands narrower than a bin are left out."""
    width_hz = frames.audio.sample_rate / frames.n_fft
    starts = np.round(np.array(EDGES_HZ) / width_hz).astype(np.int64)
    kept = (np.append(starts[1:], frames.n_bins) > starts) & (starts < frames.n_bins)
    edges = np.append(starts[kept], frames.n_bins)
    middles = (edges[1:] + edges[:-1] - 1) / 2
    place = np.interp(np.arange(frames.n_bins), middles, np.arange(len(middles)))
    decibels = np.array(DRUMS_DB)[kept] * config.spectrum + PRESENT_DB * config.quarters_present / 4
    return Balance(
        edges=edges,
        place=place.astype(np.float32),
        typical=10 ** (decibels * config.exponent / 10),
        power=float(config.balance),
        step=float(1 - np.exp(-frames.hop / frames.audio.sample_rate / config.balance_s)),
        present=config.quarters_present,
        weighs=config.balance > 0 or config.spectrum > 0,
    )


@njit(nogil=True, cache=True)
def follow_levels(harmonic: F32, percussive: F32, balance: Balance, t: int, earlier: F64, levels: F64) -> None:
    """Update the running levels (2, band) with the medians of frame t, each (model, bin or more).

    earlier: (lag + 1, band), ring of levels of the percussive medians: the harmonic ones are centred `lag` frames
    before them, and levels are compared of the same frame
    """
    for b in range(levels.shape[1]):
        h = p = np.float32(0)
        for m in range(len(harmonic)):
            for k in range(balance.edges[b], balance.edges[b + 1]):
                h += harmonic[m, k]
                p += percussive[m, k]
        earlier[t % len(earlier), b] = p
        levels[0, b] += balance.step * (h - levels[0, b])
        levels[1, b] += balance.step * (earlier[(t + 1) % len(earlier), b] - levels[1, b])


@njit(nogil=True, cache=True)
def weigh(levels: F64, balance: Balance, bands: F32, percussive: F32) -> None:
    """Multiply the percussive estimate of one frame (model, bin or more) by its weight, in place.

    bands: (band) scratch; between the middles of two bands the weight is interpolated
    """
    last = len(bands) - 1
    for b in range(len(bands)):
        ratio = (levels[1, b] + SILENCE) / (levels[0, b] + SILENCE)
        bands[b] = min(max(balance.typical[b] * ratio**balance.power, 1 / FURTHEST), FURTHEST)
    for k in range(len(balance.place)):
        i = int(balance.place[k])
        share = balance.place[k] - np.float32(i)
        weight = bands[i] + share * (bands[min(i + 1, last)] - bands[i])
        for m in range(len(percussive)):
            percussive[m, k] *= weight


@njit(nogil=True, cache=True)
def mix_present(present: F32, quarters: int, harmonic: F32) -> None:
    """Replace the harmonic estimate (bin) by harmonic^(1 - s) present^s for s = quarters / 4, by square roots."""
    if quarters == 0:
        return
    for k in range(len(harmonic)):
        x, h = present[k], harmonic[k]
        middle = np.sqrt(x) * np.sqrt(h)
        if quarters == 1:
            harmonic[k] = np.sqrt(h) * np.sqrt(middle)
        elif quarters == 2:
            harmonic[k] = middle
        else:
            harmonic[k] = np.sqrt(x) * np.sqrt(middle)
