"""Log likelihood ratios of a frame of live features for the reference's events: scaled cosine similarities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit

from engine.core.arrays import BOOL, F32, F64, Scalar32
from engine.core.config import Settings, numbers, ranged

__all__ = [
    "LikelihoodConfig",
    "LikelihoodNumbers",
    "Templates",
    "event_likelihoods",
    "fast_dot",
    "likelihood_numbers",
]


class Templates(NamedTuple):
    """What the events of a reference sound like.

    sustain, onset: (event, F) and (event, G), each row of unit length, or zeros for a rest
    mean: (F) mean of the sustain rows, empty where waiting is not judged by it
    rest: (event) whether it is a rest
    repeats: (event) whether it strikes again what sounds already
    """

    sustain: F32
    onset: F32
    mean: F32
    rest: BOOL
    repeats: BOOL


COUNTED = 0.1  # fit by which the note after a rest must be better yet: the player counts, and others are playing

# Onsets, tuned on recordings of piano and chamber music with the spectral features.
ONSET, ONSET_THRESHOLD = 10.0, 0.05  # nats for an onset that fits perfectly, and the fit that is neutral
ONSET_LEVEL = 1.3  # projection of the onset features that counts as a full onset
HUSH, HUSH_LEVEL = 4.0, 0.5  # penalty of an event without an onset, nats, and the onset strength at which it is 0;
# of a repetition only the rise of its own sound counts, since nothing else tells it from the note before


@dataclass(frozen=True, slots=True, kw_only=True)
class LikelihoodConfig(Settings):
    """Weights of the log likelihood ratios."""

    sustain: float = ranged(
        0.8, 0.0, 100.0, "log likelihood of a 12 ms frame whose sustain features fit perfectly", unit="nats"
    )
    sustain_threshold: float = ranged(0.65, 0.0, 1.0, "fit of the sustain features that is neutral, cosine")
    silence: float = ranged(
        0.003, 0.0, 0.5, "level relative to the running peak below which the sustain features are ignored"
    )
    ahead: float = ranged(
        0.1,
        0.0,
        1.0,
        "fit of the first events above that of the score on average below which nothing has begun, cosine",
    )


class LikelihoodNumbers(NamedTuple):
    """Numbers for the likelihood kernels.

    sustain: log likelihood of a frame that fits perfectly, nats
    sustain_threshold: fit of the sustain features that is neutral, 0 to 1
    onset: log likelihood of an onset that fits perfectly, nats
    onset_threshold: fit of the onset features that is neutral, 0 to 1
    onset_level: projection of the onset features that counts as a full onset
    hush: penalty of entering an event without an onset, nats
    hush_level: onset strength at which this penalty has fallen to 0
    silence: compressed level below which the sustain features are neutral
    ahead: how much better than the score in the mean an event must fit to have begun
    """

    sustain: float
    sustain_threshold: float
    onset: float
    onset_threshold: float
    onset_level: float
    hush: float
    hush_level: float
    silence: float
    ahead: float


def likelihood_numbers(
    config: LikelihoodConfig, frame_s: float, compression: float, strength: float = 1.0
) -> LikelihoodNumbers:
    """Return the numbers for frames of `frame_s` seconds.

    compression: c in the features' log(1 + c x)
    strength: typical onset strength of the features, relative to the spectral features'
    """
    return numbers(
        LikelihoodNumbers,
        config,
        sustain=config.sustain * frame_s / 0.0116,
        onset=ONSET,
        onset_threshold=ONSET_THRESHOLD,
        onset_level=ONSET_LEVEL * strength,
        hush=HUSH,
        hush_level=HUSH_LEVEL * strength,
        silence=float(np.log1p(compression * config.silence)),
    )


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract", "nsz"})
def fast_dot(a: F32, b: F32) -> Scalar32:
    """Return the scalar product, summed in any order: for those who take it with many events in every frame."""
    total = np.float32(0)
    for i in range(len(a)):
        total += a[i] * b[i]
    return total


@njit(nogil=True, cache=True)
def _dot(a: F32, b: F32) -> Scalar32:
    total = np.float32(0)
    for i in range(len(a)):
        total += a[i] * b[i]
    return total


@njit(nogil=True, cache=True)
def _dots(x: F32, rows: F32, first: int, last: int, ring: F64) -> None:
    """Write `_dot` of x and the row of each event from first to last into a ring, four sums beside each other."""
    n, size = len(x), len(ring)
    event = first
    while event + 3 <= last:
        a = b = c = d = np.float32(0)
        for i in range(n):
            a += x[i] * rows[event - 1, i]
            b += x[i] * rows[event, i]
            c += x[i] * rows[event + 1, i]
            d += x[i] * rows[event + 2, i]
        ring[event % size], ring[(event + 1) % size] = a, b
        ring[(event + 2) % size], ring[(event + 3) % size] = c, d
        event += 4
    for rest in range(event, last + 1):
        ring[rest % size] = _dot(x, rows[rest - 1])


@njit(nogil=True, cache=True)
def event_likelihoods(
    row: F32, reference: Templates, first: int, last: int, numbers: LikelihoodNumbers, rings: tuple[F64, F64]
) -> None:
    """Write the likelihoods of events first to last (0: before the start) into rings.

    row: features of one frame, sustain (F), then onset (G)
    reference: templates
    rings: two arrays indexed by event modulo their length:
        sustain, cosine of the sustain features and the template above its threshold, nats;
        onset, cosine of the onset features and the template times the strength, above its threshold, nats

    Before the start, what sounds is judged by its fit to the score in the mean: speech and noise fit its events alike,
    and of one hand alone, or beside others, the event that is played still stands out.
    """
    sustain, onset = rings
    n = reference.sustain.shape[1]
    sounds, begins = row[:n], row[n:]
    loudness, strength = np.sqrt(_dot(sounds, sounds)), np.sqrt(_dot(begins, begins))
    silent = loudness == 0 or sounds.max() < numbers.silence
    if not silent:
        _dots(sounds, reference.sustain, max(first, 1), last, sustain)
    _dots(begins, reference.onset, max(first, 1), last, onset)
    for event in range(first, last + 1):
        slot = event % len(sustain)
        product, projection = np.float32(sustain[slot]), np.float32(onset[slot])
        sustain[slot], onset[slot] = 0.0, 0.0
        if event == 0 or reference.rest[event - 1]:
            if not silent and len(reference.mean) > 0:
                fit = _dot(sounds, reference.mean) / loudness + numbers.ahead + (COUNTED if event > 0 else 0.0)
                sustain[slot] = numbers.sustain * min(fit - numbers.sustain_threshold, 0.0)
            continue
        if not silent:
            sustain[slot] = numbers.sustain * (product / loudness - numbers.sustain_threshold)
        full = min(projection / numbers.onset_level, 1.0)
        likeness = projection / (strength + 1e-9)
        heard = projection if reference.repeats[event - 1] else strength
        hush = numbers.hush * max(0.0, 1 - heard / numbers.hush_level)
        onset[slot] = numbers.onset * (full * likeness - numbers.onset_threshold) - hush
