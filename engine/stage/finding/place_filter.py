"""Follow every place of every piece at once, coarsely: one path for each event of all scores.

As in `engine.following.jump_detector`, a path continues to the next event or the one after, in the tempo that it has
estimated itself, or begins at any event whose onset fits. Log likelihood ratios are against "nowhere", which fits as
well as the scores do in the mean and a little better: noise, speech and thick harmony fit all events alike, and nothing
is gained by that. A path never leads nowhere by more than a limit, so that another piece can take its place within
seconds. The frames of a group are taken together, which within an event is exact: cosines with one template add up.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from engine.core.arrays import F32, F64
from engine.following.likelihood import LikelihoodNumbers, fast_dot
from engine.following.tempo import START_SPREAD, Tempo, TempoNumbers, density, survival, tempo_of, update_tempo
from engine.stage.finding.places import Places

__all__ = [
    "FilterNumbers",
    "Paths",
    "Rules",
    "add_group",
    "filter_numbers",
    "new_paths",
    "restart_paths",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

DEAD = -1e18
# Tuned on chorales and trecento pieces played from random onsets by several instruments in several rooms.
PRICE = 12.0  # cost of beginning anywhere, nats
MOST_LEAD = 20.0  # lead over nowhere that a path can gain, nats
BEAM = 25.0  # distance below the best at which paths are dropped, nats
BELOW = 4.0  # distance below a path that begins now at which paths are dropped, nats
FIT = 0.5  # least onset log likelihood at which a path may begin, nats
QUIET = 0.25  # strength below which no onset is detected
SKIP = 4.0  # cost of skipping an event, nats
AHEAD = 0.1  # fit above that of all events in the mean that is neutral, cosine
CLEAR = 0.8  # strength of an onset at which paths may begin
MOST = 1500  # largest number of events at which paths begin at one onset
SOON = 0.4  # share of the expected wait before which a path goes on to nothing
BINS, BEST = 200, 10.0  # of the histogram of onset log likelihoods, nats


class FilterNumbers(NamedTuple):
    """Numbers for the kernels: see the constants, and `frame_s`, seconds a frame."""

    price: float
    lead: float
    beam: float
    below: float
    fit: float
    quiet: float
    skip: float
    ahead: float
    clear: float
    most: int
    soon: float
    frame_s: float


Rules = tuple[FilterNumbers, TempoNumbers, LikelihoodNumbers]


def filter_numbers(frame_s: float) -> FilterNumbers:
    """Return the numbers for frames of `frame_s` seconds."""
    return FilterNumbers(PRICE, MOST_LEAD, BEAM, BELOW, FIT, QUIET, SKIP, AHEAD, CLEAR, MOST, SOON, frame_s)


class Paths(NamedTuple):
    """State: a path for each event, log likelihood ratios over nowhere, nats.

    total: (event) of the path
    standing: (event) the same, including that its next event has not come yet
    tempo: (event, 5) as in `engine.following.beam_search.Search`
    entry_s: (event) time of the path's last entry, seconds
    due_s: (event) time at which its next event is expected, seconds
    steps: (event) events entered since the path began
    onset: (event) onset log likelihood in this group, nats
    alive, entered: (event) events with a path, in order, and those entered in this group, the last first
    tally: how many of both; event of the best path, -1 for none
    """

    total: Floats
    standing: Floats
    tempo: Floats
    entry_s: Floats
    due_s: Floats
    steps: Ints
    onset: Floats
    alive: Ints
    entered: Ints
    tally: Ints


def new_paths(n_events: int) -> Paths:
    """Allocate the paths; `restart_paths` initialises them."""
    n, whole = n_events, np.int64
    return Paths(
        np.zeros(n),
        np.zeros(n),
        np.zeros((n, 5)),
        np.zeros(n),
        np.zeros(n),
        np.zeros(n, whole),
        np.zeros(n),
        np.zeros(n, whole),
        np.zeros(n, whole),
        np.zeros(3, whole),
    )


def restart_paths(paths: Paths) -> None:
    """Begin without any path."""
    for array in paths:
        array[...] = 0
    paths.total[:] = DEAD
    paths.standing[:] = DEAD
    paths.tally[2] = -1


@njit(nogil=True, cache=True)
def add_group(paths: Paths, rows: F32, now_s: float, places: Places, rules: Rules) -> None:
    """Process the frames of a group.

    rows: (frame, F + G) features, of one frame before the group, the group, and one after it
    now_s: time of the group's first frame, seconds
    """
    numbers, tempo, likelihood = rules
    n, frames = places.sustain_basis.shape[0], len(rows) - 2
    sounds, n_sounding = _sum_of(rows[1:-1, :n], likelihood.silence)
    if n_sounding > 0:
        projected = _projected(sounds, places.sustain_basis)
        neutral = fast_dot(projected, places.mean) + numbers.ahead * n_sounding
        for i in range(paths.tally[0]):
            event = paths.alive[i]
            paths.total[event] += likelihood.sustain * (fast_dot(projected, places.sustain[event]) - neutral)
    t, strength = _strongest(rows[1:-1, n:])
    at_s, paths.tally[1] = now_s + t * numbers.frame_s, 0
    if strength >= numbers.quiet:
        begins = _projected(rows[t + 1, n:], places.onset_basis)
        peak = strength >= max(_length(rows[t, n:]), _length(rows[t + 2, n:]))
        if peak and strength >= numbers.clear and _open(paths, numbers):
            _begin_or_advance(paths, at_s, begins, strength, places, rules)
        else:
            _advance(paths, at_s, begins, strength, places, rules)
        _merge(paths)
    _stand(paths, now_s + (frames - 1) * numbers.frame_s, places, numbers, tempo)


@njit(nogil=True, cache=True)
def _open(paths: Paths, numbers: FilterNumbers) -> bool:
    """Return whether a path that begins now could stand beside the best."""
    best = paths.tally[2]
    return best < 0 or paths.standing[best] - numbers.beam < BEST - numbers.price


@njit(nogil=True, cache=True)
def _sum_of(rows: F32, silence: float) -> tuple[F32, int]:
    """Return the sum of the rows that are not silent, each of unit length, and their number."""
    total, frames = np.zeros(rows.shape[1], np.float32), 0
    for t in range(len(rows)):
        loudness = _length(rows[t])
        if loudness > 0 and rows[t].max() >= silence:
            frames += 1
            for i in range(len(total)):
                total[i] += rows[t, i] / loudness
    return total, frames


@njit(nogil=True, cache=True)
def _strongest(rows: F32) -> tuple[int, float]:
    """Return the longest row and its length."""
    best, strength = 0, 0.0
    for t in range(len(rows)):
        length = _length(rows[t])
        if length > strength:
            best, strength = t, length
    return best, strength


@njit(nogil=True, cache=True)
def _projected(row: F32, basis: F32) -> F32:
    out = np.zeros(basis.shape[1], np.float32)
    for i in range(len(row)):
        for k in range(len(out)):
            out[k] += row[i] * basis[i, k]
    return out


@njit(nogil=True, cache=True)
def _length(row: F32) -> float:
    return np.sqrt(fast_dot(row, row))


@njit(nogil=True, cache=True)
def _onset_of(projection: float, strength: float, likelihood: LikelihoodNumbers) -> float:
    """Return the onset log likelihood as in `event_likelihoods`."""
    hush = likelihood.hush * max(0.0, 1 - strength / likelihood.hush_level)
    full = min(projection / likelihood.onset_level, 1.0)
    return likelihood.onset * (full * projection / strength - likelihood.onset_threshold) - hush


@njit(nogil=True, cache=True)
def _begin_or_advance(paths: Paths, now_s: float, begins: F32, strength: float, places: Places, rules: Rules) -> None:
    """Let paths begin at the events whose onset fits best, and continue all others."""
    numbers, onset = rules[0], paths.onset
    for event in range(len(onset)):
        onset[event] = _onset_of(fast_dot(begins, places.onset[event]), strength, rules[2])
    floor = _floor(onset, numbers)
    for event in range(len(onset) - 1, -1, -1):
        fresh = -numbers.price if onset[event] >= floor else DEAD
        if fresh > DEAD or _follows(paths, event):
            _enter_best(paths, event, fresh, now_s, begins, strength, places, rules)


@njit(nogil=True, cache=True)
def _follows(paths: Paths, event: int) -> bool:
    """Return whether one of the two events before has a path."""
    return (event > 0 and paths.total[event - 1] > DEAD) or (event > 1 and paths.total[event - 2] > DEAD)


@njit(nogil=True, cache=True)
def _floor(onset: F64, numbers: FilterNumbers) -> float:
    """Return the onset log likelihood above which paths begin, so that not too many events do."""
    counts = np.zeros(BINS, np.int64)
    most, n = numbers.most, 0
    for event in range(len(onset)):
        if onset[event] > numbers.fit:
            counts[min(int((onset[event] - numbers.fit) * BINS / BEST), BINS - 1)] += 1
    for i in range(BINS - 1, -1, -1):
        n += counts[i]
        if n > most:
            return numbers.fit + (i + 1) * BEST / BINS
    return numbers.fit


@njit(nogil=True, cache=True)
def _advance(paths: Paths, now_s: float, begins: F32, strength: float, places: Places, rules: Rules) -> None:
    """Continue the paths; the last event first, so that none enters two in one group."""
    limit = len(paths.total)
    for i in range(paths.tally[0] - 1, -1, -1):
        for event in range(min(paths.alive[i] + 2, limit - 1), paths.alive[i], -1):
            _enter_best(paths, event, DEAD, now_s, begins, strength, places, rules)
            limit = event


@njit(nogil=True, cache=True)
def _enter_best(
    paths: Paths,
    event: int,
    fresh: float,
    now_s: float,
    begins: F32,
    strength: float,
    places: Places,
    rules: Rules,
) -> None:
    """Let the best path enter the event: one from the event before, or the one before that, or a new one."""
    numbers, tempo = rules[0], rules[1]
    best, source, length_s = fresh, -1, 0.0
    first = places.first[places.piece[event]]
    for old in range(event - 1, max(event - 3, first - 1), -1):
        length_s += places.length_s[old]
        if paths.total[old] == DEAD or paths.entry_s[old] >= now_s:
            continue
        if _early(paths, old, now_s, length_s / places.length_s[old], numbers.soon):
            continue
        total = paths.total[old] + density(tempo_of(paths.tempo[old]), now_s, length_s, numbers.frame_s, tempo)
        total -= numbers.skip * (event - old - 1)
        if total > best:
            best, source = total, old
    if best == DEAD:
        return
    best += _onset_of(fast_dot(begins, places.onset[event]), strength, rules[2])
    if best > paths.standing[event]:
        _enter(paths, event, source, now_s, places, tempo)
        paths.total[event] = best


@njit(nogil=True, cache=True)
def _early(paths: Paths, event: int, now_s: float, steps: float, soon: float) -> bool:
    """Return whether a path whose tempo is known is too early for an event `steps` times as far as its next."""
    entry_s = paths.entry_s[event]
    return paths.steps[event] > 2 and now_s - entry_s < soon * steps * (paths.due_s[event] - entry_s)


@njit(nogil=True, cache=True)
def _enter(paths: Paths, event: int, source: int, now_s: float, places: Places, tempo: TempoNumbers) -> None:
    """Replace the path at the event by that from `source`, or by a new one if that is -1."""
    if paths.total[event] == DEAD:
        paths.entered[paths.tally[1]] = event
        paths.tally[1] += 1
    now, paths.steps[event] = Tempo(now_s, 0.0, tempo.onset, START_SPREAD**2, 0.0), 1
    if source >= 0:
        length_s = places.event_s[event] - places.event_s[source]
        now = update_tempo(tempo_of(paths.tempo[source]), now_s, length_s, tempo)
        paths.steps[event] = paths.steps[source] + 1
    for i in range(5):
        paths.tempo[event, i] = now[i]
    paths.entry_s[event] = now_s
    paths.due_s[event] = now.beat_s + places.length_s[event] * np.exp(now.period)


@njit(nogil=True, cache=True)
def _merge(paths: Paths) -> None:
    """Put the events entered, the last first, among those alive, in order."""
    i, write = paths.tally[0] - 1, paths.tally[0] + paths.tally[1] - 1
    for k in range(paths.tally[1]):
        while i >= 0 and paths.alive[i] > paths.entered[k]:
            paths.alive[write] = paths.alive[i]
            i, write = i - 1, write - 1
        paths.alive[write] = paths.entered[k]
        write -= 1
    paths.tally[0] += paths.tally[1]


@njit(nogil=True, cache=True)
def _stand(paths: Paths, now_s: float, places: Places, numbers: FilterNumbers, tempo: TempoNumbers) -> None:
    """Compute the standings and the best, hold it below the most lead, and drop the paths below the beam."""
    best, leader = 0.0, -1
    for i in range(paths.tally[0]):
        event = paths.alive[i]
        paths.standing[event] = paths.total[event]
        if not _early(paths, event, now_s, 1.0, numbers.soon):
            paths.standing[event] += survival(tempo_of(paths.tempo[event]), now_s, places.length_s[event], tempo)
        if paths.standing[event] > best:
            best, leader = paths.standing[event], event
    over = max(best - numbers.lead, 0.0)
    floor = max(best - numbers.beam, -numbers.price - numbers.below) - over
    kept = 0
    for i in range(paths.tally[0]):
        event = paths.alive[i]
        paths.total[event] -= over
        paths.standing[event] -= over
        if paths.standing[event] < floor:
            paths.total[event] = paths.standing[event] = DEAD
        else:
            paths.alive[kept] = event
            kept += 1
    paths.tally[0], paths.tally[2] = kept, leader
