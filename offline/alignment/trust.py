"""Tell how likely a recording is of a score at all: by how its notes stand out, and by its key.

The evidence of the single onsets does not tell it: the notes of any score find rises that fit, and an accompaniment or
a room hides those of the right one. But the pitches of another piece do not sound more at its notes than at others.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import uniform_filter1d

from engine.score.score import Score
from offline.alignment.note_activity import Activity, note_events
from offline.alignment.row_store import RowStore

__all__ = ["DOUBTFUL", "prominence", "trust"]

Floats = npt.NDArray[np.float64]

# Logistic regression: weights of prominence and contrast, and intercept. Fitted on 45 alignments of hard takes of the
# tuning half of `data hard`, with their own scores and with others, and 19 of composed pieces; pieces left out in turn,
# another piece is told from all takes but those of one voice of several alone.
WEIGHTS, INTERCEPT = (9.8, 10.9), -7.4
DOUBTFUL = 0.5  # trust below which it is taken for other music
NEUTRAL = 0.1  # contrast that is assumed where it is not measured
AFTER_S = 0.3  # how long after its onset a note is looked at, seconds
LATE_FRAMES = 2  # after the onset
SAME_QUARTER = 1e-3


def prominence(score: Score, activity: Activity, onset_s: Floats) -> float:
    """Return how much notes stand out: the mean share of other onsets at which a note's pitch is weaker, 0 to 1.

    A half is chance. Other onsets are those at which the score does not have the pitch sound: every onset is loud, so
    that other moments say little. NaN if there are none.
    onset_s: (onset) seconds, NaN if not played
    """
    event = note_events(score)
    until = np.searchsorted(score.onset_quarter, score.note_quarter + score.note_duration - SAME_QUARTER)
    played = np.isfinite(onset_s)
    width = max(1, round(AFTER_S / activity.frame_s))
    frame = np.minimum(activity.frame(onset_s[played]) + width // 2 + LATE_FRAMES, len(activity.level) - 1)
    levels = _smoothed_at(activity.level, width, frame)
    total, n = 0.0, 0
    for column, pitch in enumerate(activity.pitch):
        begins, sounds = np.zeros(len(played), np.bool_), np.zeros(len(played), np.bool_)
        for first, stop in zip(event[score.note_pitch == pitch], until[score.note_pitch == pitch], strict=True):
            begins[first] = True
            sounds[first:stop] = True
        level = levels[:, column]
        others = np.sort(level[~sounds[played]])
        if len(others):
            own = level[begins[played]]
            total, n = total + float(np.searchsorted(others, own).sum()) / len(others), n + len(own)
    return total / n if n else float("nan")


def _smoothed_at(level: RowStore, width: int, frame: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Return the mean (frame, P) of as many levels around each of some frames."""
    out = np.zeros((len(frame), level.width), np.float32)
    for first, last, rows in level.blocks(2 * width):
        here = np.flatnonzero((frame >= first) & (frame < last))
        if len(here):
            out[here] = uniform_filter1d(rows, width, axis=0)[frame[here] - max(first - 2 * width, 0)]
    return out


def trust(prominent: float, contrast: float) -> float:
    """Return the probability that the recording is of the score.

    contrast: see `shift_contrast`; NaN if it was not measured
    """
    contrast = contrast if np.isfinite(contrast) else NEUTRAL
    odds = WEIGHTS[0] * prominent + WEIGHTS[1] * contrast + INTERCEPT
    return float(1 / (1 + np.exp(-odds)))
