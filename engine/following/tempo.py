"""Tempo model: a Kalman filter over the beat's phase and log period predicts the time of the next event.

Every hypothesis of `engine.following.search.beam_search` has its own state: `beat_s` (smoothed time at which its last
event was due), `period` (log of played seconds a score second), and their covariance. After Cemgil et al., "On tempo
tracking: tempogram representation and Kalman filtering" (2000), with the period in the logarithm and a heavy tail for
fermatas.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from engine.core.arrays import F64

__all__ = [
    "START_SPREAD",
    "STEADY_S",
    "Tempo",
    "TempoNumbers",
    "coast",
    "density",
    "punctual",
    "survival",
    "tempo_numbers",
    "tempo_of",
    "update_tempo",
]

MAX_LOG_PERIOD = 1.6  # a fifth to five times the score's tempo
# Timing of players, fitted to recordings of players that are used for no other tuning.
START_SPREAD = 0.7  # standard deviation of the log tempo at the start around the score's
DRIFT = 0.15  # standard deviation of the log tempo after a second of score
ONSET_MS = 20.0  # standard deviation of an onset around its beat, milliseconds
BEAT_MS = 10.0  # standard deviation by which the beat itself drifts at each event, milliseconds
STEADY_S = 4.0  # longest time in which the tempo drifts: over a rest, others keep it
COUNTED = 0.15  # largest standard deviation of the log length of a rest
FREE = 0.05  # share of events with free timing: fermatas, pauses, hesitations
EARLY = 0.2  # share of the free events that come early
FREE_SPREAD, EARLY_SPREAD = 0.7, 0.35  # mean absolute log ratio of elapsed to expected time, late and early free events
SHORTEST = 0.4  # least time between two events, frames


class Tempo(NamedTuple):
    """State of the filter.

    beat_s: smoothed time at which the last event was due, seconds
    period: log of played seconds a score second
    beat_var: variance of beat_s, s^2
    period_var: variance of period
    cross: covariance of both
    """

    beat_s: float
    period: float
    beat_var: float
    period_var: float
    cross: float


@njit(nogil=True, cache=True)
def tempo_of(row: F64) -> Tempo:
    """Return the state whose numbers a row of an array keeps in order."""
    return Tempo(row[0], row[1], row[2], row[3], row[4])


class TempoNumbers(NamedTuple):
    """Numbers for the tempo kernels.

    drift: variance of the log tempo gained in a second
    onset: variance of an onset around its beat, s^2
    beat: variance of the beat's drift at each event, s^2
    free: share of events with free timing
    early: share of the free events that come early
    free_spread: mean absolute log ratio of elapsed to expected time, late free events
    early_spread: the same of early ones
    shortest_s: least time between two events, seconds
    most: largest variance of the log ratio of elapsed to expected time
    """

    drift: float
    onset: float
    beat: float
    free: float
    early: float
    free_spread: float
    early_spread: float
    shortest_s: float
    most: float


def tempo_numbers(frame_s: float) -> TempoNumbers:
    """Return the numbers for frames of `frame_s` seconds."""
    return TempoNumbers(
        drift=DRIFT**2,
        onset=(ONSET_MS / 1000) ** 2,
        beat=(BEAT_MS / 1000) ** 2,
        free=FREE,
        early=EARLY,
        free_spread=FREE_SPREAD,
        early_spread=EARLY_SPREAD,
        shortest_s=SHORTEST * frame_s,
        most=np.inf,
    )


@njit(nogil=True, cache=True)
def _surprise(tempo: Tempo, now_s: float, length_s: float, numbers: TempoNumbers) -> tuple[float, float, float, float]:
    """Return the log ratio of elapsed to expected time, its standard deviation, and both times in seconds."""
    expected = length_s * np.exp(tempo.period)
    elapsed = max(now_s - tempo.beat_s, numbers.shortest_s)
    variance = tempo.period_var + numbers.drift * min(expected, STEADY_S) + 2 * tempo.cross / expected
    variance += (tempo.beat_var + numbers.onset + numbers.beat) / (expected * expected)
    return np.log(elapsed / expected), np.sqrt(min(variance, numbers.most)), elapsed, expected


@njit(nogil=True, cache=True)
def _in_time(z: float, sigma: float, numbers: TempoNumbers) -> tuple[float, float]:
    """Return the densities of the log ratio z of an event in time and of a free one.

    In time: normal; free: exponential on each side.
    """
    regular = (1 - numbers.free) * np.exp(-0.5 * (z / sigma) ** 2) / (sigma * 2.5066282746310002)
    if z < 0:
        return regular, numbers.free * numbers.early / numbers.early_spread * np.exp(z / numbers.early_spread)
    return regular, numbers.free * (1 - numbers.early) / numbers.free_spread * np.exp(-z / numbers.free_spread)


@njit(nogil=True, cache=True)
def density(tempo: Tempo, now_s: float, length_s: float, frame_s: float, numbers: TempoNumbers) -> float:
    """Return the log probability that the next event, `length_s` of score ahead, comes in this frame."""
    z, sigma, elapsed, _ = _surprise(tempo, now_s, length_s, numbers)
    regular, free = _in_time(z, sigma, numbers)
    return np.log((regular + free) * frame_s / elapsed + 1e-30)


@njit(nogil=True, cache=True)
def survival(tempo: Tempo, now_s: float, length_s: float, numbers: TempoNumbers) -> float:
    """Return the log probability that the next event has not come yet, the normal's tail as a logistic."""
    z, sigma, _, _ = _surprise(tempo, now_s, length_s, numbers)
    regular = 1 / (1 + np.exp(min(1.702 * z / sigma, 60.0)))
    if z < 0:
        free = 1 - numbers.early * np.exp(z / numbers.early_spread)
    else:
        free = (1 - numbers.early) * np.exp(-z / numbers.free_spread)
    return np.log((1 - numbers.free) * regular + numbers.free * free + 1e-30)


