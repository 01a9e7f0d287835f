"""The beats of a score as it is played, and which of them begin a bar."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.score.parts import ScoreDraft

__all__ = ["Beats", "count_in", "score_beats"]

SAME = 1e-6  # quarters


class Beats(NamedTuple):
    """The beats of a score.

    quarter: (beat) its place, in quarters of the Score, sorted; those of an upbeat may be negative
    first: (beat) whether a bar begins with it
    """

    quarter: npt.NDArray[np.float64]
    first: npt.NDArray[np.bool_]


def score_beats(draft: ScoreDraft) -> Beats:
    """Return the beats from the first bar to the end of the last note; an upbeat is counted from its end."""
    end = max((row[0] + row[1] for part in draft.parts for row in part.notes), default=0.0)
    starts = [*(row[0] for row in draft.bars), end]
    rows: list[tuple[float, bool]] = []
    for i, (start, stop) in enumerate(pairwise(starts)):
        beat = draft.beats[i] if i < len(draft.beats) else 1.0
        upbeat = i == 0 and len(starts) > 2 and stop - start < starts[2] - stop - SAME
        first = stop - beat * np.floor((stop - start) / beat + SAME) if upbeat else start
        places = np.arange(first, stop - SAME, beat).tolist()
        rows += [(place, not upbeat and k == 0) for k, place in enumerate(places)]
    return Beats(np.array([row[0] for row in rows]) - draft.start, np.array([row[1] for row in rows], dtype=bool))


def count_in(beats: Beats, bars: int) -> Beats:
    """Return the beats to count before quarter 0: bars like the first, and what its upbeat leaves of one more."""
    starts = np.flatnonzero(beats.first)
    if not bars or not len(starts):
        return Beats(np.zeros(0), np.zeros(0, dtype=bool))
    begin, end = starts[0], starts[1] if len(starts) > 1 else len(beats.quarter)
    downbeat, n = float(beats.quarter[begin]), int(end - begin)
    beat = float(np.median(np.diff(beats.quarter[begin : end + 1]))) if n > 1 or len(starts) > 1 else 1.0
    n_bars = bars + (downbeat > SAME)
    places = np.asarray(downbeat + beat * np.arange(-n * n_bars, n), dtype=np.float64)
    counted = places < -SAME
    return Beats(places[counted], (np.arange(len(places)) % n == 0)[counted])
