"""Estimate how reliable the position is: how the best path fares against its alternatives.

What fits the score at its place as well as anything in the score can is right; what fits better elsewhere, or has
onsets where the path has none, is lost or another piece. The path is compared with a free model, which may be at any
event of the score in every frame, in any order: how well a take fits at all falls with the room, the instrument and
the noise, where it lies between the mean and the best of the free model does not. Who is right also finds the rhythm of
the score; who is lost takes whatever sounds for its notes. The evidence is weighed by a logistic regression.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from engine.core.arrays import F32, F64
from engine.following.likelihood import LikelihoodNumbers, Templates, fast_dot
from engine.following.search.beam_search import SPAN, Search, waits
from engine.following.search.jump_detector import JumpDetector

__all__ = [
    "N_EVIDENCE",
    "Trust",
    "TrustNumbers",
    "confidence",
    "forget",
    "new_trust",
    "restart_trust",
    "trust_numbers",
    "update_trust",
]

FIT_S, ONSET_S = 1.0, 1.0  # half-lives of the averages of fits and onsets, seconds
FIT_PRIOR, FIT_FRAMES = 0.5, 20.0  # fit that is assumed first, and its weight, frames
LEAST_RANGE = 0.02  # cosine: least difference of the mean and the best of the free model
ONSET_PRIOR, ONSET_WEIGHT = 0.6, 3.0  # share of onsets explained that is assumed first, and its weight, hush levels
NEAR_S = 0.058  # distance from an entry of the path at which an onset is explained by it, seconds
FREE = 64  # events that the free model chooses from in a frame, evenly over the score
FAR = 3  # events; nearer ones are no alternative
LEAST, MOST = -20.0, 25.0  # limits of the lead over other places, nats
TINY_SHARE = 1e-4
LATE_S, MOST_LATE = 0.05, 3.0  # a delay that does not count, seconds, and the limit of the log of relative lateness
UNEVEN, MOST_UNEVEN, FEWEST_ENTRIES = 0.2, 2.0, 4  # unevenness that is assumed first, its limit, and when it is known
SHORTEST_S = 0.02  # least time between two entries that is compared, seconds
N_EVIDENCE = 7
# Logistic regression: weights of the evidence in the order of `update_trust`, and intercept; made by
# `collaparte train confidence` of the tuning half of `data hard`.
WEIGHTS = (8.19, -1.33, 1.85, 0.142, 0.041, -2.67, -0.51)
INTERCEPT = -5.78


class TrustNumbers(NamedTuple):
    """Numbers for the confidence kernels.

    fit, onset: shares of the averages that are kept from frame to frame
    near: frames from an entry within which an onset is explained by it
    frame_s: seconds a frame
    """

    fit: float
    onset: float
    near: int
    frame_s: float


def trust_numbers(frame_s: float) -> TrustNumbers:
    """Return the numbers for frames of `frame_s` seconds."""
    near = max(1, round(NEAR_S / frame_s))
    return TrustNumbers(0.5 ** (frame_s / FIT_S), 0.5 ** (frame_s / ONSET_S), near, frame_s)


class Trust(NamedTuple):
    """State of the confidence.

    sums: fit relative to the free model times its weight, that weight, onset strength explained, onset strength
    strength: ring of the onset strengths of the last frames
    evidence: see `update_trust`
    turn: frames so far
    """

    sums: F64
    strength: F64
    evidence: F64
    turn: F64


def new_trust(numbers: TrustNumbers) -> Trust:
    """Allocate a state; `restart_trust` initialises it."""
    return Trust(np.zeros(4), np.zeros(numbers.near), np.zeros(N_EVIDENCE), np.zeros(1))


@njit(nogil=True, cache=True)
def restart_trust(trust: Trust) -> None:
    """Return to what is assumed first."""
    for array in (trust.strength, trust.evidence, trust.turn):
        array[:] = 0
    forget(trust)


@njit(nogil=True, cache=True)
def forget(trust: Trust) -> None:
    """Forget how the path has fared: after a jump it is another."""
    trust.sums[0], trust.sums[1] = FIT_PRIOR * FIT_FRAMES, FIT_FRAMES
    trust.sums[2], trust.sums[3] = ONSET_PRIOR * ONSET_WEIGHT, ONSET_WEIGHT


@njit(nogil=True, cache=True)
def update_trust(
    trust: Trust,
    row: F32,
    now_s: float,
    paths: tuple[Search, JumpDetector],
    reference: Templates,
    times: tuple[F64, F64],
    likelihood: LikelihoodNumbers,
    numbers: TrustNumbers,
) -> None:
    """Process one frame and write the evidence:

    0 where the fit of the best path's event lies between the mean (0) and the best (1) of the free model, averaged;
    1 log of how late the next event is, relative to the wait for it, at least 0;
    2 share of the onset strength that lies near entries of the best path;
    3 log odds of the share of likelihood within one event of the best path;
    4 lead of the best path over paths at other places, nats;
    5 while waiting for the first note, how much has been heard, 0 to 1;
    6 how unevenly the last entries of the best path follow the score's rhythm, see `_unevenness`.

    row: features of the frame
    now_s: time of the frame, seconds
    times: (event) when each begins and when the next does, seconds of score
    """
    search, detector = paths
    event = 0 if waits(search) else search.best[0]
    n = reference.sustain.shape[1]
    playing = event > 0 and not reference.rest[event - 1]
    _add_fit(trust, row[:n], event if playing else 0, reference.sustain, likelihood, numbers)
    _add_onset(trust, row[n:], now_s, search, reference, likelihood, numbers)
    trust.evidence[0] = trust.sums[0] / trust.sums[1]
    trust.evidence[1] = _lateness(now_s, search, times)
    trust.evidence[2] = trust.sums[2] / trust.sums[3]
    share = min(max(search.mass[0], TINY_SHARE), 1 - TINY_SHARE)
    trust.evidence[3] = np.log(share / (1 - share))
    trust.evidence[4] = min(max(detector.rival[0] - _elsewhere(detector, event), LEAST), MOST)
    trust.evidence[5] = 0.0 if event > 0 else 1 - ONSET_WEIGHT / max(trust.sums[3], ONSET_WEIGHT)
    trust.evidence[6] = _unevenness(search, times[0])
    trust.turn[0] += 1


@njit(nogil=True, cache=True)
def _add_fit(
    trust: Trust, sounds: F32, event: int, templates: F32, likelihood: LikelihoodNumbers, numbers: TrustNumbers
) -> None:
    """Add how the best path's event fits what sounds, relative to the free model; event 0: nothing to compare."""
    sums, keep = trust.sums, numbers.fit
    sums[0] = keep * sums[0] + (1 - keep) * FIT_PRIOR * FIT_FRAMES
    sums[1] = keep * sums[1] + (1 - keep) * FIT_FRAMES
    loudness = np.sqrt(fast_dot(sounds, sounds))
    if event == 0 or loudness == 0 or sounds.max() < likelihood.silence:
        return
    own = fast_dot(sounds, templates[event - 1])
    best, total, n_events = own, 0.0, len(templates)
    n_free = min(FREE, n_events)
    for i in range(n_free):
        place = (int(trust.turn[0]) + i * n_events // n_free) % n_events if n_free < n_events else i
        fit = fast_dot(sounds, templates[place])
        best, total = max(best, fit), total + fit
    mean = total / n_free
    sums[0] += (own - mean) / (best - mean + LEAST_RANGE * loudness)
    sums[1] += 1


@njit(nogil=True, cache=True)
def _add_onset(
    trust: Trust,
    begins: F32,
    now_s: float,
    search: Search,
    reference: Templates,
    likelihood: LikelihoodNumbers,
    numbers: TrustNumbers,
) -> None:
    """Add the onset strength of a few frames ago, and whether an entry of the best path explains it."""
    sums, keep, near = trust.sums, numbers.onset, numbers.near
    sums[2] = keep * sums[2] + (1 - keep) * ONSET_PRIOR * ONSET_WEIGHT
    sums[3] = keep * sums[3] + (1 - keep) * ONSET_WEIGHT
    slot = int(trust.turn[0]) % near
    strength = trust.strength[slot]  # of `near` frames ago
    trust.strength[slot] = np.sqrt(fast_dot(begins, begins)) / likelihood.hush_level
    event, best, k = search.best[0], search.best[0] % SPAN, search.best[1]
    if event > 0 and reference.rest[event - 1]:
        return  # others may play
    sums[3] += strength
    for i in range(search.entry_s.shape[2]):
        entered = search.entry_event[best, k, i]
        if entered == 0:
            break
        apart = abs(search.entry_s[best, k, i] - now_s + near * numbers.frame_s)
        if apart < (near + 0.5) * numbers.frame_s and not reference.rest[entered - 1]:
            sums[2] += strength
            break


@njit(nogil=True, cache=True)
def _lateness(now_s: float, search: Search, times: tuple[F64, F64]) -> float:
    event, k = search.best[0], search.best[1]
    if waits(search):
        return 0.0
    waited = now_s - search.entry_s[event % SPAN, k, 0]
    expected = (times[1][event - 1] - times[0][event - 1]) * np.exp(search.tempo[event % SPAN, k, 1])
    return min(max(np.log((waited + LATE_S) / (expected + LATE_S)), 0.0), MOST_LATE)


@njit(nogil=True, cache=True)
def _unevenness(search: Search, event_s: F64) -> float:
    """Return the mean change of the log tempo from entry to entry of the best path, over its last ones."""
    slot, k = search.best[0] % SPAN, search.best[1]
    total, last, n = 0.0, 0.0, 0
    for i in range(search.entry_s.shape[2] - 1):
        event, before = search.entry_event[slot, k, i], search.entry_event[slot, k, i + 1]
        if before == 0:
            break
        played = max(search.entry_s[slot, k, i] - search.entry_s[slot, k, i + 1], SHORTEST_S)
        period = np.log(played / max(event_s[event - 1] - event_s[before - 1], SHORTEST_S))
        total += abs(period - last) if n > 0 else 0.0
        last, n = period, n + 1
    return min(total / (n - 1), MOST_UNEVEN) if n + 1 >= FEWEST_ENTRIES else UNEVEN


@njit(nogil=True, cache=True)
def _elsewhere(detector: JumpDetector, event: int) -> float:
    """Return the standing of the best path that is not near the event."""
    best = detector.rival[0] - MOST
    for other in range(1, len(detector.standing)):
        if abs(other - event) > FAR:
            best = max(best, detector.standing[other])
    return best


@njit(nogil=True, cache=True)
def confidence(trust: Trust) -> float:
    """Return the probability that the position is right within half a quarter."""
    odds = INTERCEPT
    for i in range(N_EVIDENCE):
        odds += WEIGHTS[i] * trust.evidence[i]
    return 1 / (1 + np.exp(-odds))
