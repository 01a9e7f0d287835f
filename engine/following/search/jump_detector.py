"""Detect jumps of the player to anywhere in the score, by a coarse search over all events.

The beam search (`beam_search`) covers only the neighbourhood of its paths. The jump detector keeps one path
for each event of the whole score: a path continues as in the beam search, or starts anew, at a cost below the best
path, at any event whose onset template fits. The cost is lower where players go on: where the score itself may go
on, where a jump has led before, and near; so one of several places that are alike is chosen. One further path,
"nowhere", takes sound that matches nothing in the score. A jump is detected when the best path leads this one, the
beam search and all paths near it by a margin. After Nakamura, Nakamura & Sagayama, "Real-time audio-to-score alignment
of music performances containing errors and arbitrary repeats and skips" (2015), where jumps to anywhere are cheap
transitions of a hidden Markov model; the margin, the reductions, and the paths that the best is measured against, are
our own.

Where a jump is to be believed soon, less evidence is enough, and of places that are alike the nearest is meant: an
accompaniment that plays on at the wrong place is worse than one that jumps once too often.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from engine.core.arrays import F32, F64
from engine.following.likelihood import LikelihoodNumbers, Templates, fast_dot
from engine.following.search.beam_search import DEAD, MOST, SKIP, SPAN, Search
from engine.following.tempo import Tempo, TempoNumbers, density, survival, tempo_of, update_tempo
from engine.score.repeats import Links

__all__ = [
    "JumpDetector",
    "JumpNumbers",
    "ReferenceArrays",
    "adopt_path",
    "detect_jump",
    "jump_numbers",
    "likely_places",
    "new_jump_detector",
    "restart_jump_detector",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Templates, score seconds of the events, and jumps of the score itself.
ReferenceArrays = tuple[Templates, F64, Links]

LAST_S = 1.0  # score seconds that the last event lasts, so that resting there is not free
# Thresholds of jump detection, tuned on recordings of practising and on cuts of performances.
PRICE = 15.0  # cost of starting a path anew at any event, or nowhere, nats
KNOWN = 9.0  # reduction of that cost for a jump that the score itself has, nats
HABIT = 6.0  # the same where a jump has led before, nats: a bar that is practised
FAR = (
    0.5  # rise of that cost with the log of the distance in events, nats: of places that are alike the nearest is meant
)
MARGIN = 7.0  # lead that the best path needs, nats
FIT = 1.5  # least onset log likelihood at which a path may start, nats
NEAR = 3  # distance that the beam search covers alone, events
LEAST_EVENTS = 3  # events that a path must have entered since it started
DRIFT = 1.5  # nats a second that distant paths lose, so that a similar passage does not win in the long run
OPENING, OPENING_S = 12.0, 6.0  # additional margin at the start of the music, nats, and seconds in which it falls to 0
BEAM = 18.0  # distance below the best at which paths are dropped, nats
SPREAD = 0.2  # standard deviation of the log tempo after a jump
RUN, SAME_ONSET = 3, 0.95  # events in a row, and the least product of their onset templates, that are the same music
# The same where a jump is to be believed soon.
SOON_CLEAR = 14.0  # lead with which one event less is enough, nats: slow music has few
SOON_DRIFT = 0.75  # as DRIFT
SOON_LEAD = 2.0  # most that the beam search leads the coarser paths by while the best of these is near it, nats
SOON_ALIKE = 1.0  # distance below the best within which a place is as good, and the nearest is meant, nats
QUIET = 0.5  # share of the hush level below which no onset is detected


class JumpNumbers(NamedTuple):
    """Numbers for the jump detection kernels.

    price: cost of starting a path anew, nats
    known: reduction of it for a jump that the score itself has, nats
    habit: reduction of it where a jump has led before, nats
    far: rise of it with the log of the distance in events, nats
    margin: lead that the best path needs, nats
    fit: least onset log likelihood at which a path may start, nats
    near: distance that the beam search covers alone, events
    least_events: events that a path must have entered since it started
    clear: lead with which one event less is enough, nats
    drift: log likelihood that distant paths lose, nats a frame
    opening: additional margin at the start of the music, nats
    opening_frames: frames in which it falls to 0
    lead: most that the beam search leads these paths by while they agree with it, nats
    alike: distance below the best within which a place is as good, and the nearest is meant, nats; 0 for none
    beam: distance below the best at which paths are dropped, nats
    variance: of the log tempo after a jump
    skip: cost of skipping an event, nats
    frame_s: seconds a frame
    """

    price: float
    known: float
    habit: float
    far: float
    margin: float
    fit: float
    near: int
    least_events: int
    clear: float
    drift: float
    opening: float
    opening_frames: float
    lead: float
    alike: float
    beam: float
    variance: float
    skip: float
    frame_s: float


def jump_numbers(frame_s: float, *, soon: bool = False) -> JumpNumbers:
    """Return the numbers for frames of `frame_s` seconds.

    soon: believe a jump on less evidence
    """
    return JumpNumbers(
        price=PRICE,
        known=KNOWN,
        habit=HABIT,
        far=FAR,
        margin=MARGIN,
        fit=FIT,
        near=NEAR,
        least_events=LEAST_EVENTS,
        clear=SOON_CLEAR if soon else np.inf,
        drift=(SOON_DRIFT if soon else DRIFT) * frame_s,
        opening=OPENING,
        opening_frames=OPENING_S / frame_s,
        lead=SOON_LEAD if soon else np.inf,
        alike=SOON_ALIKE if soon else 0.0,
        beam=BEAM,
        variance=SPREAD**2,
        skip=SKIP,
        frame_s=frame_s,
    )


class JumpDetector(NamedTuple):
    """State of the jump detector. Events count from 1, 0 is nowhere; log likelihoods are relative to the best standing.

    total: log likelihood of the path at each event
    standing: the same, including that its next event has not come yet
    tempo: as in `Search`
    entry_s: time of the path's last entry, seconds
    steps: events entered since the path started
    onset: onset log likelihood of this frame, nats
    discount: reduction of the cost of starting anew, in this frame, nats
    rival: log likelihood of the best path of the beam search; the same, its lead limited while they agree
    best: event of the best path
    begun: frames since an event's path was first the best
    origin: event at which the path started
    habit: reduction of the cost of starting anew, for good, nats
    """

    total: Floats
    standing: Floats
    tempo: Floats
    entry_s: Floats
    steps: Ints
    onset: Floats
    discount: Floats
    rival: Floats
    best: Ints
    begun: Ints
    origin: Ints
    habit: Floats


def new_jump_detector(n_events: int) -> JumpDetector:
    """Allocate a jump detector; `restart_jump_detector` initialises it."""
    n = n_events + 1
    return JumpDetector(
        np.zeros(n),
        np.zeros(n),
        np.zeros((n, 5)),
        np.zeros(n),
        np.zeros(n, np.int64),
        np.zeros(n),
        np.zeros(n),
        np.zeros(2),
        np.zeros(1, np.int64),
        np.zeros(1, np.int64),
        np.zeros(n, np.int64),
        np.zeros(n),
    )


def restart_jump_detector(detector: JumpDetector) -> None:
    """Start with the single path "nowhere"."""
    for array in detector:
        array[...] = 0
    detector.total[1:] = DEAD
    detector.standing[1:] = DEAD


@njit(nogil=True, cache=True)
def detect_jump(
    detector: JumpDetector,
    row: F32,
    now_s: float,
    main: tuple[int, float, float],
    reference: ReferenceArrays,
    numbers: JumpNumbers,
    rules: tuple[TempoNumbers, LikelihoodNumbers],
) -> int:
    """Process one frame and return the event to jump to, 0 for none.

    row: features of the frame
    now_s: time of the frame, seconds
    main: event, log period, and gain in log likelihood in this frame of the beam search's best path
    reference: see `ReferenceArrays`
    rules: (TempoNumbers, LikelihoodNumbers)
    """
    if _add_evidence(detector, row, reference[0], rules[1]):
        _discount(detector, main[0], reference[2], numbers.known)
        _advance(detector, now_s, main, reference, numbers, rules[0])
        _discount(detector, main[0], reference[2], 0.0)
    if detector.begun[0] > 0 or detector.best[0] > 0:
        detector.begun[0] += 1
    _stand(detector, now_s, main, reference[1], numbers, rules[0])
    return _verdict(detector, main[0], reference, numbers)


@njit(nogil=True, cache=True)
def likely_places(detector: JumpDetector, place: int, numbers: JumpNumbers, out: F64) -> None:
    """Write the events of the most likely paths away from `place`, and from each other, to out; 0 where there is none.

    Only what a path has followed for some events counts.
    """
    least = detector.standing[detector.best[0]] - numbers.beam
    for k in range(len(out)):
        best = 0
        for event in range(1, len(detector.total)):
            if detector.steps[event] < numbers.least_events or detector.standing[event] <= least:
                continue
            near = abs(event - place) <= numbers.near
            for other in out[:k]:
                near = near or abs(event - other) <= numbers.near
            if not near and (best == 0 or detector.standing[event] > detector.standing[best]):
                best = event
        out[k] = best


@njit(nogil=True, cache=True)
def _add_evidence(detector: JumpDetector, row: F32, reference: Templates, likelihood: LikelihoodNumbers) -> bool:
    """Add the sustain log likelihood to all paths, and write the onset log likelihood to `onset`.

    Returns whether an onset is possible in this frame. Likelihoods as in `event_likelihoods`.
    """
    n = reference.sustain.shape[1]
    sounds, begins = row[:n], row[n:]
    loudness, strength = np.sqrt(fast_dot(sounds, sounds)), np.sqrt(fast_dot(begins, begins))
    if loudness > 0 and sounds.max() >= likelihood.silence:
        for event in range(1, len(detector.total)):
            if detector.total[event] > DEAD:
                fit = fast_dot(sounds, reference.sustain[event - 1]) / loudness
                detector.total[event] += likelihood.sustain * (fit - likelihood.sustain_threshold)
    if strength < QUIET * likelihood.hush_level:
        return False
    hush = likelihood.hush * max(0.0, 1 - strength / likelihood.hush_level)
    for event in range(1, len(detector.total)):
        projection = fast_dot(begins, reference.onset[event - 1])
        full = min(projection / likelihood.onset_level, 1.0)
        detector.onset[event] = likelihood.onset * (full * projection / strength - likelihood.onset_threshold) - hush
    return True


@njit(nogil=True, cache=True)
def _discount(detector: JumpDetector, place: int, known: Links, nats: float) -> None:
    """Set the discount of the targets of the score's own jumps from `place` and the events beside it."""
    for event in range(max(place - 1, 1), min(place + 2, len(detector.total))):
        for i in range(known[0][event - 1], known[0][event]):
            detector.discount[known[1][i]] = nats


