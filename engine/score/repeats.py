"""Find the jumps that a score itself has: repeats, voltas, da capo, and passages that return.

They are derived from the places at which the bars of the unfolded score are printed, and from its notes: a score that
is written out prints no repeats, and yet the player may leave one out.
"""

# Annotations are not postponed here: pdoc cannot resolve those of a NamedTuple from another module.
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.score.score import Score

__all__ = ["Links", "known_jumps", "no_jumps"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SAME_QUARTER = 1e-3
GRID = 48  # steps a quarter to which onsets are rounded
LEAST_BARS = 3.0  # bars from the first to the last onset of a passage that returns
COMMON_BAR = 4.0  # quarters, where there is one bar


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


def known_jumps(score: Score) -> Links:
    """Return links from the last event of each bar to every bar that may follow it, and between passages that return.

    The player leaves a repeat out or makes it once more, takes the first ending for the second, forgets the da capo;
    where passages that are alike go on differently, one may go on as the other.
    """
    targets = _printed(score.bar_quarter, score.bar_place, score.onset_quarter)
    for source, target in _returns(score):
        targets[source].add(target + 1)
    start = np.cumsum([0, *map(len, targets)])
    return Links(start.astype(np.int64), np.array([j for row in targets for j in sorted(row)], np.int64))


def _printed(bar_quarter: Floats, bar_place: Ints, onset_quarter: Floats) -> list[set[int]]:
    """Return for the last event of each bar the first event of every bar that may follow it.

    The score is unfolded, so a repeated bar occurs in it more than once, with the same place (`Score.bar_place`; not
    the printed number, which the halves of a divided bar share). A bar may be followed by any bar whose place follows
    its own anywhere. Bars of which each has its own place (MIDI) have no such jumps.
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
    return targets


def _returns(score: Score) -> Iterator[tuple[int, int]]:
    """Yield (event, event), from 0: the end of a passage that returns, and how it goes on at its other place."""
    onset, notes = score.onset_quarter, _numbered(score)
    bar = float(np.median(np.diff(score.bar_quarter))) if len(score.bar_quarter) > 1 else COMMON_BAR
    for away in range(1, len(onset)):
        alike = np.concatenate([[False], notes[away:] == notes[:-away], [False]])
        runs = np.flatnonzero(alike[1:] != alike[:-1]).reshape(-1, 2)
        long = onset[runs[:, 1] - 1] - onset[runs[:, 0]] >= LEAST_BARS * bar
        for stop in runs[long, 1].tolist():
            yield stop - 1 + away, stop
            if stop + away < len(onset):
                yield stop - 1, stop + away


def _numbered(score: Score) -> Ints:
    """Return a number for each event, the same for events of the same notes at the same distance from the last."""
    onset = score.onset_quarter
    steps = np.round(np.diff(onset, prepend=onset[:1]) * GRID).astype(int)
    events = np.searchsorted(onset, score.note_quarter, side="right") - 1
    pitches: list[set[int]] = [set() for _ in onset]
    for event, pitch in zip(events.tolist(), score.note_pitch.tolist(), strict=True):
        pitches[event].add(pitch)
    numbers: dict[tuple[int, frozenset[int]], int] = {}
    keys = [(step, frozenset(held)) for step, held in zip(steps.tolist(), pitches, strict=True)]
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys])
