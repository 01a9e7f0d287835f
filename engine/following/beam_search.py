"""Online time warping over the events of a score: many hypotheses, each with its own tempo.

Dixon's MATCH (2005) warps frame to frame and leaves the tempo to the path; here the reference is a list of events,
so a path is a list of entries (event, frame), scored as in a hidden semi-Markov model: the evidence for each event
while it lasts, for its onset at its entry, and the probability of the time between two entries under the tempo that
the path itself has shown (`engine.following.tempo`). For each event the best few entries live on, within a beam of
the best path: the forward search. Each path carries its last entries, so that the answer for a moment a few frames
ago is read from today's best path: the backward step of Arzt, Widmer & Dixon (2008), with a fixed delay.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from engine.core.arrays import F32, F64
from engine.core.config import Settings, numbers, ranged
from engine.following.backpointers import Backpointers, new_backpointers, record_entry
from engine.following.confidence import CONFIDENCE_MEMORY_S, reset_confidence, update_confidence
from engine.following.likelihood import LikelihoodNumbers, Templates, event_likelihoods
from engine.following.tempo import START_SPREAD, Tempo, TempoNumbers, density, survival, update_tempo

__all__ = ["Search", "SearchConfig", "SearchNumbers", "advance", "new_search", "read_out", "restart", "search_numbers"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SPAN = 256  # events that hypotheses may be apart
HISTORY = 8  # entries that a path remembers
DEAD = -1e18
SKIP = 4.0  # nats that passing over an event costs
START_S = 5.0  # expected wait for the first note
NEARLY = 0.97  # of the way to the next event: so far goes who waits for it


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchConfig(Settings):
    """How widely to search."""

    entries: int = ranged(16, 2, 256, "hypotheses kept for each event")
    beam: float = ranged(60.0, 1.0, 1000.0, "distance below the best path at which others are dropped", unit="nats")
    reach: int = ranged(2, 1, 16, "events ahead that can be entered, 2 skips one")
    patience: float = ranged(
        4.0, 0.0, 100.0, "what waiting for the first note earns, so that noise must earn more", unit="nats/s"
    )


class SearchNumbers(NamedTuple):
    """What the kernels take.

    beam, skip, start: nats; start for each frame in which the first note may come
    patience: nats a frame
    frame_s: seconds a frame
    memory: share of the fit so far that counts a frame later
    reach: events
    """

    beam: float
    skip: float
    start: float
    patience: float
    frame_s: float
    memory: float
    reach: int


def search_numbers(config: SearchConfig, frame_s: float) -> SearchNumbers:
    """Return the numbers for frames of `frame_s` seconds."""
    return numbers(
        SearchNumbers,
        config,
        skip=SKIP,
        start=float(np.log(frame_s / START_S)),
        patience=config.patience * frame_s,
        frame_s=frame_s,
        memory=0.5 ** (frame_s / CONFIDENCE_MEMORY_S),
    )


class Search(NamedTuple):
    """State. Events count from 1, 0 is before the start; a ring of SPAN events times `entries` hypotheses.

    score: log likelihood but for `carried`, what its event has earned since the ring took it in; standing: score now;
    tempo: the five numbers of `Tempo`; entry_s, entry_event: the path's last entries, newest first; span: first and
    last event alive; best: event and hypothesis; mass: share of the likelihood within an event of the best;
    likeness: of what begins to each event's onset; fit: how much the best path can be believed, 0 to 1, and two sums;
    backpointers: all entries, where a whole file is aligned.
    """

    score: Floats
    standing: Floats
    tempo: Floats
    entry_s: Floats
    entry_event: Ints
    carried: Floats
    sustain: Floats
    onset: Floats
    likeness: Floats
    span: Ints
    best: Ints
    mass: Floats
    fit: Floats
    backpointers: Backpointers


def new_search(entries: int, n_nodes: int = 0) -> Search:
    """Room for the search, and for this many entries in its backpointers; `restart` makes it ready."""
    shape = (SPAN, entries)
    return Search(
        np.full(shape, DEAD),
        np.full(shape, DEAD),
        np.zeros((*shape, 5)),
        np.zeros((*shape, HISTORY)),
        np.zeros((*shape, HISTORY), np.int64),
        np.zeros(SPAN),
        np.zeros(SPAN),
        np.zeros(SPAN),
        np.zeros(SPAN),
        np.zeros(2, np.int64),
        np.zeros(2, np.int64),
        np.zeros(2),
        np.zeros(3),
        new_backpointers(n_nodes, shape),
    )


def restart(search: Search) -> None:
    """Begin with one hypothesis, before the start, its tempo around the score's."""
    for array in (*search[:-1], search.backpointers.n, search.backpointers.node):
        array[...] = 0
    search.score[...] = DEAD
    search.score[0, 0] = 0.0
    search.tempo[0, 0, 3] = START_SPREAD**2
    search.entry_s[0, 0] = -1.0
    reset_confidence(search.fit)


