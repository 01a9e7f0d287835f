"""Percussive sound by overlap-add of short frames, each attack once and at its own pace.

Driedger, Mueller and Ewert, "Improving time-scale modification of music signals using harmonic-percussive separation",
IEEE Signal Processing Letters 21(1), 2014: without phases to keep, frames as short as 6 ms stay sharp. Plain
overlap-add repeats an attack when it slows down and may miss it when it hurries; here the frames around an attack are
read at rate 1, so that it sounds once, and those before and after keep off it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from engine.core.arrays import F32, F64

__all__ = ["GrainNumbers", "add_grains", "reading_place"]

STILL, MOVING = 0.02, 0.15  # rates between which percussive sound fades in: a held sound has none


class GrainNumbers(NamedTuple):
    """Numbers of the overlap-add.

    vocoder_hop: samples of output between two places
    before, after: samples around an attack that are read at rate 1
    """

    vocoder_hop: int
    before: float
    after: float


@njit(nogil=True, cache=True)
def add_grains(
    ring: F32, weights: F32, places: F64, attacks: F64, numbers: GrainNumbers, overlap: F32, out: F32
) -> None:
    """Add one vocoder hop of percussive sound to out (sample, channel).

    ring: (channel, sample)
    weights: (frame), which overlap by half and add up to 1
    places: (history), where the source was read at the last hops, the newest last; this is the sound of the interval
        before the newest but one
    attacks: in the source; negative where there is none
    overlap: (channel, frame), what earlier frames left
    """
    n = len(weights)
    half, size, hop = n // 2, ring.shape[1], numbers.vocoder_hop
    for g in range(hop // half):
        at = (len(places) - 3) * hop + (g + 1) * half  # the middle of the frame, counted from the oldest place
        rate = (places[at // hop + 1] - places[at // hop]) / hop
        gain = np.float32(min(max((rate - STILL) / (MOVING - STILL), 0.0), 1.0))
        place = reading_place(places, float(at), attacks, numbers)
        start = (int(np.rint(place)) - half) % size
        for c in range(len(ring)):
            for i in range(n):
                overlap[c, i] += gain * ring[c, (start + i) % size] * weights[i]
            for i in range(half):
                out[g * half + i, c] += overlap[c, i]
                overlap[c, i] = overlap[c, half + i]
                overlap[c, half + i] = np.float32(0)


@njit(nogil=True, cache=True)
def reading_place(places: F64, at: float, attacks: F64, numbers: GrainNumbers) -> float:
    """Return where a frame `at` samples of output after the oldest place is read in the source."""
    hop = numbers.vocoder_hop
    index = min(int(at // hop), len(places) - 2)
    plain = places[index] + (at / hop - index) * (places[index + 1] - places[index])
    place, nearest, limit = plain, np.inf, np.inf
    for attack in attacks:
        if attack < 0 or abs(attack - plain) > 8 * hop:
            continue
        ahead = _passed(places, attack, hop) - at  # samples of output until it sounds
        if np.isinf(ahead) and attack > plain:
            limit = min(limit, attack - numbers.before)
        if abs(ahead) >= nearest:
            continue
        nearest = abs(ahead)
        if ahead >= 0:
            place = attack - ahead if ahead <= numbers.before else min(plain, attack - numbers.before)
        else:
            place = attack - ahead if -ahead <= numbers.after else max(plain, attack + numbers.after)
    return min(place, limit)


@njit(nogil=True, cache=True)
def _passed(places: F64, attack: float, hop: int) -> float:
    """Return when the source passes an attack, samples of output after the oldest place; infinity if not yet."""
    if attack < places[0]:
        return -np.inf
    for i in range(len(places) - 1):
        if attack < places[i + 1]:
            return (i + (attack - places[i]) / (places[i + 1] - places[i])) * hop
    return np.inf
