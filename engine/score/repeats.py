"""Find the jumps that a score itself has: repeats, voltas, da capo.

They are derived from the places at which the bars of the unfolded score are printed.
"""

# Annotations are not postponed here: pdoc cannot resolve those of a NamedTuple from another module.
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["Links", "known_jumps", "no_jumps"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SAME_QUARTER = 1e-3


class Links(NamedTuple):
    """Possible successors of each event besides the next: target[start[i] : start[i + 1]], events counted from 1.

    start: (event + 1) offsets into target
    target: events
    """

    start: Ints
    target: Ints


def no_jumps(n_events: int) -> Links:
    """Return links without any jump."""
    return Links(np.zeros(n_events + 1, np.int64), np.zeros(0, np.int64))


def known_jumps(bar_quarter: Floats, bar_place: Ints, onset_quarter: Floats) -> Links:
    """Return links from the last event of each bar to the first event of every bar that may follow it.

    The score is unfolded, so a repeated bar occurs in it more than once, with the same place (`Score.bar_place`; not
    the printed number, which the halves of a divided bar share). A bar may be followed by any bar whose place follows
    its own anywhere: the repeat is left out, or made once more, the first ending is taken for the second, the da capo
    forgotten. Bars of which each has its own place (MIDI) have no jumps.
    """
    follows: dict[int, set[int]] = {}
    for place, following in pairwise(bar_place):
        follows.setdefault(int(place), set()).add(int(following))
    times: dict[int, list[int]] = {}
    for i, place in enumerate(bar_place):
        times.setdefault(int(place), []).append(i)
    first = np.searchsorted(onset_quarter, bar_quarter - SAME_QUARTER)
    targets: list[set[int]] = [set() for _ in onset_quarter]
    for i, place in enumerate(bar_place[:-1]):
        ways = [j for following in follows[int(place)] for j in times[following] if j != i + 1]
        if 0 < first[i + 1] <= len(onset_quarter):
            targets[first[i + 1] - 1] |= {int(first[j]) + 1 for j in ways if first[j] < len(onset_quarter)}
    start = np.cumsum([0, *map(len, targets)])
    return Links(start.astype(np.int64), np.array([j for row in targets for j in sorted(row)], np.int64))