@njit(nogil=True, cache=True)
def _tempo(search: Search, slot: int, k: int) -> Tempo:
    x = search.tempo[slot, k]
    return Tempo(x[0], x[1], x[2], x[3], x[4])


@njit(nogil=True, cache=True)
def advance(
    search: Search,
    row: F32,
    now_s: float,
    reference: Templates,
    event_s: F64,
    numbers: SearchNumbers,
    tempo: TempoNumbers,
    likelihood: LikelihoodNumbers,
) -> None:
    """One frame: evidence, entries into the next events, standings, pruning.

    row: features; reference: (sustain, onset) templates; event_s: (event) score seconds; numbers: SearchNumbers.
    """
    first, last = search.span[0], search.span[1]
    top = min(last + numbers.reach, len(event_s), first + SPAN - 1)
    strength = event_likelihoods(
        row, reference, first, top, likelihood, (search.sustain, search.onset, search.likeness)
    )
    if first == 0:
        search.sustain[0] = numbers.patience
    for event in range(first, last + 1):
        search.carried[event % SPAN] += search.sustain[event % SPAN]
    for event in range(top, first, -1):  # from the far end, so that no path enters two events in one frame
        _enter(search, event, first, last, now_s, event_s, numbers, tempo)
    _stand(search, now_s, event_s, tempo)
    _prune(search, numbers.beam)
    update_confidence(search.fit, search.likeness, search.best[0], strength, top, numbers.memory)


@njit(nogil=True, cache=True)
def _enter(
    search: Search,
    event: int,
    first: int,
    last: int,
    now_s: float,
    event_s: F64,
    numbers: SearchNumbers,
    tempo: TempoNumbers,
) -> None:
    """The best path that enters `event` now, from the event before or, at a price, from earlier ones."""
    best, best_event, best_k = DEAD, -1, -1
    for source in range(event - 1, max(event - 1 - numbers.reach, first - 1), -1):
        if source > last or (source == 0 and event > 1):
            continue
        slot = source % SPAN
        for k in range(search.score.shape[1]):
            if search.score[slot, k] == DEAD or search.entry_s[slot, k, 0] >= now_s:
                continue
            total = search.score[slot, k] + search.carried[slot]
            if source == 0:
                total += numbers.start
            else:
                length_s = event_s[event - 1] - event_s[source - 1]
                total += density(_tempo(search, slot, k), now_s, length_s, numbers.frame_s, tempo)
                total -= numbers.skip * (event - source - 1)
            if total > best:
                best, best_event, best_k = total, source, k
    if best_event >= 0:
        _keep(search, event, best_event, best_k, best, now_s, event_s, tempo)


