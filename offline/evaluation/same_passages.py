"""Whether two places cannot be told apart: what was heard up to one is, note by note, what leads to the other."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engine.score.score import Score
from engine.stage.finding.places import Places

__all__ = ["same_passage", "twins"]

Ints = npt.NDArray[np.int64]

SAME = 1e-3  # quarters
GRID = 48  # steps a quarter by which onsets are compared
AROUND = 1.0  # quarters in which the onset that was heard last lies
LEAST = 4  # notes that are compared at least


def same_passage(score: Score, begin: float, quarter: float, other: Score, place: float) -> bool:
    """Return whether what was played of a score from `begin` to `quarter` leads to `place` in another as well.

    begin, quarter: in the score, the second within a quarter
    place: an onset of the other score, or shortly after one
    """
    last = np.searchsorted(other.onset_quarter, place + SAME) - 1
    if last < 0:
        return False
    end = float(other.onset_quarter[last])
    near = score.onset_quarter[np.abs(score.onset_quarter - quarter) <= AROUND]
    return any(_equal(_notes(score, begin, now), _notes(other, begin + end - now, end)) for now in near.tolist())


def _equal(heard: set[tuple[int, int]], other: set[tuple[int, int]]) -> bool:
    return len(heard) >= LEAST and heard == other


def _notes(score: Score, first: float, last: float) -> set[tuple[int, int]]:
    """Return the notes (step from the first quarter, pitch) that begin between two quarters."""
    rows = slice(*np.searchsorted(score.note_quarter, [first - SAME, last + SAME]))
    steps = np.round((score.note_quarter[rows] - first) * GRID).astype(np.int64)
    return set(zip(steps.tolist(), score.note_pitch[rows].tolist(), strict=True))


def twins(places: Places, begin: int, n: int) -> Ints:
    """Return the events from which the next `n` are, note by note, those from event `begin` on, itself left out.

    A passage that is played again because of a repeat is printed once, and is no twin of itself.
    """
    number = places.onset[begin]
    found = places.holder[places.with_onset[number] : places.with_onset[number + 1]]
    found = found[places.bar[found] != places.bar[begin]]
    for i in range(1, n):
        found = found[found + i < len(places.piece)]
        step = places.quarter[begin + i] - places.quarter[begin]
        same = places.onset[found + i] == places.onset[begin + i]
        same &= places.piece[found + i] == places.piece[found]
        same &= np.abs(places.quarter[found + i] - places.quarter[found] - step) * GRID < 1
        found = found[same]
    return found
