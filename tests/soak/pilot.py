"""A faint noise under all that is played, which tells in a recording what is missing, and where.

It repeats after PERIOD samples, and its place in that goes by the frames of the server: a sample that was lost, and not
replaced by silence, moves it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["PERIOD", "holes", "pilot", "places"]

PERIOD = 1 << 16
LEVEL = 5e-3
SURE = 8.0  # times the second highest peak of the correlation
SILENT = 1e-5
HOLE = 256  # samples of silence where there is always noise

Audio = npt.NDArray[np.float32]


def pilot() -> Audio:
    """One period."""
    return np.asarray(LEVEL * np.random.default_rng(7).standard_normal(PERIOD), np.float32)


def places(sound: Audio, noise: Audio) -> list[int | None]:
    """The place of the noise at the beginning of each whole period of a sound; None where it cannot be told."""
    spectrum = np.conj(np.fft.rfft(noise))
    found: list[int | None] = []
    for start in range(0, len(sound) - PERIOD + 1, PERIOD):
        heard = np.fft.rfft(sound[start : start + PERIOD])
        heard /= np.abs(heard) + 1e-9  # the solo is louder, and has few frequencies
        likeness = np.fft.irfft(heard * spectrum)
        best = int(likeness.argmax())
        rest = np.delete(likeness, range(max(best - 2, 0), min(best + 3, PERIOD)))
        found.append(-best % PERIOD if likeness[best] > SURE / 4 * rest.max() else None)
    return found


def holes(sound: Audio) -> list[tuple[int, int]]:
    """Begin and end of all stretches of silence."""
    still = np.concatenate([[False], np.abs(sound) < SILENT, [False]])
    edges = np.flatnonzero(still[1:] != still[:-1])
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2) if b - a >= HOLE]
