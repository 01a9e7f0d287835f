"""Online time warping over the events of a score: a beam search whose hypotheses each track their own tempo.

Dixon's MATCH (2005) warps frame to frame and leaves the tempo to the path; here the reference is a list of events,
so a path is a list of entries (event, frame), scored as in a hidden semi-Markov model: the likelihood of each event
for every frame that it lasts, of its onset at its entry, and of the time between two entries under the tempo that
the path itself has estimated (`engine.following.tempo`). Forward search: for each event the best few entries are
kept, within a beam of the best path. Backward step (Arzt, Widmer & Dixon 2008, here with a fixed delay): each path
stores its last entries, so that the position a few frames ago is read from the path that is best now.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from engine.core.arrays import F32, F64
from engine.core.config import Settings, numbers, ranged
from engine.following.likelihood import LikelihoodNumbers, Templates, event_likelihoods
from engine.following.search.backpointers import Backpointers, new_backpointers, record_entry
from engine.following.tempo import (
    START_SPREAD,
    Tempo,
    TempoNumbers,
    coast,
    density,
    punctual,
    survival,
    tempo_of,
    update_tempo,
)

__all__ = [
    "Search",
    "SearchConfig",
    "SearchNumbers",
    "advance",
    "new_search",
    "read_out",
    "restart",
    "search_numbers",
    "wait_before",
    "waits",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SPAN = 256  # largest distance between hypotheses, events
HISTORY = 8  # last entries stored with each path
DEAD = -1e18
SKIP = 4.0  # cost of skipping an event, nats
SKIPPING = 0.9  # probability of skipping again, relative to the share of events skipped
OFTEN = 0.15  # share of events skipped from which on the position passes events that have no onset
START_S = 5.0  # expected wait for the first note, seconds
MOST = 8.0  # log likelihood of an interval that none reaches: at the least spread and time it is 2.2, nats
SLACK = 1e-6  # more than rounding, nats
REPEAT_S = 0.05  # least time from a note to its repetition: 20 a second
NEARLY = 0.97  # largest share of the way to the next event that is reported before its onset is detected


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchConfig(Settings):
    """Settings of the beam search."""

    entries: int = ranged(16, 2, 256, "hypotheses kept per event")
    beam: float = ranged(
        60.0, 1.0, 1000.0, "log likelihood below the best path at which others are dropped", unit="nats"
    )
    reach: int = ranged(4, 1, 16, "how many events a path may move on at once; 2 allows skipping one")
    adapt: float = ranged(
        0.12, 0.0, 1.0, "weight of the last step in a path's share of skipped events, which sets the cost of skipping"
    )
    patience: float = ranged(
        4.0, 0.0, 100.0, "log likelihood of waiting for the first note, which noise must exceed to start", unit="nats/s"
    )


class SearchNumbers(NamedTuple):
    """Numbers for the search kernels.

    beam: distance below the best path at which others are dropped, nats
    skip: cost of skipping an event on a path that has skipped none, nats
    adapt: weight of the last step in a path's share of skipped events
    start: log probability that the first note comes in a given frame, nats
    patience: log likelihood of waiting for the first note, nats a frame
    frame_s: seconds a frame
    reach: events ahead that can be entered
    """

    beam: float
    skip: float
    adapt: float
    start: float
    patience: float
    frame_s: float
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
    )


class Search(NamedTuple):
    """State of the search: a ring of SPAN events with `entries` hypotheses each.

    Events count from 1; 0 is before the start. A search that was sent to a place waits in the event before it, its
    gate, as it waits in event 0 for the first note.

    score: log likelihood without `carried`
    standing: log likelihood now, including that the next event has not come yet
    tempo: the five numbers of `Tempo`
    skips: share of events that the path skipped lately, and what skipping one more costs it, nats
    entry_s: times of the path's last entries, newest first, seconds
    entry_event: events of the path's last entries, newest first
    carried: (event) sustain log likelihood accumulated since the event entered the ring
    sustain: (event) sustain log likelihood of this frame, nats
    onset: (event) onset log likelihood of this frame, nats
    span: first and last event with a hypothesis
    gate: event in which is waited for the next one, as long as that takes
    best: event and hypothesis of the best path
    mass: share of the likelihood within one event of the best; gain of the best path's log likelihood in this frame
    backpointers: all entries, for the alignment of a whole file
    """

    score: Floats
    standing: Floats
    tempo: Floats
    skips: Floats
    entry_s: Floats
    entry_event: Ints
    carried: Floats
    sustain: Floats
    onset: Floats
    span: Ints
    gate: Ints
    best: Ints
    mass: Floats
    backpointers: Backpointers


def new_search(entries: int, n_nodes: int = 0) -> Search:
    """Allocate a search and its backpointers for `n_nodes` entries; `restart` initialises it."""
    shape = (SPAN, entries)
    return Search(
        np.full(shape, DEAD),
        np.full(shape, DEAD),
        np.zeros((*shape, 5)),
        np.zeros((*shape, 2)),
        np.zeros((*shape, HISTORY)),
        np.zeros((*shape, HISTORY), np.int64),
        np.zeros(SPAN),
        np.zeros(SPAN),
        np.zeros(SPAN),
        np.zeros(2, np.int64),
        np.zeros(1, np.int64),
        np.zeros(2, np.int64),
        np.zeros(2),
        new_backpointers(n_nodes, shape),
    )


def restart(search: Search) -> None:
    """Start with a single hypothesis before the first event, its tempo distributed around the score's."""
    wait_before(search, 1, 0.0)