@njit(nogil=True, cache=True)
def punctual(numbers: TempoNumbers) -> TempoNumbers:
    """Return the numbers for an event after a rest, which is counted: no free timing makes it early."""
    return TempoNumbers(
        numbers.drift,
        numbers.onset,
        numbers.beat,
        numbers.free,
        0.0,
        numbers.free_spread,
        numbers.early_spread,
        numbers.shortest_s,
        COUNTED**2,
    )


@njit(nogil=True, cache=True)
def coast(tempo: Tempo, length_s: float, numbers: TempoNumbers) -> Tempo:
    """Return the filter's state after a beat that nobody plays, `length_s` of score ahead."""
    expected = length_s * np.exp(tempo.period)
    drift = numbers.drift * min(expected, STEADY_S)
    beat_var = tempo.beat_var + 2 * expected * tempo.cross + expected**2 * (tempo.period_var + drift / 3)
    cross = tempo.cross + expected * tempo.period_var
    return Tempo(tempo.beat_s + expected, tempo.period, beat_var + numbers.beat, tempo.period_var + drift, cross)


@njit(nogil=True, cache=True)
def update_tempo(tempo: Tempo, now_s: float, length_s: float, numbers: TempoNumbers) -> Tempo:
    """Return the filter's state after the next event has come now.

    x = (beat, log period), F = [[1, D], [0, 1]] with D the expected seconds, H = [1, 0]; the result is blended with
    that of a free event, which moves the beat but leaves the tempo.
    """
    z, sigma, _, expected = _surprise(tempo, now_s, length_s, numbers)
    regular, free = _in_time(z, sigma, numbers)
    share = regular / (regular + free + 1e-30)
    drift = numbers.drift * min(expected, STEADY_S)
    period_var = tempo.period_var + drift
    cross = tempo.cross + expected * tempo.period_var
    beat_var = tempo.beat_var + 2 * expected * tempo.cross + expected**2 * (tempo.period_var + drift / 3)
    beat_var += numbers.beat
    gain_beat, gain_period = beat_var / (beat_var + numbers.onset), cross / (beat_var + numbers.onset)
    late_s = min(max(expected * z, -expected), 2 * expected)
    beat_s = tempo.beat_s + expected + gain_beat * late_s
    period = tempo.period + share * gain_period * late_s
    return Tempo(
        share * beat_s + (1 - share) * now_s,
        min(max(period, -MAX_LOG_PERIOD), MAX_LOG_PERIOD),
        share * beat_var * (1 - gain_beat) + (1 - share) * numbers.onset,
        period_var - share * gain_period * cross,
        share * cross * (1 - gain_beat),
    )
