"""Frames of streaming kernel back-fitting (Algorithm 1 of FitzGerald et al. 2014, see `engine.dsp.kam`)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from engine.dsp.kam import learn, mask, power, whitened, wiener
from engine.dsp.median import median_bins, median_rows, reflect
from engine.dsp.sanitise import clean

__all__ = ["apply_filter", "observe", "separate"]


@njit(nogil=True, cache=True)
def separate(
    frames: Any,
    seen: int,
    n_iterations: int,
    settings: Any,
    networks: Any,
    powers: Any,
    spectra: Any,
    covariances: Any,
    scratch: Any,
    out: Any,
) -> None:
    """Take `frames` (frame, channel, bin) in; write one row of `out` (frame, target, channel, bin) for each.

    seen: frames before these; settings: forgetting, squared margin, limit; networks: of the medians over time and
    frequency. powers (model, span, bin or more) and spectra (look-ahead + 1, channel, bin) are rings of the last
    frames; a model is one channel, or all of them with the spatial model. covariances: none, or packed: of the
    mixture, then harmonic and percussive of each iteration from the second on.

    Only the frame that goes out is refined; its neighbours keep the power of the mixture. Refined neighbours would
    shrink at every pass, and with less than the full look-ahead their median would drag the harmonic part to 0.
    """
    span, n_delayed, n_bins = powers.shape[1], len(spectra), spectra.shape[2]
    work, padded, matrix, vector = scratch
    harmonic, percussive, kept = work[0, :, :n_bins], work[1, :, :n_bins], work[2, :, :n_bins]
    for f in range(len(frames)):
        t = seen + f
        newest, target = spectra[t % n_delayed], spectra[(t + 1) % n_delayed]
        centre = powers[:, (t - n_delayed + 1) % span, :n_bins]
        _keep(frames[f], settings[2], newest)
        observe(newest, covariances[:1], settings[0], matrix, vector, powers[:, t % span, :n_bins])
        _over_time(networks[0], powers, harmonic)
        _over_frequency(networks[1], centre, padded, percussive)
        kept[:] = centre
        for n in range(1, n_iterations):
            before, after = covariances[2 * n - 3 : 2 * n - 1], covariances[2 * n - 1 : 2 * n + 1]
            apply_filter(target, harmonic, percussive, before, np.float32(1), matrix, vector, out[f, :2])
            observe(out[f, 0], after[:1], settings[0], matrix, vector, centre)
            _over_time(networks[0], powers, harmonic)
            observe(out[f, 1], after[1:], settings[0], matrix, vector, centre)
            _over_frequency(networks[1], centre, padded, percussive)
        centre[:] = kept
        last = covariances[2 * n_iterations - 3 : 2 * n_iterations - 1]
        apply_filter(target, harmonic, percussive, last, settings[1], matrix, vector, out[f])


@njit(nogil=True, cache=True)
def _keep(frame: Any, limit: Any, newest: Any) -> None:
    """Copy a frame, without what is no sound."""
    for c in range(len(frame)):
        for k in range(frame.shape[1]):
            value = frame[c, k]
            newest[c, k] = complex(clean(value.real, limit), clean(value.imag, limit))


@njit(nogil=True, cache=True)
def observe(x: Any, packed: Any, forgetting: Any, matrix: Any, vector: Any, powers: Any) -> None:
    """4a-c: powers (model, bin) of x, of each channel alone or whitened by packed[0], which learns from x first."""
    if len(packed):
        learn(x, packed[0], forgetting, powers[0])
        whitened(x, packed[0], matrix[0], vector, powers[0])
    else:
        for c in range(len(x)):
            power(x[c], powers[c])


@njit(nogil=True, cache=True)
def _over_time(network: Any, powers: Any, harmonic: Any) -> None:
    for m in range(len(powers)):
        median_rows(network, powers[m], harmonic[m])


@njit(nogil=True, cache=True)
def _over_frequency(network: Any, powers: Any, padded: Any, percussive: Any) -> None:
    for m in range(len(powers)):
        reflect(powers[m], padded)
        median_bins(network, padded, percussive[m])


@njit(nogil=True, cache=True)
def apply_filter(
    x: Any, harmonic: Any, percussive: Any, packed: Any, weight: Any, matrix: Any, vector: Any, out: Any
) -> None:
    """Equation 7 into out (target, channel, bin); the last target is what the others leave of x.

    packed: the covariances of harmonic and percussive; any other number, and both are taken for the same, so
    that they cancel.
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
    for c in range(len(x)):
        for k in range(x.shape[1]):
            rest = x[c, k]
            for j in range(last):
                rest -= out[j, c, k]
            out[last, c, k] = rest
