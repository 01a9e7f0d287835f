"""How far predictions of the solo's onsets have been off in the present take, beside the spread that was told.

The follower tells the spread of players on the whole. A steady player is foreseen much better, one who takes his time
worse, and one who leans on his notes comes later than foreseen. The mean of the errors and of their squares, each error
in the standard deviations that were told, correct what is told next.
"""

from __future__ import annotations

from math import sqrt

__all__ = ["Calibration"]

SHARE = 0.1  # weight of the newest error in the means
MOST = 3.0  # largest error that counts, standard deviations: a stop, or an error of the follower, is no spread
LEAST_S = 0.015  # as well as an onset itself is placed, seconds


class Calibration:
    """Take predictions of onsets and the onsets; correct predictions."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget the present take."""
        self._mean, self._square = 0.0, 1.0
        self._first: tuple[int, float, float] | None = None  # the onset foreseen, when, and its standard deviation

    def foresee(self, onset: int, due_s: float, sd_s: float) -> None:
        """Take what is predicted of an onset; what is predicted first counts, as the rest knows that it is late."""
        if self._first is None or self._first[0] != onset:
            self._first = (onset, due_s, sd_s)

    def take(self, onset: int, at_s: float) -> None:
        """Take when an onset began."""
        if self._first is not None and self._first[0] == onset:
            _, due_s, sd_s = self._first
            error = min(max((at_s - due_s) / sd_s, -MOST), MOST)
            self._mean += SHARE * (error - self._mean)
            self._square += SHARE * (error**2 - self._square)
        self._first = None

    def corrected(self, due_s: float, sd_s: float) -> tuple[float, float]:
        """Return when to reckon with an onset that is told to be due, and the standard deviation."""
        spread = sqrt(max(self._square - self._mean**2, 0.0))
        return due_s + sd_s * self._mean, max(sd_s * spread, LEAST_S)
