"""The second pass: place every onset anew by its own notes, near the first path and along its tempo.

The first pass compares bands; here each note of an event has its own evidence: how much more likely the rise of its
pitch's activity is at an onset than anywhere else in this recording (`offline.alignment.note_activity`). The best times
of all events are then found exactly, by a first-order semi-Markov model: each event lies within a window around its
first time, and the time between two events is near what the local tempo predicts, or free.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy.ndimage import maximum_filter1d

from engine.core.config import Settings, numbers, ranged
from engine.score.score import Score
from offline.alignment.note_activity import Activity, note_events

__all__ = ["NotePath", "NotePathConfig", "local_period", "note_path"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Levels = npt.NDArray[np.uint8]
Nats = npt.NDArray[np.float32]

RISE_S = 0.0175  # to each side: distance of the activities that a rise compares
FLOOR = 0.03  # share of a typical pitch's loudest moment; below it there is no sound
NEAR_FRAMES = 5  # a chord's notes do not come at once
N_LEVELS = 24
RARELY = 2.0  # counts added to each level, so that rare ones are not taken as certain
CLIP = (-4.0, 6.0)  # nats
CHORD = 0.7  # n simultaneous notes count as n ** CHORD: they are not independent
SHORTEST_S = 0.012  # shortest expected time between two events: grace notes have no length of their own
CHUNK = 1 << 14


@dataclass(frozen=True, slots=True, kw_only=True)
class NotePathConfig(Settings):
    """How onsets are placed anew by their notes."""

    window_s: float = ranged(1.5, 0.05, 30, "how far an onset may move", unit="s")
    tempo: float = ranged(0.17, 0.01, 2, "standard deviation of an event's log duration around the local tempo")
    onset_ms: float = ranged(20.0, 1, 500, "standard deviation of the onsets themselves", unit="ms")
    free: float = ranged(0.05, 1e-6, 0.5, "share of events that come at any time")
    rounds: int = ranged(2, 1, 10, "times that tempo and evidence are measured and the search is run")


class DurationNumbers(NamedTuple):
    """What `_durations` takes of the settings; times in seconds."""

    frame_s: float
    tempo: float
    onset_s: float
    free: float


@dataclass(frozen=True, slots=True, eq=False)
class NotePath:
    """Where each onset was placed.

    onset_s: (onset) seconds
    evidence: (onset) nats in favour of its notes beginning there
    """

    onset_s: Floats
    evidence: Floats


def note_path(score: Score, activity: Activity, first_s: Floats, config: NotePathConfig, further_s: Floats) -> NotePath:
    """Place the events anew.

    first_s: (onset) by the first pass, rising, none NaN
    further_s: (onset) how much further than the window each may move, seconds
    """
    levels_of_rise, levels = _levels(activity)
    event, column = note_events(score), np.searchsorted(activity.pitch, score.note_pitch)
    n_notes = np.bincount(event, minlength=len(first_s))
    score_s, onset_s = score.seconds(score.onset_quarter), first_s
    half = np.maximum(1, np.round((config.window_s + further_s) / activity.frame_s)).astype(np.int64)
    durations = numbers(DurationNumbers, config, frame_s=activity.frame_s, onset_s=config.onset_ms / 1000)
    nats = np.zeros(len(first_s))
    for _ in range(config.rounds):
        frame = activity.frame(onset_s)
        table = _calibrated(levels, levels_of_rise, frame[event], column)
        low = np.maximum(frame - half, 0)
        size = np.minimum(frame + half + 1, len(levels)) - low
        evidence = _evidence(levels, table, event, column, low, size)
        evidence *= (n_notes ** (CHORD - 1.0))[:, None]
        expected_s = np.maximum(np.diff(score_s) * local_period(score_s, onset_s), SHORTEST_S)
        chosen = _best(evidence, low, size, expected_s, durations)
        nats = evidence[np.arange(len(low)), chosen - low]
        onset_s = activity.seconds(chosen)
    return NotePath(onset_s, nats)


def local_period(score_s: Floats, onset_s: Floats, width_s: float = 1.5) -> Floats:
    """Estimate played seconds per score second between successive events: the slope of a line through nearby onsets."""
    n = len(onset_s)
    if n < 2:
        return np.ones(max(n - 1, 1))
    middle = (onset_s[1:] + onset_s[:-1]) / 2
    i = np.arange(n - 1)
    first = np.maximum(np.minimum(np.searchsorted(onset_s, middle - width_s), i - 2), 0)
    last = np.minimum(np.maximum(np.searchsorted(onset_s, middle + width_s), i + 4), n)
    slope = _slopes(score_s, onset_s, middle, first, last, width_s)
    typical = max(float(np.median(slope)), 1e-3)
    out: Floats = np.clip(slope, typical / 4, typical * 4)
    return out


def _levels(activity: Activity) -> tuple[int, Levels]:
    """Return how many levels there are, and (frame, P) the level of each pitch's rise: quantiles of its distribution.

    A rise is the growth of log activity over 35 ms; the largest within NEAR_FRAMES counts.
    """
    lag = max(1, round(RISE_S / activity.frame_s))
    floor = FLOOR * float(np.median(activity.level.max(axis=0))) + 1e-7
    rises = np.zeros(activity.level.shape, np.float16)
    for start in range(0, len(rises), CHUNK):
        first, last = max(start - lag, 0), min(start + CHUNK + lag, len(rises))
        log = np.log(activity.level[first:last] + np.float32(floor))
        if len(log) > 2 * lag:
            rises[first + lag : last - lag] = np.maximum(log[2 * lag :] - log[: -2 * lag], 0)
    audible = rises[rises > 0.05]
    some = audible[:: max(1, len(audible) // 200_000)].astype(np.float32)
    edges = np.unique(np.quantile(some, _FINER)) if len(some) else np.array([1.0])
    out = np.zeros(rises.shape, np.uint8)
    for start in range(0, len(rises), CHUNK):
        first, last = max(start - NEAR_FRAMES, 0), min(start + CHUNK + NEAR_FRAMES, len(rises))
        near = maximum_filter1d(rises[first:last].astype(np.float32), NEAR_FRAMES, axis=0)
        here = slice(start - first, start - first + min(CHUNK, len(rises) - start))
        out[start : start + CHUNK] = np.searchsorted(edges, near[here], side="right")
    return len(edges) + 1, out


_FINER = 1 - np.geomspace(1.0, 0.001, N_LEVELS)  # finer towards strong rises


def _calibrated(levels: Levels, n: int, frame: Ints, column: Ints) -> Floats:
    """Return nats for each level: how much more frequent it is at onsets than anywhere at the same pitches."""
    at = np.bincount(levels[frame, column], minlength=n) + RARELY
    everywhere = np.zeros(n)
    weight = np.bincount(column, minlength=levels.shape[1])
    for c in np.flatnonzero(weight):
        everywhere += weight[c] * np.bincount(levels[:, c], minlength=n) / len(levels)
    everywhere += RARELY
    nats = np.log(at / at.sum()) - np.log(everywhere / everywhere.sum())
    return np.clip(np.maximum.accumulate(nats), *CLIP)


@njit(nogil=True, cache=True)
def _slopes(score_s: Floats, onset_s: Floats, middle: Floats, first: Ints, last: Ints, width_s: float) -> Floats:
    """Return the slope of a weighted least-squares line, weights exp(-(t - middle)^2 / 2 width^2)."""
    out = np.ones(len(middle))
    for i in range(len(middle)):
        w, x, y, xx, xy = 0.0, 0.0, 0.0, 0.0, 0.0
        for j in range(first[i], last[i]):
            weight = np.exp(-0.5 * ((onset_s[j] - middle[i]) / width_s) ** 2) + 1e-9  # positive after a long wait too
            w += weight
            x += weight * score_s[j]
            y += weight * onset_s[j]
        for j in range(first[i], last[i]):
            weight = np.exp(-0.5 * ((onset_s[j] - middle[i]) / width_s) ** 2) + 1e-9
            xx += weight * (score_s[j] - x / w) ** 2
            xy += weight * (score_s[j] - x / w) * (onset_s[j] - y / w)
        if xx > 0:
            out[i] = xy / xx
    return out


@njit(nogil=True, cache=True)
def _evidence(levels: Levels, table: Floats, event: Ints, column: Ints, low: Ints, size: Ints) -> Nats:
    """Return (event, place in its window): the sum of the table's nats over its notes."""
    out = np.zeros((len(low), size.max()), np.float32)
    for k in range(len(event)):
        i = event[k]
        for j in range(size[i]):
            out[i, j] += table[levels[low[i] + j, column[k]]]
    return out


