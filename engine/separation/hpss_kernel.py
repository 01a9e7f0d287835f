"""Separate frames by streaming kernel back-fitting.

Algorithm 1 of FitzGerald et al. 2014, see `engine.separation.kam`. Rows are sliced out of arrays one by one: only
what is known to be contiguous is vectorised.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from engine.core.arrays import C64, F32, F64, Scalar32
from engine.dsp.median import Network, median_bins, median_rows, reflect
from engine.dsp.sanitise import clean
from engine.separation.balance import Balance, follow_levels, mix_present, weigh
from engine.separation.kam import learn, mask, power, root, whitened, wiener

__all__ = ["HpssNumbers", "HpssScratch", "HpssState", "MedianNetworks", "apply_filter", "measure", "separate"]


class HpssNumbers(NamedTuple):
    """Numbers of the separation.

    forgetting: weight of the newest frame in the covariances
    weight: factor on the powers of the other target in the last filter
    limit: largest valid value
    quarters: exponent of the powers, in quarters
    iterations: of the algorithm
    """

    forgetting: Scalar32
    weight: Scalar32
    limit: Scalar32
    quarters: int
    iterations: int


class MedianNetworks(NamedTuple):
    """Selection networks of the medians over time and over frequency."""

    time: Network
    frequency: Network


class HpssState(NamedTuple):
    """State of the separation.

    powers: (model, span, bin or more), ring of the last frames; a model is one channel, or all with the spatial model
    spectra: (look-ahead + 1, channel, bin), ring of the last frames
    covariances: none, or packed: of the mixture, then harmonic and percussive of each iteration from the second on
    levels: (2, band), running levels of the harmonic and the percussive medians
    earlier: (lag + 1, band), ring of levels of the percussive medians; see `engine.separation.balance.follow_levels`
    """

    powers: F32
    spectra: C64
    covariances: F32
    levels: F64
    earlier: F64


class HpssScratch(NamedTuple):
    """Memory for intermediate results.

    work: (3, model, bin or more)
    padded: bins of a frame, and half the span of the median over frequency on both sides
    bands: (band)
    matrix: (2, channel, channel)
    vector: (channel)
    """

    work: F32
    padded: F32
    bands: F32
    matrix: C64
    vector: C64


@njit(nogil=True, cache=True)
def separate(
    frames: C64,
    seen: int,
    settings: HpssNumbers,
    networks: MedianNetworks,
    balance: Balance,
    state: HpssState,
    scratch: HpssScratch,
    out: C64,
) -> None:
    """Process `frames` (frame, channel, bin); write one row of `out` (frame, target, channel, bin) for each.

    seen: number of frames before these

    Only the output frame is refined; its neighbours keep the power of the mixture. Refined neighbours would
    shrink at every pass, and with less than the full look-ahead their median would pull the harmonic part to 0.
    """
    powers, spectra, covariances = state.powers, state.spectra, state.covariances
    n_iterations = settings.iterations
    span, n_delayed, n_bins = powers.shape[1], len(spectra), spectra.shape[2]
    work, padded, bands, matrix, vector = scratch
    harmonic, percussive, kept = work[0], work[1], work[2]
    for f in range(len(frames)):
        t = seen + f
        newest, target = spectra[t % n_delayed], spectra[(t + 1) % n_delayed]
        row = (t - n_delayed + 1) % span
        _keep(frames[f], settings.limit, newest)
        _observe(newest, covariances[:1], settings, matrix, vector, powers, t % span)
        for m in range(len(powers)):
            kept[m] = powers[m, row]
            median_rows(networks.time, powers[m], harmonic[m, :n_bins])
        _over_frequency(networks.frequency, powers, row, n_bins, padded, percussive)
        if balance.weighs:
            follow_levels(harmonic, percussive, balance, t, state.earlier, state.levels)
            weigh(state.levels, balance, bands, percussive)
        for m in range(len(powers)):
            mix_present(kept[m], balance.present, harmonic[m, :n_bins])
        for n in range(1, n_iterations):
            before, after = covariances[2 * n - 3 : 2 * n - 1], covariances[2 * n - 1 : 2 * n + 1]
            apply_filter(target, harmonic, percussive, before, np.float32(1), matrix, vector, out[f, :2])
            _observe(out[f, 0], after[:1], settings, matrix, vector, powers, row)
            for m in range(len(powers)):
                median_rows(networks.time, powers[m], harmonic[m, :n_bins])
                mix_present(powers[m, row], balance.present, harmonic[m, :n_bins])
            _observe(out[f, 1], after[1:], settings, matrix, vector, powers, row)
            _over_frequency(networks.frequency, powers, row, n_bins, padded, percussive)
            if balance.weighs:
                weigh(state.levels, balance, bands, percussive)
        for m in range(len(powers)):
            powers[m, row] = kept[m]
        last = covariances[2 * n_iterations - 3 : 2 * n_iterations - 1]
        apply_filter(target, harmonic, percussive, last, settings.weight, matrix, vector, out[f])


@njit(nogil=True, cache=True)
def _keep(frame: C64, limit: Scalar32, newest: C64) -> None:
    """Copy a frame, with invalid values replaced."""
    for c in range(len(frame)):
        for k in range(frame.shape[1]):
            value = frame[c, k]
            newest[c, k] = complex(clean(value.real, limit), clean(value.imag, limit))


@njit(nogil=True, cache=True)
def _observe(x: C64, packed: F32, settings: HpssNumbers, matrix: C64, vector: C64, powers: F32, row: int) -> None:
    """4a-c: update packed[0], if any, with x, then measure the powers of x into powers[:, row]."""
    if len(packed):
        learn(x, packed[0], settings.forgetting, powers[0, row, : x.shape[1]])
    for m in range(len(powers)):
        measure(x, m, packed, settings.quarters, matrix, vector, powers[m, row, : x.shape[1]])


@njit(nogil=True, cache=True)
def measure(x: C64, model: int, packed: F32, quarters: int, matrix: C64, vector: C64, z: F32) -> None:
    """4c: z(f), the power of x whitened by packed[0], else the power of channel `model`, to the power quarters / 4."""
    if len(packed):
        whitened(x, packed[0], matrix[0], vector, z)
    else:
        power(x[model], z)
    root(z, quarters)


@njit(nogil=True, cache=True)
def _over_frequency(network: Network, powers: F32, row: int, n_bins: int, padded: F32, percussive: F32) -> None:
    """Compute the medians over frequency of powers[:, row]."""
    for m in range(len(powers)):
        reflect(powers[m, row, :n_bins], padded)
        median_bins(network, padded, percussive[m, :n_bins])


@njit(nogil=True, cache=True)
def apply_filter(
    x: C64, harmonic: F32, percussive: F32, packed: F32, weight: Scalar32, matrix: C64, vector: C64, out: C64
) -> None:
    """Apply equation 7 into out (target, channel, bin); the last target is what the others leave of x.

    packed: covariances of harmonic and percussive; with any other number both are assumed equal, so that they cancel
    """
    sources = (harmonic, percussive), (percussive, harmonic)
    last = len(out) - 1
    for j in range(last):
        own, other = sources[j]
        if len(packed) == 2:
            wiener(x, own[0], packed[j], other[0], packed[1 - j], weight, matrix, vector, out[j])
        else:
            for c in range(len(x)):
                m = min(c, len(own) - 1)
                mask(x[c], own[m], other[m], weight, out[j, c])
    out[last] = x
    for j in range(last):
        for c in range(len(x)):
            for k in range(x.shape[1]):
                out[last, c, k] -= out[j, c, k]
