"""How loud the soloist plays against the mean of his own playing, for an accompaniment that goes with him.

What his part marks is not taken off: of 12 recordings, level minus the marks varies no less than the level itself.
"""

from __future__ import annotations

from math import exp

import numpy as np
import numpy.typing as npt
from numba import njit

from engine.core.arrays import F32, F64
from engine.core.fixed_kernel import FixedKernel
from engine.dsp.sanitise import LIMIT, clean

__all__ = ["SoloLoudness"]

SMOOTH_S = 0.05  # over which the power is averaged
FALL_S = 1.0  # in which the level of what decays falls by 4 dB: a piano's tone is as loud as it was struck
MEAN_S = 20.0  # of playing, over which the level is compared
SETTLE_S = 3.0  # of playing, in which what is known of the mean gains weight
SILENT_DB = -60.0  # of full scale
BELOW_DB = 25.0  # below the mean: a rest, or the end of a tone
MOST_DB = 12.0
VELOCITY_DB = 40.0  # level of a note is 40 log10(velocity), as in General MIDI's recommended curve


@njit(nogil=True, cache=True)
def _levels(block: F32, grid: int, numbers: F64, state: F64, out: F64) -> int:
    """Write the level at each multiple of `grid` samples that block (sample, channel) completes; return how many.

    numbers: shares that the mean power and its peak keep from one to the next
    state: sum of squares since the last, samples since, mean power, its peak
    """
    n = 0
    for i in range(block.shape[0]):
        for c in range(block.shape[1]):
            state[0] += np.float64(clean(block[i, c], np.float32(LIMIT))) ** 2
        state[1] += 1
        if state[1] == grid:
            power = state[0] / (grid * block.shape[1])
            state[2] = numbers[0] * state[2] + (1 - numbers[0]) * power
            state[3] = max(state[2], numbers[1] * state[3])
            out[n] = 10 * np.log10(state[3] + 1e-12)
            n += 1
            state[0], state[1] = 0.0, 0.0
    return n


class SoloLoudness:
    """Level of the solo above its mean, once every `grid` samples.

    amount: share of it that the accompaniment follows, 0 to 1
    """

    def __init__(self, sample_rate: int, grid: int, amount: float) -> None:
        self.grid, self.amount = grid, amount
        self._step_s = grid / sample_rate
        self._numbers = np.array([exp(-self._step_s / SMOOTH_S), 10 ** (-0.4 * self._step_s / FALL_S)])
        self._out = np.zeros(16)
        self._measure = FixedKernel(_levels)
        self.reset()

    def reset(self) -> None:
        """Forget what was played."""
        self._state = np.zeros(4)
        self._mean_db, self._played_s = 0.0, 0.0
        self.shift_db = 0.0

    def levels(self, block: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Return the level at each multiple of `grid` samples that a block (sample, channel) completes, dB."""
        most = len(block) // self.grid + 1
        if most > len(self._out):
            self._out = np.zeros(most)
        block = np.ascontiguousarray(block, np.float32)  # one compiled kernel for every caller
        return self._out[: self._measure.call(block, self.grid, self._numbers, self._state, self._out)]

    def take(self, level_db: float) -> None:
        """Take the next level; `shift_db` is then how much louder the accompaniment is to play."""
        if level_db < SILENT_DB or (self._played_s > SETTLE_S and level_db < self._mean_db - BELOW_DB):
            return
        self._played_s += self._step_s
        self._mean_db += max(self._step_s / MEAN_S, self._step_s / self._played_s) * (level_db - self._mean_db)
        known = min(self._played_s / SETTLE_S, 1.0)
        self.shift_db = self.amount * known * min(max(level_db - self._mean_db, -MOST_DB), MOST_DB)

    def velocity(self, written: int) -> int:
        """Return the velocity of a note of the accompaniment now."""
        return min(max(round(written * 10 ** (self.shift_db / VELOCITY_DB)), 1), 127)
