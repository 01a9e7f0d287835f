"""Tell what the follower is doing: waiting, following, lost, paused or ended, frame by frame."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from engine.core.arrays import F64
from engine.following.search.beam_search import SPAN, Search, waits

__all__ = ["CODES", "FOLLOWING", "JUMPED", "LOST", "N_STATE", "REST_S", "Rests", "next_state", "rests_between"]

FIRST, FOLLOWING, LOST, PAUSED, ENDED, REST = range(6)
JUMPED = 6  # not a state: following, after a jump
CODES = {
    FIRST: ("waiting", "for the first note"),
    FOLLOWING: ("following", "what sounds fits the score"),
    LOST: ("lost", "what sounds does not fit the score"),
    PAUSED: ("paused", "the next note is overdue"),
    ENDED: ("ended", "the last note is over"),
    REST: ("waiting", "for the end of a rest"),
    JUMPED: ("following", "a jump to bar"),
}
N_STATE = 3  # numbers that `next_state` keeps: the state, seconds of low and of high confidence

LOW, LOW_S = 0.3, 3.0  # lost after so many seconds of a confidence below this
HIGH, HIGH_S = 0.5, 1.0  # found after so many seconds of a confidence above this
OVERDUE, OVERDUE_S = 2.0, 2.0  # paused when a note is late by so many times its wait, and by so many seconds
REST_S = 2.0  # shortest rest that counts, seconds
LAST_S = 0.5  # least time that the last event lasts, seconds of score


class Rests(NamedTuple):
    """Where nothing is to be played.

    start_s: (event) when each event begins, seconds of score
    begin_s: (event) when its notes and those before are over, seconds of score
    end_s: (event) when the next event begins, seconds of score; of the last event its begin_s
    """

    start_s: F64
    begin_s: F64
    end_s: F64


def rests_between(start_s: F64, over_s: F64) -> Rests:
    """Return the rests of events that begin at `start_s`, their notes and those before over at `over_s`."""
    end_s = np.append(start_s[1:], np.maximum(over_s[-1:], start_s[-1:] + LAST_S))
    begin_s = np.append(np.clip(over_s[:-1], start_s[:-1], end_s[:-1]), end_s[-1:])
    return Rests(start_s, begin_s, end_s)


@njit(nogil=True, cache=True)
def next_state(search: Search, memory: F64, now_s: float, trust: float, rests: Rests, frame_s: float) -> int:
    """Return the state in this frame.

    memory: see N_STATE
    now_s: time of the frame, seconds
    trust: the confidence, 0 to 1
    """
    silent = memory[0] in (PAUSED, REST)  # nothing has to fit then, and what comes after is judged anew
    memory[1] = memory[1] + frame_s if trust < LOW and not silent else 0.0
    memory[2] = memory[2] + frame_s if trust > HIGH else 0.0
    memory[0] = _place(search, now_s, rests, _lost(memory))
    return int(memory[0])


@njit(nogil=True, cache=True)
def _lost(memory: F64) -> bool:
    return memory[1] >= LOW_S or (memory[0] == LOST and memory[2] < HIGH_S)


@njit(nogil=True, cache=True)
def _place(search: Search, now_s: float, rests: Rests, lost: bool) -> int:
    """Return the state by the place of the best path."""
    event, slot, k = search.best[0], search.best[0] % SPAN, search.best[1]
    if waits(search):
        return FIRST
    tempo = np.exp(search.tempo[slot, k, 1])
    waited = now_s - search.entry_s[slot, k, 0]
    begin = (rests.begin_s[event - 1] - rests.start_s[event - 1]) * tempo
    due = (rests.end_s[event - 1] - rests.start_s[event - 1]) * tempo
    if event == len(rests.end_s) and waited > begin:
        return ENDED
    if waited > begin and due - begin >= REST_S and waited < due + OVERDUE_S:
        return REST
    if waited > OVERDUE * due and waited > due + OVERDUE_S:
        return PAUSED
    return LOST if lost else FOLLOWING
