"""How long until the next event: a Kalman filter over the beat's phase and the logarithm of its period.

Every hypothesis of `engine.following.beam_search` carries its own: `beat_s` (when its last event was due, smoothed),
`period` (log of played seconds a score second), and their covariance. After Cemgil et al., "On tempo tracking:
tempogram representation and Kalman filtering" (2000), with the period in the logarithm and a heavy tail for fermatas.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from engine.core.config import require

__all__ = ["Tempo", "TempoConfig", "density", "survival", "tempo_numbers", "update_tempo"]

MAX_LOG_PERIOD = 1.6  # a fifth to five times the score's tempo


@dataclass(frozen=True, slots=True, kw_only=True)
class TempoConfig:
    """How players keep time.

    spread: standard deviation of the log tempo at the start around the score's; drift: of the log tempo after a
    second of score; onset_ms: of an onset around its beat; beat_ms: by which the beat itself wanders an event;
    free: share of events that come at any time (fermatas, pauses, hesitations), early: of these those that come too
    soon; free_spread, early_spread: of their log duration.
    """

    spread: float = 0.7
    drift: float = 0.15
    onset_ms: float = 20.0
    beat_ms: float = 10.0
    free: float = 0.05
    early: float = 0.2
    free_spread: float = 0.7
    early_spread: float = 0.35

    def __post_init__(self) -> None:
        require("spread", self.spread, 0.01, 3.0)
        require("drift", self.drift, 0.001, 3.0)
        require("onset_ms", self.onset_ms, 1.0, 200.0)
        require("beat_ms", self.beat_ms, 0.0, 200.0)
        require("free", self.free, 1e-6, 0.5)
        require("early", self.early, 0.0, 1.0)
        require("early_spread", self.early_spread, 0.05, 5.0)
        require("free_spread", self.free_spread, 0.05, 5.0)


class Tempo(NamedTuple):
    """The filter's state: beat_s, log period, their variances and covariance."""

    beat_s: float
    period: float
    beat_var: float
    period_var: float
    cross: float


class TempoNumbers(NamedTuple):
    """`TempoConfig` as the kernels take it: variances, s^2."""

    drift: float
    onset: float
    beat: float
    free: float
    early: float
    free_spread: float
    early_spread: float
    shortest_s: float


def tempo_numbers(config: TempoConfig, frame_s: float) -> TempoNumbers:
    """The numbers for frames of so many seconds."""
    return TempoNumbers(
        config.drift**2,
        (config.onset_ms / 1000) ** 2,
        (config.beat_ms / 1000) ** 2,
        config.free,
        config.early,
        config.free_spread,
        config.early_spread,
        0.4 * frame_s,
    )


@njit(nogil=True, cache=True)
def _surprise(tempo: Any, now_s: Any, length_s: Any, numbers: Any) -> Any:
    """(log ratio of the elapsed to the expected time, its standard deviation, the elapsed and expected seconds)."""
    expected = length_s * np.exp(tempo.period)
    elapsed = max(now_s - tempo.beat_s, numbers.shortest_s)
    variance = tempo.period_var + numbers.drift * expected + 2 * tempo.cross / expected
    variance += (tempo.beat_var + numbers.onset + numbers.beat) / (expected * expected)
    return np.log(elapsed / expected), np.sqrt(variance), elapsed, expected


@njit(nogil=True, cache=True)
def _in_time(z: Any, sigma: Any, numbers: Any) -> Any:
    """Densities of the log ratio z: of an event in time (normal) and of a free one (exponential to each side)."""
    regular = (1 - numbers.free) * np.exp(-0.5 * (z / sigma) ** 2) / (sigma * 2.5066282746310002)
    if z < 0:
        return regular, numbers.free * numbers.early / numbers.early_spread * np.exp(z / numbers.early_spread)
    return regular, numbers.free * (1 - numbers.early) / numbers.free_spread * np.exp(-z / numbers.free_spread)


@njit(nogil=True, cache=True)
def density(tempo: Any, now_s: Any, length_s: Any, frame_s: Any, numbers: Any) -> Any:
    """Log probability that the next event, `length_s` of score ahead, comes in this frame."""
    z, sigma, elapsed, _ = _surprise(tempo, now_s, length_s, numbers)
    regular, free = _in_time(z, sigma, numbers)
    return np.log((regular + free) * frame_s / elapsed + 1e-30)


@njit(nogil=True, cache=True)
def survival(tempo: Any, now_s: Any, length_s: Any, numbers: Any) -> Any:
    """Log probability that the next event has not come by now; the normal's tail as a logistic."""
    z, sigma, _, _ = _surprise(tempo, now_s, length_s, numbers)
    regular = 1 / (1 + np.exp(min(1.702 * z / sigma, 60.0)))
    if z < 0:
        free = 1 - numbers.early * np.exp(z / numbers.early_spread)
    else:
        free = (1 - numbers.early) * np.exp(-z / numbers.free_spread)
    return np.log((1 - numbers.free) * regular + numbers.free * free + 1e-30)


@njit(nogil=True, cache=True)
def update_tempo(tempo: Any, now_s: Any, length_s: Any, numbers: Any) -> Any:
    """The filter after the next event has come now.

    x = (beat, log period), F = [[1, D], [0, 1]] with D the expected seconds, H = [1, 0]; the result is blended with
    that of a free event, which moves the beat but says nothing of the tempo.
    """
    z, sigma, _, expected = _surprise(tempo, now_s, length_s, numbers)
    regular, free = _in_time(z, sigma, numbers)
    share = regular / (regular + free + 1e-30)
    drift = numbers.drift * expected
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