@njit(nogil=True, cache=True)
def _advance(
    detector: JumpDetector,
    now_s: float,
    main: tuple[int, float, float],
    reference: ReferenceArrays,
    numbers: JumpNumbers,
    tempo: TempoNumbers,
) -> None:
    """Continue each path to its next event or the one after, or start it anew."""
    event_s = reference[1]
    fresh = detector.standing[detector.best[0]] - numbers.price
    for event in range(len(detector.total) - 1, 0, -1):
        best, source = DEAD, 0
        if detector.onset[event] > numbers.fit:
            best = fresh + max(detector.discount[event], detector.habit[event])
            best -= numbers.far * np.log(abs(event - main[0]) + 1.0)
        for old in range(event - 1, max(event - 3, 0), -1):
            if detector.total[old] == DEAD or detector.entry_s[old] >= now_s:
                continue
            if detector.total[old] - numbers.skip * (event - old - 1) + MOST <= best:
                continue
            length_s = event_s[event - 1] - event_s[old - 1]
            total = detector.total[old] + density(
                tempo_of(detector.tempo[old]), now_s, length_s, numbers.frame_s, tempo
            )
            total -= numbers.skip * (event - old - 1)
            if total > best:
                best, source = total, old
        if best > DEAD and best + detector.onset[event] > detector.standing[event]:
            _enter(detector, event, source, best, (now_s, main[1]), event_s, numbers.variance, tempo)


