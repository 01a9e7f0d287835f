"""A human performance for the demo: tempo arches, a wandering pulse, a slowing at the end, asynchronous hands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.core.config import Settings, ranged
from engine.score.score import Score

__all__ = ["PerformConfig", "Performance", "perform"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformConfig(Settings):
    """How freely the demo's player plays."""

    tempo: float = ranged(1.0, 0.05, 20, "tempo relative to the score's")
    arch: float = ranged(0.08, 0, 1, "log tempo by which phrases push and yield")
    phrase: float = ranged(12.0, 1, 1000, "length of a phrase", unit="quarters")
    wander: float = ranged(0.03, 0, 1, "wandering of the pulse, log tempo a square root of a quarter")
    slowing: float = ranged(0.5, 0, 3, "log tempo lost by the end")
    spread_ms: float = ranged(8.0, 0, 200, "standard deviation of a chord's notes", unit="ms")
    lead_ms: float = ranged(8.0, 0, 200, "how far the highest voice goes ahead", unit="ms")
    start_s: float = ranged(1.0, 0, 3600, "silence before the first note", unit="s")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Performance:
    """Played notes and their truth.

    start_s, end_s: (note) seconds
    pitch, velocity: (note) MIDI numbers
    quarter: (onset) place in the score
    audio_s: (onset) median start of its notes, seconds
    beat_s: time of each whole quarter, seconds
    """

    start_s: Floats
    end_s: Floats
    pitch: Ints
    velocity: Ints
    quarter: Floats
    audio_s: Floats
    beat_s: Floats


def perform(score: Score, *, seed: int, config: PerformConfig | None = None) -> Performance:
    """Play the score; the same seed plays the same."""
    config = config or PerformConfig()
    random = np.random.default_rng(seed)
    grid, seconds = _pulse(score, random, config)
    exact_s = np.interp(score.note_quarter, grid, seconds)
    spread = random.normal(0, config.spread_ms / 1000, len(exact_s))
    start_s = np.maximum(exact_s + spread - _leads(score) * config.lead_ms / 1000, 0.0)
    held = random.uniform(0.85, 1.0, len(exact_s))
    end_s = np.interp(score.note_quarter + held * score.note_duration, grid, seconds)
    event = np.searchsorted(score.onset_quarter, score.note_quarter, side="right") - 1
    audio_s = np.array([np.median(start_s[event == i]) for i in range(len(score.onset_quarter))])
    return Performance(
        start_s=start_s,
        end_s=np.maximum(end_s, start_s + 0.03),
        pitch=score.note_pitch,
        velocity=_dynamics(score, random, config),
        quarter=score.onset_quarter,
        audio_s=audio_s,
        beat_s=np.interp(np.arange(0, score.end_quarter), grid, seconds),
    )


def _pulse(score: Score, random: np.random.Generator, config: PerformConfig) -> tuple[Floats, Floats]:
    """Return (quarter, second) on a fine grid: the integral of one over the tempo."""
    step = 0.125
    grid = np.arange(0, score.end_quarter + 2 * step, step)
    arch = config.arch * np.sin(np.pi * (grid % config.phrase) / config.phrase)
    walk = np.cumsum(random.normal(0, config.wander * np.sqrt(step), len(grid)))
    pull = np.exp(-np.arange(len(grid)) * step / 8)  # the walk forgets over 8 quarters
    wander = np.convolve(np.diff(walk, prepend=0.0), pull)[: len(grid)]
    slowing = config.slowing * np.clip(1 - (score.end_quarter - grid) / config.phrase, 0, 1) ** 2
    own_s = np.diff(score.seconds(grid))
    played_s = own_s / config.tempo * np.exp(-(arch + wander - slowing))[:-1]
    return grid, config.start_s + np.concatenate([[0.0], np.cumsum(played_s)])


def _leads(score: Score) -> Floats:
    """Return 1 for a note that is the highest of its onset, else 0."""
    highest: dict[float, int] = {}
    for quarter, pitch in zip(score.note_quarter, score.note_pitch, strict=True):
        highest[quarter] = max(highest.get(quarter, 0), pitch)
    return np.array([float(p == highest[q]) for q, p in zip(score.note_quarter, score.note_pitch, strict=True)])


def _dynamics(score: Score, random: np.random.Generator, config: PerformConfig) -> Ints:
    """Return velocities: the score's, swelling over a phrase, the highest voice louder, and randomly varied."""
    swell = 12 * np.sin(np.pi * (score.note_quarter % config.phrase) / config.phrase) - 6
    velocity = score.note_velocity + swell + 8 * _leads(score) + random.normal(0, 4, len(swell))
    out: Ints = np.clip(np.round(velocity), 20, 120).astype(np.int64)
    return out
