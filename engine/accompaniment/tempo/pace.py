"""The soloist's pace: seconds played for each second of the score's own tempo, smoothed over what was played."""

from __future__ import annotations

from math import exp, log

__all__ = ["Pace"]

SHORTEST_S = 0.03  # onsets closer than this are one spread chord, not a pace
STOP = 1.0  # a gap longer or shorter than expected by this factor (natural logarithm) is a stop or an error, no pace
AGREE, ALIKE = 3, 0.5  # so many in a row that agree so far are the pace after all: the first step may be an error too


class Pace:
    """An exponential mean of the logarithm of the pace.

    time_s: time constant, seconds of playing
    start: pace before anything was played
    known: whether the soloist knows that pace, by a count or an introduction; else the first step sets it
    """

    def __init__(self, time_s: float, start: float = 1.0, *, known: bool = False) -> None:
        self.time_s, self._start, self._start_known = time_s, log(start), known
        self.reset()

    def reset(self) -> None:
        """Forget what was played."""
        self._log, self._known = self._start, self._start_known
        self._odd: list[float] = []  # paces in a row that were taken for stops or errors

    def put(self, ratio: float) -> None:
        """Go on from this ratio, until the soloist plays another."""
        self._log = log(ratio)

    @property
    def ratio(self) -> float:
        """Return seconds of playing for each second of score."""
        return exp(self._log)

    def take(self, score_s: float, played_s: float) -> None:
        """Take a step of the score and how long it was played."""
        if score_s <= 0 or played_s <= SHORTEST_S:
            return
        new = log(played_s / score_s)
        if not self._known:
            self._log, self._known = new, True
        elif abs(new - self._log) > STOP:
            self._doubt(new)
        else:
            self._odd = []
            self._log += (1 - exp(-score_s * self.ratio / self.time_s)) * (new - self._log)

    def _doubt(self, new: float) -> None:
        """Take a pace that cannot be; believe it where those before it say the same."""
        self._odd = [*self._odd[1 - AGREE :], new]
        if len(self._odd) == AGREE and max(self._odd) - min(self._odd) <= ALIKE:
            self._log, self._odd = sum(self._odd) / AGREE, []
