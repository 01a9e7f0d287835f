"""Go back from the last time that a loop is written out to an earlier one, without a gap: all that counts events moves.

Both times are alike, so a path at one is as likely at the other. What lies before the first event is forgotten.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from engine.core.arrays import F64
from engine.following.search.beam_search import DEAD, SPAN, Search
from engine.following.search.jump_detector import JumpDetector

__all__ = ["go_back", "loop_events"]

SAME_QUARTER = 1e-3


def loop_events(quarter: F64, wrap: tuple[float, float]) -> tuple[int, int]:
    """Return from which event on a path goes back, events counted from 1, and by how many; 0 and 0 for nowhere.

    quarter: (event) its place
    wrap: as of `Score`
    """
    since, by = wrap
    if by <= 0:
        return 0, 0
    first, target = np.searchsorted(quarter, np.array([since, since - by]) - SAME_QUARTER)
    return (int(first) + 1, int(first - target)) if first < len(quarter) else (0, 0)


@njit(nogil=True, cache=True)
def go_back(search: Search, detector: JumpDetector, progress: F64, prediction: F64, n: int) -> None:
    """Move all paths back by n events.

    progress: event and share of the way reached, in [1]
    prediction: events heard and predicted last, in [0] and [1], 0 for none
    """
    _move_search(search, n)
    _move_detector(detector, n)
    progress[1] = max(progress[1] - n, 0.0)
    for i in range(2):
        prediction[i] = max(prediction[i] - n, 0.0)


@njit(nogil=True, cache=True)
def _move_search(search: Search, n: int) -> None:
    first, last = search.span[0], search.span[1]
    rows = (
        search.score.copy(),
        search.standing.copy(),
        search.carried.copy(),
        search.sustain.copy(),
        search.onset.copy(),
    )
    tempo, skips = search.tempo.copy(), search.skips.copy()
    entry_s, entry_event = search.entry_s.copy(), search.entry_event.copy()
    search.score[:] = DEAD
    search.standing[:] = DEAD
    for event in range(max(first, n + 1), last + 1):
        old, new = event % SPAN, (event - n) % SPAN
        search.score[new], search.standing[new] = rows[0][old], rows[1][old]
        search.carried[new], search.sustain[new], search.onset[new] = rows[2][old], rows[3][old], rows[4][old]
        search.tempo[new], search.skips[new] = tempo[old], skips[old]
        search.entry_s[new] = entry_s[old]
        search.entry_event[new] = np.maximum(entry_event[old] - n, 0)
    search.span[0], search.span[1] = max(first - n, 1), last - n
    search.gate[0] = max(search.gate[0] - n, 0)
    search.best[0] -= n


@njit(nogil=True, cache=True)
def _move_detector(detector: JumpDetector, n: int) -> None:
    n_events = len(detector.total) - 1
    for event in range(1, n_events + 1):
        source = event + n
        if source <= n_events:
            detector.total[event], detector.standing[event] = detector.total[source], detector.standing[source]
            detector.tempo[event], detector.entry_s[event] = detector.tempo[source], detector.entry_s[source]
            detector.steps[event], detector.onset[event] = detector.steps[source], detector.onset[source]
            detector.origin[event] = max(detector.origin[source] - n, 0)
            detector.habit[event] = detector.habit[source]
        else:
            detector.total[event] = detector.standing[event] = DEAD
    detector.best[0] = max(detector.best[0] - n, 0)