@njit(nogil=True, cache=True)
def _enter(
    detector: JumpDetector,
    event: int,
    source: int,
    total: float,
    now: tuple[float, float],
    event_s: F64,
    variance: float,
    tempo: TempoNumbers,
) -> None:
    """Let the path from `source`, or a new one if that is 0, enter the event.

    now: time, seconds, and the log period of a new path
    """
    if source == 0:
        state = Tempo(now[0], now[1], tempo.onset, variance, 0.0)
    else:
        state = update_tempo(tempo_of(detector.tempo[source]), now[0], event_s[event - 1] - event_s[source - 1], tempo)
    detector.steps[event] = detector.steps[source] + 1  # "nowhere" keeps 0 steps
    detector.origin[event] = detector.origin[source] if source > 0 else event
    for i in range(5):
        detector.tempo[event, i] = state[i]
    detector.entry_s[event] = now[0]
    detector.total[event] = total + detector.onset[event]


@njit(nogil=True, cache=True)
def _stand(
    detector: JumpDetector,
    now_s: float,
    main: tuple[int, float, float],
    event_s: F64,
    numbers: JumpNumbers,
    tempo: TempoNumbers,
) -> None:
    """Compute the standings and the best, make all relative to it, and drop the paths below the beam."""
    best, detector.best[0] = detector.total[0], 0
    for event in range(1, len(detector.total)):
        if detector.total[event] == DEAD:
            continue
        if abs(event - main[0]) > numbers.near:
            detector.total[event] -= numbers.drift
        length_s = event_s[event] - event_s[event - 1] if event < len(event_s) else LAST_S
        detector.standing[event] = detector.total[event] + survival(
            tempo_of(detector.tempo[event]), now_s, length_s, tempo
        )
        if detector.standing[event] > best:
            best, detector.best[0] = detector.standing[event], event
    detector.total[0] = detector.standing[0] = max(detector.total[0] - best, -numbers.price - numbers.opening)
    detector.rival[0] += main[2] - best
    detector.rival[1] += main[2] - best
    for event in range(1, len(detector.total)):
        if detector.total[event] == DEAD:
            continue
        detector.total[event] -= best
        detector.standing[event] -= best
        if detector.standing[event] < -numbers.beam:
            detector.total[event] = detector.standing[event] = DEAD


