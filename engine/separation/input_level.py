"""How loud a stream has been so far: what brings the input of a network to the level that it was trained at.

A network on magnitudes knows the level of its training data; a quiet microphone or a hot line is another. Masks have
no level, so that the factor goes to the network alone and never to the sound.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from engine.core.arrays import F32, F64
from engine.core.format import FrameFormat
from engine.dsp.window import window

__all__ = ["InputLevel"]

LONG_S, SHORT_S = 30.0, 1.0  # of the two running means
JUMP = 0.25  # of the short mean's power: the least that the long one is held to have, so that 6 dB up are followed
SILENT = 1e-9  # mean square of a frame, of full scale (-90 dB): below it nothing is learnt
MOST = 1000.0  # factor, 60 dB
LONG, SHORT, SEEN = range(3)


@njit(nogil=True, cache=True)
def _follow(magnitude: F32, state: F64, scale: float, step_long: float, step_short: float) -> None:
    """Take the power of one frame (channel, bin) into both running means; the first frames count alike."""
    power = 0.0
    for c in range(magnitude.shape[0]):
        for k in range(1, magnitude.shape[1]):  # a converter's offset is no sound
            power += np.float64(magnitude[c, k]) * np.float64(magnitude[c, k])
    power *= scale
    if power < SILENT:
        return
    state[SEEN] += 1
    first = 1 / state[SEEN]
    state[LONG] += max(first, step_long) * (power - state[LONG])
    state[SHORT] += max(first, step_short) * (power - state[SHORT])


class InputLevel:
    """The factor that brings magnitudes of a stream (frame by frame) to a root mean square of `target`, full scale 1.

    Silence is not counted, and until something has sounded the factor is 1; it is at most MOST.
    """

    def __init__(self, frames: FrameFormat, window_name: str, target: float) -> None:
        self.target = target
        energy = float(np.sum(window(window_name, frames.n_fft).astype(np.float64) ** 2))
        self._scale = 2 / (energy * frames.n_fft)  # Parseval: from squares of one side's bins to a mean square
        step_s = frames.hop / frames.audio.sample_rate
        self._steps = 1 - np.exp(-step_s / LONG_S), 1 - np.exp(-step_s / SHORT_S)
        self._state = np.zeros(3)

    def apply(self, magnitude: Any) -> None:
        """Hear one frame (channel, bin) and multiply it by the factor so far, in place."""
        _follow(magnitude, self._state, self._scale / len(magnitude), *self._steps)
        power = max(self._state[LONG], JUMP * self._state[SHORT])
        if power > 0:
            magnitude *= np.float32(min(self.target / np.sqrt(power), MOST))

    def reset(self) -> None:
        """Forget the past."""
        self._state[:] = 0
