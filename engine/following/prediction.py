"""Predict the next onset of the best path, and detect onsets as soon as that path has entered them.

`Position` waits `lag` frames for what comes after. An accompanist cannot: here the best path is read as it is now. An
onset that is heard may be taken back: then the next prediction names it, or one before it, again.
"""

from __future__ import annotations

from math import erfc

import numpy as np
from numba import njit

from engine.core.arrays import BOOL, F64
from engine.following.search.beam_search import SPAN, Search, waits
from engine.following.tempo import STEADY_S, Tempo, TempoNumbers, tempo_of

__all__ = ["HEARD", "N_PREDICTION", "PREDICTED", "predict_onset"]

# Columns that `predict_onset` writes.
HEARD, PREDICTED = 0, 2  # event heard and when, seconds; event predicted, when and its standard deviation, seconds
N_PREDICTION = 5

STEP_S = 0.005  # a prediction is given again when it has moved so far, seconds
STEP_SHARE = 0.25  # or when its standard deviation has changed by this share
FREE_STEP, FREE_SD = 0.6, 0.7  # median and spread of a free event's further wait, relative to the wait so far


@njit(nogil=True, cache=True)
def predict_onset(
    search: Search, now_s: float, events: tuple[F64, BOOL], tempo: TempoNumbers, last: F64, row: F64
) -> None:
    """Write what is new in this frame into `row`, columns HEARD and PREDICTED, with event 0 for nothing.

    events: score seconds of the events, and which of them are rests
    last: event heard last; event predicted last, when and its standard deviation
    """
    row[:] = 0
    slot, k = search.best[0] % SPAN, search.best[1]
    event, (event_s, rest) = 0 if waits(search) else search.best[0], events
    if event > last[0] and not rest[event - 1]:
        row[HEARD], row[HEARD + 1] = event, search.entry_s[slot, k, 0]
    last[0] = event
    following = event + 1
    while following <= len(event_s) and rest[following - 1]:  # or what divides a held sound of a recording
        following += 1
    if event == 0 or following > len(event_s):
        last[1] = 0
        return
    length_s = event_s[following - 1] - event_s[event - 1]
    due_s, sd_s = _next(tempo_of(search.tempo[slot, k]), now_s, length_s, tempo)
    moved = abs(due_s - last[2]) > STEP_S or abs(sd_s - last[3]) > STEP_SHARE * last[3]
    if following != last[1] or moved:
        row[PREDICTED], row[PREDICTED + 1], row[PREDICTED + 2] = following, due_s, sd_s
        last[1], last[2], last[3] = following, due_s, sd_s


@njit(nogil=True, cache=True)
def _next(tempo: Tempo, now_s: float, length_s: float, numbers: TempoNumbers) -> tuple[float, float]:
    """Return mean and standard deviation of the time of the next event, given that it has not come until now.

    The mixture of `engine.following.tempo`: in time, a normal cut off at `now_s`; free, a wait that grows with the wait
    so far.
    """
    expected = length_s * np.exp(tempo.period)
    variance = tempo.beat_var + numbers.onset + numbers.beat + 2 * tempo.cross * expected
    variance += (tempo.period_var + numbers.drift * min(expected, STEADY_S)) * expected * expected
    sd = np.sqrt(variance)
    late = (now_s - tempo.beat_s - expected) / sd
    tail = 0.5 * erfc(late / 1.4142135623730951)
    hazard = np.exp(-0.5 * late * late) / 2.5066282746310002 / tail if late < 6 else late + 1 / late
    mean = tempo.beat_s + expected + sd * hazard
    spread = sd * np.sqrt(max(1 + late * hazard - hazard * hazard, 0.01))
    waited = max(now_s - tempo.beat_s, numbers.shortest_s)
    ratio = np.log(waited / expected)
    free = numbers.free * (1 - numbers.early) * np.exp(-max(ratio, 0.0) / numbers.free_spread)
    free = free / (free + (1 - numbers.free) * tail + 1e-30) if ratio > 0 else 0.0
    later, wide = now_s + FREE_STEP * waited, FREE_SD * waited
    due = (1 - free) * mean + free * later
    square = (1 - free) * (spread * spread + mean * mean) + free * (wide * wide + later * later)
    return due, np.sqrt(max(square - due * due, 1e-6))