def wait_before(search: Search, event: int, log_period: float) -> None:
    """Start with a single hypothesis that waits for an event, its tempo distributed around the log period given."""
    for array in (*search[:-1], search.backpointers.n, search.backpointers.node):
        array[...] = 0
    slot = (event - 1) % SPAN
    search.score[...] = DEAD
    search.score[slot, 0] = 0.0
    search.tempo[slot, 0, 1], search.tempo[slot, 0, 3] = log_period, START_SPREAD**2
    search.skips[slot, 0, 1] = SKIP
    search.entry_s[slot, 0] = -1.0
    search.span[:] = search.gate[0] = search.best[0] = event - 1


@njit(nogil=True, cache=True)
def waits(search: Search) -> bool:
    """Return whether the best path still waits for the event that it was started before."""
    return search.best[0] == search.gate[0]


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
    """Process one frame: likelihoods, entries into the next events, standings, pruning.

    row: features of the frame
    now_s: time of the frame, seconds
    reference: templates
    event_s: (event) onset in score time, seconds
    """
    first, last = search.span[0], search.span[1]
    top = min(last + numbers.reach, len(event_s), first + SPAN - 1)
    gate, rings = search.gate[0], (search.sustain, search.onset)
    waiting = 0.0
    if first == gate:
        event_likelihoods(row, reference, 0, 0, likelihood, rings)
        waiting = search.sustain[0] + numbers.patience
    event_likelihoods(row, reference, first, top, likelihood, rings)
    if first == gate:  # its own template says nothing: nobody plays it
        search.sustain[gate % SPAN] = waiting
    for event in range(first, last + 1):
        search.carried[event % SPAN] += search.sustain[event % SPAN]
    for event in range(top, first, -1):  # last event first, so that no path enters two events in one frame
        _enter(search, event, first, last, now_s, event_s, reference, numbers, tempo)
    _stand(search, now_s, event_s, tempo)
    _prune(search, numbers.beam)


@njit(nogil=True, cache=True)
def _enter(
    search: Search,
    event: int,
    first: int,
    last: int,
    now_s: float,
    event_s: F64,
    reference: Templates,
    numbers: SearchNumbers,
    tempo: TempoNumbers,
) -> None:
    """Let the best path enter `event` now, from the event before or, at the cost of skipping, from earlier ones.

    One attack is not taken for that of a note and of its repetition.
    """
    best, best_event, best_k, rules, gate = _least(search, event), -1, -1, tempo, search.gate[0]
    rest, again, reach = reference.rest, True, numbers.reach
    if numbers.adapt > 0 and search.onset[event % SPAN] <= 0:
        reach = min(reach, 2)  # further with an onset only
    for source in range(event - 1, max(event - 1 - reach, first - 1), -1):
        again = again and reference.repeats[source]
        if source > last or (source == gate and event > gate + 1):
            continue
        before_s = now_s - REPEAT_S if again else now_s
        slot = source % SPAN
        if source != gate and rest[source - 1]:
            rules = punctual(tempo)  # for this source and all before it
        for k in range(search.score.shape[1]):
            if search.score[slot, k] == DEAD or search.entry_s[slot, k, 0] >= before_s:
                continue
            total = search.score[slot, k] + search.carried[slot]
            if source == gate:
                total += numbers.start
            else:
                if total - search.skips[slot, k, 1] * (event - source - 1) + MOST <= best:
                    continue
                length_s = event_s[event - 1] - event_s[source - 1]
                total += density(tempo_of(search.tempo[slot, k]), now_s, length_s, numbers.frame_s, rules)
                total -= search.skips[slot, k, 1] * (event - source - 1)
            if total > best:
                best, best_event, best_k = total, source, k
    if best_event >= 0:
        _keep(search, event, best_event, best_k, best, now_s, event_s, rest[event - 1], numbers, tempo)


