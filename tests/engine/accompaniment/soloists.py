"""Soloists made of numbers: the events that a follower would give of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from engine.core.events import Event, Onset
from engine.score.score import Score, make_score

RATE = 44100
TOLD_S = 0.045  # from an onset until the follower reports it
SD_S = 0.02  # of its predictions
STEP_S = 0.0116  # between two predictions


def melody(n: int, *, bpm: float = 60.0, fermatas: Sequence[float] = ()) -> Score:
    """A score of n quarters."""
    return make_score("melody", [(q, 1, 60 + q % 12, 64) for q in range(n)], tempi=[(0, bpm)], fermatas=fermatas)


def told(played: Sequence[tuple[int, float]], *, sd_s: float = SD_S) -> Iterator[tuple[float, Event]]:
    """Yield (emitted, event) for onsets (quarter, second): each is predicted from the pace before it, then heard."""
    pace = 1.0
    for i, (quarter, at_s) in enumerate(played):
        yield at_s + TOLD_S, _onset(quarter, at_s, at_s + TOLD_S, heard=True)
        if i and 0 < at_s - played[i - 1][1] < 2.5 * pace:
            pace = at_s - played[i - 1][1]
        end_s = played[i + 1][1] if i + 1 < len(played) else at_s + 1
        for now_s in np.arange(at_s + TOLD_S + STEP_S, end_s + TOLD_S, STEP_S):
            due_s = max(at_s + pace, now_s + SD_S)  # it has not come yet
            yield float(now_s), _onset(quarter + 1, due_s, float(now_s), sd_s=sd_s)


def _onset(quarter: int, due_s: float, now_s: float, *, sd_s: float = 0.0, heard: bool = False) -> Onset:
    at = round(now_s * RATE)
    return Onset(at=at, emitted_at=at, quarter=float(quarter), due_s=due_s, sd_s=sd_s, heard=heard)