@njit(nogil=True, cache=True)
def _verdict(detector: JumpDetector, place: int, reference: ReferenceArrays, numbers: JumpNumbers) -> int:
    """Return the best event if a jump there is detected, else 0.

    It must be far from `place` and lead all paths near it, the beam search and "nowhere" by the margin. While
    the paths agree with the beam search, its lead over them is no evidence for their common place, and is limited.
    """
    near = DEAD
    for event in range(max(1, place - numbers.near), min(len(detector.total), place + numbers.near + 1)):
        near = max(near, detector.standing[event])
    detector.rival[0] = max(detector.rival[0], near)
    detector.rival[1] = max(detector.rival[1], near)
    if abs(detector.best[0] - place) <= numbers.near:
        detector.rival[1] = min(detector.rival[1], max(near, -numbers.beam) + numbers.lead)  # those dropped stand lower
    best = _nearest(detector, place, numbers)
    if abs(best - place) <= numbers.near or detector.steps[best] < numbers.least_events - 1:
        return 0
    margin = numbers.margin if detector.steps[best] >= numbers.least_events else numbers.clear
    margin += numbers.opening * max(0.0, 1 - detector.begun[0] / numbers.opening_frames)
    if detector.standing[best] - max(detector.rival[1], detector.standing[0]) <= margin:
        return 0
    if numbers.alike > 0 and _same_near(reference, place, best, numbers.near):
        return 0  # nothing that is heard speaks for the farther of two places that are alike
    detector.rival[:] = detector.standing[best]  # the beam search moves there
    detector.habit[detector.origin[best]] = numbers.habit
    return best


@njit(nogil=True, cache=True)
def _nearest(detector: JumpDetector, place: int, numbers: JumpNumbers) -> int:
    """Return the best event, or of those that are as good that which is nearest to `place`, but not near it."""
    best = detector.best[0]
    if abs(best - place) <= numbers.near or numbers.alike == 0:
        return best
    least, chosen = detector.standing[best] - numbers.alike, best
    for event in range(1, len(detector.total)):
        if detector.standing[event] >= least and detector.steps[event] >= detector.steps[best]:
            distance = abs(event - place)
            if numbers.near < distance < abs(chosen - place):
                chosen = event
    return chosen


@njit(nogil=True, cache=True)
def _same_near(reference: ReferenceArrays, place: int, best: int, near: int) -> bool:
    """Return whether one of the events near a place ends the same music as `best`."""
    for event in range(max(RUN, place - near), min(len(reference[1]) + 1, place + near + 1)):
        if _same_music(reference, event, best):
            return True
    return False


@njit(nogil=True, cache=True)
def _same_music(reference: ReferenceArrays, one: int, other: int) -> bool:
    """Return whether two events and those before them have the same notes at the same distances."""
    templates, event_s, _ = reference
    if min(one, other) < RUN:
        return False
    for back in range(RUN):
        a, b = one - 1 - back, other - 1 - back
        if fast_dot(templates.onset[a], templates.onset[b]) < SAME_ONSET:
            return False
        if back + 1 < RUN:
            step, same = event_s[a] - event_s[a - 1], event_s[b] - event_s[b - 1]
            if abs(step - same) > (1 - SAME_ONSET) * step:
                return False
    return True


@njit(nogil=True, cache=True)
def adopt_path(search: Search, detector: JumpDetector, event: int) -> None:
    """Replace all hypotheses of the beam search by the jump detector's path at `event`."""
    slot = event % SPAN
    skips = search.skips[search.best[0] % SPAN, search.best[1]].copy()
    search.score[:] = search.standing[:] = DEAD
    search.carried[:] = 0.0
    search.score[slot, 0] = search.standing[slot, 0] = 0.0
    search.span[:] = event
    search.gate[0] = 0
    search.best[0], search.best[1] = event, 0
    search.tempo[slot, 0] = detector.tempo[event]
    search.skips[slot, 0] = skips
    search.entry_s[slot, 0], search.entry_event[slot, 0] = -1.0, event
    search.entry_s[slot, 0, 0] = detector.entry_s[event]
