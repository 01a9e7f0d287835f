"""Say where in its bar a place of a score is."""

from __future__ import annotations

import numpy as np

from engine.score.score import SAME_ONSET, Score

__all__ = ["beat_in_bar"]


def beat_in_bar(score: Score, quarter: float) -> float:
    """Return the quarters since the bar's beginning plus 1: 1.0 on the first beat, 2.5 after one and a half quarters.

    Before the first bar the quarters are counted back from it, so that the result is below 1.
    """
    starts = score.bar_quarter
    if not len(starts):
        return quarter + 1.0
    bar = max(int(np.searchsorted(starts, quarter + SAME_ONSET, side="right")) - 1, 0)
    return max(quarter - float(starts[bar]), 0.0 if bar else -np.inf) + 1.0
