"""The second pass: place every onset anew by its own notes, near the first path and along its tempo.

The first pass compares bands; here each note of an event has its own evidence: how much more likely the rise of its
pitch's activity is at an onset than anywhere else in this recording (`offline.alignment.note_activity`). The best times
of all events are then found exactly, by a first-order semi-Markov model: each event lies within a window around its
first time, and the time between two events is near what the local tempo predicts, or free.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy.ndimage import maximum_filter1d

from engine.core.config import Settings, numbers, ranged
from engine.score.score import Score
from offline.alignment.note_activity import Activity, note_events
from offline.alignment.row_store import RowStore, batches

__all__ = ["NotePath", "NotePathConfig", "local_period", "note_path"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Levels = npt.NDArray[np.uint8]
Nats = npt.NDArray[np.float32]
Halves = npt.NDArray[np.float16]

RISE_S = 0.0175  # to each side: distance of the activities that a rise compares
NEAR_FRAMES = 5  # a chord's notes do not come at once
N_LEVELS = 24
RARELY = 2.0  # counts added to each level, so that rare ones are not taken as certain
CLIP = (-4.0, 6.0)  # nats
CHORD = 0.7  # n simultaneous notes count as n ** CHORD: they are not independent
SHORTEST_S = 0.012  # shortest expected time between two events: grace notes have no length of their own


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


class _Notes(NamedTuple):
    """The notes of a score, by their events.

    event, column: (note) its event and the column of its pitch
    start: (event + 1) where the notes of each event begin
    worth: (event) of each of its notes, less than 1 in a chord
    """

    event: Ints
    column: Ints
    start: Ints
    worth: Floats


class _Windows(NamedTuple):
    """Where each event may be.

    low, size: (event) first frame, and number of frames
    expected_s: (event - 1) from each event to the next, seconds
    """

    low: Ints
    size: Ints
    expected_s: Floats


class _Search(NamedTuple):
    """What the search goes through.

    total: (2, frame of the window) log likelihoods of the best paths to an event, those of the one before kept
    source: where in the window before each came from, all windows in a row
    place: (event + 1) where each window begins in `source`
    """

    notes: _Notes
    windows: _Windows
    total: Floats
    source: npt.NDArray[np.unsignedinteger] | npt.NDArray[np.int32]
    place: Ints


class _Rises(NamedTuple):
    """How strongly each pitch rises at each frame.

    level: rows (frame, P)
    counts: (P, level) how many frames have it
    """

    level: RowStore
    counts: Ints


@dataclass(frozen=True, slots=True, eq=False)
class NotePath:
    """Where each onset was placed.

    onset_s: (onset) seconds
    evidence: (onset) nats in favour of its notes beginning there
    """

    onset_s: Floats
    evidence: Nats


def note_path(score: Score, activity: Activity, first_s: Floats, config: NotePathConfig, further_s: Floats) -> NotePath:
    """Place the events anew.

    first_s: (onset) by the first pass, rising, none NaN
    further_s: (onset) how much further than the window each may move, seconds
    """
    rises = _levels(activity)
    notes = _notes(score, activity)
    score_s, onset_s = score.seconds(score.onset_quarter), first_s
    half = np.maximum(1, np.round((config.window_s + further_s) / activity.frame_s)).astype(np.int64)
    durations = numbers(DurationNumbers, config, frame_s=activity.frame_s, onset_s=config.onset_ms / 1000)
    nats = np.zeros(len(first_s), np.float32)
    for _ in range(config.rounds):
        frame = activity.frame(onset_s)
        table = _calibrated(rises, frame[notes.event], notes.column)
        low = np.maximum(frame - half, 0)
        size = np.minimum(frame + half + 1, len(rises.level)) - low
        expected_s = np.maximum(np.diff(score_s) * local_period(score_s, onset_s), SHORTEST_S)
        chosen = _best(rises.level, table, notes, _Windows(low, size, expected_s), durations)
        nats = _nats(rises.level, table, notes, chosen)
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


def _levels(activity: Activity) -> _Rises:
    """Return the level of each pitch's rise: quantiles of its distribution.

    A rise is the growth of log activity over 35 ms; the largest within NEAR_FRAMES counts.
    """
    lag, floor = max(1, round(RISE_S / activity.frame_s)), activity.floor
    audible = [rises[rises > 0.05] for _, _, rises in _rises(activity.level, lag, floor, 0)]
    heard = np.concatenate(audible) if audible else np.zeros(0, np.float16)
    some = heard[:: max(1, len(heard) // 200_000)].astype(np.float32)
    edges = np.unique(np.quantile(some, _FINER)) if len(some) else np.array([1.0])
    levels = RowStore(activity.level.width, np.uint8)
    counts = np.zeros((activity.level.width, len(edges) + 1), np.int64)
    for skip, n, rises in _rises(activity.level, lag, floor, NEAR_FRAMES):
        near = maximum_filter1d(rises.astype(np.float32), NEAR_FRAMES, axis=0)[skip : skip + n]
        block = np.searchsorted(edges, near, side="right").astype(np.uint8)
        levels.append(block)
        for column in range(levels.width):
            counts[column] += np.bincount(block[:, column], minlength=len(edges) + 1)
    return _Rises(levels, counts)


def _rises(level: RowStore, lag: int, floor: float, margin: int) -> Iterator[tuple[int, int, Halves]]:
    """Yield blocks of rises, behind how many rows of a margin they begin and how many they are."""
    for first, last, rows in level.blocks(margin + lag):
        begin, end = max(first - margin, 0), min(last + margin, len(level))
        before = begin - max(first - margin - lag, 0)  # rows above the first rise
        rises = np.zeros((end - begin, level.width), np.float16)
        log = np.log(rows + np.float32(floor))
        if len(log) > 2 * lag:
            skip = lag - before  # of the recording's very beginning nothing is before it
            grown = np.maximum(log[2 * lag :] - log[: -2 * lag], 0)
            rises[skip : skip + len(grown)] = grown
        yield first - begin, last - first, rises


_FINER = 1 - np.geomspace(1.0, 0.001, N_LEVELS)  # finer towards strong rises


def _calibrated(rises: _Rises, frame: Ints, column: Ints) -> Floats:
    """Return nats for each level: how much more frequent it is at onsets than anywhere at the same pitches."""
    n = rises.counts.shape[1]
    at = np.bincount(rises.level.at(frame, column), minlength=n) + RARELY
    everywhere = np.zeros(n)
    weight = np.bincount(column, minlength=rises.level.width)
    for c in np.flatnonzero(weight):
        everywhere += weight[c] * rises.counts[c] / len(rises.level)
    everywhere += RARELY
    nats = np.log(at / at.sum()) - np.log(everywhere / everywhere.sum())
    return np.clip(np.maximum.accumulate(nats), *CLIP)


def _notes(score: Score, activity: Activity) -> _Notes:
    """The notes by their events."""
    event, column = note_events(score), np.searchsorted(activity.pitch, score.note_pitch)
    order = np.argsort(event, kind="stable")
    n_notes = np.bincount(event, minlength=len(score.onset_quarter))
    start = np.append(0, np.cumsum(n_notes)).astype(np.int64)
    return _Notes(event[order], column[order], start, np.asarray(n_notes ** (CHORD - 1.0)))


def _nats(level: RowStore, table: Floats, notes: _Notes, chosen: Ints) -> Nats:
    """Return the evidence for each event at the frame that was chosen for it."""
    found = table[level.at(chosen[notes.event], notes.column)]
    total = np.zeros(len(chosen), np.float32)
    for i in range(int(np.diff(notes.start).max(initial=0))):  # summed as the search has it
        more = np.flatnonzero(np.diff(notes.start) > i)
        total[more] += found[notes.start[more] + i]
    return (total * notes.worth).astype(np.float32)


def _best(level: RowStore, table: Floats, notes: _Notes, windows: _Windows, durations: DurationNumbers) -> Ints:
    """Return the frame of each event by exact dynamic programming, each event after the one before."""
    low, size = windows.low, windows.size
    place = np.append(0, np.cumsum(size)).astype(np.int64)
    narrow = size.max() < 1 << 16
    source = np.zeros(place[-1], np.uint16 if narrow else np.int32)
    search = _Search(notes, windows, np.zeros((2, int(size.max()))), source, place)
    for some in batches(low, low + size):
        first, last = int(low[some].min()), int((low + size)[some].max())
        _advance(level.rows(first, last), first, table, search, (some.start, some.stop), durations)
    out = np.zeros(len(low), np.int64)
    k = int(np.argmax(search.total[(len(low) - 1) % 2, : size[-1]]))
    for i in range(len(low) - 1, -1, -1):
        out[i] = low[i] + k
        k = int(source[place[i] + k])
    return out


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
def _evidence(rows: Levels, first: int, table: Floats, notes: _Notes, i: int, low: int, out: Nats) -> None:
    """Write the evidence for event i at each frame from `low` on: the sum of the table's nats over its notes."""
    out[:] = 0
    for k in range(notes.start[i], notes.start[i + 1]):
        for j in range(len(out)):
            out[j] += table[rows[low - first + j, notes.column[k]]]
    for j in range(len(out)):
        out[j] *= notes.worth[i]


@njit(nogil=True, cache=True)
def _advance(
    rows: Levels, first: int, table: Floats, search: _Search, events: tuple[int, int], durations: DurationNumbers
) -> None:
    """Search on through some events, whose levels are given from frame `first` on."""
    low, size, total = search.windows.low, search.windows.size, search.total
    for i in range(events[0], events[1]):
        evidence = np.zeros(size[i], np.float32)
        _evidence(rows, first, table, search.notes, i, low[i], evidence)
        if i == 0:
            total[0, : size[0]] = evidence
            continue
        cost = _durations(max(low[i] + size[i] - low[i - 1], 1), search.windows.expected_s[i - 1], durations)
        before, now, place = total[(i - 1) % 2], total[i % 2], search.place[i]
        for k in range(size[i]):
            best, best_j = -1e17, 0
            for j in range(min(size[i - 1], low[i] + k - low[i - 1])):
                value = before[j] + cost[low[i] + k - low[i - 1] - j]
                if value > best:
                    best, best_j = value, j
            now[k] = best + evidence[k]
            search.source[place + k] = best_j
