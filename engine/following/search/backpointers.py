"""Backpointers of a search: every entry and its predecessor, to trace the best path from first to last event.

Used to align a whole file; the live search allocates none.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

__all__ = ["Backpointers", "new_backpointers", "record_entry"]


class Backpointers(NamedTuple):
    """Entries of the search. Entry i has number i + 1; number 0 means none.

    event: (entry) event entered
    entry_s: (entry) time of the entry, seconds
    parent: (entry) number of the entry before
    n: entries so far
    node: (hypothesis, in the shape of the search) number of its last entry
    """

    event: npt.NDArray[np.int32]
    entry_s: npt.NDArray[np.float64]
    parent: npt.NDArray[np.int32]
    n: npt.NDArray[np.int64]
    node: npt.NDArray[np.int32]


def new_backpointers(size: int, shape: tuple[int, ...]) -> Backpointers:
    """Allocate `size` entries, for hypotheses of this shape."""
    places = np.zeros((2, size), np.int32)
    return Backpointers(places[0], np.zeros(size), places[1], np.zeros(1, np.int64), np.zeros(shape, np.int32))


@njit(nogil=True, cache=True)
def record_entry(
    backpointers: Backpointers, event: int, now_s: float, old: tuple[int, int], new: tuple[int, int]
) -> None:
    """Record that hypothesis `old` entered `event` now and continues as `new`; do nothing when full."""
    i = backpointers.n[0]
    if i < len(backpointers.event):
        backpointers.event[i], backpointers.entry_s[i], backpointers.parent[i] = event, now_s, backpointers.node[old]
        backpointers.node[new] = i + 1
        backpointers.n[0] += 1
