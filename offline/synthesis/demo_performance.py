"""A player who is not a machine: tempo arches, a wandering pulse, a slowing at the end, hands not quite together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.core.config import require
from engine.score.score import Score

__all__ = ["PerformConfig", "Performance", "perform"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformConfig:
    """How freely to play.

    tempo: relative to the score's; arch: by which phrases push and yield, log tempo; phrase: quarters; wander: of the
    pulse, log tempo a square root of a quarter; slowing: log tempo lost by the end; spread_ms: of the notes of a
    chord; lead_ms: by which the highest voice goes ahead; start_s: of silence before the first note.
    """

    tempo: float = 1.0
    arch: float = 0.08
    phrase: float = 12.0
    wander: float = 0.03
    slowing: float = 0.5
    spread_ms: float = 8.0
    lead_ms: float = 8.0
    start_s: float = 1.0

    def __post_init__(self) -> None:
        require("tempo", self.tempo, 0.05, 20.0)
        require("arch", self.arch, 0.0, 1.0)
        require("phrase", self.phrase, 1.0, 1000.0)
        require("wander", self.wander, 0.0, 1.0)
        require("slowing", self.slowing, 0.0, 3.0)
        require("spread_ms", self.spread_ms, 0.0, 200.0)
        require("lead_ms", self.lead_ms, 0.0, 200.0)
        require("start_s", self.start_s, 0.0, 3600.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Performance:
    """Played notes (note): start_s, end_s, pitch, velocity; and the truth (onset): quarter, audio_s.

    audio_s is the median of the notes that begin at a score onset; beat_s: when each whole quarter came.
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
    """(quarter, second) on a fine grid: the integral of one over the tempo."""
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
    """1 for a note that is the highest of its onset, else 0."""
    highest: dict[float, int] = {}
    for quarter, pitch in zip(score.note_quarter, score.note_pitch, strict=True):
        highest[quarter] = max(highest.get(quarter, 0), pitch)
    return np.array([float(p == highest[q]) for q, p in zip(score.note_quarter, score.note_pitch, strict=True)])


def _dynamics(score: Score, random: np.random.Generator, config: PerformConfig) -> Ints:
    """Velocities: the score's, swelling over a phrase, the highest voice a little louder, no two alike."""
    swell = 12 * np.sin(np.pi * (score.note_quarter % config.phrase) / config.phrase) - 6
    velocity = score.note_velocity + swell + 8 * _leads(score) + random.normal(0, 4, len(swell))
    out: Ints = np.clip(np.round(velocity), 20, 120).astype(np.int64)
    return out
