"""Normalise the level of a network's input to that of its training data, from the level of the stream so far.

A network on magnitudes depends on the level of its training data; a quiet microphone or a hot line differs from it.
Masks are independent of level, so the factor is applied to the network's input only and never to the audio.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from engine.core.arrays import F32, F64
from engine.core.format import FrameFormat
from engine.dsp.window import window

__all__ = ["InputLevel"]

LONG_S, SHORT_S = 30.0, 1.0  # seconds, time constants of the two running means
JUMP = 0.25  # lower bound of the long mean, relative to the short mean's power, so that a rise of 6 dB is followed
SILENT = 1e-9  # mean square of a frame, of full scale (-90 dB): frames below it are ignored
MOST = 1000.0  # maximum factor, 60 dB
LONG, SHORT, SEEN = range(3)


@njit(nogil=True, cache=True)
def _follow(magnitude: F32, state: F64, scale: float, step_long: float, step_short: float) -> None:
    """Update both running means with the power of one frame (channel, bin); the first frames have equal weight."""
    power = 0.0
    for c in range(magnitude.shape[0]):
        for k in range(1, magnitude.shape[1]):  # bin 0, a converter's DC offset, is excluded
            power += np.float64(magnitude[c, k]) * np.float64(magnitude[c, k])
    power *= scale
    if power < SILENT:
        return
    state[SEEN] += 1
    first = 1 / state[SEEN]
    state[LONG] += max(first, step_long) * (power - state[LONG])
    state[SHORT] += max(first, step_short) * (power - state[SHORT])


class InputLevel:
    """Scale magnitudes of a stream (frame by frame) to a root mean square of `target`, full scale 1.

    Silence is not counted; the factor is 1 until the first frame above silence, and at most MOST.
    """

    def __init__(self, frames: FrameFormat, window_name: str, target: float) -> None:
        self.target = target
        energy = float(np.sum(window(window_name, frames.n_fft).astype(np.float64) ** 2))
        self._scale = 2 / (energy * frames.n_fft)  # Parseval: from squares of one side's bins to a mean square
        step_s = frames.hop / frames.audio.sample_rate
        self._steps = 1 - np.exp(-step_s / LONG_S), 1 - np.exp(-step_s / SHORT_S)
        self._state = np.zeros(3)

    def apply(self, magnitude: Any) -> None:
        """Update the level with one frame (channel, bin) and multiply it by the current factor, in place."""
        _follow(magnitude, self._state, self._scale / len(magnitude), *self._steps)
        power = max(self._state[LONG], JUMP * self._state[SHORT])
        if power > 0:
            magnitude *= np.float32(min(self.target / np.sqrt(power), MOST))

    def reset(self) -> None:
        """Reset to the initial state."""
        self._state[:] = 0
