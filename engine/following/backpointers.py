"""Every entry of a search and the one before it: with them the best path is known from its first event to its last.

The live search does without (of size 0 they take nothing); a whole file is traced back through it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

__all__ = ["Backpointers", "new_backpointers", "record_entry"]


class Backpointers(NamedTuple):
    """Entries (event, seconds) and the place of the entry before, 0: none, so entry i stands at place i + 1.

    n: how many there are; node: the place of each living hypothesis' last entry, shaped as these are.
    """

    event: npt.NDArray[np.int32]
    entry_s: npt.NDArray[np.float64]
    parent: npt.NDArray[np.int32]
    n: npt.NDArray[np.int64]
    node: npt.NDArray[np.int32]


def new_backpointers(size: int, shape: tuple[int, ...]) -> Backpointers:
    """Room for so many entries of as many hypotheses as `shape` has."""
    places = np.zeros((2, size), np.int32)
    return Backpointers(places[0], np.zeros(size), places[1], np.zeros(1, np.int64), np.zeros(shape, np.int32))


@njit(nogil=True, cache=True)
def record_entry(
    backpointers: Backpointers, event: int, now_s: float, old: tuple[int, int], new: tuple[int, int]
) -> None:
    """Remember that hypothesis `old` entered `event` now and goes on as `new`; without room it is forgotten."""
    i = backpointers.n[0]
    if i < len(backpointers.event):
        backpointers.event[i], backpointers.entry_s[i], backpointers.parent[i] = event, now_s, backpointers.node[old]
        backpointers.node[new] = i + 1
        backpointers.n[0] += 1
