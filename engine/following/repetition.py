"""Where a score strikes again what sounds already: only an attack tells such events from those before.

A template has what was struck before fading in it, most at the first of several such events. In the sound of a player
who holds his notes, or plays without pedal, that fades as well, and each event would soon resemble those after it
more than itself: without any attack a held note would pass for the next one. So they share one sustain template.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from engine.score.score import Score

__all__ = ["repeated_events", "shared_by_repeats"]

SAME_QUARTER = 1e-3


def repeated_events(score: Score) -> npt.NDArray[np.bool_]:
    """Return (event) whether the pitches that are to be held at an onset are those of the onset before."""
    begin, end = score.note_quarter - SAME_QUARTER, score.note_quarter + score.note_duration - SAME_QUARTER
    onsets = score.onset_quarter
    first, last = np.searchsorted(onsets, begin), np.searchsorted(onsets, end)
    held: list[set[int]] = [set() for _ in range(len(onsets))]
    for i, j, pitch in zip(first.tolist(), last.tolist(), score.note_pitch.tolist(), strict=True):
        for event in range(i, j):
            held[event].add(pitch)
    return np.array([False, *(before == now for before, now in pairwise(held))], bool)


def shared_by_repeats(rows: npt.NDArray[np.float32], repeats: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """Return rows (event, feature) where an event and its repetitions have their mean."""
    if not repeats.any():
        return rows
    starts = np.flatnonzero(~repeats)
    sizes = np.diff(np.append(starts, len(rows)))
    means = np.add.reduceat(rows, starts) / sizes[:, None]
    return np.repeat(means.astype(np.float32), sizes, axis=0)