@njit(nogil=True, cache=True)
def _keep(
    search: Search, event: int, source: int, k: int, total: float, now_s: float, event_s: F64, tempo: TempoNumbers
) -> None:
    """Put the path (source, k) that enters `event` now in place of that event's worst, if it is better."""
    slot, old = event % SPAN, source % SPAN
    if event > search.span[1]:
        search.score[slot] = DEAD
        search.carried[slot] = 0.0
        search.span[1] = event
    worst = np.argmin(search.score[slot])
    score = total + search.onset[slot] - search.carried[slot]
    if score <= search.score[slot, worst]:
        return
    state = _tempo(search, old, k)
    if source == 0:
        state = Tempo(now_s, state.period, tempo.onset, state.period_var, 0.0)
    else:
        state = update_tempo(state, now_s, event_s[event - 1] - event_s[source - 1], tempo)
    search.score[slot, worst] = score
    for i in range(5):
        search.tempo[slot, worst, i] = state[i]
    for i in range(HISTORY - 1, 0, -1):
        search.entry_s[slot, worst, i] = search.entry_s[old, k, i - 1]
        search.entry_event[slot, worst, i] = search.entry_event[old, k, i - 1]
    search.entry_s[slot, worst, 0] = now_s
    search.entry_event[slot, worst, 0] = event
    record_entry(search.backpointers, event, now_s, (old, k), (slot, worst))


@njit(nogil=True, cache=True)
def _stand(search: Search, now_s: float, event_s: F64, tempo: TempoNumbers) -> None:
    """Every hypothesis' log likelihood now, its next event not yet come; find the best."""
    best = DEAD
    for event in range(search.span[0], search.span[1] + 1):
        slot = event % SPAN
        for k in range(search.score.shape[1]):
            search.standing[slot, k] = DEAD
            if search.score[slot, k] == DEAD:
                continue
            total = search.score[slot, k] + search.carried[slot]
            if 0 < event < len(event_s):
                total += survival(_tempo(search, slot, k), now_s, event_s[event] - event_s[event - 1], tempo)
            search.standing[slot, k] = total
            if total > best:
                best = total
                search.best[0], search.best[1] = event, k


@njit(nogil=True, cache=True)
def _prune(search: Search, beam: float) -> None:
    """Drop what lies below the beam, narrow the span, and measure how much of the likelihood is near the best."""
    best = search.standing[search.best[0] % SPAN, search.best[1]]
    first, last, near, mass = -1, search.span[0], 0.0, 0.0
    for event in range(search.span[0], search.span[1] + 1):
        slot = event % SPAN
        for k in range(search.score.shape[1]):
            if search.standing[slot, k] < best - beam:
                search.score[slot, k] = DEAD
            if search.score[slot, k] == DEAD:
                continue
            first, last = (event if first < 0 else first), event
            share = np.exp(search.standing[slot, k] - best)
            mass += share
            near += share if abs(event - search.best[0]) <= 1 else 0.0
        search.carried[slot] -= best  # keep the numbers small however long it runs
    search.span[0], search.span[1] = first, last
    search.mass[0], search.mass[1] = near / mass, best


@njit(nogil=True, cache=True)
def read_out(search: Search, then_s: float, event_s: F64) -> tuple[int, float]:
    """(event, share of the way to the next) at the moment `then_s`, a little ago, on today's best path.

    Event 0 is before the start. Nobody is said to be at the next event before it is heard.
    """
    slot, k = search.best[0] % SPAN, search.best[1]
    next_s, next_event, entry_s, event = 0.0, 0, 0.0, 0
    for i in range(HISTORY):
        entry_s, event = search.entry_s[slot, k, i], search.entry_event[slot, k, i]
        if entry_s <= then_s:
            break
        next_s, next_event = entry_s, event
    if event == 0 or entry_s > then_s or event == len(event_s):
        return event, 0.0
    if next_event > 0:
        ahead_s = (event_s[next_event - 1] - event_s[event - 1]) * (then_s - entry_s) / (next_s - entry_s)
    else:
        ahead_s = (then_s - entry_s) * np.exp(-search.tempo[slot, k, 1])
    while event + 1 < next_event and ahead_s >= event_s[event] - event_s[event - 1]:  # past an event passed over
        ahead_s -= event_s[event] - event_s[event - 1]
        event += 1
    return event, min(ahead_s / (event_s[event] - event_s[event - 1]), NEARLY)
