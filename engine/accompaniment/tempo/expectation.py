"""How far to go with the tempo that rehearsals let expect: as far as it has foretold the present take.

The pace knows the soloist's tempo as it was; a rehearsed curve knows how it is going to change. That change is believed
by the share that a regression of the changes which were played on those which were expected gives, over what was played
so far and drawn towards none. A curve that says nothing about this soloist, or the contrary, has no weight.
"""

from __future__ import annotations

from bisect import bisect_right
from math import exp, log

import numpy as np

from engine.score.score import Score

__all__ = ["Expectation"]

PRIOR = 0.1  # evidence that must be outweighed: squared expected change of the log tempo, times seconds played
MEMORY_S = 60.0  # time over which evidence is forgotten, seconds of playing
LONGEST_S = 1.0  # a step counts as its length, at most this
LEAST_S = 1e-6  # a shorter stretch of score has no tempo


class Expectation:
    """How much slower a stretch of score is expected than what was played last.

    score: what is followed
    expected: the same at the tempo that is expected, None for no other than the score's own
    """

    def __init__(self, score: Score, expected: Score | None) -> None:
        self._own_s: list[float] = []
        if expected is not None:
            quarter = np.union1d(score.tempo_quarter, expected.tempo_quarter)
            self._own_s = score.seconds(quarter).tolist()
            self._expected_s = expected.seconds(quarter).tolist()
        self.reset()

    def reset(self) -> None:
        """Forget the present take."""
        self.weight = 0.0  # share of an expected change that is believed, 0 to 1
        self._level: float | None = None  # mean of the expected log tempo over that of which the pace is the mean
        self._square = self._product = 0.0

    def ratio(self, begin_s: float, end_s: float) -> float:
        """Return by what factor the stretch between two places, seconds of score, lasts longer than at the pace."""
        if self._level is None or self.weight == 0 or end_s - begin_s < LEAST_S:
            return 1.0
        return exp(self.weight * (self._log_tempo(begin_s, end_s) - self._level))

    def take(self, begin_s: float, end_s: float, played_s: float, pace: tuple[float, float]) -> None:
        """Take a step of the soloist between two places.

        pace: seconds for each second of score, before the step and after it
        """
        if not self._own_s or end_s - begin_s < LEAST_S:
            return
        change = self._log_tempo(begin_s, end_s) - (self._level or 0.0)
        if self._level is None:
            self._level = change
            return
        before, after = map(log, pace)
        if after == before:
            return  # a stop or an error
        played = log(played_s / (end_s - begin_s)) - before
        weight, kept = min(played_s, LONGEST_S), max(1 - played_s / MEMORY_S, 0.0)
        self._square = kept * self._square + weight * change**2
        self._product = kept * self._product + weight * change * played
        self.weight = min(max(self._product / (self._square + PRIOR), 0.0), 1.0)
        self._level += change * (after - before) / played  # as the pace has taken the step

    def _log_tempo(self, begin_s: float, end_s: float) -> float:
        """Return the log of the expected seconds for a second of the score's own tempo."""
        return log(max(self._place(end_s) - self._place(begin_s), LEAST_S) / (end_s - begin_s))

    def _place(self, score_s: float) -> float:
        """Return the seconds at the expected tempo of a place of the score."""
        own, there = self._own_s, self._expected_s
        i = min(max(bisect_right(own, score_s), 1), len(own) - 1)
        slope = (there[i] - there[i - 1]) / (own[i] - own[i - 1])
        return float(there[i] + slope * (score_s - own[i]))