@njit(nogil=True, cache=True)
def _least(search: Search, event: int) -> float:
    """Return the log likelihood below which `_keep` would drop a path that enters the event."""
    slot = event % SPAN
    if event > search.span[1]:
        return DEAD
    return search.score[slot].min() + search.carried[slot] - search.onset[slot] - SLACK


@njit(nogil=True, cache=True)
def _keep(
    search: Search,
    event: int,
    source: int,
    k: int,
    total: float,
    now_s: float,
    event_s: F64,
    rest: bool,
    numbers: SearchNumbers,
    tempo: TempoNumbers,
) -> None:
    """Replace the worst hypothesis of `event` by the path (source, k) that enters it now, if that is better."""
    slot, old = event % SPAN, source % SPAN
    if event > search.span[1]:
        search.score[slot] = DEAD
        search.carried[slot] = 0.0
        search.span[1] = event
    worst = np.argmin(search.score[slot])
    score = total + search.onset[slot] - search.carried[slot]
    if score <= search.score[slot, worst]:
        return
    state = tempo_of(search.tempo[old, k])
    if source == search.gate[0]:
        state = Tempo(now_s, state.period, tempo.onset, state.period_var, 0.0)
    elif rest:
        state = coast(state, event_s[event - 1] - event_s[source - 1], tempo)
    else:
        state = update_tempo(state, now_s, event_s[event - 1] - event_s[source - 1], tempo)
    search.score[slot, worst] = score
    for i in range(5):
        search.tempo[slot, worst, i] = state[i]
    skipped = search.skips[old, k, 0]
    if source != search.gate[0]:
        skipped += numbers.adapt * ((event - source - 1) / (event - source) - skipped)
    search.skips[slot, worst, 0] = skipped
    search.skips[slot, worst, 1] = -np.log(np.exp(-numbers.skip) + SKIPPING * skipped)
    for i in range(HISTORY - 1, 0, -1):
        search.entry_s[slot, worst, i] = search.entry_s[old, k, i - 1]
        search.entry_event[slot, worst, i] = search.entry_event[old, k, i - 1]
    search.entry_s[slot, worst, 0] = now_s
    search.entry_event[slot, worst, 0] = event
    record_entry(search.backpointers, event, now_s, (old, k), (slot, worst))


@njit(nogil=True, cache=True)
def _stand(search: Search, now_s: float, event_s: F64, tempo: TempoNumbers) -> None:
    """Compute every hypothesis' log likelihood, given that its next event has not come yet, and find the best."""
    best = DEAD
    for event in range(search.span[0], search.span[1] + 1):
        slot = event % SPAN
        for k in range(search.score.shape[1]):
            search.standing[slot, k] = DEAD
            if search.score[slot, k] == DEAD:
                continue
            total = search.score[slot, k] + search.carried[slot]
            if event != search.gate[0] and event < len(event_s):
                total += survival(tempo_of(search.tempo[slot, k]), now_s, event_s[event] - event_s[event - 1], tempo)
            search.standing[slot, k] = total
            if total > best:
                best = total
                search.best[0], search.best[1] = event, k


@njit(nogil=True, cache=True)
def _prune(search: Search, beam: float) -> None:
    """Drop the hypotheses below the beam, narrow the span, and compute the share of likelihood near the best."""
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
        search.carried[slot] -= best  # relative to the best, so that the numbers stay small in long runs
    search.span[0], search.span[1] = first, last
    search.mass[0], search.mass[1] = near / mass, best


@njit(nogil=True, cache=True)
def read_out(search: Search, then_s: float, event_s: F64, reach: int) -> tuple[int, float]:
    """Return (event, share of the way to the next) at `then_s`, a few frames ago, on the path that is best now.

    Event 0 is before the start, wherever that is. The next event is not reported before its onset is detected, unless
    the path has often skipped events: one hand of two plays alone. Then up to `reach` events are passed in time.
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
    passing = next_event
    if next_event > 0:
        ahead_s = (event_s[next_event - 1] - event_s[event - 1]) * (then_s - entry_s) / (next_s - entry_s)
    else:
        ahead_s = (then_s - entry_s) * np.exp(-search.tempo[slot, k, 1])
        passing = min(event + reach, len(event_s)) if search.skips[slot, k, 0] > OFTEN else 0
    while event + 1 < passing and ahead_s >= event_s[event] - event_s[event - 1]:  # past a skipped event
        ahead_s -= event_s[event] - event_s[event - 1]
        event += 1
    return event, min(ahead_s / (event_s[event] - event_s[event - 1]), NEARLY)
