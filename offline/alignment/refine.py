"""The third pass: onsets between frames, from each note's own rise and the median of a chord's notes.

Bowed and blown tones swell, so their rise is steepest long after they begin. How long is estimated from the mean rise
of the recording's own notes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from engine.core.config import Settings, plain, ranged
from engine.score.score import Score
from offline.alignment.note_activity import Activity, note_events
from offline.alignment.row_store import RowStore, batches

__all__ = ["RefineConfig", "refine"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bands = npt.NDArray[np.float32]

RISE_S = 0.0116  # to each side
BEFORE_S, AFTER_S = 0.14, 0.23  # around an onset
SILENT = 0.2  # share of its peak below which a note was silent before its onset
FEWEST_RISES, MOST_RISES = 8, 20_000  # that a median is taken of
SWELL = (1.8, 13.0, 0.25, 60.0, 9.0)  # ms a ms from where 5 % of a struck tone's rise lies, and from where 70 % lies
STRUCK_MS = 8.0  # less is a struck tone
LONGEST_MS = 50.0  # how long before its steepest point a rise may begin


@dataclass(frozen=True, slots=True, kw_only=True)
class RefineConfig(Settings):
    """How onsets are moved between frames.

    late_ms was measured on synthesised performances through several soundfonts and rooms.
    """

    reach_ms: float = ranged(70.0, 1, 1000, "how far a note may lie from its event", unit="ms")
    near_ms: float = ranged(40.0, 1, 1000, "standard deviation of how far a note lies from its event", unit="ms")
    weak: float = ranged(0.7, 0, 20, "growth of log activity below which a note counts only if no other grew more")
    share: float = ranged(0.5, 0, 1, "share of the way from the given time to the median of the notes")
    late_ms: float = ranged(7.0, -50, 50, "how late after a key's sound begins its rise is steepest", unit="ms")
    slow: bool = plain(True, "estimate how much later it is in tones that swell")


class RiseNumbers(NamedTuple):
    """What `_steepest` takes of the settings; in frames but for the floor."""

    lag: int
    half: int
    near: float
    floor: float


def refine(score: Score, activity: Activity, onset_s: Floats, config: RefineConfig) -> Floats:
    """Move onsets to where their own notes rise most steeply: (onset) seconds, rising; given: about when."""
    event, column = note_events(score), np.searchsorted(activity.pitch, score.note_pitch)
    rise = RiseNumbers(
        lag=max(1, round(RISE_S / activity.frame_s)),
        half=max(1, int(config.reach_ms / 1000 / activity.frame_s)),
        near=config.near_ms / 1000 / activity.frame_s,
        floor=activity.floor,
    )
    at = (onset_s - activity.first_s) / activity.frame_s
    place, growth = _steepest(activity.level, at[event], column, rise)
    moved = at.copy()
    for notes in np.split(np.argsort(event, kind="stable"), np.flatnonzero(np.diff(np.sort(event))) + 1):
        counts = growth[notes] >= min(config.weak, float(growth[notes].max()))
        counts &= np.isfinite(place[notes])
        if counts.any():
            moved[event[notes[0]]] = np.median(place[notes][counts])
    frames = (1 - config.share) * at + config.share * moved
    swell_s = _swell(activity, frames[event], column) if config.slow else 0.0
    return np.maximum.accumulate(activity.seconds(frames)) - config.late_ms / 1000 - swell_s


def _swell(activity: Activity, at: Floats, column: Ints) -> float:
    """Estimate how much later than in a struck tone the rise is steepest, seconds.

    Linear in when the median rise of the recording's notes passes 5 % and 70 %. Fitted on takes of twelve instruments
    in three soundfonts; an instrument that was left out was off by 8 ms in the mean.
    """
    around = np.arange(-round(BEFORE_S / activity.frame_s), round(AFTER_S / activity.frame_s))
    inside = (at + around[0] >= 0) & (at + around[-1] + 1 < len(activity.level))
    rises = _rises(activity.level, at[inside], column[inside], around)
    if len(rises) < FEWEST_RISES:
        return 0.0
    rise = np.median(rises, axis=0)
    begins, stands = (1000 * activity.frame_s * (_crossing(rise, share) + around[0]) for share in (0.05, 0.7))
    if -begins > LONGEST_MS:  # noise or a room lies below the rise
        return 0.0
    late_ms = SWELL[0] * (-begins - SWELL[1]) + SWELL[2] * (min(stands, SWELL[3]) - SWELL[4])
    return late_ms / 1000 if late_ms > STRUCK_MS else 0.0


def _rises(level: RowStore, at: Floats, column: Ints, around: Ints) -> Floats:
    """Return (note, frame) the activity around each onset of a silent note, from 0 before it to 1 at its peak."""
    every = -(-len(at) // MOST_RISES) if len(at) else 1
    at, column = at[::every], column[::every]
    before, after = 2 - int(around[0]), int(around[-1]) + 3
    found = [
        _rise_of(rows, at[notes] - first, column[notes], around)
        for notes, first, rows in _around(level, at, before, after)
    ]
    return np.concatenate(found) if found else np.zeros((0, len(around)))


def _rise_of(level: Bands, at: Floats, column: Ints, around: Ints) -> Floats:
    place = at[:, None] + around
    first = place.astype(np.int64)
    share = place - first
    values = (1 - share) * level[first, column[:, None]] + share * level[first + 1, column[:, None]]
    before = int(np.searchsorted(around, 0))
    low = values[:, : before // 2].min(axis=1, keepdims=True)
    peak = values[:, before : 2 * before - before // 6].max(axis=1, keepdims=True)
    clear = ((peak > 0) & (low < SILENT * peak))[:, 0]
    return np.asarray((values[clear] - low[clear]) / (peak[clear] - low[clear]), np.float64)


def _crossing(rise: Floats, share: float) -> float:
    """Return the fractional frame at which a rise first reaches a share; the last one if it never does."""
    above = np.flatnonzero(rise >= share)
    k = int(above[0]) if len(above) else len(rise) - 1
    if k == 0 or not len(above):
        return float(k)
    return k - 1 + float((share - rise[k - 1]) / max(rise[k] - rise[k - 1], 1e-9))


def _steepest(level: RowStore, at: Floats, column: Ints, rise: RiseNumbers) -> tuple[Floats, Floats]:
    """Find for each note the fractional frame where its activity grows most, weighted by its distance to `at`.

    Returns frames, NaN where it does not grow, and the growth of log activity there, -inf where it does not grow.
    """
    place, growth = np.full(len(at), np.nan), np.full(len(at), -np.inf)
    margin = rise.half + rise.lag + 2
    for notes, first, rows in _around(level, at, margin, margin):
        found = _steepest_of(rows, first, len(level), at[notes], column[notes], rise)
        place[notes], growth[notes] = found
    return place, growth


def _around(level: RowStore, at: Floats, before: int, after: int) -> Iterator[tuple[Ints, int, Bands]]:
    """Yield all notes, some at a time, with the number of the first of the rows around them, and those rows."""
    order = np.argsort(at, kind="stable")
    centre = np.round(at[order]).astype(np.int64)
    for some in batches(centre - before, centre + after):
        first, last = max(int(centre[some].min()) - before, 0), int(centre[some].max()) + after
        yield order[some], first, np.asarray(level.rows(first, last), np.float32)


@njit(nogil=True, cache=True)
def _steepest_of(
    rows: Bands, first: int, n_rows: int, at: Floats, column: Ints, rise: RiseNumbers
) -> tuple[Floats, Floats]:
    """Do so for notes of which rows are given, from row `first` of n_rows on."""
    lag, half, near, floor = rise.lag, rise.half, rise.near, rise.floor
    place, growth = np.full(len(at), np.nan), np.full(len(at), -np.inf)
    for k in range(len(at)):
        centre, c, best = round(at[k]), column[k], 0.0
        for t in range(max(centre - half, lag + 1), min(centre + half + 1, n_rows - lag - 1)):
            i = t - first
            growing = rows[i + lag, c] - rows[i - lag, c]
            value = growing * np.exp(-0.5 * ((t - at[k]) / near) ** 2)
            if value > best:
                best = value
                before = rows[i - 1 + lag, c] - rows[i - 1 - lag, c]
                after = rows[i + 1 + lag, c] - rows[i + 1 - lag, c]
                bend = min(before - 2 * growing + after, -1e-9)
                place[k] = t + min(max(0.5 * (before - after) / bend, -0.5), 0.5)
                growth[k] = np.log((rows[i + lag, c] + floor) / (rows[i - lag, c] + floor))
    return place, growth