@njit(nogil=True, cache=True)
def _durations(n: int, expected_s: float, given: DurationNumbers) -> Floats:
    """Return the log probability of each duration of 1 to n frames, as `engine.following.tempo` has it."""
    frame_s, free = given.frame_s, given.free
    sigma = np.sqrt(given.tempo**2 + (given.onset_s / expected_s) ** 2)
    out = np.full(n + 1, -1e18)
    for d in range(1, n + 1):
        z = np.log(d * frame_s / expected_s)
        regular = (1 - free) * np.exp(-0.5 * (z / sigma) ** 2) / (sigma * 2.5066282746310002)
        out[d] = np.log((regular + free * np.exp(-abs(z) / 0.5)) / d + 1e-30)
    return out


@njit(nogil=True, cache=True)
def _best(evidence: Nats, low: Ints, size: Ints, expected_s: Floats, durations: DurationNumbers) -> Ints:
    """Return the frame of each event by exact dynamic programming, each event after the one before."""
    n_events, width = evidence.shape
    source = np.zeros((n_events, width), np.int32)
    total = evidence[0].astype(np.float64)
    for i in range(1, n_events):
        cost = _durations(max(low[i] + size[i] - low[i - 1], 1), expected_s[i - 1], durations)
        now = np.full(width, -1e18)
        for k in range(size[i]):
            best, best_j = -1e17, 0
            for j in range(min(size[i - 1], low[i] + k - low[i - 1])):
                value = total[j] + cost[low[i] + k - low[i - 1] - j]
                if value > best:
                    best, best_j = value, j
            now[k], source[i, k] = best + evidence[i, k], best_j
        total = now
    out = np.zeros(n_events, np.int64)
    k = int(np.argmax(total[: size[n_events - 1]]))
    for i in range(n_events - 1, -1, -1):
        out[i] = low[i] + k
        k = source[i, k]
    return out
