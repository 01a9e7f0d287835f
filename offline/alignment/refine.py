"""Onsets between frames: each note's own rise, and the median of a chord's notes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from engine.core.config import require
from engine.score.score import Score
from offline.alignment.note_activity import Activity, note_events

__all__ = ["RefineConfig", "refine"]

Floats = npt.NDArray[np.float64]

RISE_S = 0.0116  # to each side


@dataclass(frozen=True, slots=True, kw_only=True)
class RefineConfig:
    """reach_ms: how far a note may lie from its event; near_ms: standard deviation of how far it does; weak: growth
    of the log activity below which a note does not count if another of its event grew more; share: of the way from
    the given time to the notes' median; late_ms: by which a rise is steepest after the key's sound begins, measured
    on synthesised performances through several soundfonts and rooms.
    """

    reach_ms: float = 70.0
    near_ms: float = 40.0
    weak: float = 0.7
    share: float = 0.5
    late_ms: float = 7.0

    def __post_init__(self) -> None:
        require("reach_ms", self.reach_ms, 1.0, 1000.0)
        require("near_ms", self.near_ms, 1.0, 1000.0)
        require("weak", self.weak, 0.0, 20.0)
        require("share", self.share, 0.0, 1.0)
        require("late_ms", self.late_ms, -50.0, 50.0)


def refine(score: Score, activity: Activity, onset_s: Floats, config: RefineConfig) -> Floats:
    """Onsets (onset), seconds, rising, moved to where their own notes rise the most steeply; given: about when."""
    event, column = note_events(score), np.searchsorted(activity.pitch, score.note_pitch)
    floor = 0.03 * float(np.median(activity.level.max(axis=0))) + 1e-7
    lag = max(1, round(RISE_S / activity.frame_s))
    half = max(1, int(config.reach_ms / 1000 / activity.frame_s))
    near = config.near_ms / 1000 / activity.frame_s
    at = (onset_s - activity.first_s) / activity.frame_s
    place, growth = _steepest(activity.level, at[event], column, (lag, half, near, floor))
    moved = at.copy()
    for notes in np.split(np.argsort(event, kind="stable"), np.flatnonzero(np.diff(np.sort(event))) + 1):
        counts = growth[notes] >= min(config.weak, float(growth[notes].max()))
        counts &= np.isfinite(place[notes])
        if counts.any():
            moved[event[notes[0]]] = np.median(place[notes][counts])
    frames = (1 - config.share) * at + config.share * moved
    return np.maximum.accumulate(activity.seconds(frames)) - config.late_ms / 1000


@njit(nogil=True, cache=True)
def _steepest(level: Any, at: Any, column: Any, numbers: Any) -> Any:
    """For each note the frame, with its fraction, where its activity grows most, weighted by how near it is to `at`,
    and the growth of the logarithm there; NaN and -inf where it does not grow.
    """
    lag, half, near, floor = numbers
    place, growth = np.full(len(at), np.nan), np.full(len(at), -np.inf)
    for k in range(len(at)):
        centre, c, best = round(at[k]), column[k], 0.0
        for t in range(max(centre - half, lag + 1), min(centre + half + 1, len(level) - lag - 1)):
            rise = level[t + lag, c] - level[t - lag, c]
            value = rise * np.exp(-0.5 * ((t - at[k]) / near) ** 2)
            if value > best:
                best = value
                before = level[t - 1 + lag, c] - level[t - 1 - lag, c]
                after = level[t + 1 + lag, c] - level[t + 1 - lag, c]
                bend = min(before - 2 * rise + after, -1e-9)
                place[k] = t + min(max(0.5 * (before - after) / bend, -0.5), 0.5)
                growth[k] = np.log((level[t + lag, c] + floor) / (level[t - lag, c] + floor))
    return place, growth
